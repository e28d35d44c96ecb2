// One unit of a gated recurrent unit within a step, reset gate after the product: from its sums to its gates, and back.
#pragma once
#include "cell.cuh"

// gate: x W + b on entry, the activated gates on return; through_state: h R + b'.
template <CellActivation ACTIVATION, CellActivation RECURRENT, typename Real>
__device__ __forceinline__ void gru_unit_forward(Real (&gate)[GRU_GATES], const Real (&through_state)[GRU_GATES]) {
    gate[UPDATE] = activate<RECURRENT>(gate[UPDATE] + through_state[UPDATE]);
    gate[RESET] = activate<RECURRENT>(gate[RESET] + through_state[RESET]);
    gate[CANDIDATE] = activate<ACTIVATION>(::fma(gate[RESET], through_state[CANDIDATE], gate[CANDIDATE]));
}

// dgate: the gradients to x W, from dh, that to h'; inner: the candidate's h R + b'.
template <CellActivation ACTIVATION, CellActivation RECURRENT, typename Real>
__device__ __forceinline__ void gru_unit_backward(const Real (&gate)[GRU_GATES], Real (&dgate)[GRU_GATES], Real dh, Real h,
                                                  Real inner) {
    dgate[CANDIDATE] = dh * (Real(1) - gate[UPDATE]) * derivative<ACTIVATION>(gate[CANDIDATE]);
    dgate[UPDATE] = dh * (h - gate[CANDIDATE]) * derivative<RECURRENT>(gate[UPDATE]);
    dgate[RESET] = dgate[CANDIDATE] * inner * derivative<RECURRENT>(gate[RESET]);
}
