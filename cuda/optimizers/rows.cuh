// One step of any rule for the rows of a table that a row-sparse gradient has; all other rows stay.
#pragma once
#include "optimizers/step.cuh"

// The arrays of one table: gradient rows of the ids, values and states; a rule has at most three states.
template <typename T, typename G, typename Id> struct TableRows {
    const Id* ids;
    const G* grads;
    T* values;
    Accumulator<T>* states[3];
    long long count;  // rows of the gradient
    int columns;
};

// A Rule is as for step_block. A thread has WIDTH neighbouring columns of a row; neighbouring threads lie along
// the row. Every id occurs once, so that no two threads meet.
template <int WIDTH, typename T, typename G, typename Id, typename Rule>
__device__ __forceinline__ void step_rows(const TableRows<T, G, Id>& table, Accumulator<T> factor,
                                          Accumulator<T> limit, Accumulator<T> decay, const Rule& rule) {
    using A = Accumulator<T>;
    constexpr int SLOTS = Rule::SLOTS;
    const int vectors = table.columns / WIDTH;
    const long long step = (long long)gridDim.x * blockDim.x;
    for (long long v = (long long)blockIdx.x * blockDim.x + threadIdx.x; v < table.count * vectors; v += step) {
        const long long row = v / vectors;
        const int e = (int)(v - row * vectors) * WIDTH;
        const long long at = (long long)table.ids[row] * table.columns + e;
        const Vector<G, WIDTH> grad = load_vector<G, WIDTH>(table.grads + row * table.columns + e);
        Vector<T, WIDTH> value = load_vector<T, WIDTH>(table.values + at);
        Vector<A, WIDTH> state[SLOTS > 0 ? SLOTS : 1];
#pragma unroll
        for (int slot = 0; slot < SLOTS; ++slot) state[slot] = load_vector<A, WIDTH>(table.states[slot] + at);
#pragma unroll
        for (int i = 0; i < WIDTH; ++i) {
            A w = widen(value.value[i]), s[SLOTS > 0 ? SLOTS : 1];
#pragma unroll
            for (int slot = 0; slot < SLOTS; ++slot) s[slot] = state[slot].value[i];
            w -= decay * w;
            rule(w, treated<A>((A)widen(grad.value[i]), factor, limit), s);
            value.value[i] = narrow<T>(w);
#pragma unroll
            for (int slot = 0; slot < SLOTS; ++slot) state[slot].value[i] = s[slot];
        }
        store_vector(table.values + at, value);
#pragma unroll
        for (int slot = 0; slot < SLOTS; ++slot) store_vector(table.states[slot] + at, state[slot]);
    }
}
