// What the hardware's barrier within a cluster of blocks takes.
// Arrays:    elapsed (1) nanoseconds.
// Work:      `rounds` barriers; every block of the cluster takes part.
// Traffic:   none.
// Needs:     sm_90. SIZE makes the cluster a part of the kernel: the launch needs no attribute for it.
// Deterministic: the result is a time.
#include "instructions.cuh"

template <int SIZE>
__global__ void __cluster_dims__(SIZE, 1, 1) __launch_bounds__(256)
    cluster_barrier(unsigned long long* elapsed, int rounds) {
    cluster_arrive();
    cluster_wait();
    const unsigned long long start = nanosecond_clock();
    for (int round = 0; round < rounds; ++round) {
        cluster_arrive();
        cluster_wait();
    }
    if (blockIdx.x == 0 && threadIdx.x == 0) *elapsed = nanosecond_clock() - start;
}
