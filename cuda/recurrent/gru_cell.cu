// One step of a gated recurrent unit for all sequences, reset gate after the product; forward and backward, a launch a step.
//   forward:   z = sigmoid(xw_z[t] + h R_z + b_z);  r likewise;  g = tanh(xw_g[t] + b_g + r inner)
//              with inner = h R_g + b'_g;  h' = z h + (1 - z) g;  b_z, b_r: the sums of both biases
//   backward:  dh = dstates[step + 1] R^T + z dh[step + 1] + dy[step], then through the equations above;
//              dgates: gradients to x W; dstates: those to h R, which differ in the candidate by the factor r
//   With ZONEOUT h[step] = u h' + (1 - u) h, and back.
//   Where mask[b, t] is false the state is held: h' = h, dgates = dstates = 0.
// Arrays:    b = batch, s = steps (in the order of processing), t = time of x (s, or reversed), k = units, A = accumulator
//            gates (b, t, 3k) T: x W on entry of the forward; if TRAINING the activated gates on exit
//            recurrent_weight R (k, 3k) T; bias (2, 3k) T or null; initial_h (b, k) T or null; mask (b, t) or null
//            scale (b, 3, k) T: factors of h in the product of each gate; read if SCALED
//            update (b, s, k) T: u, or null for the number `taken`; read if ZONEOUT
//            y (b, s, k) T: step reads y[:, step - 1]; inner (b, t, k) T if TRAINING; last_h (b, k) T: by the last step
//            dy (b, s, k) T, grad_h (b, k) T or null; dgates, dstates (b, t, 3k) T: before activation
//            carry (b, k) A: dh that bypasses R, between launches
//            previous_h (b, t, k) T: h before the step, for the gradient to R; dh0 (b, k) T: written by step -1
// Work:      as product.cuh says; a thread owns one unit, with all its gates, of ROWS_A_THREAD sequences
// Traffic:   R once for each tile of sequences, h (dstates) once for each tile of units, all else once
// Needs:     nothing; any sizes. The state between steps is rounded to T.
// Deterministic: yes; every sum has a fixed order and no two blocks write the same element.
#include "gru_unit.cuh"
#include "product.cuh"

template <typename T, int UNITS, int ROWS_A_THREAD, CellActivation ACTIVATION, CellActivation RECURRENT, bool TRAINING, bool SCALED,
          bool ZONEOUT>
__global__ void __launch_bounds__(256, 1)
    gru_cell_forward(T* gates, const T* __restrict__ recurrent_weight, const T* __restrict__ bias,
                     const T* __restrict__ initial_h, const bool* __restrict__ mask, const T* __restrict__ scale,
                     const T* __restrict__ update, Accumulator<T> taken, T* y, T* inner, T* last_h, CellGeometry geometry,
                     int step) {
    using Real = Accumulator<T>;
    const int units = geometry.units;
    const long long columns = (long long)GRU_GATES * units;
    const int first_unit = blockIdx.x * UNITS, first_row = blockIdx.y * (THREADS / UNITS * ROWS_A_THREAD);
    const T* h_before = step > 0 ? y + (long long)(step - 1) * units : initial_h;
    const long long h_pitch = step > 0 ? (long long)geometry.steps * units : units;

    Real sum[ROWS_A_THREAD][GRU_GATES] = {};
    if (h_before)
        add_state_product<T, UNITS, SCALED>(h_before, h_pitch, recurrent_weight, columns, units, units, geometry.batch, scale,
                                            sum);

    const int unit = first_unit + threadIdx.x;
    if (unit >= units) return;
#pragma unroll
    for (int r = 0; r < ROWS_A_THREAD; ++r) {
        const int b = first_row + threadIdx.y * ROWS_A_THREAD + r;
        if (b >= geometry.batch) return;
        const long long in_time = geometry.row(b, geometry.time(step));
        T h = h_before ? h_before[b * h_pitch + unit] : narrow<T>(0);
        if (!mask || mask[in_time]) {
            T* z = gates + in_time * columns + unit;
            Real gate[GRU_GATES], through_state[GRU_GATES];
            for (int index = 0; index < GRU_GATES; ++index) {
                const long long column = (long long)index * units;
                gate[index] = widen(z[column]) + (bias ? widen(bias[column + unit]) : Real(0));
                through_state[index] = sum[r][index] + (bias ? widen(bias[columns + column + unit]) : Real(0));
            }
            gru_unit_forward<ACTIVATION, RECURRENT>(gate, through_state);
            if constexpr (TRAINING) {
                for (int index = 0; index < GRU_GATES; ++index) z[(long long)index * units] = narrow<T>(gate[index]);
                inner[in_time * units + unit] = narrow<T>(through_state[CANDIDATE]);
            }
            Real after = ::fma(gate[UPDATE], widen(h), (Real(1) - gate[UPDATE]) * gate[CANDIDATE]);
            if constexpr (ZONEOUT)
                after = updated(widen(h), after, update ? widen(update[geometry.row(b, step) * units + unit]) : taken);
            h = narrow<T>(after);
        }
        y[geometry.row(b, step) * units + unit] = h;
        if (step == geometry.steps - 1) last_h[(long long)b * units + unit] = h;
    }
}

