// One step of an LSTM for all sequences, forward and backward; a launch a step.
//   forward:   z = xw[t] + h R + bias;  c' = sigmoid(f) c + sigmoid(i) tanh(g);  h' = sigmoid(o) tanh(c')
//   backward:  dh = dgates[step + 1] R^T + dy[step], then through the equations above to dgates[step] and dc
//   Where mask[b, t] is false the state is held: h' = h, c' = c, dgates = 0.
// Arrays:    b = batch, s = steps (in the order of processing), t = time of x (s, or reversed), k = units, A = accumulator
//            gates (b, t, 4k) T: x W on entry of the forward; if TRAINING the activated gates on exit
//            recurrent_weight R (k, 4k) T; bias (4k) T or null; initial_h, initial_c (b, k) T or null; mask (b, t) or null
//            scale (b, 4, k) T: factors of h in the product of each gate; read if SCALED
//            y (b, s, k) T: step reads y[:, step - 1]; cells (b, s, k) A: c after each step, or (b, 1, k) unless TRAINING
//            last_h, last_c (b, k) T: written by the last step
//            dy (b, s, k) T, grad_h, grad_c (b, k) T or null; dgates (b, t, 4k) T: before activation
//            carry_h, carry_c (b, k) A: dc, and dh that a masked step hands on, between launches
//            previous_h (b, t, k) T: h before the step, for the gradient to R; dh0, dc0 (b, k) T: written by step -1
// Work:      a block owns UNITS hidden units, with all their gates, of 256 / UNITS * ROWS_A_THREAD sequences; the product
//            runs through shared memory in slices of 32; a thread owns one unit of ROWS_A_THREAD sequences
// Traffic:   R once for each tile of sequences, h (dgates) once for each tile of units, all else once
// Needs:     nothing; any sizes. The state between steps is rounded only in y (T); c is kept in A.
// Deterministic: yes; every sum has a fixed order and no two blocks write the same element.
#include "lstm_unit.cuh"
#include "product.cuh"

template <typename T, int UNITS, int ROWS_A_THREAD, CellActivation ACTIVATION, CellActivation RECURRENT, bool TRAINING, bool SCALED>
__global__ void __launch_bounds__(256)
    lstm_cell_forward(T* gates, const T* __restrict__ recurrent_weight, const T* __restrict__ bias,
                      const T* __restrict__ initial_h, const T* __restrict__ initial_c, const bool* __restrict__ mask,
                      const T* __restrict__ scale, T* y, Accumulator<T>* cells, T* last_h, T* last_c, CellGeometry geometry,
                      int step) {
    using Real = Accumulator<T>;
    const int units = geometry.units;
    const int first_unit = blockIdx.x * UNITS, first_row = blockIdx.y * (THREADS / UNITS * ROWS_A_THREAD);

    // The state before the step: y[:, step - 1], or the initial one.
    const T* h_before = step > 0 ? y + (long long)(step - 1) * units : initial_h;
    const long long h_pitch = step > 0 ? (long long)geometry.steps * units : units;

    // sum[r][gate] = (h R)[row, gate of the unit]
    Real sum[ROWS_A_THREAD][GATES] = {};
    if (h_before)
        add_state_product<T, UNITS, SCALED>(h_before, h_pitch, recurrent_weight, (long long)GATES * units, units, units,
                                            geometry.batch, scale, sum);

    const int unit = first_unit + threadIdx.x;
    if (unit >= units) return;
#pragma unroll
    for (int r = 0; r < ROWS_A_THREAD; ++r) {
        const int b = first_row + threadIdx.y * ROWS_A_THREAD + r;
        if (b >= geometry.batch) return;
        const long long element = (long long)b * units + unit;
        const int t = geometry.time(step);

        // The cell: c in place unless every step's is kept.
        Real* c_after = cells + (TRAINING ? geometry.row(b, step) * units + unit : element);
        Real c_before = 0;
        if (step > 0) c_before = TRAINING ? c_after[-units] : *c_after;
        else if (initial_c) c_before = widen(initial_c[element]);
        Real c = c_before;
        T h;
        if (mask && !mask[geometry.row(b, t)]) {
            h = h_before ? h_before[b * h_pitch + unit] : narrow<T>(0);
        } else {
            T* z = gates + geometry.row(b, t) * GATES * units + unit;
            Real gate[GATES];
            lstm_unit_sums(gate, z, sum[r], bias, unit, units);
            c = lstm_unit_forward<ACTIVATION, RECURRENT, T>(gate, c_before, nullptr, units);
            if constexpr (TRAINING)
                for (int index = 0; index < GATES; ++index) z[(long long)index * units] = narrow<T>(gate[index]);
            h = narrow<T>(gate[OUTPUT] * activate<ACTIVATION>(c));
        }
        *c_after = c;
        y[geometry.row(b, step) * units + unit] = h;
        if (step == geometry.steps - 1) {
            last_h[element] = h;
            last_c[element] = narrow<T>(c);
        }
    }
}

