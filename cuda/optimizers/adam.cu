// One step of Adam for all variables.
//   w -= decay w;  m += new_1 (g - m);  v += new_2 (g^2 - v);  AMSGRAD: u = max(u, v), else u = v;
//   w -= alpha m / (sqrt(u) + epsilon)
// Arrays:    table (rows): each variable's w T; g, m, v, u Accumulator<T>, all of `size` elements.
// Work:      a block takes 2048 neighbouring elements of one variable, a thread 8 of them, 256 apart.
// Traffic:   w, m, v (and u) in and out, g in, once each; the table's rows from the cache.
// Needs:     every variable's blocks in the grid, in the table's order.
// Deterministic: yes.
#include "table.cuh"

__device__ __forceinline__ float root(float x) { return sqrtf(x); }
__device__ __forceinline__ double root(double x) { return sqrt(x); }

template <typename T, bool AMSGRAD>
__global__ void __launch_bounds__(256)
    adam_multi_tensor_step(const VariableRow* __restrict__ table, int rows, Accumulator<T> alpha,
                           Accumulator<T> new_1, Accumulator<T> new_2, Accumulator<T> epsilon) {
    using A = Accumulator<T>;
    const VariableRow& row = row_of_block(table, rows);
    T* value = reinterpret_cast<T*>(row.value);
    const A* grad = reinterpret_cast<const A*>(row.grad);
    A* momentum = reinterpret_cast<A*>(row.first_state);
    A* velocity = reinterpret_cast<A*>(row.second_state);
    A* largest = reinterpret_cast<A*>(row.third_state);
    const long long start = (blockIdx.x - row.first_block) * 2048;
    const A decay = (A)row.decay;
    for (int part = 0; part < 8; ++part) {
        const long long at = start + part * 256 + threadIdx.x;
        if (at >= row.size) return;
        const A g = grad[at];
        A m = momentum[at], v = velocity[at];
        m += new_1 * (g - m);
        v += new_2 * (g * g - v);
        momentum[at] = m;
        velocity[at] = v;
        if constexpr (AMSGRAD) {
            const A u = largest[at];
            v = u > v ? u : v;
            largest[at] = v;
        }
        A w = widen(value[at]);
        w -= decay * w;
        value[at] = narrow<T>(w - alpha * m / (root(v) + epsilon));
    }
}
