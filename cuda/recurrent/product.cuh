// The two products of a recurrent step, h R and dgates R^T, through shared memory in slices of 32 of the summed dimension.
// A block of 256 threads, UNITS wide, owns UNITS hidden units of 256 / UNITS * ROWS_A_THREAD sequences; a thread owns one
// unit of ROWS_A_THREAD sequences. Every thread of the block takes part.
#pragma once
#include "cell.cuh"

constexpr int THREADS = 256;
constexpr int SLICE = 32;         // of the summed dimension
constexpr int PITCH = SLICE + 4;  // rows stay aligned to 16 bytes and 8 lanes' 16-byte reads meet 32 banks

// sum[r][gate] += (state weight)[row, gate of the unit]; state (batch, size), its rows state_pitch apart;
// weight (size, gate * units + unit), its rows weight_pitch apart;
// if SCALED, each gate's state is multiplied by scale (batch, scale_gates, size), of which the first COUNT are read
template <typename T, int UNITS, bool SCALED, int ROWS_A_THREAD, int COUNT>
__device__ __forceinline__ void add_state_product(const T* state, long long state_pitch, const T* __restrict__ weight,
                                                  long long weight_pitch, int size, int units, int batch,
                                                  const T* __restrict__ scale,
                                                  Accumulator<T> (&sum)[ROWS_A_THREAD][COUNT], int scale_gates = COUNT) {
    using Real = Accumulator<T>;
    constexpr int ROWS = THREADS / UNITS * ROWS_A_THREAD;
    __shared__ alignas(16) Real state_tile[SCALED ? COUNT : 1][ROWS][PITCH];
    __shared__ alignas(16) Real weight_tile[SLICE][COUNT][UNITS];
    const int thread = threadIdx.y * UNITS + threadIdx.x;
    const int first_unit = blockIdx.x * UNITS, first_row = blockIdx.y * ROWS;
    for (int first = 0; first < size; first += SLICE) {
        for (int at = thread; at < ROWS * SLICE; at += THREADS) {
            const int row = at / SLICE, k = at % SLICE;
            const bool inside = first_row + row < batch && first + k < size;
            const Real value = inside ? widen(state[(first_row + row) * state_pitch + first + k]) : Real(0);
            if constexpr (SCALED) {
                const long long factor = (long long)(first_row + row) * scale_gates * size + first + k;
                for (int gate = 0; gate < COUNT; ++gate)
                    state_tile[gate][row][k] = inside ? value * widen(scale[factor + (long long)gate * size]) : Real(0);
            } else {
                state_tile[0][row][k] = value;
            }
        }
        for (int at = thread; at < SLICE * COUNT * UNITS; at += THREADS) {
            const int k = at / (COUNT * UNITS), gate = at / UNITS % COUNT, unit = at % UNITS;
            const bool inside = first + k < size && first_unit + unit < units;
            const long long column = (long long)gate * units + first_unit + unit;
            weight_tile[k][gate][unit] = inside ? widen(weight[(first + k) * weight_pitch + column]) : Real(0);
        }
        __syncthreads();
#pragma unroll 4
        for (int k = 0; k < SLICE; ++k)
            for (int r = 0; r < ROWS_A_THREAD; ++r)
                for (int gate = 0; gate < COUNT; ++gate)
                    sum[r][gate] += state_tile[SCALED ? gate : 0][threadIdx.y * ROWS_A_THREAD + r][k] *
                                    weight_tile[k][gate][threadIdx.x];
        __syncthreads();
    }
}

// sum[r] += (gradient weight^T)[row, unit]; gradient (batch, columns), its rows gradient_pitch apart;
// weight (units, columns), its rows weight_pitch apart
template <typename T, int UNITS, int ROWS_A_THREAD>
__device__ __forceinline__ void add_gradient_product(const T* gradient, long long gradient_pitch, long long columns,
                                                     const T* __restrict__ weight, long long weight_pitch, int units,
                                                     int batch, Accumulator<T> (&sum)[ROWS_A_THREAD]) {
    using Real = Accumulator<T>;
    constexpr int ROWS = THREADS / UNITS * ROWS_A_THREAD;
    __shared__ alignas(16) Real gradient_tile[ROWS][PITCH];
    __shared__ alignas(16) Real weight_tile[UNITS][PITCH];
    const int thread = threadIdx.y * UNITS + threadIdx.x;
    const int first_unit = blockIdx.x * UNITS, first_row = blockIdx.y * ROWS;
    for (long long first = 0; first < columns; first += SLICE) {
        for (int at = thread; at < ROWS * SLICE; at += THREADS) {
            const int row = at / SLICE, k = at % SLICE;
            const bool inside = first_row + row < batch && first + k < columns;
            gradient_tile[row][k] = inside ? widen(gradient[(first_row + row) * gradient_pitch + first + k]) : Real(0);
        }
        for (int at = thread; at < UNITS * SLICE; at += THREADS) {
            const int unit = at / SLICE, k = at % SLICE;
            const bool inside = first_unit + unit < units && first + k < columns;
            weight_tile[unit][k] = inside ? widen(weight[(first_unit + unit) * weight_pitch + first + k]) : Real(0);
        }
        __syncthreads();
#pragma unroll 8
        for (int k = 0; k < SLICE; ++k)
            for (int r = 0; r < ROWS_A_THREAD; ++r)
                sum[r] += gradient_tile[threadIdx.y * ROWS_A_THREAD + r][k] * weight_tile[threadIdx.x][k];
        __syncthreads();
    }
}

// The same for a unit of `size` over the columns of the first `gates` of `all_gates` of `units`; if SCALED, each gate's
// part is multiplied by scale (batch, all_gates, size).
template <typename T, int UNITS, bool SCALED, int ROWS_A_THREAD>
__device__ __forceinline__ void add_gates_product(int gates, int all_gates, const T* gradient, long long gradient_pitch,
                                                  const T* __restrict__ weight, int size, int units, int batch,
                                                  const T* __restrict__ scale, Accumulator<T> (&sum)[ROWS_A_THREAD]) {
    const long long weight_pitch = (long long)all_gates * units;
    if constexpr (SCALED) {
        const int unit = blockIdx.x * UNITS + threadIdx.x;
        const int first_row = (blockIdx.y * (THREADS / UNITS) + threadIdx.y) * ROWS_A_THREAD;
        for (int gate = 0; gate < gates; ++gate) {
            const long long first = (long long)gate * units;
            Accumulator<T> part[ROWS_A_THREAD] = {};
            add_gradient_product<T, UNITS>(gradient + first, gradient_pitch, units, weight + first, weight_pitch, size, batch,
                                           part);
            for (int r = 0; r < ROWS_A_THREAD; ++r)
                if (unit < size && first_row + r < batch)
                    sum[r] += part[r] * widen(scale[((long long)(first_row + r) * all_gates + gate) * size + unit]);
        }
    } else {
        add_gradient_product<T, UNITS>(gradient, gradient_pitch, (long long)gates * units, weight, weight_pitch, size, batch,
                                       sum);
    }
}
