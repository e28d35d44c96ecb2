// Sums over rows of which a whole block owns one at a time: at most 512 threads in one dimension, whole warps.
#pragma once
#include "common/types.cuh"

constexpr int ROW_THREADS = 512;

// Every thread receives each value's sum over the threads of the block, in a fixed order; all of them take part.
template <int N, typename Real> __device__ __forceinline__ void add_over_block(Real (&value)[N]) {
    __shared__ Real partial[ROW_THREADS / 32][N];
#pragma unroll
    for (int n = 0; n < N; ++n)
        for (int distance = 16; distance > 0; distance /= 2) value[n] += __shfl_xor_sync(0xffffffffu, value[n], distance);
    if (threadIdx.x % 32 == 0)
        for (int n = 0; n < N; ++n) partial[threadIdx.x / 32][n] = value[n];
    __syncthreads();
#pragma unroll
    for (int n = 0; n < N; ++n) {
        value[n] = 0;
        for (int warp = 0; warp < (int)blockDim.x / 32; ++warp) value[n] += partial[warp][n];
    }
    __syncthreads();
}

template <typename Real> struct Moments {
    Real mean, inverse;  // inverse: 1 / sqrt(variance + epsilon)
};

// Of the values read(0) ... read(count - 1); a thread reads every blockDim-th, twice.
template <typename Real, typename Read> __device__ __forceinline__ Moments<Real> row_moments(int count, Real epsilon, Read read) {
    Real sum[1] = {}, squares[1] = {};
    for (int at = threadIdx.x; at < count; at += blockDim.x) sum[0] += read(at);
    add_over_block(sum);
    const Real mean = sum[0] / Real(count);
    for (int at = threadIdx.x; at < count; at += blockDim.x) {
        const Real centred = read(at) - mean;
        squares[0] += centred * centred;
    }
    add_over_block(squares);
    return {mean, Real(1) / ::sqrt(squares[0] / Real(count) + epsilon)};
}

// The gradient to a value of a normalised row from that to its normal form, given the row's means of grad and grad * normal.
template <typename Real>
__device__ __forceinline__ Real normal_backward(Real grad, Real normal, const Real (&mean)[2], Real inverse) {
    return (grad - mean[0] - normal * mean[1]) * inverse;
}
