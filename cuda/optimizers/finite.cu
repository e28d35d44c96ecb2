// Whether any gradient holds an infinity or NaN.
//   found = 1 where one does; else left as it is
// Arrays:    table (rows): each variable's g G, of `size` elements; found (1) int.
// Work:      a block looks at 2048 neighbouring elements of one variable, a thread at two vectors of 4.
// Traffic:   g in once.
// Needs:     every variable's blocks in the grid, in the table's order; found starts as 0.
// Deterministic: yes; whoever writes first, writes the same.
#include "optimizers/table.cuh"

template <typename G>
__global__ void __launch_bounds__(THREADS)
    gradient_finite_check(const VariableRow* __restrict__ table, int rows, int* __restrict__ found) {
    const VariableRow& row = table[row_of_block(table, rows)];
    const G* grads = reinterpret_cast<const G*>(row.grad);
    bool finite = true;
    for_elements((blockIdx.x - row.first_block) * ELEMENTS, row.size, is_aligned<G>(row.grad),
                 [&](auto width, long long at) {
                     constexpr int N = decltype(width)::value;
                     const Vector<G, N> grad = load_vector<G, N>(grads + at);
#pragma unroll
                     for (int i = 0; i < N; ++i) finite = finite && isfinite(widen(grad.value[i]));
                 });
    if (__syncthreads_or(!finite) && threadIdx.x == 0) atomicExch(found, 1);
}
