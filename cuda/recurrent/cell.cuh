// What the kernels of a recurrent cell share: the gate order, the activations, the walk through time.
#pragma once
#include "common/types.cuh"

// The order of the gates along the columns of weights, bias and gates; `GATES` and `GRU_GATES` in ops/recurrent/problem.py.
enum Gate { INPUT, FORGET, CELL, OUTPUT, GATES };
enum GRUGate { UPDATE, RESET, CANDIDATE, GRU_GATES };

enum class CellActivation { tanh, sigmoid, relu, linear, hard_sigmoid };

template <CellActivation A, typename Real> __device__ __forceinline__ Real activate(Real x) {
    if constexpr (A == CellActivation::tanh) return ::tanh(x);
    else if constexpr (A == CellActivation::sigmoid) return Real(1) / (Real(1) + ::exp(-x));
    else if constexpr (A == CellActivation::relu) return x < Real(0) ? Real(0) : x;  // keeps NaN
    else if constexpr (A == CellActivation::hard_sigmoid) {
        const Real y = x / Real(6) + Real(0.5);
        return y < Real(0) ? Real(0) : y > Real(1) ? Real(1) : y;
    } else return x;
}

// The derivative, from the activated value.
template <CellActivation A, typename Real> __device__ __forceinline__ Real derivative(Real y) {
    if constexpr (A == CellActivation::tanh) return Real(1) - y * y;
    else if constexpr (A == CellActivation::sigmoid) return y * (Real(1) - y);
    else if constexpr (A == CellActivation::relu) return y > Real(0) ? Real(1) : Real(0);
    else if constexpr (A == CellActivation::hard_sigmoid) return y > Real(0) && y < Real(1) ? Real(1) / Real(6) : Real(0);
    else return Real(1);
}

// Zoneout: `taken` of the new state, the rest of the old; exact for 0 and 1.
template <typename Real> __device__ __forceinline__ Real updated(Real before, Real after, Real taken) {
    return ::fma(taken, after, (Real(1) - taken) * before);
}

struct CellGeometry {
    int batch, steps, units, go_backwards;

    // The time of x that a step processes.
    __device__ int time(int step) const { return go_backwards ? steps - 1 - step : step; }

    // The row of a (batch, steps, ...) array.
    __device__ long long row(int b, int position) const { return (long long)b * steps + position; }
};

// One number of h before a step: state is its place in y after the step, element that in initial_h.
template <typename T>
__device__ __forceinline__ T state_before(const T* y, const T* initial_h, long long state, long long element, int size, int step) {
    return step > 0 ? y[state - size] : initial_h ? initial_h[element] : narrow<T>(0);
}

// The gradient to h after a step, but for that from dy: what the step after hands back, through R (sum) and past it (carry);
// after the last step grad_h (b, size), or null for zeros.
template <typename T>
__device__ __forceinline__ Accumulator<T> handed_back(Accumulator<T> sum, const Accumulator<T>* carry, const T* grad_h,
                                                      long long element, bool last) {
    if (!last) return sum + carry[element];
    return grad_h ? widen(grad_h[element]) : Accumulator<T>(0);
}
