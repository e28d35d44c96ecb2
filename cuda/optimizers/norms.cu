// What clipping multiplies gradients by, from their norms: of each variable, or of all together.
//   norm = sqrt(sum (scale g)^2);  each: factor = limit / max(norm, limit);  together: the same, and NaN
//   where the norm is not finite
// Arrays:    table (rows): each variable's g G, of `size` elements; partials (blocks) double: of each block;
//            factors (rows), or (1) if together, Accumulator<G>.
// Work:      partials: a block squares and adds 2048 neighbouring elements of one variable; factors: a block
//            adds up the partials of one variable, or of all.
// Traffic:   g in once, 8 bytes a block out and in again.
// Needs:     partials: every variable's blocks in the grid, in the table's order; factors: a block a factor.
// Deterministic: yes; the order of the sums depends on sizes alone.
#include "optimizers/table.cuh"

// The sum of every thread's value, in thread 0.
template <typename A> __device__ __forceinline__ A sum_of_block(A value) {
    __shared__ A of_warps[THREADS / 32];
#pragma unroll
    for (int mask = 16; mask > 0; mask /= 2) value += __shfl_xor_sync(0xffffffffu, value, mask);
    if (threadIdx.x % 32 == 0) of_warps[threadIdx.x / 32] = value;
    __syncthreads();
    if (threadIdx.x == 0) {
#pragma unroll
        for (int warp = 1; warp < THREADS / 32; ++warp) value += of_warps[warp];
    }
    return value;
}

template <typename G>
__global__ void __launch_bounds__(THREADS)
    gradient_norm_partials(const VariableRow* __restrict__ table, int rows, Accumulator<G> scale,
                           double* __restrict__ partials) {
    using A = Accumulator<G>;
    const VariableRow& row = table[row_of_block(table, rows)];
    const G* grads = reinterpret_cast<const G*>(row.grad);
    A sum = 0;
    for_elements((blockIdx.x - row.first_block) * ELEMENTS, row.size, is_aligned<G>(row.grad),
                 [&](auto width, long long at) {
                     constexpr int N = decltype(width)::value;
                     const Vector<G, N> grad = load_vector<G, N>(grads + at);
#pragma unroll
                     for (int i = 0; i < N; ++i) {
                         const A g = scale * widen(grad.value[i]);
                         sum += g * g;
                     }
                 });
    sum = sum_of_block(sum);
    if (threadIdx.x == 0) partials[blockIdx.x] = sum;
}

template <typename A, bool TOGETHER>
__global__ void __launch_bounds__(THREADS)
    gradient_norm_factors(const VariableRow* __restrict__ table, int rows, const double* __restrict__ partials,
                          int blocks, A limit, A* __restrict__ factors) {
    const bool last = TOGETHER || blockIdx.x + 1 == rows;
    const long long begin = TOGETHER ? 0 : table[blockIdx.x].first_block;
    const long long end = last ? blocks : table[blockIdx.x + 1].first_block;
    double sum = 0;
    for (long long at = begin + threadIdx.x; at < end; at += THREADS) sum += partials[at];
    sum = sum_of_block(sum);
    if (threadIdx.x == 0) {
        const A norm = sqrt((A)sum);
        A factor = limit / (norm > limit ? norm : limit);
        if (norm != norm) factor = norm;
        if constexpr (TOGETHER) factor += norm - norm;
        factors[blockIdx.x] = factor;
    }
}
