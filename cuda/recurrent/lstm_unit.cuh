// One unit of an LSTM within a step: from its sums to its gates and c', and back. Peepholes are optional.
#pragma once
#include "cell.cuh"

// gate: the sums of a unit's gates; z: x W (4, k), at the unit; sum: h R; bias (4, k), or null.
template <typename T>
__device__ __forceinline__ void lstm_unit_sums(Accumulator<T> (&gate)[GATES], const T* z, const Accumulator<T> (&sum)[GATES],
                                               const T* __restrict__ bias, int unit, int units) {
    for (int index = 0; index < GATES; ++index) {
        const long long column = (long long)index * units;
        gate[index] = widen(z[column]) + sum[index] + (bias ? widen(bias[column + unit]) : Accumulator<T>(0));
    }
}

// gate: the sums on entry, the activated gates on return, which gives c'.
// peephole: p (3, k) T for i, f, o, at the unit, or null: i and f see p c, o sees p c'.
template <CellActivation ACTIVATION, CellActivation RECURRENT, typename T>
__device__ __forceinline__ Accumulator<T> lstm_unit_forward(Accumulator<T> (&gate)[GATES], Accumulator<T> c, const T* peephole,
                                                            int units) {
    if (peephole) {
        gate[INPUT] += widen(peephole[0]) * c;
        gate[FORGET] += widen(peephole[units]) * c;
    }
    gate[INPUT] = activate<RECURRENT>(gate[INPUT]);
    gate[FORGET] = activate<RECURRENT>(gate[FORGET]);
    gate[CELL] = activate<ACTIVATION>(gate[CELL]);
    const Accumulator<T> after = ::fma(gate[FORGET], c, gate[INPUT] * gate[CELL]);
    if (peephole) gate[OUTPUT] += widen(peephole[2LL * units]) * after;
    gate[OUTPUT] = activate<RECURRENT>(gate[OUTPUT]);
    return after;
}

// dgate: that of the output gate on entry, all on return, which gives the gradient to c; dc: to c', but for the output gate.
template <CellActivation ACTIVATION, CellActivation RECURRENT, typename T>
__device__ __forceinline__ Accumulator<T> lstm_unit_backward(const Accumulator<T> (&gate)[GATES],
                                                             Accumulator<T> (&dgate)[GATES], Accumulator<T> dc,
                                                             Accumulator<T> c, const T* peephole, int units) {
    if (peephole) dc += widen(peephole[2LL * units]) * dgate[OUTPUT];
    dgate[INPUT] = dc * gate[CELL] * derivative<RECURRENT>(gate[INPUT]);
    dgate[FORGET] = dc * c * derivative<RECURRENT>(gate[FORGET]);
    dgate[CELL] = dc * gate[INPUT] * derivative<ACTIVATION>(gate[CELL]);
    Accumulator<T> before = dc * gate[FORGET];
    if (peephole) before += widen(peephole[0]) * dgate[INPUT] + widen(peephole[units]) * dgate[FORGET];
    return before;
}

// Adds a step's gradient to p to the sums of one sequence: dpeephole (3, k), at the unit.
template <typename Real>
__device__ __forceinline__ void add_peephole_gradient(Real* dpeephole, int units, const Real (&dgate)[GATES], Real c, Real after) {
    dpeephole[0] += dgate[INPUT] * c;
    dpeephole[units] += dgate[FORGET] * c;
    dpeephole[2LL * units] += dgate[OUTPUT] * after;
}
