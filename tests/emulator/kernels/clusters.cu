// Clusters: special registers, barriers, distributed shared memory, st.async. The kernels know the size of
// their clusters, but for registers_program, which is told at the launch.
#include "barriers.cuh"

__global__ void __launch_bounds__(32) registers_program(unsigned* __restrict__ out) {
    unsigned r[8];
    asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(r[0]));
    asm volatile("mov.u32 %0, %%cluster_nctarank;" : "=r"(r[1]));
    asm volatile("mov.u32 %0, %%cluster_ctaid.x;" : "=r"(r[2]));
    asm volatile("mov.u32 %0, %%cluster_nctaid.x;" : "=r"(r[3]));
    asm volatile("mov.u32 %0, %%clusterid.x;" : "=r"(r[4]));
    asm volatile("mov.u32 %0, %%nclusterid.x;" : "=r"(r[5]));
    asm volatile("mov.u32 %0, %%cluster_nctaid.y;" : "=r"(r[6]));
    asm volatile("{ .reg .pred p; mov.pred p, %%is_explicit_cluster; selp.u32 %0, 1, 0, p; }" : "=r"(r[7]));
    for (int i = 0; i < 8; i++)
        if (threadIdx.x == 0) out[blockIdx.x * 8 + i] = r[i];
}

// Every block reads its neighbours' tiles; adds its rank into block 0's counter; writes into its right
// neighbour.
template <int SIZE>
__global__ void __cluster_dims__(SIZE, 1, 1) __launch_bounds__(64)
    neighbours_program(const unsigned* __restrict__ x, unsigned* __restrict__ y,
                       unsigned* __restrict__ counts) {
    __shared__ unsigned tile[64], inbox[64], counter;
    unsigned rank = cluster_rank(), size = cluster_size(), t = threadIdx.x;
    tile[t] = x[blockIdx.x * 64 + t];
    if (t == 0) counter = 0;
    cluster_arrive();
    cluster_wait();
    unsigned left = load_remote(map_to_rank(&tile[t], (rank + size - 1) % size));
    store_remote(map_to_rank(&inbox[63 - t], (rank + 1) % size), tile[t] * 2);
    atomic_add_remote(map_to_rank(&counter, 0), rank + 1);
    cluster_arrive();
    cluster_wait();
    y[blockIdx.x * 64 + t] = left * 1000 + inbox[t];
    if (rank == 0 && t == 0) counts[blockIdx.x / size] = counter;
}

// Generic addresses: cooperative groups' map_shared_rank compiles to mapa without a state space.
template <int SIZE>
__global__ void __cluster_dims__(SIZE, 1, 1) __launch_bounds__(32)
    generic_program(const unsigned* __restrict__ x, unsigned* __restrict__ y) {
    __shared__ unsigned tile[32];
    tile[threadIdx.x] = x[blockIdx.x * 32 + threadIdx.x];
    cluster_arrive();
    cluster_wait();
    unsigned long long other;
    asm volatile("mapa.u64 %0, %1, %2;" : "=l"(other) : "l"(tile), "r"(cluster_rank() ^ 1));
    unsigned rank;
    asm volatile("getctarank.u64 %0, %1;" : "=r"(rank) : "l"(other));
    y[blockIdx.x * 32 + threadIdx.x] = *(reinterpret_cast<unsigned*>(other) + threadIdx.x) * 10 + rank;
    cluster_arrive_relaxed();
    cluster_wait();
}

// Every block sends a quarter of its numbers to each block of the cluster with st.async; a barrier counts the
// bytes.
template <int SIZE>
__global__ void __cluster_dims__(SIZE, 1, 1) __launch_bounds__(64)
    all_to_all_program(const unsigned* __restrict__ x, unsigned* __restrict__ y,
                       unsigned* __restrict__ sums) {
    __shared__ __align__(16) unsigned inbox[4][16], sum;
    __shared__ Barrier full;
    unsigned rank = cluster_rank(), t = threadIdx.x;
    if (t == 0) {
        mbarrier_init(&full, 1);
        fence_mbarrier_init();
        mbarrier_arrive_expect(&full, 64 * 4 + 4 * 4);
        sum = 0;
        fence_proxy_async();
    }
    cluster_arrive();
    cluster_wait();
    unsigned barrier = map_to_rank(&full, t / 16);
    if (t % 16 < 8) {
        store_async(map_to_rank(&inbox[rank][t % 16], t / 16), x[blockIdx.x * 64 + t], barrier);
    } else if (t % 4 == 0) {
        uint4 v = *reinterpret_cast<const uint4*>(x + blockIdx.x * 64 + t);
        store_async_v4(map_to_rank(&inbox[rank][t % 16], t / 16), v, barrier);
    }
    if (t % 16 == 0) reduce_async_add(map_to_rank(&sum, t / 16), rank + 1, barrier);
    mbarrier_wait_cluster(&full, 0);
    y[blockIdx.x * 64 + t] = inbox[t / 16][t % 16];
    if (t == 0) sums[blockIdx.x] = sum;
    cluster_arrive();
    cluster_wait();
}

// A remote arrival hands a value on along the chain of blocks.
template <int SIZE>
__global__ void __cluster_dims__(SIZE, 1, 1) __launch_bounds__(32)
    chain_program(const unsigned* __restrict__ x, unsigned* __restrict__ y) {
    __shared__ unsigned value;
    __shared__ Barrier full;
    unsigned rank = cluster_rank(), size = cluster_size();
    if (threadIdx.x == 0) {
        mbarrier_init(&full, 1);
        fence_mbarrier_init();
    }
    cluster_arrive();
    cluster_wait();
    if (threadIdx.x == 0) {
        unsigned v = 0;
        if (rank > 0) {
            mbarrier_wait_cluster(&full, 0);
            v = value;
        }
        v = v * 3 + x[blockIdx.x];
        y[blockIdx.x] = v;
        if (rank + 1 < size) {
            store_remote(map_to_rank(&value, rank + 1), v);
            mbarrier_arrive_remote(map_to_rank(&full, rank + 1));
        }
    }
    cluster_arrive();
    cluster_wait();
}

// Block 1 waits for a flag in block 0's shared memory that block 0 releases.
template <int SIZE>
__global__ void __cluster_dims__(SIZE, 1, 1) __launch_bounds__(32)
    flag_program(const unsigned* __restrict__ x, unsigned* __restrict__ y) {
    __shared__ unsigned data, flag;
    unsigned rank = cluster_rank();
    if (threadIdx.x == 0) flag = 0;
    cluster_arrive();
    cluster_wait();
    if (threadIdx.x == 0) {
        if (rank == 0) {
            data = x[blockIdx.x];
            store_release_remote(map_to_rank(&flag, 0), 1);
        } else {
            while (load_acquire_remote(map_to_rank(&flag, 0)) == 0) {
            }
            y[blockIdx.x / 2] = load_remote(map_to_rank(&data, 0)) + 1;
        }
    }
    cluster_arrive();
    cluster_wait();
}
