// One step of gradient descent for all variables, with or without momentum.
//   w -= decay w;  no momentum: w -= rate g;  else m = momentum m - rate g, and w += m, or with NESTEROV
//   w += momentum m - rate g
// Arrays:    table (rows): each variable's w T; g, m Accumulator<T>, all of `size` elements.
// Work:      a block takes 2048 neighbouring elements of one variable, a thread 8 of them, 256 apart.
// Traffic:   w in and out, g in, m in and out, once each; the table's rows from the cache.
// Needs:     every variable's blocks in the grid, in the table's order.
// Deterministic: yes.
#include "table.cuh"

template <typename T, bool MOMENTUM, bool NESTEROV>
__global__ void __launch_bounds__(256) sgd_multi_tensor_step(const VariableRow* __restrict__ table, int rows,
                                                             Accumulator<T> rate, Accumulator<T> momentum) {
    using A = Accumulator<T>;
    const VariableRow& row = row_of_block(table, rows);
    T* value = reinterpret_cast<T*>(row.value);
    const A* grad = reinterpret_cast<const A*>(row.grad);
    A* moment = reinterpret_cast<A*>(row.first_state);
    const long long start = (blockIdx.x - row.first_block) * 2048;
    const A decay = (A)row.decay;
    for (int part = 0; part < 8; ++part) {
        const long long at = start + part * 256 + threadIdx.x;
        if (at >= row.size) return;
        A w = widen(value[at]);
        w -= decay * w;
        A change = -rate * grad[at];
        if constexpr (MOMENTUM) {
            const A m = momentum * moment[at] + change;
            moment[at] = m;
            if constexpr (NESTEROV) change += momentum * m;
            else change = m;
        }
        value[at] = narrow<T>(w + change);
    }
}
