// Max pooling over depth, height and width, forward and backward.
//   y[n, o, p, q, c] = max over taps (t, r, s) in the input of x[n, o * stride + t * dilation - pad, .., c]
//   dx[n, d, h, w, c] = sum of dy over the windows whose maximum came from (d, h, w)
// Arrays:    x, dx (outer, input..., inner) T; y, dy (outer, output..., inner) T; argmax as y, Tap: the
//            number of the tap. A NaN is larger than any number and the first of equals wins; a window
//            without taps gives -inf and tap 0.
// Work:      window_forward: a thread an output vector of WIDTH neighbouring channels.
//            row_forward: inner is 1 and windows do not overlap along the width: a thread a 16-byte vector of
//            input columns, and the 16 bytes / STRIDE outputs above it.
//            window_backward: a thread an input vector; it gathers from every window that holds it.
//            cell_backward: windows do not overlap: a thread an output vector and the STRIDE^3 inputs that
//            belong to it.
// Traffic:   row_forward and cell_backward: every byte once. The others read what windows share once a
//            window, mostly from the caches; neighbouring threads lie along memory.
// Needs:     inner a multiple of WIDTH and arrays aligned to WIDTH elements; row_forward: width a multiple of
//            the vector, no padding before the width, window[2] <= STRIDE; a padded depth slice of fewer than
//            2^31 elements.
// Deterministic: yes; no atomics, sums in the order of the outputs.
#include "pooling/window.cuh"

// The running maximum of one channel.
template <typename A> struct Maximum {
    A value;
    int tap;

    __device__ __forceinline__ void start(int first_tap) {
        value = -A(__int_as_float(0x7f800000));
        tap = first_tap;
    }
    __device__ __forceinline__ void take(A candidate, int from) {
        if (candidate > value || (candidate != candidate && value == value)) {
            value = candidate;
            tap = from;
        }
    }
};

template <typename T, typename Tap, bool KEEP_TAP, int N>
__device__ __forceinline__ void store(const Maximum<Accumulator<T>> (&best)[N], T* y, Tap* argmax) {
    Vector<T, N> values;
    Vector<Tap, N> taps;
#pragma unroll
    for (int lane = 0; lane < N; ++lane) {
        values.value[lane] = narrow<T>(best[lane].value);
        taps.value[lane] = (Tap)best[lane].tap;
    }
    store_vector<T, N>(y, values);
    if constexpr (KEEP_TAP) store_vector<Tap, N>(argmax, taps);
}

template <typename T, typename Tap, bool KEEP_TAP, int WIDTH>
__global__ void __launch_bounds__(256, 3)
    max_pool_window_forward(const T* __restrict__ x, T* __restrict__ y, Tap* __restrict__ argmax,
                            PoolingGeometry g) {
    const PlaneItem item(g.output[1], g.output[2], g.inner, WIDTH);
    if (!item.inside) return;

    for_each_slice(g.outer, g.output[0], [&](long long n, int o) {
        const Window window(g, o, item.row, item.column);
        const T* image = x + n * input_positions(g) * g.inner + item.c;
        Maximum<Accumulator<T>> best[WIDTH];
#pragma unroll
        for (int lane = 0; lane < WIDTH; ++lane) best[lane].start(window.first_tap(g));

        for_each_tap(g, window, [&](long long position, int tap) {
            const auto values = load_vector<T, WIDTH>(image + position * g.inner);
#pragma unroll
            for (int lane = 0; lane < WIDTH; ++lane) best[lane].take(widen(values.value[lane]), tap);
        });

        const long long at = output_at(g, n, o, item.row, item.column) + item.c;
        store<T, Tap, KEEP_TAP, WIDTH>(best, y + at, argmax + at);
    });
}

