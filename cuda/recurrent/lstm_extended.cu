// One step of an LSTM with peepholes and zoneout for all sequences; a launch a step. As lstm_cell.cu; what is added:
//   forward:   i, f see p c;  o sees p_o c';  c[step] = u_c c' + (1 - u_c) c;  h[step] = u_h h' + (1 - u_h) h,
//              or, where h' = inside P is projected (projection.cu), inside = sigmoid(o) tanh(c') and no h
//   backward:  the same back, without a projection: with one, lstm_rows.cu
// Arrays:    as of lstm_cell.cu, and m = size of h (k, unless projected)
//            recurrent_weight R (m, 4k), initial_h (b, m), scale (b, 4, m), y (b, s, m) T
//            peephole p (3, k) T for i, f, o, or null; update_h, update_c (b, s, k) T: u, or null for the numbers taken_h, taken_c
//            inside (b, t, k) T if TRAINING, else (b, k): written in place of y and last_h; null without a projection
//            carry_h (b, k) A: dh that bypasses the step; dpeephole (b, 3, k) A: each sequence's sums, or null
// Work:      as of lstm_cell.cu
// Traffic:   as of lstm_cell.cu, with each update and p once; the backward adds dpeephole twice a step and computes c' anew
// Needs:     nothing; any sizes. c is kept in A.
// Deterministic: yes; every sum has a fixed order and no two blocks write the same element.
#include "lstm_unit.cuh"
#include "product.cuh"

template <typename T, int UNITS, int ROWS_A_THREAD, CellActivation ACTIVATION, CellActivation RECURRENT, bool TRAINING, bool SCALED>
__global__ void __launch_bounds__(256, 1)
    lstm_extended_forward(T* gates, const T* __restrict__ recurrent_weight, const T* __restrict__ bias,
                          const T* __restrict__ initial_h, const T* __restrict__ initial_c, const bool* __restrict__ mask,
                          const T* __restrict__ scale, const T* __restrict__ peephole, const T* __restrict__ update_h,
                          const T* __restrict__ update_c, Accumulator<T> taken_h, Accumulator<T> taken_c, T* y, T* inside,
                          Accumulator<T>* cells, T* last_h, T* last_c, int size, CellGeometry geometry, int step) {
    using Real = Accumulator<T>;
    const int units = geometry.units;
    const int first_unit = blockIdx.x * UNITS, first_row = blockIdx.y * (THREADS / UNITS * ROWS_A_THREAD);
    const bool last = step == geometry.steps - 1;
    const T* h_before = step > 0 ? y + (long long)(step - 1) * size : initial_h;
    const long long h_pitch = step > 0 ? (long long)geometry.steps * size : size;

    Real sum[ROWS_A_THREAD][GATES] = {};
    if (h_before)
        add_state_product<T, UNITS, SCALED>(h_before, h_pitch, recurrent_weight, (long long)GATES * units, size, units,
                                            geometry.batch, scale, sum);

    const int unit = first_unit + threadIdx.x;
    if (unit >= units) return;
#pragma unroll
    for (int r = 0; r < ROWS_A_THREAD; ++r) {
        const int b = first_row + threadIdx.y * ROWS_A_THREAD + r;
        if (b >= geometry.batch) return;
        const long long element = (long long)b * units + unit, state = geometry.row(b, step) * units + unit;
        const long long in_time = geometry.row(b, geometry.time(step));

        // The cell: c in place unless every step's is kept.
        Real* c_after = cells + (TRAINING ? state : element);
        Real c = 0, hidden = 0;
        if (step > 0) c = TRAINING ? c_after[-units] : *c_after;
        else if (initial_c) c = widen(initial_c[element]);
        if (!inside && h_before) hidden = widen(h_before[b * h_pitch + unit]);
        Real output = 0;
        if (!mask || mask[in_time]) {
            T* z = gates + in_time * GATES * units + unit;
            Real gate[GATES];
            lstm_unit_sums(gate, z, sum[r], bias, unit, units);
            const Real after =
                lstm_unit_forward<ACTIVATION, RECURRENT>(gate, c, peephole ? peephole + unit : nullptr, units);
            if constexpr (TRAINING)
                for (int index = 0; index < GATES; ++index) z[(long long)index * units] = narrow<T>(gate[index]);
            c = updated(c, after, update_c ? widen(update_c[state]) : taken_c);
            output = gate[OUTPUT] * activate<ACTIVATION>(after);
            if (!inside) hidden = updated(hidden, output, update_h ? widen(update_h[state]) : taken_h);
        }
        *c_after = c;
        if (last) last_c[element] = narrow<T>(c);
        if (inside) {
            inside[TRAINING ? in_time * units + unit : element] = narrow<T>(output);
        } else {
            y[state] = narrow<T>(hidden);
            if (last) last_h[element] = narrow<T>(hidden);
        }
    }
}