template <typename T, int UNITS, int ROWS_A_THREAD, CellActivation ACTIVATION, CellActivation RECURRENT, bool SCALED, bool ZONEOUT>
__global__ void __launch_bounds__(256, 1)
    gru_cell_backward(const T* __restrict__ gates, const T* __restrict__ inner, const T* __restrict__ y,
                      const T* __restrict__ recurrent_weight, const T* __restrict__ initial_h,
                      const bool* __restrict__ mask, const T* __restrict__ scale, const T* __restrict__ update,
                      Accumulator<T> taken, const T* __restrict__ dy, const T* __restrict__ grad_h, T* dgates, T* dstates,
                      Accumulator<T>* carry, T* previous_h, T* dh0, CellGeometry geometry, int step) {
    using Real = Accumulator<T>;
    const int units = geometry.units;
    const long long columns = (long long)GRU_GATES * units;
    const int first_unit = blockIdx.x * UNITS, first_row = blockIdx.y * (THREADS / UNITS * ROWS_A_THREAD);
    const bool last = step == geometry.steps - 1;

    Real sum[ROWS_A_THREAD] = {};
    if (!last) {
        const T* after = dstates + geometry.time(step + 1) * columns;
        add_gates_product<T, UNITS, SCALED>(GRU_GATES, GRU_GATES, after, geometry.steps * columns, recurrent_weight, units, units,
                                            geometry.batch, scale, sum);
    }

    const int unit = first_unit + threadIdx.x;
    if (unit >= units) return;
#pragma unroll
    for (int r = 0; r < ROWS_A_THREAD; ++r) {
        const int b = first_row + threadIdx.y * ROWS_A_THREAD + r;
        if (b >= geometry.batch) return;
        const long long element = (long long)b * units + unit;

        // What comes from the step after: through R, and past it.
        Real dh = handed_back(sum[r], carry, grad_h, element, last);
        if (step < 0) {
            dh0[element] = narrow<T>(dh);
            continue;
        }

        const long long in_time = geometry.row(b, geometry.time(step));
        const long long state = geometry.row(b, step) * units + unit;
        if (dy) dh += widen(dy[state]);
        const T h_before = state_before(y, initial_h, state, element, units, step);
        previous_h[in_time * units + unit] = h_before;
        T* to_input = dgates + in_time * columns + unit;
        T* to_state = dstates + in_time * columns + unit;
        if (mask && !mask[in_time]) {
            for (int index = 0; index < GRU_GATES; ++index)
                to_input[(long long)index * units] = to_state[(long long)index * units] = narrow<T>(0);
            carry[element] = dh;
            continue;
        }

        // Past the update; through h' = z h_before + (1 - z) g and g = act(xw + r inner).
        Real past = 0;
        if constexpr (ZONEOUT) {
            const Real through = dh * (update ? widen(update[state]) : taken);
            past = dh - through;
            dh = through;
        }
        const T* saved = gates + in_time * columns + unit;
        Real gate[GRU_GATES], dgate[GRU_GATES];
        for (int index = 0; index < GRU_GATES; ++index) gate[index] = widen(saved[(long long)index * units]);
        const Real through_state = widen(inner[in_time * units + unit]);
        gru_unit_backward<ACTIVATION, RECURRENT>(gate, dgate, dh, widen(h_before), through_state);
        for (int index = 0; index < GRU_GATES; ++index) {
            to_input[(long long)index * units] = narrow<T>(dgate[index]);
            to_state[(long long)index * units] = narrow<T>(index == CANDIDATE ? dgate[index] * gate[RESET] : dgate[index]);
        }
        carry[element] = ZONEOUT ? past + dh * gate[UPDATE] : dh * gate[UPDATE];
    }
}
