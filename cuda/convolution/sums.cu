// Sums over rows in a fixed order: gradients to the bias, and the total of partial sums.
//   convolution_column_sum:  sums[chunk, column] = sum over the chunk's rows of values[row, column]
//   convolution_channel_sum: sums[chunk, k] = sum over the chunk's (n, pixel) of values[n, k, pixel]
// Arrays:    values (rows, columns) or (batch, channels, pixels) In; sums (chunks, columns or channels) Out.
// Work:      column_sum: COLUMNS threads lie along the columns; 256 / COLUMNS share the rows of a column, and
//            their sums are added up in order.
//            channel_sum: 256 threads share the positions of one channel; their sums are added up as a tree.
// Traffic:   values once, sums once.
// Needs:     COLUMNS a power of two up to 256.
// Deterministic: yes; the order of a sum depends on the shapes and the chunks alone.
#include "common/types.cuh"

template <typename In, typename Out, int COLUMNS>
__global__ void __launch_bounds__(256)
    convolution_column_sum(const In* __restrict__ values, Out* __restrict__ sums, long long rows,
                           long long columns, long long chunk_rows) {
    constexpr int LANES = 256 / COLUMNS;
    __shared__ Accumulator<In> partial[LANES][COLUMNS];
    const int lane = threadIdx.x / COLUMNS;
    const long long column = (long long)blockIdx.x * COLUMNS + threadIdx.x % COLUMNS;
    const long long first = (long long)blockIdx.y * chunk_rows;
    const long long stop = min(first + chunk_rows, rows);

    Accumulator<In> sum = 0;
    if (column < columns) {
#pragma unroll 4
        for (long long row = first + lane; row < stop; row += LANES)
            sum += widen(values[row * columns + column]);
    }
    partial[lane][threadIdx.x % COLUMNS] = sum;
    __syncthreads();
    if (lane == 0 && column < columns) {
        for (int other = 1; other < LANES; ++other) sum += partial[other][threadIdx.x];
        sums[blockIdx.y * columns + column] = narrow<Out>(sum);
    }
}

template <typename In, typename Out>
__global__ void __launch_bounds__(256)
    convolution_channel_sum(const In* __restrict__ values, Out* __restrict__ sums, long long batch,
                            int channels, long long pixels, long long chunk_positions) {
    __shared__ Accumulator<In> partial[256];
    const int k = blockIdx.x;
    const long long first = (long long)blockIdx.y * chunk_positions + threadIdx.x;
    const long long stop = min((long long)(blockIdx.y + 1) * chunk_positions, batch * pixels);
    const long long step_n = 256 / pixels, step_pixel = 256 % pixels;

    Accumulator<In> sum = 0;
    long long n = first / pixels, pixel = first % pixels;
    for (long long position = first; position < stop; position += 256) {
        sum += widen(values[(n * channels + k) * pixels + pixel]);
        n += step_n;
        pixel += step_pixel;
        if (pixel >= pixels) {
            pixel -= pixels;
            ++n;
        }
    }
    partial[threadIdx.x] = sum;
    for (int half = 128; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half) partial[threadIdx.x] += partial[threadIdx.x + half];
    }
    if (threadIdx.x == 0) sums[(long long)blockIdx.y * channels + k] = narrow<Out>(partial[0]);
}