template <typename T, int UNITS, int ROWS_A_THREAD, CellActivation ACTIVATION, CellActivation RECURRENT, bool SCALED>
__global__ void __launch_bounds__(256, 1)
    lstm_extended_backward(const T* __restrict__ gates, const Accumulator<T>* __restrict__ cells, const T* __restrict__ y,
                           const T* __restrict__ recurrent_weight, const T* __restrict__ initial_h,
                           const T* __restrict__ initial_c, const bool* __restrict__ mask, const T* __restrict__ scale,
                           const T* __restrict__ peephole, const T* __restrict__ update_h, const T* __restrict__ update_c,
                           Accumulator<T> taken_h, Accumulator<T> taken_c, const T* __restrict__ dy,
                           const T* __restrict__ grad_h, const T* __restrict__ grad_c, T* dgates, Accumulator<T>* carry_h,
                           Accumulator<T>* carry_c, T* previous_h, Accumulator<T>* dpeephole, T* dh0, T* dc0,
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
    const T* p = peephole ? peephole + unit : nullptr;
#pragma unroll
    for (int r = 0; r < ROWS_A_THREAD; ++r) {
        const int b = first_row + threadIdx.y * ROWS_A_THREAD + r;
        if (b >= geometry.batch) return;
        const long long element = (long long)b * units + unit;

        // What comes from the step after: through R, and past it.
        Real dh = 0, dc = 0;
        if (!last) {
            dh = sum[r] + carry_h[element];
            dc = carry_c[element];
        } else {
            if (grad_h) dh = widen(grad_h[element]);
            if (grad_c) dc = widen(grad_c[element]);
        }
        if (step < 0) {
            dh0[element] = narrow<T>(dh);
            dc0[element] = narrow<T>(dc);
            continue;
        }

        const long long in_time = geometry.row(b, geometry.time(step));
        const long long state = geometry.row(b, step) * units + unit;
        if (dy) dh += widen(dy[state]);
        previous_h[in_time * units + unit] = state_before(y, initial_h, state, element, units, step);
        T* dz = dgates + in_time * columns + unit;
        if (mask && !mask[in_time]) {
            for (int index = 0; index < GATES; ++index) dz[(long long)index * units] = narrow<T>(0);
            carry_h[element] = dh;
            carry_c[element] = dc;
            continue;
        }

        // Through the updates, h' = o act(c') and c' = f c + i g.
        const T* saved = gates + in_time * columns + unit;
        Real gate[GATES], dgate[GATES];
        for (int index = 0; index < GATES; ++index) gate[index] = widen(saved[(long long)index * units]);
        const Real c = step > 0 ? cells[state - units] : initial_c ? widen(initial_c[element]) : Real(0);
        const Real after = ::fma(gate[FORGET], c, gate[INPUT] * gate[CELL]);
        const Real activated = activate<ACTIVATION>(after);
        const Real dnew_h = dh * (update_h ? widen(update_h[state]) : taken_h);
        const Real dnew_c = dc * (update_c ? widen(update_c[state]) : taken_c);
        dgate[OUTPUT] = dnew_h * activated * derivative<RECURRENT>(gate[OUTPUT]);
        const Real through = dnew_h * gate[OUTPUT] * derivative<ACTIVATION>(activated);
        const Real before = lstm_unit_backward<ACTIVATION, RECURRENT>(gate, dgate, dnew_c + through, c, p, units);
        for (int index = 0; index < GATES; ++index) dz[(long long)index * units] = narrow<T>(dgate[index]);
        carry_h[element] = dh - dnew_h;
        carry_c[element] = dc - dnew_c + before;
        if (dpeephole) add_peephole_gradient(dpeephole + (long long)b * 3 * units + unit, units, dgate, c, after);
    }
}
