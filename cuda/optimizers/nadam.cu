// One step of Nadam, Adam with Nesterov's momentum, for all variables.
//   w -= decay w;  m += new_1 (g - m);  v += new_2 (g^2 - v);
//   w -= (old m + now g) / (sqrt(growth v) + epsilon), old and now with the learning rate in them
// Arrays:    table (rows): each variable's w T; g G; m, v Accumulator<T>, all of `size` elements.
// Work:      a block takes 2048 neighbouring elements of one variable, a thread two vectors of 4.
// Traffic:   w, m, v in and out, g in, once each; the table's rows from the cache.
// Needs:     every variable's blocks in the grid, in the table's order.
// Deterministic: yes.
#include "optimizers/step.cuh"

template <typename A> struct Nadam {
    static constexpr int SLOTS = 2;
    A new_1, new_2, old, now, growth, epsilon;

    __device__ __forceinline__ void operator()(A& w, A g, A* s) const {
        s[0] += new_1 * (g - s[0]);
        s[1] += new_2 * (g * g - s[1]);
        w -= (old * s[0] + now * g) / (sqrt(growth * s[1]) + epsilon);
    }
};

template <typename T, typename G>
__global__ void __launch_bounds__(THREADS, RESIDENT<T>)
    nadam_multi_tensor_step(const VariableRow* __restrict__ table, int rows, Accumulator<T> scale,
                            Accumulator<T> limit, Accumulator<T> new_1, Accumulator<T> new_2,
                            Accumulator<T> old, Accumulator<T> now, Accumulator<T> growth,
                            Accumulator<T> epsilon) {
    step_block<T, G>(table, rows, scale, limit, Nadam<Accumulator<T>>{new_1, new_2, old, now, growth, epsilon});
}
