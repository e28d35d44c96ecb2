// Bulk copies between global, shared and distributed shared memory.
#include "bulk.cuh"

// BYTES in, reversed by the threads, BYTES out.
__global__ void __launch_bounds__(64) round_trip_program(const unsigned* __restrict__ from, unsigned* to) {
    __shared__ __align__(16) unsigned in[256], out[256];
    __shared__ Barrier full;
    if (threadIdx.x == 0) {
        mbarrier_init(&full, 1);
        fence_mbarrier_init();
    }
    __syncthreads();
    if (threadIdx.x == 0) {
        mbarrier_arrive_expect(&full, 1024);
        bulk_load(in, from, 512, &full);
        bulk_load(in + 128, from + 128, 512, &full);
    }
    mbarrier_wait(&full, 0);
    for (int i = threadIdx.x; i < 256; i += 64) out[i] = in[255 - i];
    fence_proxy_async();
    __syncthreads();
    if (threadIdx.x == 0) {
        bulk_store(to, out, 512);
        bulk_commit();
        bulk_store_hint(to + 128, out + 128, 512, evict_first_policy());
        bulk_commit();
        bulk_wait<0>();
    }
}

// Two buffers take turns: a buffer is refilled when its store has read it, and all stores are complete at the
// end.
__global__ void __launch_bounds__(32) buffers_program(const unsigned* __restrict__ from, unsigned* to) {
    __shared__ __align__(16) unsigned buffer[2][32];
    for (int i = 0; i < 8; i++) {
        if (threadIdx.x == 0) bulk_wait_read<1>();
        __syncwarp();
        buffer[i % 2][threadIdx.x] = from[i * 32 + threadIdx.x] + i;
        fence_proxy_async();
        __syncwarp();
        if (threadIdx.x == 0) {
            bulk_store(to + i * 32, buffer[i % 2], 128);
            bulk_commit();
        }
    }
    if (threadIdx.x == 0) bulk_wait<0>();
}

// to[...] = reduction(to[...], from[...]), 256 bytes
template <class Reduction>
__global__ void __launch_bounds__(64) reduce_program(const unsigned* __restrict__ from, void* to) {
    __shared__ __align__(16) unsigned tile[64];
    tile[threadIdx.x] = from[threadIdx.x];
    fence_proxy_async();
    __syncthreads();
    if (threadIdx.x == 0) {
        Reduction::reduce(to, tile, 256);
        bulk_commit();
        bulk_wait<0>();
    }
}

// Block 0 loads once for all blocks of the cluster.
__global__ void __cluster_dims__(4, 1, 1) __launch_bounds__(64)
    multicast_program(const unsigned* __restrict__ from, unsigned* __restrict__ to, unsigned short ranks) {
    __shared__ __align__(16) unsigned tile[64];
    __shared__ Barrier full;
    unsigned rank = cluster_rank();
    if (threadIdx.x == 0) {
        mbarrier_init(&full, 1);
        fence_mbarrier_init();
        if (ranks >> rank & 1) mbarrier_arrive_expect(&full, 256);
    }
    cluster_arrive();
    cluster_wait();
    if (threadIdx.x == 0 && rank == 0) bulk_load_multicast(tile, from + blockIdx.x * 64, 256, &full, ranks);
    if (ranks >> rank & 1) {
        mbarrier_wait_cluster(&full, 0);
        to[blockIdx.x * 64 + threadIdx.x] = tile[threadIdx.x];
    } else {
        to[blockIdx.x * 64 + threadIdx.x] = 7;
    }
    cluster_arrive();
    cluster_wait();
}

// Every block copies its tile to its right neighbour and adds it to a sum in block 0.
__global__ void __cluster_dims__(4, 1, 1) __launch_bounds__(64)
    cluster_copy_program(const unsigned* __restrict__ from, unsigned* __restrict__ to,
                         unsigned* __restrict__ sums) {
    __shared__ __align__(16) unsigned tile[64], inbox[64], sum[64];
    __shared__ Barrier full, added;
    unsigned rank = cluster_rank(), size = cluster_size(), t = threadIdx.x;
    tile[t] = from[blockIdx.x * 64 + t];
    sum[t] = 0;
    if (t == 0) {
        mbarrier_init(&full, 1);
        mbarrier_init(&added, 1);
        fence_mbarrier_init();
        mbarrier_arrive_expect(&full, 256);
        if (rank == 0) mbarrier_arrive_expect(&added, 256 * size);
    }
    fence_proxy_async();
    cluster_arrive();
    cluster_wait();
    if (t == 0) {
        unsigned right = (rank + 1) % size;
        bulk_to_cluster(map_to_rank(inbox, right), tile, 256, map_to_rank(&full, right));
        bulk_add_to_cluster(map_to_rank(sum, 0), tile, 256, map_to_rank(&added, 0));
    }
    mbarrier_wait_cluster(&full, 0);
    to[blockIdx.x * 64 + t] = inbox[t];
    if (rank == 0) {
        mbarrier_wait_cluster(&added, 0);
        sums[blockIdx.x / size * 64 + t] = sum[t];
    }
    cluster_arrive();
    cluster_wait();
}
