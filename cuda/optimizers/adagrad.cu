// One step of Adagrad for all variables.
//   w -= decay w;  a += g^2;  w -= rate g / sqrt(a + epsilon)
// Arrays:    table (rows): each variable's w T; g G; a Accumulator<T>, all of `size` elements.
// Work:      a block takes 2048 neighbouring elements of one variable, a thread two vectors of 4.
// Traffic:   w, a in and out, g in, once each; the table's rows from the cache.
// Needs:     every variable's blocks in the grid, in the table's order.
// Deterministic: yes.
#include "optimizers/step.cuh"

template <typename A> struct Adagrad {
    static constexpr int SLOTS = 1;
    A rate, epsilon;

    __device__ __forceinline__ void operator()(A& w, A g, A* s) const {
        s[0] += g * g;
        w -= rate * g / sqrt(s[0] + epsilon);
    }
};

template <typename T, typename G>
__global__ void __launch_bounds__(THREADS, RESIDENT<T>)
    adagrad_multi_tensor_step(const VariableRow* __restrict__ table, int rows, Accumulator<T> scale,
                              Accumulator<T> limit, Accumulator<T> rate, Accumulator<T> epsilon) {
    step_block<T, G>(table, rows, scale, limit, Adagrad<Accumulator<T>>{rate, epsilon});
}
