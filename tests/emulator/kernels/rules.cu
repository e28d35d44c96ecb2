// Kernels that keep or break a rule, depending on their arguments.
#include "scaled_load.cuh"

struct Sizes {
    int rows;
    float scale;
    long long columns;
};

// y[i] = x[order[i]] * scale, negated or not.
template <typename T, typename Index, int WIDTH>
__global__ void __launch_bounds__(32 * WIDTH)
    gather_scaled(const T* __restrict__ x, const Index* __restrict__ order, T* __restrict__ y, const Sizes sizes, bool negate) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < sizes.rows) y[i] = scaled_load<T>(x, (int)order[i], (T)(negate ? -sizes.scale : sizes.scale));
}

// y[i] = x[i + shift] for i < n.
__global__ void shifted(const float* __restrict__ x, float* y, int n, int shift) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = x[i + shift];
}

__global__ void write_const(const float* x) { *const_cast<float*>(x + threadIdx.x) = 1; }

// Every thread adds to the same number without an atomic.
__global__ void racing_sum(float* total, const float* __restrict__ x) { *total += x[threadIdx.x]; }

// The last thread wins: no race, since exchanges are atomic, but the result depends on the order.
__global__ void last_wins(int* winner) { atomicExch(winner, (int)threadIdx.x); }

// Every thread draws a number: who draws which depends on the order.
__global__ void numbered(int* counter, int* places) { places[threadIdx.x] = atomicAdd(counter, 1); }

// A tile whose second half is read without a barrier; `index` reaches beyond it where it is 64 or more.
__global__ void tile(float* y, int index, bool wait) {
    __shared__ float values[64];
    __shared__ float others[64];
    values[threadIdx.x] = (float)threadIdx.x;
    others[threadIdx.x] = 0;
    if (wait) __syncthreads();
    y[threadIdx.x] = values[(threadIdx.x + index) % (index < 64 ? 64 : 1024)] + others[threadIdx.x];
}

__global__ void divergent() {
    if (threadIdx.x < 32) __syncthreads();
}

__global__ void misaligned(float4* y, int offset) { *(float4*)((float*)y + offset) = float4{1, 2, 3, 4}; }

__global__ void never_ends(const int* flag) {
    while (*(volatile const int*)flag == 0) {
    }
}
