// One step of Lion for all variables.
//   w -= decay w;  w -= rate sign(beta_1 m + new_1 g);  m = beta_2 m + new_2 g
// Arrays:    table (rows): each variable's w T; g G; m Accumulator<T>, all of `size` elements.
// Work:      a block takes 2048 neighbouring elements of one variable, a thread two vectors of 4.
// Traffic:   w, m in and out, g in, once each; the table's rows from the cache.
// Needs:     every variable's blocks in the grid, in the table's order.
// Deterministic: yes.
#include "optimizers/step.cuh"

template <typename A> struct Lion {
    static constexpr int SLOTS = 1;
    A rate, beta_1, new_1, beta_2, new_2;

    __device__ __forceinline__ void operator()(A& w, A g, A* s) const {
        const A direction = beta_1 * s[0] + new_1 * g;
        const A sign = direction > A(0) ? A(1) : direction < A(0) ? A(-1) : direction;  // NaN stays
        w -= rate * sign;
        s[0] = beta_2 * s[0] + new_2 * g;
    }
};

template <typename T, typename G>
__global__ void __launch_bounds__(THREADS, RESIDENT<T>)
    lion_multi_tensor_step(const VariableRow* __restrict__ table, int rows, Accumulator<T> scale,
                           Accumulator<T> limit, Accumulator<T> rate, Accumulator<T> beta_1,
                           Accumulator<T> new_1, Accumulator<T> beta_2, Accumulator<T> new_2) {
    step_block<T, G>(table, rows, scale, limit, Lion<Accumulator<T>>{rate, beta_1, new_1, beta_2, new_2});
}
