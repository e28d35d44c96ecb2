// Global pooling: every channel of every image reduced to one value, forward and backward.
//   maximum: y[n, c] = max over positions i of x[n, i, c], argmax[n, c] = that i; mean: sum / positions
//   dx[n, i, c] = dy[n, c] where i is the argmax, else 0; or dy[n, c] / positions
// Arrays:    x, dx (outer, positions, inner) T; y, dy (outer, inner) T; argmax (outer, inner) int, null for
//            the mean; partial_values (splits, outer, inner) Accumulator<T>, partial_places the same, int:
//            only where splits > 1. A NaN is larger than any number and the first of equals wins.
// Work:      rows_forward: inner is 1: a warp reduces a chunk of WIDTH x 32 x k neighbouring positions of one
//            image.
//            columns_forward: a block reduces a chunk of positions of blockDim.x vectors of WIDTH channels.
//            combine_forward: a thread adds up the chunks of one result, in order.
//            spread_backward: a thread writes WIDTH neighbouring elements of dx.
// Traffic:   every byte of x or dx once, coalesced; partial results once each way.
// Needs:     positions (rows_forward) or inner (the others) a multiple of WIDTH and arrays aligned to WIDTH
//            elements; fewer than 2^31 positions; columns_forward: blockDim.x * blockDim.y = 256, both powers
//            of two.
// Deterministic: yes; no atomics, the order of the sums depends on sizes alone.
#include "common/vector.cuh"
#include "pooling/window.cuh"

struct GlobalPoolingGeometry {
    long long outer;
    int positions;
    int inner;
    int splits;
    int chunk;
};

template <typename A, bool MAX> struct Reduction {
    A sum;

    static __device__ __forceinline__ Reduction none() { return {0}; }
    __device__ __forceinline__ void take(A value, int) { sum += value; }
    __device__ __forceinline__ void merge(const Reduction& other) { sum += other.sum; }
    __device__ __forceinline__ Reduction from_lane(int mask) const {
        return {__shfl_xor_sync(0xffffffffu, sum, mask)};
    }
    __device__ __forceinline__ A value(int positions) const { return sum / A(positions); }
    __device__ __forceinline__ A partial() const { return sum; }
    __device__ __forceinline__ int place() const { return 0; }
};

// Results are ordered in full (NaN first, then larger, then earlier), so that any order of merging gives the
// same one.
template <typename A> struct Reduction<A, true> {
    A best;
    int at;

    static __device__ __forceinline__ Reduction none() {
        return {-A(__int_as_float(0x7f800000)), 0x7fffffff};
    }
    __device__ __forceinline__ void take(A candidate, int from) {
        const bool candidate_nan = candidate != candidate, best_nan = best != best;
        const bool equal = candidate == best || (candidate_nan && best_nan);
        if (equal ? from < at : candidate > best || (candidate_nan && !best_nan)) {
            best = candidate;
            at = from;
        }
    }
    __device__ __forceinline__ void merge(const Reduction& other) { take(other.best, other.at); }
    __device__ __forceinline__ Reduction from_lane(int mask) const {
        return {__shfl_xor_sync(0xffffffffu, best, mask), __shfl_xor_sync(0xffffffffu, at, mask)};
    }
    __device__ __forceinline__ A value(int) const { return best; }
    __device__ __forceinline__ A partial() const { return best; }
    __device__ __forceinline__ int place() const { return at; }
};

// Writes one result: the final one, or that of one chunk.
template <typename T, bool MAX>
__device__ __forceinline__ void store_result(const Reduction<Accumulator<T>, MAX>& total,
                                             const GlobalPoolingGeometry& g, long long at, int split, T* y,
                                             int* argmax, Accumulator<T>* partial_values,
                                             int* partial_places) {
    if (g.splits == 1) {
        y[at] = narrow<T>(total.value(g.positions));
        if constexpr (MAX) argmax[at] = total.place();
    } else {
        const long long slot = split * g.outer * g.inner + at;
        partial_values[slot] = total.partial();
        if constexpr (MAX) partial_places[slot] = total.place();
    }
}

template <typename T, bool MAX, int WIDTH>
__global__ void __launch_bounds__(256)
    global_pool_rows_forward(const T* __restrict__ x, T* __restrict__ y, int* __restrict__ argmax,
                             Accumulator<T>* __restrict__ partial_values, int* __restrict__ partial_places,
                             GlobalPoolingGeometry g) {
    const int lane = threadIdx.x % 32;
    const long long warps = (long long)gridDim.x * (blockDim.x / 32), tasks = g.outer * g.splits;
    long long task = (long long)blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
    for (; task < tasks; task += warps) {
        const long long n = task / g.splits;
        const int split = (int)(task - n * g.splits);
        const int start = split * g.chunk, stop = min(g.positions - start, g.chunk) + start;
        auto total = Reduction<Accumulator<T>, MAX>::none();
        for (int i = start + lane * WIDTH; i < stop; i += 32 * WIDTH) {
            const auto values = load_vector<T, WIDTH>(x + n * g.positions + i);
#pragma unroll
            for (int k = 0; k < WIDTH; ++k) total.take(widen(values.value[k]), i + k);
        }
        for (int mask = 16; mask > 0; mask /= 2) total.merge(total.from_lane(mask));
        if (lane == 0) store_result<T, MAX>(total, g, n, split, y, argmax, partial_values, partial_places);
    }
}

