// One step of schedule-free AdamW for all variables.
//   w -= decay w;  v += new_2 (g^2 - v);  y = z - rate g / (sqrt(growth v) + epsilon);
//   w = (1 - share) (w - (1 - beta_1) z) + (1 - beta_1 + share beta_1) y;  z = y
// Arrays:    table (rows): each variable's w T; g G; z, v Accumulator<T>, all of `size` elements.
// Work:      a block takes 2048 neighbouring elements of one variable, a thread two vectors of 4.
// Traffic:   w, z, v in and out, g in, once each; the table's rows from the cache.
// Needs:     every variable's blocks in the grid, in the table's order.
// Deterministic: yes.
#include "optimizers/step.cuh"

template <typename A> struct ScheduleFree {
    static constexpr int SLOTS = 2;
    A rate, beta_1, new_2, growth, share, epsilon;

    __device__ __forceinline__ void operator()(A& w, A g, A* s) const {
        s[1] += new_2 * (g * g - s[1]);
        const A before = s[0], rest = A(1) - beta_1;
        s[0] -= rate * g / (sqrt(growth * s[1]) + epsilon);
        w = (A(1) - share) * (w - rest * before) + (rest + share * beta_1) * s[0];
    }
};

template <typename T, typename G>
__global__ void __launch_bounds__(THREADS, RESIDENT<T>)
    schedule_free_multi_tensor_step(const VariableRow* __restrict__ table, int rows, Accumulator<T> scale,
                                    Accumulator<T> limit, Accumulator<T> rate, Accumulator<T> beta_1,
                                    Accumulator<T> new_2, Accumulator<T> growth, Accumulator<T> share,
                                    Accumulator<T> epsilon) {
    step_block<T, G>(table, rows, scale, limit,
                     ScheduleFree<Accumulator<T>>{rate, beta_1, new_2, growth, share, epsilon});
}
