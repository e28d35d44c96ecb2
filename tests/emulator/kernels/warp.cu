// Collectives of a warp. Every lane writes a row of results.
#include "warp.cuh"

__global__ void __launch_bounds__(64)
    match_program(const int* __restrict__ x, const long long* __restrict__ y, unsigned* __restrict__ out) {
    int t = threadIdx.x;
    unsigned* o = out + t * 6;
    int same = 7, pred;
    o[0] = __match_any_sync(~0u, x[t]);
    o[1] = __match_any_sync(~0u, y[t]);
    o[2] = __match_all_sync(~0u, t < 32 ? same : x[t], &pred);
    o[3] = pred;
    o[4] = __match_all_sync(~0u, t < 32 ? 1LL << 40 : y[t], &pred);
    o[5] = pred;
}

__global__ void __launch_bounds__(64) vote_program(const int* __restrict__ x, unsigned* __restrict__ out) {
    int t = threadIdx.x;
    unsigned* o = out + t * 6;
    o[0] = vote_uni(~0u, t < 32);
    o[1] = vote_uni(~0u, x[t] & 1);
    o[2] = __ballot_sync(~0u, x[t] & 1);
    o[3] = __any_sync(~0u, x[t] == 3) * 2 + __all_sync(~0u, x[t] >= 0);
    o[4] = o[5] = 77;
    if (t % 32 < 20) o[4] = __ballot_sync(0xfffffu, x[t] & 2);
    if (t % 32 >= 5) {
        unsigned leader;
        o[5] = elect_sync(~0u << 5, leader) + leader * 2;
    }
}

__global__ void __launch_bounds__(64) redux_program(const int* __restrict__ x, int* __restrict__ out) {
    int t = threadIdx.x;
    int* o = out + t * 8;
    unsigned u = static_cast<unsigned>(x[t]);
    o[0] = __reduce_add_sync(~0u, x[t]);
    o[1] = __reduce_min_sync(~0u, x[t]);
    o[2] = __reduce_max_sync(~0u, x[t]);
    o[3] = static_cast<int>(__reduce_min_sync(~0u, u));
    o[4] = static_cast<int>(__reduce_max_sync(~0u, u));
    o[5] = static_cast<int>(__reduce_and_sync(~0u, u | 0xf0u));
    o[6] = static_cast<int>(__reduce_or_sync(~0u, u & 0xffu));
    o[7] = static_cast<int>(__reduce_xor_sync(~0u, u));
}

// The lanes that __activemask() names include the caller; only that is certain.
__global__ void __launch_bounds__(64) activemask_program(unsigned* __restrict__ out) {
    if (threadIdx.x % 3)
        out[threadIdx.x] = __activemask() >> (threadIdx.x % 32) & 1;
    else
        out[threadIdx.x] = 2;
}
