// Tensor copies: tiles and im2col columns out of a tensor map, tiles into one.
#include "bulk.cuh"

struct Coordinates {
    int c[5];
};

// The tile at the coordinates, as it lies in shared memory.
template <int RANK, int BYTES>
__global__ void __launch_bounds__(64) tile_program(const __grid_constant__ TensorMap map,
                                                   const int* __restrict__ at, unsigned* __restrict__ out) {
    extern __shared__ __align__(1024) unsigned tile[];
    __shared__ Barrier full;
    if (threadIdx.x == 0) {
        mbarrier_init(&full, 1);
        fence_mbarrier_init();
        mbarrier_arrive_expect(&full, BYTES);
        int c[5] = {at[0], at[1], at[2], at[3], at[4]};
        tensor_load<RANK>(tile, &map, c, &full);
    }
    __syncthreads();
    mbarrier_wait(&full, 0);
    for (int i = threadIdx.x; i < BYTES / 4; i += 64) out[i] = tile[i];
}

template <int RANK, int BYTES>
__global__ void __launch_bounds__(64)
    im2col_program(const __grid_constant__ TensorMap map, const int* __restrict__ at,
                   const int* __restrict__ offset, unsigned* __restrict__ out) {
    extern __shared__ __align__(1024) unsigned tile[];
    __shared__ Barrier full;
    if (threadIdx.x == 0) {
        mbarrier_init(&full, 1);
        fence_mbarrier_init();
        mbarrier_arrive_expect(&full, BYTES);
        int c[5] = {at[0], at[1], at[2], at[3], at[4]};
        unsigned short f[3];
        for (int i = 0; i < 3; i++) f[i] = static_cast<unsigned short>(offset[i]);
        tensor_load_im2col<RANK>(tile, &map, c, f, &full);
    }
    __syncthreads();
    mbarrier_wait(&full, 0);
    for (int i = threadIdx.x; i < BYTES / 4; i += 64) out[i] = tile[i];
}

// Writes (OPERATION 0), adds (1) or takes the maximum (2) of a tile as it lies in shared memory.
template <int RANK, int BYTES, int OPERATION>
__global__ void __launch_bounds__(64)
    store_program(const unsigned* __restrict__ from, const __grid_constant__ TensorMap map,
                  const int* __restrict__ at, void* array) {
    extern __shared__ __align__(1024) unsigned tile[];
    for (int i = threadIdx.x; i < BYTES / 4; i += 64) tile[i] = from[i];
    fence_proxy_async();
    __syncthreads();
    if (threadIdx.x == 0) {
        int c[5] = {at[0], at[1], at[2], at[3], at[4]};
        if constexpr (OPERATION == 0) tensor_store<RANK>(&map, c, tile);
        if constexpr (OPERATION == 1) tensor_add(&map, c[0], c[1], tile);
        if constexpr (OPERATION == 2) tensor_max(&map, c[0], c[1], tile);
        bulk_commit();
        bulk_wait<0>();
    }
}

// Block r of a cluster of two loads half of the tile for both.
template <int HALF_BYTES>
__global__ void __launch_bounds__(64)
    multicast_program(const __grid_constant__ TensorMap map, const int* __restrict__ at,
                      unsigned* __restrict__ out) {
    extern __shared__ __align__(1024) unsigned tile[];
    __shared__ Barrier full;
    unsigned rank = cluster_rank();
    if (threadIdx.x == 0) {
        mbarrier_init(&full, 1);
        fence_mbarrier_init();
        mbarrier_arrive_expect(&full, 2 * HALF_BYTES);
    }
    cluster_arrive();
    cluster_wait();
    if (threadIdx.x == 0)
        tensor_load_multicast(tile + rank * HALF_BYTES / 4, &map, at[rank * 2], at[rank * 2 + 1], &full, 3);
    mbarrier_wait_cluster(&full, 0);
    for (int i = threadIdx.x; i < HALF_BYTES / 2; i += 64) out[rank * HALF_BYTES / 2 + i] = tile[i];
    cluster_arrive();
    cluster_wait();
}
