// One step of a gated recurrent unit for all sequences, reset gate before the product: two launches a step, each direction.
//   forward:   z = sigmoid(xw_z[t] + (s_z h) R_z + b_z);  r likewise;  inner = r s_g h  (gru_gates_forward)
//              g = tanh(xw_g[t] + inner R_g + b_g);  h' = z h + (1 - z) g               (gru_candidate_forward)
//   backward:  dh = sum of s (dgates[step + 1] R^T) over z, r + carry + dy[step];  dz, dg;  carry = z dh
//                                                                                       (gru_candidate_backward)
//              dinner = s_g dg R_g^T;  dr = dinner h;  carry += dinner r                (gru_reset_backward)
//   s: the factors of h that dropout draws, 1 unless SCALED.
//   Where mask[b, t] is false the state is held: h' = h, inner = 0, dgates = 0, carry = dh.
// Arrays:    b = batch, s = steps (in the order of processing), t = time of x (s, or reversed), k = units, A = accumulator
//            gates (b, t, 3k) T: x W on entry of the forward; on exit the activated gates (the candidate's if TRAINING)
//            recurrent_weight R (k, 3k) T; bias (3k) T or null; initial_h (b, k) T or null; mask (b, t) or null
//            scale (b, 3, k) T: s for each gate; read if SCALED
//            inner (b, t, k) T, or (b, 1, k) unless TRAINING; y (b, s, k) T: step reads y[:, step - 1]
//            last_h (b, k) T: written by the last step
//            dy (b, s, k) T, grad_h (b, k) T or null; dgates (b, t, 3k) T: before activation
//            carry (b, k) A: dh that does not pass the gates' product, between launches
//            previous_h (b, t, k) T: h before the step, for the gradient to R; dh0 (b, k) T: written by step -1
// Work:      as product.cuh says; a thread owns one unit of ROWS_A_THREAD sequences
// Traffic:   R once for each tile of sequences, what R multiplies once for each tile of units, all else once a launch
// Needs:     nothing; any sizes. The state between steps, and inner, are rounded to T. Of SCALED kernels the launch bounds
//            allow all registers: left to its own rule the assembler spills.
// Deterministic: yes; every sum has a fixed order and no two blocks write the same element.
#include "product.cuh"

template <typename T, int UNITS, int ROWS_A_THREAD, CellActivation ACTIVATION, CellActivation RECURRENT, bool TRAINING, bool SCALED>
__global__ void __launch_bounds__(256, SCALED ? 1 : 0)
    gru_gates_forward(T* gates, const T* __restrict__ recurrent_weight, const T* __restrict__ bias,
                      const T* __restrict__ initial_h, const bool* __restrict__ mask, const T* __restrict__ scale,
                      const T* __restrict__ y, T* inner, CellGeometry geometry, int step) {
    using Real = Accumulator<T>;
    const int units = geometry.units;
    const long long columns = (long long)GRU_GATES * units;
    const int first_unit = blockIdx.x * UNITS, first_row = blockIdx.y * (THREADS / UNITS * ROWS_A_THREAD);
    const T* h_before = step > 0 ? y + (long long)(step - 1) * units : initial_h;
    const long long h_pitch = step > 0 ? (long long)geometry.steps * units : units;

    Real sum[ROWS_A_THREAD][2] = {};
    if (h_before)
        add_state_product<T, UNITS, SCALED>(h_before, h_pitch, recurrent_weight, columns, units, units, geometry.batch, scale,
                                            sum, GRU_GATES);

    const int unit = first_unit + threadIdx.x;
    if (unit >= units) return;
#pragma unroll
    for (int r = 0; r < ROWS_A_THREAD; ++r) {
        const int b = first_row + threadIdx.y * ROWS_A_THREAD + r;
        if (b >= geometry.batch) return;
        const long long in_time = geometry.row(b, geometry.time(step));
        Real h = h_before ? widen(h_before[b * h_pitch + unit]) : Real(0);
        if constexpr (SCALED) h *= widen(scale[b * columns + (long long)CANDIDATE * units + unit]);
        Real reset = 0;
        if (!mask || mask[in_time]) {
            T* z = gates + in_time * columns + unit;
            for (int index = UPDATE; index <= RESET; ++index) {
                const long long column = (long long)index * units;
                reset = activate<RECURRENT>(widen(z[column]) + sum[r][index] + (bias ? widen(bias[column + unit]) : Real(0)));
                z[column] = narrow<T>(reset);
            }
        }
        inner[(TRAINING ? in_time : (long long)b) * units + unit] = narrow<T>(reset * h);
    }
}

