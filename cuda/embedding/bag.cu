// Embedding bags: the rows that a bag's ids choose, made into one row.
//   y[b, e] = sum, mean or max over i in [offsets[b], offsets[b + 1]) of weights[i] * table[ids[i], e]
//   dweights[i] = sum over e of dy[b, e] * table[ids[i], e]
// Arrays:    ids (count) int or long long; offsets (bags + 1) long long, ascending from 0 to count; weights
//            (count) T, for sums, or null; table (input_dim, output_dim) T; y (bags, output_dim) T; argmax as
//            y, long long: for the maximum, the i it came from (-1: an empty bag); first_bad (1): the least i
//            whose id is outside [0, input_dim), left alone where there is none. An empty bag gives 0.
//            backward_weights: bag_of (count) long long: the bag of each id; dy as y; dweights (count) T.
// Work:      forward: a thread makes WIDTH neighbouring columns of one bag; neighbouring threads lie along the row.
//            backward_weights: blockDim.x threads, at most a warp, take the product for one id.
// Traffic:   ids once (a row's threads share a sector), every chosen row once, y once; backward_weights: a row of
//            dy for each id, mostly from the caches.
// Needs:     output_dim a multiple of WIDTH; table, y and dy aligned to WIDTH elements; blockDim.x a power of two.
// Deterministic: yes; sums in the order of the ids; the only atomic is a minimum of integers.
#include "common/vector.cuh"

template <typename T, typename Id, int MODE, bool WEIGHTED, int WIDTH>
__global__ void __launch_bounds__(256, 4)
    embedding_bag_forward(const Id* __restrict__ ids, const long long* __restrict__ offsets,
                          const T* __restrict__ weights, const T* __restrict__ table, T* __restrict__ y,
                          long long* __restrict__ argmax, unsigned long long* first_bad, long long bags,
                          long long input_dim, int output_dim) {
    constexpr int MEAN = 1, MAX = 2;
    const int vectors = output_dim / WIDTH;
    const long long step = (long long)gridDim.x * blockDim.x;
    for (long long at = (long long)blockIdx.x * blockDim.x + threadIdx.x; at < bags * vectors; at += step) {
        const long long bag = at / vectors;
        const int e = (int)(at - bag * vectors) * WIDTH;
        const long long first = offsets[bag], stop = offsets[bag + 1];
        Accumulator<T> total[WIDTH] = {};
        long long place[WIDTH];
#pragma unroll
        for (int lane = 0; lane < WIDTH; ++lane) place[lane] = -1;

        for (long long i = first; i < stop; ++i) {
            const long long id = ids[i];
            if (id < 0 || id >= input_dim) {
                if (e == 0) atomicMin(first_bad, (unsigned long long)i);
                continue;
            }
            const auto row = load_vector<T, WIDTH>(table + id * output_dim + e);
            Accumulator<T> weight = 1;
            if constexpr (WEIGHTED) weight = widen(weights[i]);
#pragma unroll
            for (int lane = 0; lane < WIDTH; ++lane) {
                const Accumulator<T> value = widen(row.value[lane]);
                if constexpr (MODE == MAX) {
                    const bool nan = value != value && total[lane] == total[lane];
                    if (place[lane] < 0 || value > total[lane] || nan) {
                        total[lane] = value;
                        place[lane] = i;
                    }
                } else {
                    total[lane] += weight * value;
                }
            }
        }

        Vector<T, WIDTH> result;
        const Accumulator<T> count = MODE == MEAN && stop > first ? stop - first : 1;
#pragma unroll
        for (int lane = 0; lane < WIDTH; ++lane) {
            result.value[lane] = narrow<T>(total[lane] / count);
            if constexpr (MODE == MAX) argmax[bag * output_dim + e + lane] = place[lane];
        }
        store_vector<T, WIDTH>(y + bag * output_dim + e, result);
    }
}

template <typename T, typename Id, int WIDTH>
__global__ void __launch_bounds__(256)
    embedding_bag_backward_weights(const Id* __restrict__ ids, const long long* __restrict__ bag_of,
                                   const T* __restrict__ table, const T* __restrict__ dy,
                                   T* __restrict__ dweights, long long count, int output_dim) {
    const long long i = (long long)blockIdx.x * blockDim.y + threadIdx.y;
    Accumulator<T> sum = 0;
    if (i < count) {
        const T* row = table + (long long)ids[i] * output_dim;
        const T* up = dy + bag_of[i] * output_dim;
        for (int e = threadIdx.x * WIDTH; e < output_dim; e += blockDim.x * WIDTH) {
            const auto values = load_vector<T, WIDTH>(row + e), grads = load_vector<T, WIDTH>(up + e);
#pragma unroll
            for (int lane = 0; lane < WIDTH; ++lane) sum += widen(values.value[lane]) * widen(grads.value[lane]);
        }
    }
    for (int mask = blockDim.x / 2; mask > 0; mask /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, mask);
    if (i < count && threadIdx.x == 0) dweights[i] = narrow<T>(sum);
}
