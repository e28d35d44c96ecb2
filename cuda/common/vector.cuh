// N neighbouring elements that move in one access.
#pragma once
#include "types.cuh"

template <typename T, int N> struct alignas(sizeof(T) * N) Vector {
    T value[N];
};

template <typename T, int N> __device__ __forceinline__ Vector<T, N> load_vector(const T* __restrict__ source) {
    return *reinterpret_cast<const Vector<T, N>*>(source);
}

template <typename T, int N> __device__ __forceinline__ void store_vector(T* target, const Vector<T, N>& vector) {
    *reinterpret_cast<Vector<T, N>*>(target) = vector;
}
