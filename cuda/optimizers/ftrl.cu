// One step of FTRL-proximal for all variables.
//   w -= decay w;  b = a + g^2;  z += g + 2 shrinkage w - (b^power - a^power) / rate w;  a = b;
//   w = (min(max(z, -l1), l1) - z) / (b^power / rate + 2 l2)
// Arrays:    table (rows): each variable's w T; g G; a, z Accumulator<T>, all of `size` elements.
// Work:      a block takes 2048 neighbouring elements of one variable, a thread two vectors of 4.
// Traffic:   w, a, z in and out, g in, once each; the table's rows from the cache.
// Needs:     every variable's blocks in the grid, in the table's order.
// Deterministic: yes.
#include "optimizers/step.cuh"

__device__ __forceinline__ float raised(float x, float power) { return powf(x, power); }
__device__ __forceinline__ double raised(double x, double power) { return pow(x, power); }

template <typename A> struct Ftrl {
    static constexpr int SLOTS = 2;
    A rate, power, l1, l2, shrinkage;

    __device__ __forceinline__ void operator()(A& w, A g, A* s) const {
        const A before = raised(s[0], power);
        s[0] += g * g;
        const A after = raised(s[0], power);
        s[1] += g + A(2) * shrinkage * w - (after - before) / rate * w;
        const A near = s[1] > l1 ? l1 : s[1] < -l1 ? -l1 : s[1];
        w = (near - s[1]) / (after / rate + A(2) * l2);
    }
};

template <typename T, typename G>
__global__ void __launch_bounds__(THREADS, RESIDENT<T>)
    ftrl_multi_tensor_step(const VariableRow* __restrict__ table, int rows, Accumulator<T> scale,
                           Accumulator<T> limit, Accumulator<T> rate, Accumulator<T> power, Accumulator<T> l1,
                           Accumulator<T> l2, Accumulator<T> shrinkage) {
    step_block<T, G>(table, rows, scale, limit, Ftrl<Accumulator<T>>{rate, power, l1, l2, shrinkage});
}
