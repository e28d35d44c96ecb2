// Keeps the stream busy for a while, so that the host can queue what comes after it.
// Arrays:    none.
// Work:      one thread reads the clock until `nanoseconds` have passed.
// Traffic:   none.
// Needs:     nothing.
// Deterministic: yes; it computes nothing.
#include "instructions.cuh"

__global__ void __launch_bounds__(1) spin(long long nanoseconds) {
    const unsigned long long start = nanosecond_clock();
    while (nanosecond_clock() - start < (unsigned long long)nanoseconds) {
    }
}
