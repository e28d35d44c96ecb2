// One step of any rule for all variables: reads each element's value, gradient and states, writes what the
// rule makes of them.
#pragma once
#include "optimizers/table.cuh"

// Blocks of a multiprocessor: registers enough that nothing is spilled, threads enough to hide latencies.
template <typename T> constexpr int RESIDENT = sizeof(T) == 8 ? 2 : 4;

// What is done to each gradient before the rule sees it: times `scale` and its variable's factor, then clipped
// to [-limit, limit] if limit is above 0. NaN stays.
template <typename A>
__device__ __forceinline__ A treated(A grad, A factor, A limit) {
    grad *= factor;
    if (limit > A(0)) grad = grad > limit ? limit : grad < -limit ? -limit : grad;
    return grad;
}

// A Rule has SLOTS, the number of its states, and changes one element:
// `rule(w, g, s)` with w and s[SLOTS] by reference, all of Accumulator<T>.
template <typename T, typename G, typename Rule>
__device__ __forceinline__ void step_block(const VariableRow* __restrict__ table, int rows, Accumulator<T> scale,
                                           Accumulator<T> limit, const Rule& rule) {
    using A = Accumulator<T>;
    constexpr int SLOTS = Rule::SLOTS;
    const VariableRow row = table[row_of_block(table, rows)];
    T* values = reinterpret_cast<T*>(row.value);
    const G* grads = reinterpret_cast<const G*>(row.grad);
    A* states[] = {reinterpret_cast<A*>(row.first_state), reinterpret_cast<A*>(row.second_state),
                   reinterpret_cast<A*>(row.third_state)};
    const A factor = row.factor ? scale * *reinterpret_cast<const A*>(row.factor) : scale;
    const A decay = (A)row.decay;
    bool aligned = is_aligned<T>(row.value) && is_aligned<G>(row.grad);
#pragma unroll
    for (int slot = 0; slot < SLOTS; ++slot) aligned = aligned && is_aligned<A>((long long)states[slot]);

    for_elements((blockIdx.x - row.first_block) * ELEMENTS, row.size, aligned, [&](auto width, long long at) {
        constexpr int N = decltype(width)::value;
        Vector<T, N> value = load_vector<T, N>(values + at);
        const Vector<G, N> grad = load_vector<G, N>(grads + at);
        Vector<A, N> state[SLOTS > 0 ? SLOTS : 1];
#pragma unroll
        for (int slot = 0; slot < SLOTS; ++slot) state[slot] = load_vector<A, N>(states[slot] + at);
#pragma unroll
        for (int i = 0; i < N; ++i) {
            A w = widen(value.value[i]), s[SLOTS > 0 ? SLOTS : 1];
#pragma unroll
            for (int slot = 0; slot < SLOTS; ++slot) s[slot] = state[slot].value[i];
            w -= decay * w;
            rule(w, treated<A>((A)widen(grad.value[i]), factor, limit), s);
            value.value[i] = narrow<T>(w);
#pragma unroll
            for (int slot = 0; slot < SLOTS; ++slot) state[slot].value[i] = s[slot];
        }
        store_vector(values + at, value);
#pragma unroll
        for (int slot = 0; slot < SLOTS; ++slot) store_vector(states[slot] + at, state[slot]);
    });
}
