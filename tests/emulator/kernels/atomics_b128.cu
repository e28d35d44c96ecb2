// Atomic operations on 128 bits: every thread updates a place of its own.
#include "atomics_b128.cuh"

__global__ void __launch_bounds__(32)
    cas_b128_program(void* memory, const ulonglong2* __restrict__ compare,
                     const ulonglong2* __restrict__ value, ulonglong2* __restrict__ old) {
    int t = threadIdx.x;
    old[t] = atom_cas_b128(static_cast<ulonglong2*>(memory) + t, compare[t], value[t]);
}

__global__ void __launch_bounds__(32)
    exch_b128_program(void* memory, const ulonglong2* __restrict__ value, ulonglong2* __restrict__ old) {
    int t = threadIdx.x;
    old[t] = atom_exch_b128(static_cast<ulonglong2*>(memory) + t, value[t]);
}