template <typename T, typename Tap, bool KEEP_TAP, int STRIDE>
__global__ void __launch_bounds__(256, 3)
    max_pool_row_forward(const T* __restrict__ x, T* __restrict__ y, Tap* __restrict__ argmax,
                         PoolingGeometry g) {
    constexpr int COLUMNS = 16 / sizeof(T), OUTPUTS = COLUMNS / STRIDE;
    const PlaneItem item(g.output[1], g.input[2] / COLUMNS, 1, 1);
    if (!item.inside) return;

    for_each_slice(g.outer, g.output[0], [&](long long n, int o) {
        const Window window(g, o, item.row, 0);
        const T* image = x + n * input_positions(g) + item.column * COLUMNS;
        Maximum<Accumulator<T>> best[OUTPUTS];
#pragma unroll
        for (int k = 0; k < OUTPUTS; ++k) best[k].start(window.first_tap(g));

        for_each_row(g, window, [&](long long row, int tap) {
            const auto values = load_vector<T, COLUMNS>(image + row);
#pragma unroll
            for (int w = 0; w < COLUMNS; ++w)
                if (w % STRIDE < g.window[2]) best[w / STRIDE].take(widen(values.value[w]), tap + w % STRIDE);
        });

        const long long at = output_at(g, n, o, item.row, item.column * OUTPUTS);
        store<T, Tap, KEEP_TAP, OUTPUTS>(best, y + at, argmax + at);
    });
}

template <typename T, typename Tap, int WIDTH>
__global__ void __launch_bounds__(256, 3)
    max_pool_window_backward(const T* __restrict__ dy, const Tap* __restrict__ argmax, T* __restrict__ dx,
                             PoolingGeometry g) {
    const PlaneItem item(g.input[1], g.input[2], g.inner, WIDTH);
    if (!item.inside) return;

    for_each_slice(g.outer, g.input[0], [&](long long n, int d) {
        Accumulator<T> sum[WIDTH] = {};
        for_each_window(g, d, item.row, item.column, [&](int o, int p, int q, int tap) {
            const long long at = output_at(g, n, o, p, q) + item.c;
            const auto taps = load_vector<Tap, WIDTH>(argmax + at);
            const auto values = load_vector<T, WIDTH>(dy + at);
#pragma unroll
            for (int lane = 0; lane < WIDTH; ++lane)
                if (taps.value[lane] == (Tap)tap) sum[lane] += widen(values.value[lane]);
        });

        Vector<T, WIDTH> result;
#pragma unroll
        for (int lane = 0; lane < WIDTH; ++lane) result.value[lane] = narrow<T>(sum[lane]);
        store_vector<T, WIDTH>(dx + input_at(g, n, d, item.row, item.column) + item.c, result);
    });
}

template <typename T, typename Tap, int WIDTH>
__global__ void __launch_bounds__(256, 3)
    max_pool_cell_backward(const T* __restrict__ dy, const Tap* __restrict__ argmax, T* __restrict__ dx,
                           PoolingGeometry g) {
    const PlaneItem item(cells(g, 1), cells(g, 2), g.inner, WIDTH);
    if (!item.inside) return;

    for_each_slice(g.outer, cells(g, 0), [&](long long n, int o) {
        Vector<T, WIDTH> values = {};
        Vector<Tap, WIDTH> taps = {};
        if (has_window(g, o, item.row, item.column)) {
            const long long at = output_at(g, n, o, item.row, item.column) + item.c;
            values = load_vector<T, WIDTH>(dy + at);
            taps = load_vector<Tap, WIDTH>(argmax + at);
        }
        T* image = dx + n * input_positions(g) * g.inner + item.c;
        for_each_of_cell(g, o, item.row, item.column, [&](long long position, int tap) {
            Vector<T, WIDTH> result;
#pragma unroll
            for (int lane = 0; lane < WIDTH; ++lane) {
                const bool chosen = tap >= 0 && taps.value[lane] == (Tap)tap;
                result.value[lane] = chosen ? values.value[lane] : narrow<T>(0);
            }
            store_vector<T, WIDTH>(image + position * g.inner, result);
        });
    });
}
