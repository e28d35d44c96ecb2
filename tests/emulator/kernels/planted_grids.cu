// Grids whose blocks wait for one another, with a bug planted by the template argument.
#include "cooperative.cuh"

enum class GridBug {
    none,
    no_barrier,
    no_barrier_before_release,
    no_barrier_after_acquire,
    relaxed_without_fence,
    no_fence_after_poll,
    fence_of_the_block,
    target_too_high,
    target_too_low,
    plain_counter,
    plain_poll,
    one_block_skips,
};

// STEPS times: every block replaces its number by the sum of its own and of its right neighbour's, 32 numbers
// a block.
template <GridBug BUG>
__global__ void __launch_bounds__(64) neighbour_sums(int* x, unsigned* counter, int steps) {
    int blocks = gridDim.x, next = (blockIdx.x + 1) % blocks;
    for (int s = 0; s < steps; s++) {
        const int* from = x + s % 2 * blocks * 64;
        int* to = x + (s + 1) % 2 * blocks * 64;
        to[blockIdx.x * 64 + threadIdx.x] =
            from[blockIdx.x * 64 + threadIdx.x] + from[next * 64 + 63 - threadIdx.x];
        if (BUG == GridBug::no_barrier) continue;
        if (BUG == GridBug::one_block_skips && blockIdx.x == 1 && s == 1) continue;
        unsigned target = blocks * (s + 1);
        if (BUG == GridBug::target_too_high) target++;
        if (BUG == GridBug::target_too_low) target--;
        if constexpr (BUG != GridBug::no_barrier_before_release) __syncthreads();
        if (threadIdx.x == 0) {
            if constexpr (BUG == GridBug::relaxed_without_fence) {
                add_relaxed(counter, 1);
            } else if constexpr (BUG == GridBug::fence_of_the_block) {
                __threadfence_block();
                add_relaxed(counter, 1);
            } else if constexpr (BUG == GridBug::plain_counter) {
                __threadfence();
                *counter += 1;
            } else {
                __threadfence();
                add_relaxed(counter, 1);
            }
            if constexpr (BUG == GridBug::plain_poll) {
                for (int i = 0; i < 1000 && *counter < target; i++) __nanosleep(20);
            } else {
                while (*static_cast<volatile unsigned*>(counter) < target) {
                }
            }
            if constexpr (BUG != GridBug::no_fence_after_poll) __threadfence();
        }
        if constexpr (BUG != GridBug::no_barrier_after_acquire) __syncthreads();
    }
}

enum class FlagBug { none, data_after_flag, no_release, plain_flag };

// Block 0 makes numbers that block 1 waits for.
template <FlagBug BUG>
__global__ void __launch_bounds__(32) hand_over(int* data, unsigned* flag, int* __restrict__ out) {
    if (blockIdx.x == 0) {
        if constexpr (BUG != FlagBug::data_after_flag) data[threadIdx.x] = threadIdx.x * 3;
        __syncwarp();
        if (threadIdx.x == 0) {
            if constexpr (BUG == FlagBug::no_release)
                add_relaxed(flag, 1);
            else if constexpr (BUG == FlagBug::plain_flag)
                *flag = 1;
            else
                add_release(flag, 1);
        }
        if constexpr (BUG == FlagBug::data_after_flag) data[threadIdx.x] = threadIdx.x * 3;
    } else {
        if (threadIdx.x == 0)
            while (load_acquire(flag) == 0) {
            }
        __syncwarp();
        out[threadIdx.x] = data[31 - threadIdx.x];
    }
}
