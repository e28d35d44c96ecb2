// The part of an LSTM's step behind the products, for whole rows: layer normalisation, peepholes, zoneout. A launch a step,
// beside one of state.cu and, where h' is projected, one of projection.cu.
//   forward:   z = gain_x normal(xw[t]) + gain_h normal(h R) + bias;  i, f see p c;  c' = sigmoid(f) c + sigmoid(i) tanh(g);
//              o sees p_o c';  inside = sigmoid(o) tanh(gain_c normal(c') + shift);  c[step] = u_c c' + (1 - u_c) c;
//              h[step] = u_h inside + (1 - u_h) h, unless inside is to be projected
//   backward:  from dinside and dc to dgates, the gradients to z, and dproducts, those to h R; without gains they are the same
//   Where mask[b, t] is false the state is held: h' = h, c' = c, dgates = dproducts = 0.
// Arrays:    b = batch, s = steps (in the order of processing), t = time of x (s, or reversed), k = units, A = accumulator
//            inputs (b, t, 4k) T: normal(x W); gates (b, t, 4k) T: activated; null unless training
//            sums (b, 4k) A: h R on entry; two of each unit's are scratch on exit; recurrent_normal (b, t, 4k) T: normal(h R)
//            statistics (b, t, 3) A: 1 / deviation of h R, mean and 1 / deviation of c'; both null unless training
//            bias, input_gain, recurrent_gain (4k) T, state_gain, state_shift (k) T, peephole (3, k) T; initial_h, initial_c
//            (b, k) T; mask (b, t): bias, peephole, initial states and mask may be null, in the backward the gains too
//            update_h, update_c (b, s, k) T: u, or null for the numbers taken_h, taken_c
//            cells (b, s, k) A: c after each step, or (b, k) unless training; y (b, s, k) T and last_h (b, k) T, or
//            inside (b, t, k) T ((b, k) unless training); last_c (b, k) T: by the last step
//            dinside (b, k) A; grad_c (b, k) T or null; dgates, dproducts (b, t, 4k) T; carry_c (b, k) A: dc between launches
//            dstate (b, 2, k) A, dpeephole (b, 3, k) A: each sequence's sums for state_gain, state_shift and p
//            dc0 (b, k) T: written by step 0
// Work:      a block owns a sequence, a thread every blockDim-th unit with all its gates; four sums over the block
// Traffic:   every array once, and again from the caches: sums three times in the forward, gates twice and dgates once more in
//            the backward. A kernel that owned whole rows in the product too would read all of R in every block.
// Needs:     nothing; any sizes. c is kept in A.
// Deterministic: yes; the order of every sum is fixed by the number of units.
#include "lstm_unit.cuh"
#include "rows.cuh"

