// The products with the recurrent weight as launches of their own, where the rest of a step needs whole rows of them.
//   forward:   sums = h R, h the state before the step                                          (recurrent_state_product)
//   backward:  dh = dproducts[step + 1] R^T + carry + dy[step];  dnew = u dh;  carry = dh - dnew (recurrent_state_backward)
//              where h[step] = u h' + (1 - u) h and dnew is the gradient to h'
//   Where mask[b, t] is false the state is held: u = 0.
// Arrays:    b = batch, s = steps (in the order of processing), t = time of x (s, or reversed), k = units, g = gates,
//            m = size of h (k, unless projected), A = accumulator
//            recurrent_weight R (m, gk) T; initial_h (b, m) T or null; scale (b, g, m) T: factors of h, read if SCALED
//            y (b, s, m) T; sums (b, gk) A; dproducts (b, t, gk) T; mask (b, t) or null
//            update (b, s, m) T: u, or null for the number `taken`; dy (b, s, m) T, grad_h (b, m) T or null
//            carry (b, m) A: between launches; previous_h (b, t, m) T: h before the step, for the gradient to R
//            dnew (b, m) A, dnew_kept (b, t, m) T: either or both; dh0 (b, m) T: written by step -1
// Work:      as product.cuh says; a thread owns one unit with all its gates, or one element of h, of ROWS_A_THREAD sequences
// Traffic:   R once for each tile of sequences, h (dproducts) once for each tile of columns, all else once
// Needs:     nothing; any sizes
// Deterministic: yes; every sum has a fixed order and no two blocks write the same element.
#include "product.cuh"

template <typename T, int UNITS, int ROWS_A_THREAD, int COUNT, bool SCALED>
__global__ void __launch_bounds__(256, 1)
    recurrent_state_product(const T* __restrict__ recurrent_weight, const T* __restrict__ initial_h,
                            const T* __restrict__ scale, const T* __restrict__ y, Accumulator<T>* sums, int size,
                            CellGeometry geometry, int step) {
    const int units = geometry.units;
    const long long columns = (long long)COUNT * units;
    const int first_unit = blockIdx.x * UNITS, first_row = blockIdx.y * (THREADS / UNITS * ROWS_A_THREAD);
    const T* h_before = step > 0 ? y + (long long)(step - 1) * size : initial_h;
    const long long h_pitch = step > 0 ? (long long)geometry.steps * size : size;

    Accumulator<T> sum[ROWS_A_THREAD][COUNT] = {};
    if (h_before)
        add_state_product<T, UNITS, SCALED>(h_before, h_pitch, recurrent_weight, columns, size, units, geometry.batch, scale,
                                            sum);

    const int unit = first_unit + threadIdx.x;
    if (unit >= units) return;
#pragma unroll
    for (int r = 0; r < ROWS_A_THREAD; ++r) {
        const int b = first_row + threadIdx.y * ROWS_A_THREAD + r;
        if (b >= geometry.batch) return;
        for (int gate = 0; gate < COUNT; ++gate) sums[b * columns + (long long)gate * units + unit] = sum[r][gate];
    }
}

template <typename T, int UNITS, int ROWS_A_THREAD, bool SCALED>
__global__ void __launch_bounds__(256, 1)
    recurrent_state_backward(const T* __restrict__ dproducts, const T* __restrict__ recurrent_weight,
                             const T* __restrict__ initial_h, const bool* __restrict__ mask, const T* __restrict__ scale,
                             const T* __restrict__ update, Accumulator<T> taken, const T* __restrict__ y,
                             const T* __restrict__ dy, const T* __restrict__ grad_h, Accumulator<T>* carry, T* previous_h,
                             Accumulator<T>* dnew, T* dnew_kept, T* dh0, int gates, int size,
                             CellGeometry geometry, int step) {
    using Real = Accumulator<T>;
    const long long columns = (long long)gates * geometry.units;
    const int first_unit = blockIdx.x * UNITS, first_row = blockIdx.y * (THREADS / UNITS * ROWS_A_THREAD);
    const bool last = step == geometry.steps - 1;

    Real sum[ROWS_A_THREAD] = {};
    if (!last) {
        const T* after = dproducts + geometry.time(step + 1) * columns;
        add_gates_product<T, UNITS, SCALED>(gates, gates, after, geometry.steps * columns, recurrent_weight, size, geometry.units,
                                            geometry.batch, scale, sum);
    }

    const int unit = first_unit + threadIdx.x;
    if (unit >= size) return;
#pragma unroll
    for (int r = 0; r < ROWS_A_THREAD; ++r) {
        const int b = first_row + threadIdx.y * ROWS_A_THREAD + r;
        if (b >= geometry.batch) return;
        const long long element = (long long)b * size + unit;
        Real dh = handed_back(sum[r], carry, grad_h, element, last);
        if (step < 0) {
            dh0[element] = narrow<T>(dh);
            continue;
        }

        const long long in_time = geometry.row(b, geometry.time(step));
        const long long state = geometry.row(b, step) * size + unit;
        if (dy) dh += widen(dy[state]);
        previous_h[in_time * size + unit] = state_before(y, initial_h, state, element, size, step);
        Real through = dh * (update ? widen(update[state]) : taken);
        if (mask && !mask[in_time]) through = 0;
        carry[element] = dh - through;
        if (dnew) dnew[element] = through;
        if (dnew_kept) dnew_kept[in_time * size + unit] = narrow<T>(through);
    }
}
