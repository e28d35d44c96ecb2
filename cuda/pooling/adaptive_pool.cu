// Adaptive pooling over depth, height and width: a given number of bins that cover the input.
//   bin o of an axis = [floor(o * n / m), ceil((o + 1) * n / m)) for n inputs and m outputs
//   y[n, o, p, q, c] = max or mean over the bin of x[n, .., c]
//   dx[n, d, h, w, c] = sum over the bins that hold (d, h, w) of dy where it was the maximum, or dy / count
// Arrays:    x, dx (outer, input..., inner) T; y, dy (outer, output..., inner) T; argmax as y, int: the
//            position in the image, row by row. A NaN is larger than any number and the first of equals wins.
// Work:      forward: a thread an output vector of WIDTH neighbouring channels; backward: an input vector,
//            which gathers from the bins that hold it.
// Traffic:   forward: what bins share is read once a bin, mostly from the caches.
// Needs:     inner a multiple of WIDTH and arrays aligned to WIDTH elements; (n + 1) * (m + 1) < 2^31 along
//            each axis; an image of fewer than 2^31 elements; fewer than 2^31 depth slices.
// Deterministic: yes; no atomics, sums in the order of the inputs or of the bins.
#include "pooling/window.cuh"

struct AdaptiveGeometry {
    long long outer;
    int inner;
    int input[3];
    int output[3];
};

// The inputs [first, stop) of a bin.
struct Bin {
    int first, stop;

    __device__ __forceinline__ Bin(const AdaptiveGeometry& g, int axis, int output) {
        const int n = g.input[axis], m = g.output[axis];
        first = output * n / m;
        stop = ((output + 1) * n + m - 1) / m;
    }
    __device__ __forceinline__ int count() const { return stop - first; }
};

// The bins [first, last] that hold an input.
struct Holders {
    int first, last;

    __device__ __forceinline__ Holders(const AdaptiveGeometry& g, int axis, int input) {
        const int n = g.input[axis], m = g.output[axis];
        first = input * m / n;
        last = ((input + 1) * m + n - 1) / n - 1;
    }
};

__device__ __forceinline__ long long element(const int (&size)[3], int inner, long long n, int d, int h,
                                             int w) {
    return (((n * size[0] + d) * size[1] + h) * size[2] + w) * inner;
}

template <typename T, bool MAXIMUM, int WIDTH>
__global__ void __launch_bounds__(256, 3)
    adaptive_pool_forward(const T* __restrict__ x, T* __restrict__ y, int* __restrict__ argmax,
                          AdaptiveGeometry g) {
    const PlaneItem item(g.output[1], g.output[2], g.inner, WIDTH);
    if (!item.inside) return;
    const Bin height(g, 1, item.row), width(g, 2, item.column);

    for_each_slice(g.outer, g.output[0], [&](long long n, int o) {
        const Bin depth(g, 0, o);
        const T* image = x + element(g.input, g.inner, n, 0, 0, 0) + item.c;
        Accumulator<T> best[WIDTH] = {};
        int place[WIDTH];
        bool started = false;
        for (int d = depth.first; d < depth.stop; ++d)
            for (int h = height.first; h < height.stop; ++h)
                for (int w = width.first; w < width.stop; ++w) {
                    const int position = (d * g.input[1] + h) * g.input[2] + w;
                    const auto values = load_vector<T, WIDTH>(image + (long long)position * g.inner);
#pragma unroll
                    for (int lane = 0; lane < WIDTH; ++lane) {
                        const Accumulator<T> value = widen(values.value[lane]);
                        if constexpr (MAXIMUM) {
                            const bool nan = value != value && best[lane] == best[lane];
                            if (!started || value > best[lane] || nan) {
                                best[lane] = value;
                                place[lane] = position;
                            }
                        } else {
                            best[lane] += value;
                        }
                    }
                    started = true;
                }

        const long long at = element(g.output, g.inner, n, o, item.row, item.column) + item.c;
        const Accumulator<T> count = MAXIMUM ? 1 : depth.count() * height.count() * width.count();
        Vector<T, WIDTH> result;
#pragma unroll
        for (int lane = 0; lane < WIDTH; ++lane) {
            result.value[lane] = narrow<T>(best[lane] / count);
            if constexpr (MAXIMUM) argmax[at + lane] = place[lane];
        }
        store_vector<T, WIDTH>(y + at, result);
    });
}

template <typename T, bool MAXIMUM, int WIDTH>
__global__ void __launch_bounds__(256, 2)
    adaptive_pool_backward(const T* __restrict__ dy, const int* __restrict__ argmax, T* __restrict__ dx,
                           AdaptiveGeometry g) {
    const PlaneItem item(g.input[1], g.input[2], g.inner, WIDTH);
    if (!item.inside) return;
    const Holders height(g, 1, item.row), width(g, 2, item.column);

    for_each_slice(g.outer, g.input[0], [&](long long n, int d) {
        const Holders depth(g, 0, d);
        const int position = (d * g.input[1] + item.row) * g.input[2] + item.column;
        Accumulator<T> sums[WIDTH] = {};
        for (int o = depth.first; o <= depth.last; ++o)
            for (int p = height.first; p <= height.last; ++p)
                for (int q = width.first; q <= width.last; ++q) {
                    const long long at = element(g.output, g.inner, n, o, p, q) + item.c;
                    const auto values = load_vector<T, WIDTH>(dy + at);
                    if constexpr (MAXIMUM) {
#pragma unroll
                        for (int lane = 0; lane < WIDTH; ++lane)
                            if (argmax[at + lane] == position) sums[lane] += widen(values.value[lane]);
                    } else {
                        const int area = Bin(g, 1, p).count() * Bin(g, 2, q).count();
                        const Accumulator<T> count = Bin(g, 0, o).count() * area;
#pragma unroll
                        for (int lane = 0; lane < WIDTH; ++lane)
                            sums[lane] += widen(values.value[lane]) / count;
                    }
                }

        Vector<T, WIDTH> result;
#pragma unroll
        for (int lane = 0; lane < WIDTH; ++lane) result.value[lane] = narrow<T>(sums[lane]);
        const long long at = element(g.input, g.inner, n, d, item.row, item.column) + item.c;
        store_vector<T, WIDTH>(dx + at, result);
    });
}