template <typename T, int UNITS, int ROWS_A_THREAD, CellActivation ACTIVATION, CellActivation RECURRENT, bool TRAINING>
__global__ void __launch_bounds__(256)
    gru_candidate_forward(T* gates, const T* __restrict__ recurrent_weight, const T* __restrict__ bias,
                          const T* __restrict__ initial_h, const bool* __restrict__ mask, const T* __restrict__ inner,
                          T* y, T* last_h, CellGeometry geometry, int step) {
    using Real = Accumulator<T>;
    const int units = geometry.units;
    const long long columns = (long long)GRU_GATES * units, candidate = (long long)CANDIDATE * units;
    const int first_unit = blockIdx.x * UNITS, first_row = blockIdx.y * (THREADS / UNITS * ROWS_A_THREAD);
    const T* h_before = step > 0 ? y + (long long)(step - 1) * units : initial_h;
    const long long h_pitch = step > 0 ? (long long)geometry.steps * units : units;

    Real sum[ROWS_A_THREAD][1] = {};
    const T* states = TRAINING ? inner + (long long)geometry.time(step) * units : inner;
    const long long pitch = TRAINING ? (long long)geometry.steps * units : units;
    if (h_before)
        add_state_product<T, UNITS, false>(states, pitch, recurrent_weight + candidate, columns, units, units,
                                           geometry.batch, nullptr, sum);

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
            const Real value = widen(z[candidate]) + sum[r][0] + (bias ? widen(bias[candidate + unit]) : Real(0));
            const Real g = activate<ACTIVATION>(value), update = widen(z[(long long)UPDATE * units]);
            if constexpr (TRAINING) z[candidate] = narrow<T>(g);
            h = narrow<T>(::fma(update, widen(h), (Real(1) - update) * g));
        }
        y[geometry.row(b, step) * units + unit] = h;
        if (step == geometry.steps - 1) last_h[(long long)b * units + unit] = h;
    }
}

template <typename T, int UNITS, int ROWS_A_THREAD, CellActivation ACTIVATION, CellActivation RECURRENT, bool SCALED>
__global__ void __launch_bounds__(256, SCALED ? 1 : 0)
    gru_candidate_backward(const T* __restrict__ gates, const T* __restrict__ y, const T* __restrict__ recurrent_weight,
                           const T* __restrict__ initial_h, const bool* __restrict__ mask, const T* __restrict__ scale,
                           const T* __restrict__ dy, const T* __restrict__ grad_h, T* dgates, Accumulator<T>* carry,
                           T* previous_h, T* dh0, CellGeometry geometry, int step) {
    using Real = Accumulator<T>;
    const int units = geometry.units;
    const long long columns = (long long)GRU_GATES * units;
    const int first_unit = blockIdx.x * UNITS, first_row = blockIdx.y * (THREADS / UNITS * ROWS_A_THREAD);
    const bool last = step == geometry.steps - 1;

    Real sum[ROWS_A_THREAD] = {};
    if (!last) {
        const T* after = dgates + geometry.time(step + 1) * columns;
        add_gates_product<T, UNITS, SCALED>(CANDIDATE, GRU_GATES, after, geometry.steps * columns, recurrent_weight, units,
                                            units, geometry.batch, scale, sum);
    }

    const int unit = first_unit + threadIdx.x;
    if (unit >= units) return;
#pragma unroll
    for (int r = 0; r < ROWS_A_THREAD; ++r) {
        const int b = first_row + threadIdx.y * ROWS_A_THREAD + r;
        if (b >= geometry.batch) return;
        const long long element = (long long)b * units + unit;
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
        const long long first = in_time * columns + unit;
        if (mask && !mask[in_time]) {
            for (int index = 0; index < GRU_GATES; ++index) dgates[first + (long long)index * units] = narrow<T>(0);
            carry[element] = dh;
            continue;
        }
        const Real update = widen(gates[first + (long long)UPDATE * units]);
        const Real g = widen(gates[first + (long long)CANDIDATE * units]);
        const Real dupdate = dh * (widen(h_before) - g) * derivative<RECURRENT>(update);
        dgates[first + (long long)UPDATE * units] = narrow<T>(dupdate);
        dgates[first + (long long)CANDIDATE * units] = narrow<T>(dh * (Real(1) - update) * derivative<ACTIVATION>(g));
        carry[element] = dh * update;
    }
}

template <typename T, int UNITS, int ROWS_A_THREAD, CellActivation ACTIVATION, CellActivation RECURRENT, bool SCALED>
__global__ void __launch_bounds__(256, SCALED ? 1 : 0)
    gru_reset_backward(const T* __restrict__ gates, const T* __restrict__ recurrent_weight, const bool* __restrict__ mask,
                       const T* __restrict__ scale, const T* __restrict__ previous_h, T* dgates, Accumulator<T>* carry,
                       CellGeometry geometry, int step) {
    using Real = Accumulator<T>;
    const int units = geometry.units;
    const long long columns = (long long)GRU_GATES * units, candidate = (long long)CANDIDATE * units;
    const int first_unit = blockIdx.x * UNITS, first_row = blockIdx.y * (THREADS / UNITS * ROWS_A_THREAD);

    // sum[r] = (dg R_g^T)[row, unit]
    Real sum[ROWS_A_THREAD] = {};
    const T* of_candidate = dgates + geometry.time(step) * columns + candidate;
    add_gradient_product<T, UNITS>(of_candidate, geometry.steps * columns, units, recurrent_weight + candidate, columns,
                                   units, geometry.batch, sum);

    const int unit = first_unit + threadIdx.x;
    if (unit >= units) return;
#pragma unroll
    for (int r = 0; r < ROWS_A_THREAD; ++r) {
        const int b = first_row + threadIdx.y * ROWS_A_THREAD + r;
        if (b >= geometry.batch) return;
        const long long in_time = geometry.row(b, geometry.time(step));
        if (mask && !mask[in_time]) continue;
        const long long at = in_time * columns + (long long)RESET * units + unit;
        const Real reset = widen(gates[at]);
        const Real h = widen(previous_h[in_time * units + unit]);
        Real dinner = sum[r];
        if constexpr (SCALED) dinner *= widen(scale[b * columns + candidate + unit]);
        dgates[at] = narrow<T>(dinner * h * derivative<RECURRENT>(reset));
        carry[(long long)b * units + unit] += dinner * reset;
    }
}