template <typename T, CellActivation ACTIVATION, CellActivation RECURRENT>
__global__ void __launch_bounds__(ROW_THREADS)
    lstm_rows_forward(const T* __restrict__ inputs, T* gates, Accumulator<T>* sums, const T* __restrict__ bias,
                      const T* __restrict__ initial_h, const T* __restrict__ initial_c, const bool* __restrict__ mask,
                      const T* __restrict__ peephole, const T* __restrict__ input_gain,
                      const T* __restrict__ recurrent_gain, const T* __restrict__ state_gain,
                      const T* __restrict__ state_shift, const T* __restrict__ update_h, const T* __restrict__ update_c,
                      Accumulator<T> taken_h, Accumulator<T> taken_c, Accumulator<T> epsilon, T* recurrent_normal,
                      Accumulator<T>* statistics, T* y, T* inside, Accumulator<T>* cells, T* last_h, T* last_c,
                      CellGeometry geometry, int step) {
    using Real = Accumulator<T>;
    const int b = blockIdx.x, units = geometry.units, columns = GATES * units;
    const bool last = step == geometry.steps - 1;
    const long long in_time = geometry.row(b, geometry.time(step));
    const long long sequence = (long long)b * units, state = geometry.row(b, step) * units;
    Real* cell = cells + (gates ? state : sequence);
    inside = inside ? inside + (gates ? in_time * units : sequence) : nullptr;
    const auto c_before = [&](int unit) {
        if (step > 0) return gates ? cell[unit - units] : cell[unit];
        return initial_c ? widen(initial_c[sequence + unit]) : Real(0);
    };
    const auto h_before = [&](int unit) {
        return step > 0 ? y[state - units + unit] : initial_h ? initial_h[sequence + unit] : narrow<T>(0);
    };

    if (mask && !mask[in_time]) {
        for (int unit = threadIdx.x; unit < units; unit += blockDim.x) {
            const Real c = c_before(unit);
            cell[unit] = c;
            if (last) last_c[sequence + unit] = narrow<T>(c);
            if (inside) {
                inside[unit] = narrow<T>(0);
            } else {
                const T h = h_before(unit);
                y[state + unit] = h;
                if (last) last_h[sequence + unit] = h;
            }
            if (recurrent_normal)
                for (int index = 0; index < GATES; ++index)
                    recurrent_normal[in_time * columns + index * units + unit] = narrow<T>(0);
        }
        return;
    }

    // The gates and c', which takes the place of the input gate's sum, as the output gate does of its own.
    Real* sum = sums + (long long)b * columns;
    const auto of_recurrent = row_moments(columns, epsilon, [&](int column) { return sum[column]; });
    for (int unit = threadIdx.x; unit < units; unit += blockDim.x) {
        Real gate[GATES];
        for (int index = 0; index < GATES; ++index) {
            const int column = index * units + unit;
            const long long at = in_time * columns + column;
            const Real normal = (sum[column] - of_recurrent.mean) * of_recurrent.inverse;
            if (recurrent_normal) recurrent_normal[at] = narrow<T>(normal);
            gate[index] = ::fma(widen(inputs[at]), widen(input_gain[column]), normal * widen(recurrent_gain[column])) +
                          (bias ? widen(bias[column]) : Real(0));
        }
        const Real before = c_before(unit);
        const Real after =
            lstm_unit_forward<ACTIVATION, RECURRENT>(gate, before, peephole ? peephole + unit : nullptr, units);
        if (gates)
            for (int index = 0; index < GATES; ++index)
                gates[in_time * columns + index * units + unit] = narrow<T>(gate[index]);
        sum[INPUT * units + unit] = after;
        sum[OUTPUT * units + unit] = gate[OUTPUT];
        const Real c = updated(before, after, update_c ? widen(update_c[state + unit]) : taken_c);
        cell[unit] = c;
        if (last) last_c[sequence + unit] = narrow<T>(c);
    }

    // Each thread reads what it wrote itself.
    const auto of_state = row_moments(units, epsilon, [&](int unit) { return sum[INPUT * units + unit]; });
    if (statistics && threadIdx.x == 0) {
        statistics[in_time * 3] = of_recurrent.inverse;
        statistics[in_time * 3 + 1] = of_state.mean;
        statistics[in_time * 3 + 2] = of_state.inverse;
    }
    for (int unit = threadIdx.x; unit < units; unit += blockDim.x) {
        const Real normal = (sum[INPUT * units + unit] - of_state.mean) * of_state.inverse;
        const Real argument = ::fma(normal, widen(state_gain[unit]), widen(state_shift[unit]));
        const Real output = sum[OUTPUT * units + unit] * activate<ACTIVATION>(argument);
        if (inside) {
            inside[unit] = narrow<T>(output);
        } else {
            const Real taken = update_h ? widen(update_h[state + unit]) : taken_h;
            const T h = narrow<T>(updated(widen(h_before(unit)), output, taken));
            y[state + unit] = h;
            if (last) last_h[sequence + unit] = h;
        }
    }
}

// What the backward computes anew of a unit: its gates, c, c', normal(c') and what the output gate lets through.
template <typename Real> struct LSTMUnit {
    Real gate[GATES], c, after, normal, activated;
};

