// One step of a simple recurrent cell for all sequences, forward and backward; a launch a step.
//   forward:   h' = act(xw[t] + h R + bias)
//   backward:  dh = dsums[step + 1] R^T + dy[step];  dsums[step] = dh act'(h')
//   Where mask[b, t] is false the state is held: h' = h, dsums = 0.
// Arrays:    b = batch, s = steps (in the order of processing), t = time of x (s, or reversed), k = units, A = accumulator
//            sums (b, t, k) T: x W; recurrent_weight R (k, k) T; bias (k) T or null; initial_h (b, k) T or null
//            scale (b, 1, k) T: factors of h in its product; read if SCALED
//            mask (b, t) or null; y (b, s, k) T: step reads y[:, step - 1]; last_h (b, k) T: written by the last step
//            dy (b, s, k) T, grad_h (b, k) T or null; dsums (b, t, k) T: before activation
//            carry (b, k) A: dh that a masked step hands on between launches
//            previous_h (b, t, k) T: h before the step, for the gradient to R; dh0 (b, k) T: written by step -1
// Work:      as product.cuh says; a thread owns one unit of ROWS_A_THREAD sequences
// Traffic:   R once for each tile of sequences, h (dsums) once for each tile of units, all else once
// Needs:     nothing; any sizes. The state between steps is rounded to T.
//            Of SCALED kernels the launch bounds allow all registers: left to its own rule the assembler spills.
// Deterministic: yes; every sum has a fixed order and no two blocks write the same element.
#include "product.cuh"

template <typename T, int UNITS, int ROWS_A_THREAD, CellActivation ACTIVATION, bool SCALED>
__global__ void __launch_bounds__(256, SCALED ? 1 : 0)
    simple_rnn_cell_forward(const T* __restrict__ sums, const T* __restrict__ recurrent_weight,
                            const T* __restrict__ bias, const T* __restrict__ initial_h, const bool* __restrict__ mask,
                            const T* __restrict__ scale, T* y, T* last_h, CellGeometry geometry, int step) {
    using Real = Accumulator<T>;
    const int units = geometry.units;
    const int first_unit = blockIdx.x * UNITS, first_row = blockIdx.y * (THREADS / UNITS * ROWS_A_THREAD);
    const T* h_before = step > 0 ? y + (long long)(step - 1) * units : initial_h;
    const long long h_pitch = step > 0 ? (long long)geometry.steps * units : units;

    Real sum[ROWS_A_THREAD][1] = {};
    if (h_before)
        add_state_product<T, UNITS, SCALED>(h_before, h_pitch, recurrent_weight, units, units, units, geometry.batch, scale,
                                            sum);

    const int unit = first_unit + threadIdx.x;
    if (unit >= units) return;
#pragma unroll
    for (int r = 0; r < ROWS_A_THREAD; ++r) {
        const int b = first_row + threadIdx.y * ROWS_A_THREAD + r;
        if (b >= geometry.batch) return;
        const long long in_time = geometry.row(b, geometry.time(step));
        T h;
        if (mask && !mask[in_time]) {
            h = h_before ? h_before[b * h_pitch + unit] : narrow<T>(0);
        } else {
            const Real value = widen(sums[in_time * units + unit]) + sum[r][0] + (bias ? widen(bias[unit]) : Real(0));
            h = narrow<T>(activate<ACTIVATION>(value));
        }
        y[geometry.row(b, step) * units + unit] = h;
        if (step == geometry.steps - 1) last_h[(long long)b * units + unit] = h;
    }
}

template <typename T, int UNITS, int ROWS_A_THREAD, CellActivation ACTIVATION, bool SCALED>
__global__ void __launch_bounds__(256, SCALED ? 1 : 0)
    simple_rnn_cell_backward(const T* __restrict__ y, const T* __restrict__ recurrent_weight,
                             const T* __restrict__ initial_h, const bool* __restrict__ mask, const T* __restrict__ scale,
                             const T* __restrict__ dy, const T* __restrict__ grad_h, T* dsums, Accumulator<T>* carry,
                             T* previous_h, T* dh0, CellGeometry geometry, int step) {
    using Real = Accumulator<T>;
    const int units = geometry.units;
    const int first_unit = blockIdx.x * UNITS, first_row = blockIdx.y * (THREADS / UNITS * ROWS_A_THREAD);
    const bool last = step == geometry.steps - 1;

    Real sum[ROWS_A_THREAD] = {};
    if (!last) {
        const T* after = dsums + (long long)geometry.time(step + 1) * units;
        add_gates_product<T, UNITS, SCALED>(1, 1, after, (long long)geometry.steps * units, recurrent_weight, units, units,
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
        Real dh = sum[r];
        if (last) dh = grad_h ? widen(grad_h[element]) : Real(0);
        else if (mask) dh += carry[element];
        if (step < 0) {
            dh0[element] = narrow<T>(dh);
            continue;
        }

        const long long in_time = geometry.row(b, geometry.time(step));
        const long long state = geometry.row(b, step) * units + unit;
        if (dy) dh += widen(dy[state]);
        previous_h[in_time * units + unit] = state_before(y, initial_h, state, element, units, step);
        const bool held = mask && !mask[in_time];
        dsums[in_time * units + unit] = narrow<T>(held ? Real(0) : dh * derivative<ACTIVATION>(widen(y[state])));
        if (mask) carry[element] = held ? dh : Real(0);
    }
}
