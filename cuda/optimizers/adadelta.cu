// One step of Adadelta for all variables.
//   w -= decay w;  a += new_share (g^2 - a);  change = g sqrt(d + epsilon) / sqrt(a + epsilon);
//   d += new_share (change^2 - d);  w -= rate change
// Arrays:    table (rows): each variable's w T; g G; a, d Accumulator<T>, all of `size` elements.
// Work:      a block takes 2048 neighbouring elements of one variable, a thread two vectors of 4.
// Traffic:   w, a, d in and out, g in, once each; the table's rows from the cache.
// Needs:     every variable's blocks in the grid, in the table's order.
// Deterministic: yes.
#include "optimizers/step.cuh"

template <typename A> struct Adadelta {
    static constexpr int SLOTS = 2;
    A rate, new_share, epsilon;

    __device__ __forceinline__ void operator()(A& w, A g, A* s) const {
        s[0] += new_share * (g * g - s[0]);
        const A change = sqrt(s[1] + epsilon) * g / sqrt(s[0] + epsilon);
        s[1] += new_share * (change * change - s[1]);
        w -= rate * change;
    }
};

template <typename T, typename G>
__global__ void __launch_bounds__(THREADS, RESIDENT<T>)
    adadelta_multi_tensor_step(const VariableRow* __restrict__ table, int rows, Accumulator<T> scale,
                               Accumulator<T> limit, Accumulator<T> rate, Accumulator<T> new_share,
                               Accumulator<T> epsilon) {
    step_block<T, G>(table, rows, scale, limit, Adadelta<Accumulator<T>>{rate, new_share, epsilon});
}
