// Gradient of a recurrent cell's bias: the sum of the gates' gradients over sequences and steps.
//   dbias[column] = sum over rows of dgates[row, column]
// Arrays:    dgates (rows, columns) T; dbias (columns) T
// Work:      32 x 32 threads own 32 columns; thread row r adds every 32nd row, then the 32 partial sums are added in order
// Traffic:   dgates once
// Needs:     nothing; any sizes, rows = 0 included
// Deterministic: yes; the order of the sum is fixed by the number of rows.
#include "common/types.cuh"

template <typename T>
__global__ void __launch_bounds__(1024)
    recurrent_bias_backward(const T* __restrict__ dgates, T* __restrict__ dbias, long long rows, int columns) {
    __shared__ Accumulator<T> partial[32][32];
    const int column = blockIdx.x * 32 + threadIdx.x;
    Accumulator<T> sum = 0;
    if (column < columns)
        for (long long row = threadIdx.y; row < rows; row += 32) sum += widen(dgates[row * columns + column]);
    partial[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y == 0 && column < columns) {
        for (int other = 1; other < 32; ++other) sum += partial[other][threadIdx.x];
        dbias[column] = narrow<T>(sum);
    }
}
