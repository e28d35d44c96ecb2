// One step of gradient descent, with or without momentum: of all variables, or of some rows of a table.
//   w -= decay w;  no momentum: w -= rate g;  else m = momentum m - rate g, and w += m, or with NESTEROV
//   w += momentum m - rate g
// Arrays:    table (rows): each variable's w T; g G; m Accumulator<T>, all of `size` elements.
//            row_sparse_step: ids (count), each once, in the table; g (count, columns); w, m of the table's shape;
//            factor (1) or null.
// Work:      a block takes 2048 neighbouring elements of one variable, a thread two vectors of 4.
//            row_sparse_step: a thread takes WIDTH columns of a row.
// Traffic:   w in and out, g in, m in and out, once each; the table's rows from the cache. row_sparse_step: the
//            same of the ids' rows; ids once (a row's threads share a sector).
// Needs:     every variable's blocks in the grid, in the table's order. row_sparse_step: columns a multiple of
//            WIDTH, arrays aligned to WIDTH elements.
// Deterministic: yes.
#include "optimizers/rows.cuh"

template <typename A, bool MOMENTUM, bool NESTEROV> struct Descent {
    static constexpr int SLOTS = MOMENTUM;
    A rate, momentum;

    __device__ __forceinline__ void operator()(A& w, A g, A* s) const {
        A change = -rate * g;
        if constexpr (MOMENTUM) {
            s[0] = momentum * s[0] + change;
            if constexpr (NESTEROV) change += momentum * s[0];
            else change = s[0];
        }
        w += change;
    }
};

template <typename T, typename G, bool MOMENTUM, bool NESTEROV>
__global__ void __launch_bounds__(THREADS, RESIDENT<T>)
    sgd_multi_tensor_step(const VariableRow* __restrict__ table, int rows, Accumulator<T> scale,
                          Accumulator<T> limit, Accumulator<T> rate, Accumulator<T> momentum) {
    step_block<T, G>(table, rows, scale, limit, Descent<Accumulator<T>, MOMENTUM, NESTEROV>{rate, momentum});
}

template <typename T, typename G, typename Id, bool MOMENTUM, bool NESTEROV, int WIDTH>
__global__ void __launch_bounds__(THREADS, RESIDENT<T>)
    sgd_row_sparse_step(const Id* __restrict__ ids, const G* __restrict__ grads, T* __restrict__ values,
                        Accumulator<T>* __restrict__ moments, const Accumulator<T>* __restrict__ factor,
                        long long count, int columns, Accumulator<T> decay, Accumulator<T> scale,
                        Accumulator<T> limit, Accumulator<T> rate, Accumulator<T> momentum) {
    step_rows<WIDTH>(TableRows<T, G, Id>{ids, grads, values, {moments}, count, columns},
                     factor ? scale * *factor : scale, limit, decay,
                     Descent<Accumulator<T>, MOMENTUM, NESTEROV>{rate, momentum});
}
