// One step of row-wise Adagrad on a table, or on the rows of it that a row-sparse gradient has.
//   w -= decay w;  a += mean over the row of g^2;  w -= rate g / (sqrt(a) + epsilon)
// Arrays:    w (rows, columns) T; g (count, columns) G: of row ids[i], each id once and in the table, or without
//            SPARSE of row i; a (rows) Accumulator<T>; ids (count) and factor (1), or null.
// Work:      blockDim.x lanes, a power of two and at most a warp, take a row; WIDTH columns an access.
// Traffic:   g in (a second time from the cache), w and a in and out, once each; ids once.
// Needs:     columns a multiple of WIDTH, arrays aligned to WIDTH elements.
// Deterministic: yes; the order of the sum depends on columns, WIDTH and blockDim.x alone.
#include "optimizers/step.cuh"

template <typename T, typename G, typename Id, bool SPARSE, int WIDTH>
__global__ void __launch_bounds__(THREADS, RESIDENT<T>)
    row_wise_adagrad_step(const Id* __restrict__ ids, const G* __restrict__ grads, T* __restrict__ values,
                          Accumulator<T>* __restrict__ accumulators, const Accumulator<T>* __restrict__ factor,
                          long long count, int columns, Accumulator<T> decay, Accumulator<T> scale,
                          Accumulator<T> limit, Accumulator<T> rate, Accumulator<T> epsilon) {
    using A = Accumulator<T>;
    const long long i = (long long)blockIdx.x * blockDim.y + threadIdx.y;
    const bool inside = i < count;  // every lane takes part in the sum
    const long long row = !inside ? 0 : SPARSE ? (long long)ids[i] : i;
    const A all = factor ? scale * *factor : scale;
    grads += i * columns;
    values += row * columns;

    A sum = 0;
    for (int e = threadIdx.x * WIDTH; inside && e < columns; e += blockDim.x * WIDTH) {
        const auto grad = load_vector<G, WIDTH>(grads + e);
#pragma unroll
        for (int lane = 0; lane < WIDTH; ++lane) {
            const A g = treated<A>((A)widen(grad.value[lane]), all, limit);
            sum += g * g;
        }
    }
    for (int mask = blockDim.x / 2; mask > 0; mask /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, mask);
    A total = 0;
    if (inside && threadIdx.x == 0) accumulators[row] = total = accumulators[row] + sum / A(columns);
    total = __shfl_sync(0xffffffffu, total, 0, blockDim.x);
    if (!inside) return;

    const A change = rate / (sqrt(total) + epsilon);
    for (int e = threadIdx.x * WIDTH; e < columns; e += blockDim.x * WIDTH) {
        const auto grad = load_vector<G, WIDTH>(grads + e);
        Vector<T, WIDTH> value = load_vector<T, WIDTH>(values + e);
#pragma unroll
        for (int lane = 0; lane < WIDTH; ++lane) {
            A w = widen(value.value[lane]);
            w -= decay * w;
            value.value[lane] = narrow<T>(w - change * treated<A>((A)widen(grad.value[lane]), all, limit));
        }
        store_vector(values + e, value);
    }
}
