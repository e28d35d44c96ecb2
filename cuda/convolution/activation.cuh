// What follows the bias before the output is stored. The names are those of Activation in problem.py.
#pragma once

enum class Activation { none, relu, tanh, sigmoid };

template <Activation ACTIVATION, typename A> __device__ __forceinline__ A activate(A value) {
    if constexpr (ACTIVATION == Activation::relu) return value < 0 ? A(0) : value;  // keeps NaN
    else if constexpr (ACTIVATION == Activation::tanh) return ::tanh(value);
    else if constexpr (ACTIVATION == Activation::sigmoid) return A(1) / (A(1) + ::exp(-value));
    else return value;
}
