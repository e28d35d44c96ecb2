// Gradients of a recurrent cell's bias, and of the gains behind its layer normalisations: sums over sequences and steps.
//   dbias[column] = sum over rows of dgates[row, column];  dgain[column] likewise of dgates normal
// Arrays:    dgates, normal (rows, columns) T; dbias, dgain (columns) T
// Work:      32 x 32 threads own 32 columns; thread row r adds every 32nd row, then the 32 partial sums are added in order
// Traffic:   dgates (and normal) once
// Needs:     nothing; any sizes, rows = 0 included
// Deterministic: yes; the order of the sum is fixed by the number of rows.
#include "common/types.cuh"

// read(index): the summand at an index of (rows, columns)
template <typename T, typename Read>
__device__ __forceinline__ void add_columns(T* sums, long long rows, int columns, Read read) {
    __shared__ Accumulator<T> partial[32][32];
    const int column = blockIdx.x * 32 + threadIdx.x;
    Accumulator<T> sum = 0;
    if (column < columns)
        for (long long row = threadIdx.y; row < rows; row += 32) sum += read(row * columns + column);
    partial[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y == 0 && column < columns) {
        for (int other = 1; other < 32; ++other) sum += partial[other][threadIdx.x];
        sums[column] = narrow<T>(sum);
    }
}

template <typename T>
__global__ void __launch_bounds__(1024)
    recurrent_bias_backward(const T* __restrict__ dgates, T* __restrict__ dbias, long long rows, int columns) {
    add_columns(dbias, rows, columns, [&](long long at) { return widen(dgates[at]); });
}

template <typename T>
__global__ void __launch_bounds__(1024)
    recurrent_gain_backward(const T* __restrict__ dgates, const T* __restrict__ normal, T* __restrict__ dgain, long long rows,
                            int columns) {
    add_columns(dgain, rows, columns, [&](long long at) { return widen(dgates[at]) * widen(normal[at]); });
}
