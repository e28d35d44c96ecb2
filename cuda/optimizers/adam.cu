// One step of Adam: of all variables, or of some rows of a table.
//   w -= decay w;  m += new_1 (g - m);  v += new_2 (g^2 - v);  AMSGRAD: u = max(u, v), else u = v;
//   w -= alpha m / (sqrt(u) + epsilon)
// Arrays:    table (rows): each variable's w T; g G; m, v, u Accumulator<T>, all of `size` elements.
//            row_sparse_step: ids (count), each once, in the table; g (count, columns); w, m, v, u of the table's
//            shape; factor (1) or null.
// Work:      a block takes 2048 neighbouring elements of one variable, a thread two vectors of 4.
//            row_sparse_step: a thread takes WIDTH columns of a row.
// Traffic:   w, m, v (and u) in and out, g in, once each; the table's rows from the cache. row_sparse_step: the
//            same of the ids' rows; ids once (a row's threads share a sector).
// Needs:     every variable's blocks in the grid, in the table's order. row_sparse_step: columns a multiple of
//            WIDTH, arrays aligned to WIDTH elements.
// Deterministic: yes.
#include "optimizers/rows.cuh"

template <typename A, bool AMSGRAD> struct Adam {
    static constexpr int SLOTS = 2 + AMSGRAD;
    A alpha, new_1, new_2, epsilon;

    __device__ __forceinline__ void operator()(A& w, A g, A* s) const {
        s[0] += new_1 * (g - s[0]);
        A largest = s[1] += new_2 * (g * g - s[1]);
        if constexpr (AMSGRAD) largest = s[2] = largest > s[2] ? largest : s[2];
        w -= alpha * s[0] / (sqrt(largest) + epsilon);
    }
};

template <typename T, typename G, bool AMSGRAD>
__global__ void __launch_bounds__(THREADS, RESIDENT<T>)
    adam_multi_tensor_step(const VariableRow* __restrict__ table, int rows, Accumulator<T> scale,
                           Accumulator<T> limit, Accumulator<T> alpha, Accumulator<T> new_1,
                           Accumulator<T> new_2, Accumulator<T> epsilon) {
    step_block<T, G>(table, rows, scale, limit, Adam<Accumulator<T>, AMSGRAD>{alpha, new_1, new_2, epsilon});
}

template <typename T, typename G, typename Id, bool AMSGRAD, int WIDTH>
__global__ void __launch_bounds__(THREADS, RESIDENT<T>)
    adam_row_sparse_step(const Id* __restrict__ ids, const G* __restrict__ grads, T* __restrict__ values,
                         Accumulator<T>* __restrict__ moments, Accumulator<T>* __restrict__ velocities,
                         Accumulator<T>* __restrict__ largest, const Accumulator<T>* __restrict__ factor,
                         long long count, int columns, Accumulator<T> decay, Accumulator<T> scale,
                         Accumulator<T> limit, Accumulator<T> alpha, Accumulator<T> new_1, Accumulator<T> new_2,
                         Accumulator<T> epsilon) {
    step_rows<WIDTH>(TableRows<T, G, Id>{ids, grads, values, {moments, velocities, largest}, count, columns},
                     factor ? scale * *factor : scale, limit, decay,
                     Adam<Accumulator<T>, AMSGRAD>{alpha, new_1, new_2, epsilon});
}