template <typename T, bool MAX, int WIDTH>
__global__ void __launch_bounds__(256)
    global_pool_columns_forward(const T* __restrict__ x, T* __restrict__ y, int* __restrict__ argmax,
                                Accumulator<T>* __restrict__ partial_values, int* __restrict__ partial_places,
                                GlobalPoolingGeometry g) {
    using Total = Reduction<Accumulator<T>, MAX>;
    __shared__ Total shared[WIDTH][256];
    const int thread = threadIdx.y * blockDim.x + threadIdx.x;
    const int c = (blockIdx.x * blockDim.x + threadIdx.x) * WIDTH;
    const int start = blockIdx.y * g.chunk, stop = min(g.positions - start, g.chunk) + start;

    for (long long n = blockIdx.z; n < g.outer; n += gridDim.z) {
        Total totals[WIDTH];
#pragma unroll
        for (int k = 0; k < WIDTH; ++k) totals[k] = Total::none();
        if (c < g.inner) {
#pragma unroll 4
            for (int i = start + threadIdx.y; i < stop; i += blockDim.y) {
                const auto values = load_vector<T, WIDTH>(x + (n * g.positions + i) * g.inner + c);
#pragma unroll
                for (int k = 0; k < WIDTH; ++k) totals[k].take(widen(values.value[k]), i);
            }
        }

        // Threads of one column meet in shared memory, halving their number.
#pragma unroll
        for (int k = 0; k < WIDTH; ++k) shared[k][thread] = totals[k];
        for (int rows = blockDim.y / 2; rows > 0; rows /= 2) {
            __syncthreads();
            if (threadIdx.y < rows) {
#pragma unroll
                for (int k = 0; k < WIDTH; ++k)
                    shared[k][thread].merge(shared[k][thread + rows * blockDim.x]);
            }
        }
        if (threadIdx.y == 0 && c < g.inner) {
#pragma unroll
            for (int k = 0; k < WIDTH; ++k)
                store_result<T, MAX>(shared[k][thread], g, n * g.inner + c + k, blockIdx.y, y, argmax,
                                     partial_values, partial_places);
        }
        __syncthreads();
    }
}

template <typename T, bool MAX>
__global__ void __launch_bounds__(256)
    global_pool_combine_forward(const Accumulator<T>* __restrict__ partial_values,
                                const int* __restrict__ partial_places, T* __restrict__ y,
                                int* __restrict__ argmax, GlobalPoolingGeometry g) {
    const long long count = g.outer * g.inner;
    const long long at = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (at >= count) return;
    auto total = Reduction<Accumulator<T>, MAX>::none();
    for (int split = 0; split < g.splits; ++split) {
        const long long slot = split * count + at;
        if constexpr (MAX) total.take(partial_values[slot], partial_places[slot]);
        else total.take(partial_values[slot], 0);
    }
    y[at] = narrow<T>(total.value(g.positions));
    if constexpr (MAX) argmax[at] = total.place();
}

template <typename T, bool MAX, bool ALONG_POSITIONS, int WIDTH>
__global__ void __launch_bounds__(256)
    global_pool_spread_backward(const T* __restrict__ dy, const int* __restrict__ argmax, T* __restrict__ dx,
                                GlobalPoolingGeometry g) {
    const int columns = ALONG_POSITIONS ? 1 : g.positions;
    const PlaneItem item(1, columns, ALONG_POSITIONS ? g.positions : g.inner, WIDTH);
    if (!item.inside) return;
    constexpr int SOURCES = ALONG_POSITIONS ? 1 : WIDTH;  // gradients that a thread's elements come from

    for_each_slice(g.outer, 1, [&](long long n, int) {
        const long long at = ALONG_POSITIONS ? n : n * g.inner + item.c;
        const auto source = load_vector<T, SOURCES>(dy + at);
        Vector<int, SOURCES> places = {};
        if constexpr (MAX) places = load_vector<int, SOURCES>(argmax + at);
        Vector<T, WIDTH> result;
#pragma unroll
        for (int k = 0; k < WIDTH; ++k) {
            const int from = ALONG_POSITIONS ? 0 : k, position = ALONG_POSITIONS ? item.c + k : item.column;
            const bool chosen = !MAX || places.value[from] == position;
            if constexpr (MAX) result.value[k] = chosen ? source.value[from] : narrow<T>(0);
            else result.value[k] = narrow<T>(widen(source.value[from]) / Accumulator<T>(g.positions));
        }
        const long long position = ALONG_POSITIONS ? item.c : (long long)item.column * g.inner + item.c;
        store_vector<T, WIDTH>(dx + n * g.positions * g.inner + position, result);
    });
}
