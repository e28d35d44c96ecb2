// The part of a gated recurrent unit's step behind the product, for whole rows: layer normalisation, reset gate after the
// product. A launch a step, beside one of state.cu.
//   forward:   a = gain_x normal(xw[t]) + b;  n = gain_h normal(h R) + b';  z = sigmoid(a_z + n_z);  r likewise;
//              g = tanh(a_g + r n_g);  h' = z h + (1 - z) g;  h[step] = u h' + (1 - u) h
//   backward:  from dnew, the gradient to h', to dgates (to a), dstates (to n), dproducts (to h R) and carry (to h, past R)
//   Where mask[b, t] is false the state is held: h' = h, all gradients are zeros.
// Arrays:    b = batch, s = steps (in the order of processing), t = time of x (s, or reversed), k = units, A = accumulator
//            inputs (b, t, 3k) T: normal(x W); gates (b, t, 3k) T: activated; null unless training
//            sums (b, 3k) A: h R; recurrent_normal (b, t, 3k) T: normal(h R); inverse (b, t) A: 1 / deviation of h R; both null
//            unless training; bias (2, 3k) T, initial_h (b, k) T, mask (b, t), or null; input_gain, recurrent_gain (3k) T
//            update (b, s, k) T: u, or null for the number `taken`; y (b, s, k) T; last_h (b, k) T: by the last step
//            dnew (b, k) A; previous_h (b, t, k) T; dgates, dstates, dproducts (b, t, 3k) T; carry (b, k) A: added to
// Work:      a block owns a sequence, a thread every blockDim-th unit with all its gates; two sums over the block
// Traffic:   every array once; sums three times and dstates once more from the caches
// Needs:     nothing; any sizes. The state between steps is rounded to T.
// Deterministic: yes; the order of every sum is fixed by the number of units.
#include "gru_unit.cuh"
#include "rows.cuh"

template <typename T, CellActivation ACTIVATION, CellActivation RECURRENT>
__global__ void __launch_bounds__(ROW_THREADS)
    gru_rows_forward(const T* __restrict__ inputs, T* gates, const Accumulator<T>* __restrict__ sums,
                     const T* __restrict__ bias, const T* __restrict__ initial_h, const bool* __restrict__ mask,
                     const T* __restrict__ input_gain, const T* __restrict__ recurrent_gain, const T* __restrict__ update,
                     Accumulator<T> taken, Accumulator<T> epsilon, T* recurrent_normal, Accumulator<T>* inverse, T* y,
                     T* last_h, CellGeometry geometry, int step) {
    using Real = Accumulator<T>;
    const int b = blockIdx.x, units = geometry.units, columns = GRU_GATES * units;
    const long long in_time = geometry.row(b, geometry.time(step)), first = in_time * columns;
    const long long sequence = (long long)b * units, state = geometry.row(b, step) * units;
    const bool last = step == geometry.steps - 1, held = mask && !mask[in_time];

    Moments<Real> moments = {};
    const Real* sum = sums + (long long)b * columns;
    if (!held) moments = row_moments(columns, epsilon, [&](int column) { return sum[column]; });
    if (!held && inverse && threadIdx.x == 0) inverse[in_time] = moments.inverse;
    for (int unit = threadIdx.x; unit < units; unit += blockDim.x) {
        T h = step > 0 ? y[state - units + unit] : initial_h ? initial_h[sequence + unit] : narrow<T>(0);
        if (!held) {
            Real gate[GRU_GATES], through_state[GRU_GATES];
            for (int index = 0; index < GRU_GATES; ++index) {
                const int column = index * units + unit;
                const Real normal = (sum[column] - moments.mean) * moments.inverse;
                if (recurrent_normal) recurrent_normal[first + column] = narrow<T>(normal);
                gate[index] = ::fma(widen(inputs[first + column]), widen(input_gain[column]),
                                    bias ? widen(bias[column]) : Real(0));
                through_state[index] = ::fma(normal, widen(recurrent_gain[column]),
                                             bias ? widen(bias[columns + column]) : Real(0));
            }
            gru_unit_forward<ACTIVATION, RECURRENT>(gate, through_state);
            if (gates)
                for (int index = 0; index < GRU_GATES; ++index) gates[first + index * units + unit] = narrow<T>(gate[index]);
            const Real after = ::fma(gate[UPDATE], widen(h), (Real(1) - gate[UPDATE]) * gate[CANDIDATE]);
            h = narrow<T>(updated(widen(h), after, update ? widen(update[state + unit]) : taken));
        } else if (recurrent_normal) {
            for (int index = 0; index < GRU_GATES; ++index)
                recurrent_normal[first + index * units + unit] = narrow<T>(0);
        }
        y[state + unit] = h;
        if (last) last_h[sequence + unit] = h;
    }
}

template <typename T, CellActivation ACTIVATION, CellActivation RECURRENT>
__global__ void __launch_bounds__(ROW_THREADS)
    gru_rows_backward(const T* __restrict__ gates, const T* __restrict__ recurrent_normal,
                      const Accumulator<T>* __restrict__ inverse, const T* __restrict__ bias,
                      const T* __restrict__ recurrent_gain, const bool* __restrict__ mask,
                      const T* __restrict__ previous_h, const Accumulator<T>* __restrict__ dnew, T* dgates, T* dstates,
                      T* dproducts, Accumulator<T>* carry, CellGeometry geometry, int step) {
    using Real = Accumulator<T>;
    const int b = blockIdx.x, units = geometry.units, columns = GRU_GATES * units;
    const long long in_time = geometry.row(b, geometry.time(step)), first = in_time * columns;
    const long long sequence = (long long)b * units;

    if (mask && !mask[in_time]) {
        for (int column = threadIdx.x; column < columns; column += blockDim.x)
            dgates[first + column] = dstates[first + column] = dproducts[first + column] = narrow<T>(0);
        return;
    }

    Real mean[2] = {};
    for (int unit = threadIdx.x; unit < units; unit += blockDim.x) {
        Real gate[GRU_GATES], dgate[GRU_GATES];
        for (int index = 0; index < GRU_GATES; ++index) gate[index] = widen(gates[first + index * units + unit]);
        const int candidate = CANDIDATE * units + unit;
        const Real through_state = ::fma(widen(recurrent_normal[first + candidate]), widen(recurrent_gain[candidate]),
                                         bias ? widen(bias[columns + candidate]) : Real(0));
        const Real dh = dnew[sequence + unit], h = widen(previous_h[in_time * units + unit]);
        gru_unit_backward<ACTIVATION, RECURRENT>(gate, dgate, dh, h, through_state);
        carry[sequence + unit] += dh * gate[UPDATE];
        for (int index = 0; index < GRU_GATES; ++index) {
            const int column = index * units + unit;
            const T rounded = narrow<T>(index == CANDIDATE ? dgate[index] * gate[RESET] : dgate[index]);
            dgates[first + column] = narrow<T>(dgate[index]);
            dstates[first + column] = rounded;
            const Real grad = widen(rounded) * widen(recurrent_gain[column]);
            mean[0] += grad;
            mean[1] += grad * widen(recurrent_normal[first + column]);
        }
    }
    add_over_block(mean);
    for (Real& value : mean) value /= Real(columns);
    for (int column = threadIdx.x; column < columns; column += blockDim.x) {
        const Real grad = widen(dstates[first + column]) * widen(recurrent_gain[column]);
        const Real normal = widen(recurrent_normal[first + column]);
        dproducts[first + column] = narrow<T>(normal_backward(grad, normal, mean, inverse[in_time]));
    }
}
