// The arrays of all variables, one row of numbers each, and which of them a block works on.
#pragma once
#include "common/vector.cuh"

constexpr int THREADS = 256;
constexpr int ELEMENTS = 2048;  // of a block
constexpr int WIDTH = 4;        // elements of a vector

struct VariableRow {
    long long value, grad, first_state, second_state, third_state;  // addresses
    long long factor;       // address of the number that the gradient is multiplied by, or 0
    long long size;         // elements
    long long first_block;  // blocks of the variables before it
    double decay;           // the share of itself a value first loses
};

// The number of the row of a block's variable: the last one whose first block is not behind it.
__device__ __forceinline__ int row_of_block(const VariableRow* __restrict__ table, int rows) {
    int low = 0, high = rows;
    while (high - low > 1) {
        const int middle = (low + high) / 2;
        if (table[middle].first_block <= blockIdx.x) low = middle;
        else high = middle;
    }
    return low;
}

// Calls f(integral constant N, element) for the elements of a variable that a thread has in a block: vectors
// of N = WIDTH neighbours, THREADS vectors apart, where all arrays are aligned to them, else and at the end
// single ones.
template <int N> struct Width {
    static constexpr int value = N;
};

template <typename Function>
__device__ __forceinline__ void for_elements(long long start, long long size, bool aligned, const Function& f) {
    const long long end = start + ELEMENTS < size ? start + ELEMENTS : size;
    const long long whole = aligned ? start + (end - start) / WIDTH * WIDTH : start;
#pragma unroll 1
    for (int part = 0; part < ELEMENTS / (THREADS * WIDTH); ++part) {
        const long long at = start + (part * THREADS + threadIdx.x) * WIDTH;
        if (at < whole) f(Width<WIDTH>{}, at);
    }
    for (long long at = whole + threadIdx.x; at < end; at += THREADS) f(Width<1>{}, at);
}

// Whether vectors of T begin at an address.
template <typename T> __device__ __forceinline__ bool is_aligned(long long address) {
    return address % (WIDTH * (int)sizeof(T)) == 0;
}
