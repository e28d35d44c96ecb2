// TMA pipelines and bulk stores with a bug planted by the template argument.
#include "bulk.cuh"

enum class LoadBug {
    none,
    expects_too_much,
    expects_too_little,
    consumer_does_not_wait,
    full_parity_inverted,
    empty_parity_inverted,
    producer_does_not_wait,
    empty_count_too_high,
    empty_count_too_low,
    released_before_use,
    not_released,
    no_fence_after_init,
    no_barrier_after_init,
    coordinates_swapped,
    swizzle_forgotten,
    stage_not_aligned,
    stages_overlap,
    wrong_rank_of_map,
    no_arrival_for_bytes,
    shared_memory_short,
};

// y[row] = sum of row of x [rows, 64] bf16 bits as integers; a producer warp loads 16 rows a stage, 64
// threads consume them.
template <LoadBug BUG>
__global__ void __launch_bounds__(96)
    row_sums(const __grid_constant__ TensorMap map, unsigned* __restrict__ y, int rows) {
    constexpr int STAGES = 2, ROWS = 16, BYTES = ROWS * 128;
    constexpr int STEP = BUG == LoadBug::stage_not_aligned ? BYTES + 128
                         : BUG == LoadBug::stages_overlap  ? BYTES / 2
                                                           : BYTES;
    extern __shared__ __align__(1024) unsigned char tiles[];
    __shared__ Barrier full[STAGES], empty[STAGES];
    int steps = rows / ROWS;
    if (threadIdx.x == 0) {
        for (int s = 0; s < STAGES; s++) {
            mbarrier_init(&full[s], 1);
            mbarrier_init(&empty[s], BUG == LoadBug::empty_count_too_high  ? 65
                                     : BUG == LoadBug::empty_count_too_low ? 63
                                                                           : 64);
        }
        if constexpr (BUG != LoadBug::no_fence_after_init) fence_mbarrier_init();
    }
    if constexpr (BUG != LoadBug::no_barrier_after_init) __syncthreads();
    if (threadIdx.x >= 64) {
        if (threadIdx.x == 64)
            for (int i = 0; i < steps; i++) {
                int s = i % STAGES, phase = i / STAGES % 2;
                if constexpr (BUG != LoadBug::producer_does_not_wait)
                    mbarrier_wait(&empty[s], BUG == LoadBug::empty_parity_inverted ? phase : phase ^ 1);
                int bytes = BUG == LoadBug::expects_too_much     ? BYTES + 16
                            : BUG == LoadBug::expects_too_little ? BYTES / 2
                                                                 : BYTES;
                if constexpr (BUG == LoadBug::no_arrival_for_bytes)
                    mbarrier_expect(&full[s], bytes);
                else
                    mbarrier_arrive_expect(&full[s], bytes);
                int at[5] = {0, i * ROWS};
                if constexpr (BUG == LoadBug::coordinates_swapped) {
                    at[0] = i * ROWS;
                    at[1] = 0;
                }
                if constexpr (BUG == LoadBug::wrong_rank_of_map)
                    tensor_load<3>(tiles + s * STEP, &map, at, &full[s]);
                else
                    tensor_load<2>(tiles + s * STEP, &map, at, &full[s]);
            }
        return;
    }
    int row = threadIdx.x / 4, part = threadIdx.x % 4;
    for (int i = 0; i < steps; i++) {
        int s = i % STAGES, phase = i / STAGES % 2;
        if constexpr (BUG != LoadBug::consumer_does_not_wait)
            mbarrier_wait(&full[s], BUG == LoadBug::full_parity_inverted ? phase ^ 1 : phase);
        if constexpr (BUG == LoadBug::released_before_use) mbarrier_arrive(&empty[s]);
        unsigned sum = 0;
        for (int j = 0; j < 16; j++) {
            int column = part * 16 + j, unit = column / 8;
            if constexpr (BUG != LoadBug::swizzle_forgotten) unit ^= row % 8;
            sum += (column + 1) * *reinterpret_cast<const unsigned short*>(tiles + s * STEP + row * 128 +
                                                                           unit * 16 + column % 8 * 2);
        }
        sum += __shfl_xor_sync(~0u, sum, 1);
        sum += __shfl_xor_sync(~0u, sum, 2);
        if (part == 0) y[i * ROWS + row] = sum;
        if constexpr (BUG != LoadBug::released_before_use && BUG != LoadBug::not_released)
            mbarrier_arrive(&empty[s]);
    }
}

enum class StoreBug {
    none,
    no_proxy_fence,
    no_barrier,
    no_wait_before_reuse,
    no_commit,
    waits_for_one_too_few,
    no_wait_at_the_end,
    too_many_bytes,
    misaligned,
    reads_back_too_early,
    source_array_short,
};

// y = x + 1 through two buffers of 64 numbers that bulk stores empty; then sum[0] = y[0] + y[last], read
// back.
template <StoreBug BUG>
__global__ void __launch_bounds__(64)
    bulk_increment(const unsigned* __restrict__ x, unsigned* y, unsigned* __restrict__ sum, int steps) {
    __shared__ __align__(16) unsigned buffer[2][BUG == StoreBug::source_array_short ? 60 : 64];
    for (int i = 0; i < steps; i++) {
        if (threadIdx.x == 0) {
            if constexpr (BUG == StoreBug::waits_for_one_too_few)
                bulk_wait_read<2>();
            else if constexpr (BUG != StoreBug::no_wait_before_reuse)
                bulk_wait_read<1>();
        }
        __syncthreads();
        buffer[i % 2][threadIdx.x] = x[i * 64 + threadIdx.x] + 1;
        if constexpr (BUG != StoreBug::no_proxy_fence) fence_proxy_async();
        if constexpr (BUG != StoreBug::no_barrier) __syncthreads();
        if (threadIdx.x == 0) {
            unsigned bytes = BUG == StoreBug::too_many_bytes && i == steps - 1 ? 272 : 256;
            bulk_store(y + i * 64, buffer[i % 2] + (BUG == StoreBug::misaligned ? 1 : 0), bytes);
            if constexpr (BUG != StoreBug::no_commit) bulk_commit();
        }
    }
    if (threadIdx.x == 0) {
        if constexpr (BUG == StoreBug::reads_back_too_early)
            bulk_wait_read<0>();
        else if constexpr (BUG != StoreBug::no_wait_at_the_end)
            bulk_wait<0>();
    }
    __syncthreads();
    if (threadIdx.x == 1) sum[0] = y[0] + y[steps * 64 - 1];
}
