// What the machine needs for the steps that designs are made of: barriers, flags, copies.
// Arrays:    counters and flags of 32 bits, zero before the launch; elapsed (1) nanoseconds.
// Work:      every kernel repeats one thing `rounds` times and reports the time by the global clock.
// Traffic:   next to none, but for `copy`.
// Needs:     the barriers and flags: all blocks resident at once.
// Deterministic: the results are times.
#include "instructions.cuh"

// A barrier across the grid: a counter that only grows, so that no round can meet the one before it.
__global__ void __launch_bounds__(1024)
    grid_barrier(unsigned* counter, unsigned long long* elapsed, int rounds) {
    unsigned long long start = 0;
    for (int round = 0; round <= rounds; ++round) {
        if (round == 1) start = nanosecond_clock();  // the first round waits for the launch of all blocks
        __syncthreads();
        if (threadIdx.x == 0) {
            add_release_gpu(counter, 1u);
            const unsigned expected = (unsigned)(round + 1) * gridDim.x;
            while (load_acquire_gpu(counter) < expected) {
            }
        }
        __syncthreads();
    }
    if (blockIdx.x == 0 && threadIdx.x == 0) *elapsed = nanosecond_clock() - start;
}

// Two blocks hand a flag back and forth through L2; one round is there and back.
__global__ void __launch_bounds__(32)
    flag_round_trip(unsigned* flags, unsigned long long* elapsed, int rounds) {
    if (threadIdx.x != 0) return;
    unsigned* mine = flags + 64 * blockIdx.x;  // lines of their own
    unsigned* other = flags + 64 * (1 - blockIdx.x);
    unsigned long long start = 0;
    for (unsigned round = 1; round <= (unsigned)rounds + 1; ++round) {
        if (round == 2) start = nanosecond_clock();
        if (blockIdx.x == 0) store_release_gpu(other, round);
        while (load_acquire_gpu(mine) < round) {
        }
        if (blockIdx.x == 1) store_release_gpu(other, round);
    }
    if (blockIdx.x == 0) *elapsed = nanosecond_clock() - start;
}

// One block posts a word; all others wait for it: how long until the last has seen it and answered.
__global__ void __launch_bounds__(32)
    broadcast_and_gather(unsigned* flags, unsigned long long* elapsed, int rounds) {
    if (threadIdx.x != 0) return;
    unsigned* posted = flags;
    unsigned* answered = flags + 64;
    unsigned long long start = 0;
    for (unsigned round = 1; round <= (unsigned)rounds + 1; ++round) {
        if (round == 2) start = nanosecond_clock();
        if (blockIdx.x == 0) {
            store_release_gpu(posted, round);
            while (load_acquire_gpu(answered) < round * (gridDim.x - 1)) {
            }
        } else {
            while (load_acquire_gpu(posted) < round) {
            }
            add_release_gpu(answered, 1u);
        }
    }
    if (blockIdx.x == 0) *elapsed = nanosecond_clock() - start;
}

// Nothing: what a launch costs.
__global__ void __launch_bounds__(32) nothing(unsigned* unused) {
    if (unused != nullptr && threadIdx.x > 32) *unused = 0;
}

// y = x in accesses of 16 bytes, UNROLL in flight a thread; count (accesses) is a multiple of UNROLL * 256.
template <int UNROLL>
__global__ void __launch_bounds__(256)
    copy(const uint4* __restrict__ x, uint4* __restrict__ y, long long count) {
    const long long tile = 256 * UNROLL;
    for (long long base = blockIdx.x * tile; base < count; base += gridDim.x * tile) {
        uint4 values[UNROLL];
#pragma unroll
        for (int i = 0; i < UNROLL; ++i) values[i] = x[base + i * 256 + threadIdx.x];
#pragma unroll
        for (int i = 0; i < UNROLL; ++i) y[base + i * 256 + threadIdx.x] = values[i];
    }
}
