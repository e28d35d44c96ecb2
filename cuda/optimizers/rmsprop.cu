// One step of RMSprop for all variables.
//   w -= decay w;  v += new_share (g^2 - v);  CENTERED: a += new_share (g - a), u = v - a^2, else u = v;
//   change = rate g / sqrt(u + epsilon);  MOMENTUM: m = momentum m + change, w -= m, else w -= change
// Arrays:    table (rows): each variable's w T; g G; v, then m if MOMENTUM, then a if CENTERED Accumulator<T>, all of `size` elements.
// Work:      a block takes 2048 neighbouring elements of one variable, a thread two vectors of 4.
// Traffic:   w, v (and m, a) in and out, g in, once each; the table's rows from the cache.
// Needs:     every variable's blocks in the grid, in the table's order.
// Deterministic: yes.
#include "optimizers/step.cuh"

template <typename A, bool MOMENTUM, bool CENTERED> struct RootMeanSquare {
    static constexpr int SLOTS = 1 + MOMENTUM + CENTERED;
    A rate, new_share, momentum, epsilon;

    __device__ __forceinline__ void operator()(A& w, A g, A* s) const {
        s[0] += new_share * (g * g - s[0]);
        A mean_square = s[0];
        if constexpr (CENTERED) {
            A& average = s[1 + MOMENTUM];
            average += new_share * (g - average);
            mean_square -= average * average;
        }
        A change = rate * g / sqrt(mean_square + epsilon);
        if constexpr (MOMENTUM) change = s[1] = momentum * s[1] + change;
        w -= change;
    }
};

template <typename T, typename G, bool MOMENTUM, bool CENTERED>
__global__ void __launch_bounds__(THREADS, RESIDENT<T>)
    rmsprop_multi_tensor_step(const VariableRow* __restrict__ table, int rows, Accumulator<T> scale,
                              Accumulator<T> limit, Accumulator<T> rate, Accumulator<T> new_share,
                              Accumulator<T> momentum, Accumulator<T> epsilon) {
    step_block<T, G>(table, rows, scale, limit, RootMeanSquare<Accumulator<T>, MOMENTUM, CENTERED>{rate, new_share, momentum, epsilon});
}
