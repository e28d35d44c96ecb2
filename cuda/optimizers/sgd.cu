// One step of gradient descent for all variables, with or without momentum.
//   w -= decay w;  no momentum: w -= rate g;  else m = momentum m - rate g, and w += m, or with NESTEROV
//   w += momentum m - rate g
// Arrays:    table (rows): each variable's w T; g G; m Accumulator<T>, all of `size` elements.
// Work:      a block takes 2048 neighbouring elements of one variable, a thread two vectors of 4.
// Traffic:   w in and out, g in, m in and out, once each; the table's rows from the cache.
// Needs:     every variable's blocks in the grid, in the table's order.
// Deterministic: yes.
#include "optimizers/step.cuh"

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
