// The projection of an LSTM's output within a step, and back.
//   forward:   h' = inside P;  h[step] = u h' + (1 - u) h[step - 1]     (recurrent_projection_forward)
//   backward:  dinside = dnew P^T, dnew the gradient to h'              (recurrent_projection_backward)
//   Where mask[b, t] is false the state is held: h[step] = h[step - 1].
// Arrays:    b = batch, s = steps (in the order of processing), t = time of x (s, or reversed), k = units, m = size of h,
//            A = accumulator; inside (b, t, k) T if TRAINING, else (b, k); projection P (k, m) T
//            initial_h (b, m) T or null; mask (b, t) or null; update (b, s, m) T: u, or null for the number `taken`
//            y (b, s, m) T: step reads y[:, step - 1]; last_h (b, m) T: written by the last step
//            dnew (b, t, m) T; dinside (b, k) A
// Work:      as product.cuh says; a thread owns one element of h (of inside) of ROWS_A_THREAD sequences
// Traffic:   P once for each tile of sequences, inside (dnew) once for each tile of columns, all else once
// Needs:     nothing; any sizes. The state between steps is rounded to T.
// Deterministic: yes; every sum has a fixed order and no two blocks write the same element.
#include "product.cuh"

template <typename T, int UNITS, int ROWS_A_THREAD, bool TRAINING>
__global__ void __launch_bounds__(256, 1)
    recurrent_projection_forward(const T* __restrict__ inside, const T* __restrict__ projection,
                                 const T* __restrict__ initial_h, const bool* __restrict__ mask,
                                 const T* __restrict__ update, Accumulator<T> taken, T* y, T* last_h, int size,
                                 CellGeometry geometry, int step) {
    using Real = Accumulator<T>;
    const int units = geometry.units;
    const int first_column = blockIdx.x * UNITS, first_row = blockIdx.y * (THREADS / UNITS * ROWS_A_THREAD);
    const T* source = TRAINING ? inside + (long long)geometry.time(step) * units : inside;
    const long long pitch = TRAINING ? (long long)geometry.steps * units : units;

    Real sum[ROWS_A_THREAD][1] = {};
    add_state_product<T, UNITS, false>(source, pitch, projection, size, units, size, geometry.batch, nullptr, sum);

    const int column = first_column + threadIdx.x;
    if (column >= size) return;
#pragma unroll
    for (int r = 0; r < ROWS_A_THREAD; ++r) {
        const int b = first_row + threadIdx.y * ROWS_A_THREAD + r;
        if (b >= geometry.batch) return;
        const long long element = (long long)b * size + column, state = geometry.row(b, step) * size + column;
        T h = state_before(y, initial_h, state, element, size, step);
        if (!mask || mask[geometry.row(b, geometry.time(step))])
            h = narrow<T>(updated(widen(h), sum[r][0], update ? widen(update[state]) : taken));
        y[state] = h;
        if (step == geometry.steps - 1) last_h[element] = h;
    }
}

template <typename T, int UNITS, int ROWS_A_THREAD>
__global__ void __launch_bounds__(256, 1)
    recurrent_projection_backward(const T* __restrict__ dnew, const T* __restrict__ projection, Accumulator<T>* dinside,
                                  int size, CellGeometry geometry, int step) {
    const int units = geometry.units;
    const int first_unit = blockIdx.x * UNITS, first_row = blockIdx.y * (THREADS / UNITS * ROWS_A_THREAD);
    Accumulator<T> sum[ROWS_A_THREAD] = {};
    add_gradient_product<T, UNITS>(dnew + (long long)geometry.time(step) * size, (long long)geometry.steps * size, size,
                                   projection, size, units, geometry.batch, sum);

    const int unit = first_unit + threadIdx.x;
    if (unit >= units) return;
#pragma unroll
    for (int r = 0; r < ROWS_A_THREAD; ++r) {
        const int b = first_row + threadIdx.y * ROWS_A_THREAD + r;
        if (b >= geometry.batch) return;
        dinside[(long long)b * units + unit] = sum[r];
    }
}
