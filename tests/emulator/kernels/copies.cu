// cp.async in its sizes: every thread copies BYTES from its place in `from` to `to`.
#include "copies.cuh"

enum class Copy { ca, cg, ca_zero_fill, cg_zero_fill, cg_ignoring };

// bytes[t]: how many of thread t's bytes are read, or for cg_ignoring whether none is
template <Copy COPY, int BYTES>
__global__ void __launch_bounds__(64)
    copy_program(const unsigned char* __restrict__ from, const int* __restrict__ bytes,
                 unsigned char* __restrict__ to) {
    __shared__ __align__(16) unsigned char tile[64 * BYTES];
    int place = threadIdx.x * BYTES;
    if constexpr (COPY == Copy::ca) cp_async_ca<BYTES>(tile + place, from + place);
    if constexpr (COPY == Copy::cg) cp_async_cg(tile + place, from + place);
    if constexpr (COPY == Copy::ca_zero_fill)
        cp_async_ca_zero_fill<BYTES>(tile + place, from + place, bytes[threadIdx.x]);
    if constexpr (COPY == Copy::cg_zero_fill)
        cp_async_cg_zero_fill(tile + place, from + place, bytes[threadIdx.x]);
    if constexpr (COPY == Copy::cg_ignoring)
        cp_async_cg_ignoring(tile + place, from + place, bytes[threadIdx.x]);
    cp_async_wait_all();
    __syncthreads();
    for (int i = threadIdx.x; i < 64 * BYTES; i += 64) to[i] = tile[i];
}

// Three groups in flight, waited for one by one: the sum of the stages in the order of their groups.
__global__ void __launch_bounds__(64)
    copy_groups_program(const int* __restrict__ from, int* __restrict__ to) {
    __shared__ __align__(16) int stage[3][64];
    for (int s = 0; s < 3; s++) {
        cp_async_ca<4>(&stage[s][threadIdx.x], from + s * 64 + threadIdx.x);
        cp_async_commit();
    }
    cp_async_wait<2>();
    int sum = stage[0][threadIdx.x];
    cp_async_wait<1>();
    sum = sum * 3 + stage[1][threadIdx.x];
    cp_async_wait<0>();
    to[threadIdx.x] = sum * 3 + stage[2][threadIdx.x];
}
