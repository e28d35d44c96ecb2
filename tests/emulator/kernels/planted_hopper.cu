// All of sm_90a together, with a bug planted by the template argument: a persistent product of bf16 matrices
// with a producer warpgroup (TMA, multicast in clusters of two) and two consumer warpgroups (wgmma), TMA
// stores.
#include "bulk.cuh"
#include "cooperative.cuh"
#include "matrices.cuh"
#include "wgmma.cuh"

enum class HopperBug {
    none,
    no_cluster_barrier_at_start,
    no_cluster_barrier_at_end,
    empty_counts_own_block_only,
    releases_own_block_only,
    released_before_the_products,
    multicast_to_itself_only,
    expects_half_of_b,
    same_half_of_b_twice,
    producer_does_not_wait,
    parity_of_full_wrong,
    parity_not_carried_over_tiles,
    no_fence_before_store,
    no_barrier_before_store,
    output_not_read_before_reuse,
    no_wait_before_exit,
    rows_of_stmatrix_wrong,
    columns_exchanged,
    registers_taken_twice,
};

constexpr int STAGES = 3, TILE_M = 128, TILE_N = 32, TILE_K = 64;
constexpr int A_BYTES = TILE_M * 128, B_BYTES = TILE_N * 128, STAGE_BYTES = A_BYTES + B_BYTES;

__device__ inline void pair_of_bf16(unsigned& r, float low, float high) {
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(high), "f"(low));
}

__device__ inline void named_barrier(int id, int threads) {
    asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory");
}

// c [M, N] = a [M, K] b [N, K]^T, c_array being where c lies; the blocks of a cluster own neighbouring tiles
// of rows and share the columns
template <HopperBug BUG>
__global__ void __launch_bounds__(384, 1)
    persistent_product(const __grid_constant__ TensorMap a, const __grid_constant__ TensorMap b,
                       const __grid_constant__ TensorMap c, int m_tiles, int n_tiles, int k_tiles,
                       void* c_array) {
    extern __shared__ __align__(1024) unsigned char tiles[];
    __shared__ __align__(128) unsigned short output[TILE_M * TILE_N];
    __shared__ Barrier full[STAGES], empty[STAGES];
    unsigned rank = cluster_rank(), cluster = blockIdx.x / 2, clusters = gridDim.x / 2;
    if (threadIdx.x == 0) {
        for (int s = 0; s < STAGES; s++) {
            mbarrier_init(&full[s], 1);
            mbarrier_init(&empty[s], BUG == HopperBug::empty_counts_own_block_only ? 2 : 4);
        }
        fence_mbarrier_init();
    }
    if constexpr (BUG == HopperBug::no_cluster_barrier_at_start) {
        __syncthreads();
    } else {
        cluster_arrive();
        cluster_wait();
    }
    int step = 0;
    if (threadIdx.x < 128) {
        set_registers_down<40>();
        if (threadIdx.x == 0)
            for (int tile = cluster; tile < m_tiles / 2 * n_tiles; tile += clusters) {
                int m = (tile / n_tiles * 2 + rank) * TILE_M, n = tile % n_tiles * TILE_N;
                if constexpr (BUG == HopperBug::parity_not_carried_over_tiles) step = 0;
                for (int k = 0; k < k_tiles; k++, step++) {
                    int s = step % STAGES, phase = step / STAGES % 2;
                    if constexpr (BUG != HopperBug::producer_does_not_wait)
                        mbarrier_wait_cluster(&empty[s], phase ^ 1);
                    mbarrier_arrive_expect(&full[s], BUG == HopperBug::expects_half_of_b
                                                         ? STAGE_BYTES - B_BYTES / 2
                                                         : STAGE_BYTES);
                    unsigned char* to = tiles + s * STAGE_BYTES;
                    int at[5] = {k * TILE_K, m};
                    tensor_load<2>(to, &a, at, &full[s]);
                    unsigned half = BUG == HopperBug::same_half_of_b_twice ? 0 : rank;
                    unsigned short ranks = BUG == HopperBug::multicast_to_itself_only ? 1 << rank : 3;
                    tensor_load_multicast(to + A_BYTES + half * B_BYTES / 2, &b, k * TILE_K,
                                          n + half * TILE_N / 2, &full[s], ranks);
                }
            }
    } else {
        if constexpr (BUG == HopperBug::registers_taken_twice)
            set_registers_up<240>();
        else
            set_registers_up<232>();
        int thread = threadIdx.x % 128, group = threadIdx.x / 128 - 1, warp = thread / 32, lane = thread % 32;
        auto release = [&](int s) {
            unsigned to = BUG == HopperBug::releases_own_block_only ? rank : thread;
            if (thread < 2) mbarrier_arrive_remote(map_to_rank(&empty[s], to));
        };
        for (int tile = cluster; tile < m_tiles / 2 * n_tiles; tile += clusters) {
            int m = (tile / n_tiles * 2 + rank) * TILE_M, n = tile % n_tiles * TILE_N;
            float sum[2][8] = {};
            if constexpr (BUG == HopperBug::parity_not_carried_over_tiles) step = 0;
            for (int k = 0; k < k_tiles; k++, step++) {
                int s = step % STAGES, phase = step / STAGES % 2;
                mbarrier_wait(&full[s], BUG == HopperBug::parity_of_full_wrong ? phase ^ 1 : phase);
                if constexpr (BUG == HopperBug::released_before_the_products) release(s);
                unsigned char* from = tiles + s * STAGE_BYTES;
                wgmma_fence();
                for (int i = 0; i < TILE_K / 16; i++)
                    for (int half = 0; half < 2; half++)
                        wgmma_m64n16k16_bf16(
                            sum[half], wgmma_descriptor(from + group * 64 * 128 + i * 32, 16, 1024, 1),
                            wgmma_descriptor(from + A_BYTES + half * 16 * 128 + i * 32, 16, 1024, 1), 1);
                wgmma_commit();
                wgmma_wait<0>();
                if constexpr (BUG != HopperBug::released_before_the_products) release(s);
            }
            // the previous tile's store has read the output before it is overwritten
            if constexpr (BUG != HopperBug::output_not_read_before_reuse)
                if (threadIdx.x == 128) bulk_wait_read<0>();
            named_barrier(1, 256);
            for (int half = 0; half < 2; half++) {
                unsigned r[4];
                for (int i = 0; i < 4; i++) pair_of_bf16(r[i], sum[half][i * 2], sum[half][i * 2 + 1]);
                if constexpr (BUG == HopperBug::columns_exchanged) {
                    unsigned other = r[1];
                    r[1] = r[2];
                    r[2] = other;
                }
                int row = BUG == HopperBug::rows_of_stmatrix_wrong ? lane / 2 : lane % 16;
                stmatrix<4, false>(
                    output + (group * 64 + warp * 16 + row) * TILE_N + half * 16 + lane / 16 * 8, r);
            }
            if constexpr (BUG != HopperBug::no_fence_before_store) fence_proxy_async();
            if constexpr (BUG != HopperBug::no_barrier_before_store) named_barrier(1, 256);
            if (threadIdx.x == 128) {
                int at[5] = {n, m};
                tensor_store<2>(&c, at, output);
                bulk_commit();
            }
        }
        if constexpr (BUG != HopperBug::no_wait_before_exit)
            if (threadIdx.x == 128) bulk_wait_read<0>();
    }
    if constexpr (BUG != HopperBug::no_cluster_barrier_at_end) {
        cluster_arrive();
        cluster_wait();
    }
}
