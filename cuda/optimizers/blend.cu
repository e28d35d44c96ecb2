// Sums of gradients and moving averages of variables, for all variables.
//   y = keep y + share x, whatever has the factor 0 not being read;  OVERWRITE: x = y
// Arrays:    table (rows): each variable's x G (as its gradient), y Accumulator<G> (as its first state), both
//            of `size` elements.
// Work:      a block takes 2048 neighbouring elements of one variable, a thread two vectors of 4.
// Traffic:   x in, y in and out (x out if OVERWRITE), once each.
// Needs:     every variable's blocks in the grid, in the table's order.
// Deterministic: yes.
#include "optimizers/table.cuh"

template <typename G, bool OVERWRITE>
__global__ void __launch_bounds__(THREADS)
    variable_blend(const VariableRow* __restrict__ table, int rows, Accumulator<G> keep, Accumulator<G> share) {
    using A = Accumulator<G>;
    const VariableRow& row = table[row_of_block(table, rows)];
    G* sources = reinterpret_cast<G*>(row.grad);
    A* targets = reinterpret_cast<A*>(row.first_state);
    const bool aligned = is_aligned<G>(row.grad) && is_aligned<A>(row.first_state);
    for_elements((blockIdx.x - row.first_block) * ELEMENTS, row.size, aligned, [&](auto width, long long at) {
        constexpr int N = decltype(width)::value;
        Vector<G, N> source;
        Vector<A, N> target;
        if (share != A(0)) source = load_vector<G, N>(sources + at);
        if (keep != A(0)) target = load_vector<A, N>(targets + at);
#pragma unroll
        for (int i = 0; i < N; ++i) {
            A y = share != A(0) ? share * widen(source.value[i]) : A(0);
            if (keep != A(0)) y += keep * target.value[i];
            target.value[i] = y;
            if constexpr (OVERWRITE) source.value[i] = narrow<G>(y);
        }
        store_vector(targets + at, target);
        if constexpr (OVERWRITE) store_vector(sources + at, source);
    });
}
