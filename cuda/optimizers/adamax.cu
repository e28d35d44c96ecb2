// One step of Adamax for all variables.
//   w -= decay w;  m += new_1 (g - m);  u = max(beta_2 u, |g|);  w -= rate m / (u + epsilon)
// Arrays:    table (rows): each variable's w T; g G; m, u Accumulator<T>, all of `size` elements.
// Work:      a block takes 2048 neighbouring elements of one variable, a thread two vectors of 4.
// Traffic:   w, m, u in and out, g in, once each; the table's rows from the cache.
// Needs:     every variable's blocks in the grid, in the table's order.
// Deterministic: yes.
#include "optimizers/step.cuh"

template <typename A> struct Adamax {
    static constexpr int SLOTS = 2;
    A rate, new_1, beta_2, epsilon;

    __device__ __forceinline__ void operator()(A& w, A g, A* s) const {
        s[0] += new_1 * (g - s[0]);
        const A kept = beta_2 * s[1], size = g < A(0) ? -g : g;
        s[1] = size > kept || size != size ? size : kept;
        w -= rate * s[0] / (s[1] + epsilon);
    }
};

template <typename T, typename G>
__global__ void __launch_bounds__(THREADS, RESIDENT<T>)
    adamax_multi_tensor_step(const VariableRow* __restrict__ table, int rows, Accumulator<T> scale,
                             Accumulator<T> limit, Accumulator<T> rate, Accumulator<T> new_1,
                             Accumulator<T> beta_2, Accumulator<T> epsilon) {
    step_block<T, G>(table, rows, scale, limit, Adamax<Accumulator<T>>{rate, new_1, beta_2, epsilon});
}
