// mbarriers: phases by state and by parity, counts, transactions, arrivals of cp.async.
#include "barriers.cuh"
#include "copies.cuh"

// One thread walks a barrier of 3 arrivals through its phases and writes down what the tests say.
__global__ void __launch_bounds__(32) phases_program(int* __restrict__ out) {
    __shared__ Barrier b;
    if (threadIdx.x) return;
    mbarrier_init(&b, 3);
    int n = 0;
    out[n++] = mbarrier_test_parity(&b, 1);  // the phase before the first counts as complete
    out[n++] = mbarrier_test_parity(&b, 0);
    unsigned long long first = mbarrier_arrive(&b);
    mbarrier_arrive_count(&b, 2);
    out[n++] = mbarrier_test(&b, first);
    out[n++] = mbarrier_test_parity(&b, 0);
    out[n++] = mbarrier_test_parity(&b, 1);
    unsigned long long second = mbarrier_arrive_expect(&b, 64);
    mbarrier_arrive_count(&b, 2);
    out[n++] = mbarrier_try(&b, second);
    mbarrier_complete(&b, 48);
    out[n++] = mbarrier_test(&b, second);
    mbarrier_complete(&b, 16);
    out[n++] = mbarrier_test(&b, second);
    out[n++] = mbarrier_try_parity(&b, 1);
    mbarrier_expect(&b, 8);
    mbarrier_arrive_drop(&b);  // this phase and the following ones need one arrival less
    unsigned long long third = mbarrier_arrive_count(&b, 2);
    out[n++] = mbarrier_test(&b, third);
    mbarrier_complete(&b, 8);
    out[n++] = mbarrier_test(&b, third);
    unsigned long long fourth = mbarrier_arrive_count(&b, 2);
    out[n++] = mbarrier_test(&b, fourth);
    unsigned long long fifth = mbarrier_arrive_no_complete(&b, 1);
    out[n++] = mbarrier_test(&b, fifth);
    mbarrier_arrive(&b);
    out[n++] = mbarrier_test(&b, fifth);
    mbarrier_inval(&b);
    mbarrier_init(&b, 1);
    out[n++] = mbarrier_test_parity(&b, 0);
    mbarrier_arrive(&b);
    out[n++] = mbarrier_test_parity(&b, 0);
}

// Two warps hand a buffer to and fro: full and empty barriers, ROUNDS times.
__global__ void __launch_bounds__(64)
    exchange_program(const int* __restrict__ from, int* __restrict__ to, int rounds) {
    __shared__ int buffer[32];
    __shared__ Barrier full, empty;
    int lane = threadIdx.x % 32;
    if (threadIdx.x == 0) {
        mbarrier_init(&full, 32);
        mbarrier_init(&empty, 32);
    }
    __syncthreads();
    if (threadIdx.x < 32) {
        for (int i = 0; i < rounds; i++) {
            mbarrier_wait(&empty, (i & 1) ^ 1);
            buffer[lane] = from[i * 32 + lane];
            mbarrier_arrive(&full);
        }
    } else {
        for (int i = 0; i < rounds; i++) {
            mbarrier_wait(&full, i & 1);
            to[i * 32 + lane] = buffer[31 - lane];
            mbarrier_arrive(&empty);
        }
    }
}

// cp.async by one warp, waited for by the other through an mbarrier.
template <bool NOINC>
__global__ void __launch_bounds__(64)
    copy_arrival_program(const int* __restrict__ from, int* __restrict__ to) {
    __shared__ __align__(16) int tile[128];
    __shared__ Barrier full;
    int lane = threadIdx.x % 32;
    if (threadIdx.x == 0) mbarrier_init(&full, 32);
    __syncthreads();
    if (threadIdx.x < 32) {
        cp_async_cg(tile + lane * 4, from + lane * 4);
        if constexpr (NOINC) {
            cp_async_arrive_noinc(&full);
        } else {
            cp_async_arrive(&full);
            mbarrier_arrive(&full);
        }
    } else {
        mbarrier_wait(&full, 0);
        for (int i = lane; i < 128; i += 32) to[i] = tile[127 - i];
    }
}