template <typename T, CellActivation ACTIVATION, CellActivation RECURRENT>
__global__ void __launch_bounds__(ROW_THREADS)
    lstm_rows_backward(const T* __restrict__ gates, const Accumulator<T>* __restrict__ cells,
                       const T* __restrict__ initial_c, const bool* __restrict__ mask, const T* __restrict__ peephole,
                       const T* __restrict__ recurrent_gain, const T* __restrict__ state_gain,
                       const T* __restrict__ state_shift, const T* __restrict__ update_c, Accumulator<T> taken_c,
                       const T* __restrict__ recurrent_normal, const Accumulator<T>* __restrict__ statistics,
                       const Accumulator<T>* __restrict__ dinside, const T* __restrict__ grad_c, T* dgates, T* dproducts,
                       Accumulator<T>* carry_c, Accumulator<T>* dstate, Accumulator<T>* dpeephole, T* dc0,
                       CellGeometry geometry, int step) {
    using Real = Accumulator<T>;
    const int b = blockIdx.x, units = geometry.units, columns = GATES * units;
    const bool last = step == geometry.steps - 1;
    const long long in_time = geometry.row(b, geometry.time(step)), first = in_time * columns;
    const long long sequence = (long long)b * units, state = geometry.row(b, step) * units;
    const auto dc_after = [&](int unit) {
        return !last ? carry_c[sequence + unit] : grad_c ? widen(grad_c[sequence + unit]) : Real(0);
    };
    const auto hand_on = [&](int unit, Real dc) {
        carry_c[sequence + unit] = dc;
        if (step == 0) dc0[sequence + unit] = narrow<T>(dc);
    };

    if (mask && !mask[in_time]) {
        for (int column = threadIdx.x; column < columns; column += blockDim.x) {
            dgates[first + column] = narrow<T>(0);
            if (dproducts) dproducts[first + column] = narrow<T>(0);
        }
        for (int unit = threadIdx.x; unit < units; unit += blockDim.x) hand_on(unit, dc_after(unit));
        return;
    }

    // A unit once more.
    const bool normalized = recurrent_gain;
    const Real mean = normalized ? statistics[in_time * 3 + 1] : Real(0);
    const Real inverse = normalized ? statistics[in_time * 3 + 2] : Real(0);
    const auto again = [&](int unit) {
        LSTMUnit<Real> found;
        for (int index = 0; index < GATES; ++index) found.gate[index] = widen(gates[first + index * units + unit]);
        found.c = step > 0 ? cells[state - units + unit] : initial_c ? widen(initial_c[sequence + unit]) : Real(0);
        found.after = ::fma(found.gate[FORGET], found.c, found.gate[INPUT] * found.gate[CELL]);
        found.normal = (found.after - mean) * inverse;
        const Real argument =
            normalized ? ::fma(found.normal, widen(state_gain[unit]), widen(state_shift[unit])) : found.after;
        found.activated = activate<ACTIVATION>(argument);
        return found;
    };

    // The means that the gradient to c' needs.
    Real of_state[2] = {};
    if (normalized) {
        for (int unit = threadIdx.x; unit < units; unit += blockDim.x) {
            const LSTMUnit<Real> u = again(unit);
            const Real through = dinside[sequence + unit] * u.gate[OUTPUT] * derivative<ACTIVATION>(u.activated);
            dstate[2 * sequence + unit] += through * u.normal;
            dstate[2 * sequence + units + unit] += through;
            of_state[0] += through * widen(state_gain[unit]);
            of_state[1] += through * widen(state_gain[unit]) * u.normal;
        }
        add_over_block(of_state);
        for (Real& value : of_state) value /= Real(units);
    }

    // Through c' to the gates, and on to c.
    Real of_recurrent[2] = {};
    for (int unit = threadIdx.x; unit < units; unit += blockDim.x) {
        const LSTMUnit<Real> u = again(unit);
        const Real dh = dinside[sequence + unit], dc = dc_after(unit);
        Real through = dh * u.gate[OUTPUT] * derivative<ACTIVATION>(u.activated);
        if (normalized) through = normal_backward(through * widen(state_gain[unit]), u.normal, of_state, inverse);
        const Real dnew = dc * (update_c ? widen(update_c[state + unit]) : taken_c);
        Real dgate[GATES];
        dgate[OUTPUT] = dh * u.activated * derivative<RECURRENT>(u.gate[OUTPUT]);
        const Real before = lstm_unit_backward<ACTIVATION, RECURRENT>(u.gate, dgate, dnew + through, u.c,
                                                                      peephole ? peephole + unit : nullptr, units);
        hand_on(unit, dc - dnew + before);
        if (dpeephole) add_peephole_gradient(dpeephole + 3 * sequence + unit, units, dgate, u.c, u.after);
        for (int index = 0; index < GATES; ++index) {
            const int column = index * units + unit;
            const T rounded = narrow<T>(dgate[index]);
            dgates[first + column] = rounded;
            if (normalized) {
                const Real grad = widen(rounded) * widen(recurrent_gain[column]);
                of_recurrent[0] += grad;
                of_recurrent[1] += grad * widen(recurrent_normal[first + column]);
            }
        }
    }
    if (!normalized) return;

    add_over_block(of_recurrent);
    for (Real& value : of_recurrent) value /= Real(columns);
    const Real of_products = statistics[in_time * 3];
    for (int column = threadIdx.x; column < columns; column += blockDim.x) {
        const Real grad = widen(dgates[first + column]) * widen(recurrent_gain[column]);
        const Real normal = widen(recurrent_normal[first + column]);
        dproducts[first + column] = narrow<T>(normal_backward(grad, normal, of_recurrent, of_products));
    }
}
