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

    // What a thread copies lies at a fixed place in the slice, every so many rows: the addresses cost one addition each.
    const int column = thread % SLICE, own_row = thread / SLICE;
    const T* own_state = state + (first_row + own_row) * state_pitch + column;
    const long long state_step = THREADS / SLICE * state_pitch;
    constexpr bool ONE_GATE = THREADS % (COUNT * UNITS) == 0;
    constexpr int ROW_STEP = ONE_GATE ? THREADS / (COUNT * UNITS) : THREADS / UNITS;
    const int own_unit = thread % UNITS, own_gate = ONE_GATE ? thread / UNITS % COUNT : 0;
    const int own_k = ONE_GATE ? thread / (COUNT * UNITS) : thread / UNITS;
    const bool unit_inside = first_unit + own_unit < units;
    const T* own_weight = weight + own_k * weight_pitch + (long long)own_gate * units + first_unit + own_unit;
    const long long weight_step = ROW_STEP * weight_pitch;

    for (int first = 0; first < size; first += SLICE) {
        const T* source = own_state + first;
#pragma unroll
        for (int row = own_row; row < own_row + ROWS; row += THREADS / SLICE, source += state_step) {
            const bool inside = first_row + row < batch && first + column < size;
            const Real value = inside ? widen(*source) : Real(0);
            if constexpr (SCALED) {
                const long long factor = (long long)(first_row + row) * scale_gates * size + first + column;
                for (int gate = 0; gate < COUNT; ++gate)
                    state_tile[gate][row][column] = inside ? value * widen(scale[factor + (long long)gate * size]) : Real(0);
            } else {
                state_tile[0][row][column] = value;
            }
        }
#pragma unroll
        for (int row = own_k; row < own_k + SLICE; row += ROW_STEP, own_weight += weight_step) {
            const bool inside = unit_inside && first + row < size;
#pragma unroll
            for (int gate = 0; gate < (ONE_GATE ? 1 : COUNT); ++gate)
                weight_tile[row][own_gate + gate][own_unit] = inside ? widen(own_weight[(long long)gate * units]) : Real(0);
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
    const int column = thread % SLICE, own_row = thread / SLICE;
    const T* own_gradient = gradient + (first_row + own_row) * gradient_pitch + column;
    const T* own_weight = weight + (first_unit + own_row) * weight_pitch + column;
    const long long gradient_step = THREADS / SLICE * gradient_pitch, weight_step = THREADS / SLICE * weight_pitch;
    for (long long first = 0; first < columns; first += SLICE) {
        const bool inside = first + column < columns;
        const T* source = own_gradient + first;
#pragma unroll
        for (int row = own_row; row < own_row + ROWS; row += THREADS / SLICE, source += gradient_step)
            gradient_tile[row][column] = inside && first_row + row < batch ? widen(*source) : Real(0);
        source = own_weight + first;
#pragma unroll
        for (int row = own_row; row < own_row + UNITS; row += THREADS / SLICE, source += weight_step)
            weight_tile[row][column] = inside && first_unit + row < units ? widen(*source) : Real(0);
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
