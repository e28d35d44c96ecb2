// Element types, the types their sums are formed in, and conversions between them.
#pragma once
#include <cuda_bf16.h>
#include <cuda_fp16.h>

template <typename T, typename U> constexpr bool same_type = false;
template <typename T> constexpr bool same_type<T, T> = true;

template <typename T> struct AccumulatorOf { using type = float; };
template <> struct AccumulatorOf<double> { using type = double; };
template <typename T> using Accumulator = typename AccumulatorOf<T>::type;

__device__ __forceinline__ float widen(float value) { return value; }
__device__ __forceinline__ double widen(double value) { return value; }
__device__ __forceinline__ float widen(__half value) { return __half2float(value); }
__device__ __forceinline__ float widen(__nv_bfloat16 value) { return __bfloat162float(value); }

template <typename T> __device__ __forceinline__ T narrow(Accumulator<T> value) {
    if constexpr (sizeof(T) == sizeof(Accumulator<T>)) return value;
    else if constexpr (same_type<T, __half>) return __float2half_rn(value);
    else return __float2bfloat16_rn(value);
}