template <typename T, int UNITS, int ROWS_A_THREAD, CellActivation ACTIVATION, CellActivation RECURRENT, bool SCALED>
__global__ void __launch_bounds__(256, 1)
    lstm_cell_backward(const T* __restrict__ gates, const Accumulator<T>* __restrict__ cells, const T* __restrict__ y,
                       const T* __restrict__ recurrent_weight, const T* __restrict__ initial_h,
                       const T* __restrict__ initial_c, const bool* __restrict__ mask, const T* __restrict__ scale,
                       const T* __restrict__ dy, const T* __restrict__ grad_h, const T* __restrict__ grad_c, T* dgates,
                       Accumulator<T>* carry_h, Accumulator<T>* carry_c, T* previous_h, T* dh0, T* dc0,
                       CellGeometry geometry, int step) {
    using Real = Accumulator<T>;
    const int units = geometry.units;
    const long long columns = (long long)GATES * units;
    const int first_unit = blockIdx.x * UNITS, first_row = blockIdx.y * (THREADS / UNITS * ROWS_A_THREAD);
    const bool last = step == geometry.steps - 1;

    // sum[r] = (dgates[step + 1] R^T)[row, unit]
    Real sum[ROWS_A_THREAD] = {};
    if (!last) {
        const T* after = dgates + geometry.time(step + 1) * columns;
        add_gates_product<T, UNITS, SCALED>(GATES, GATES, after, geometry.steps * columns, recurrent_weight, units, units,
                                            geometry.batch, scale, sum);
    }

    const int unit = first_unit + threadIdx.x;
    if (unit >= units) return;
#pragma unroll
    for (int r = 0; r < ROWS_A_THREAD; ++r) {
        const int b = first_row + threadIdx.y * ROWS_A_THREAD + r;
        if (b >= geometry.batch) return;
        const long long element = (long long)b * units + unit;

        // What comes from the step after: through R, and past it where that step was masked.
        Real dh = sum[r], dc;
        if (last) {
            dh = grad_h ? widen(grad_h[element]) : Real(0);
            dc = grad_c ? widen(grad_c[element]) : Real(0);
        } else {
            if (mask) dh += carry_h[element];
            dc = carry_c[element];
        }
        if (step < 0) {
            dh0[element] = narrow<T>(dh);
            dc0[element] = narrow<T>(dc);
            continue;
        }

        const int t = geometry.time(step);
        const long long state = geometry.row(b, step) * units + unit;
        if (dy) dh += widen(dy[state]);
        previous_h[geometry.row(b, t) * units + unit] = state_before(y, initial_h, state, element, units, step);
        T* dz = dgates + geometry.row(b, t) * columns + unit;
        if (mask && !mask[geometry.row(b, t)]) {
            for (int index = 0; index < GATES; ++index) dz[(long long)index * units] = narrow<T>(0);
            carry_h[element] = dh;
            carry_c[element] = dc;
            continue;
        }

        // Through h = o act(c) and c = f c_before + i g.
        const T* saved = gates + geometry.row(b, t) * columns + unit;
        Real gate[GATES];
        for (int index = 0; index < GATES; ++index) gate[index] = widen(saved[(long long)index * units]);
        const Real c = activate<ACTIVATION>(cells[state]);
        const Real c_before = step > 0 ? cells[state - units] : initial_c ? widen(initial_c[element]) : Real(0);
        dc += dh * gate[OUTPUT] * derivative<ACTIVATION>(c);
        Real dgate[GATES];
        dgate[OUTPUT] = dh * c * derivative<RECURRENT>(gate[OUTPUT]);
        const Real before = lstm_unit_backward<ACTIVATION, RECURRENT, T>(gate, dgate, dc, c_before, nullptr, units);
        for (int index = 0; index < GATES; ++index) dz[(long long)index * units] = narrow<T>(dgate[index]);
        if (mask) carry_h[element] = 0;
        carry_c[element] = before;
    }
}
