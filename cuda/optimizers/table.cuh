// The arrays of all variables, one row of numbers each, and which of them a block works on.
#pragma once
#include "common/types.cuh"

struct VariableRow {
    long long value, grad, first_state, second_state, third_state;  // addresses
    long long size;                                                 // elements
    long long first_block;                                          // blocks of the variables before it
    double decay;                                                   // the share of itself a value first loses
};

// The row of a block's variable: the last one whose first block is not behind it.
__device__ __forceinline__ const VariableRow& row_of_block(const VariableRow* __restrict__ table, int rows) {
    int low = 0, high = rows;
    while (high - low > 1) {
        const int middle = (low + high) / 2;
        if (table[middle].first_block <= blockIdx.x) low = middle;
        else high = middle;
    }
    return table[low];
}
