// Average pooling over depth, height and width, forward and backward; padding does not count.
//   y[n, o, p, q, c] = sum over taps (t, r, s) inside the input of x[n, o * stride + t - pad, .., c] / count
//   dx[n, d, h, w, c] = sum over the windows that hold (d, h, w) of dy / their count
// Arrays:    x, dx (outer, input..., inner) T; y, dy (outer, output..., inner) T. Without taps: 0.
// Work:      window_forward: a thread an output vector of WIDTH neighbouring channels.
//            row_forward: inner is 1 and windows do not overlap along the width: a thread a 16-byte vector of
//            input columns, and the 16 bytes / STRIDE outputs above it.
//            window_backward: a thread an input vector; it gathers from every window that holds it.
//            cell_backward: windows do not overlap: a thread an output vector and the STRIDE^3 inputs that
//            belong to it.
// Traffic:   row_forward and cell_backward: every byte once. The others read what windows share once a
//            window, mostly from the caches; neighbouring threads lie along memory.
// Needs:     as max_pool.cu.
// Deterministic: yes; no atomics, sums in the order of the taps or of the outputs.
#include "pooling/window.cuh"

// sums[lane] / count, or 0 where there is nothing to count.
template <typename T, int N>
__device__ __forceinline__ void store_means(const Accumulator<T> (&sums)[N], int count, T* y) {
    Vector<T, N> result;
#pragma unroll
    for (int lane = 0; lane < N; ++lane)
        result.value[lane] = narrow<T>(sums[lane] / Accumulator<T>(max(count, 1)));
    store_vector<T, N>(y, result);
}

template <typename T, int WIDTH>
__global__ void __launch_bounds__(256, 3)
    average_pool_window_forward(const T* __restrict__ x, T* __restrict__ y, PoolingGeometry g) {
    const PlaneItem item(g.output[1], g.output[2], g.inner, WIDTH);
    if (!item.inside) return;

    for_each_slice(g.outer, g.output[0], [&](long long n, int o) {
        const Window window(g, o, item.row, item.column);
        const T* image = x + n * input_positions(g) * g.inner + item.c;
        Accumulator<T> sums[WIDTH] = {};
        for_each_tap(g, window, [&](long long position, int) {
            const auto values = load_vector<T, WIDTH>(image + position * g.inner);
#pragma unroll
            for (int lane = 0; lane < WIDTH; ++lane) sums[lane] += widen(values.value[lane]);
        });
        store_means<T, WIDTH>(sums, window.count(), y + output_at(g, n, o, item.row, item.column) + item.c);
    });
}

template <typename T, int STRIDE>
__global__ void __launch_bounds__(256, 3)
    average_pool_row_forward(const T* __restrict__ x, T* __restrict__ y, PoolingGeometry g) {
    constexpr int COLUMNS = 16 / sizeof(T), OUTPUTS = COLUMNS / STRIDE;
    const PlaneItem item(g.output[1], g.input[2] / COLUMNS, 1, 1);
    if (!item.inside) return;

    for_each_slice(g.outer, g.output[0], [&](long long n, int o) {
        const Window window(g, o, item.row, 0);
        const T* image = x + n * input_positions(g) + item.column * COLUMNS;
        Accumulator<T> sums[OUTPUTS] = {};
        for_each_row(g, window, [&](long long row, int) {
            const auto values = load_vector<T, COLUMNS>(image + row);
#pragma unroll
            for (int w = 0; w < COLUMNS; ++w)
                if (w % STRIDE < g.window[2]) sums[w / STRIDE] += widen(values.value[w]);
        });
        const long long at = output_at(g, n, o, item.row, item.column * OUTPUTS);
        store_means<T, OUTPUTS>(sums, window.count(), y + at);
    });
}

template <typename T, int WIDTH>
__global__ void __launch_bounds__(256, 3)
    average_pool_window_backward(const T* __restrict__ dy, T* __restrict__ dx, PoolingGeometry g) {
    const PlaneItem item(g.input[1], g.input[2], g.inner, WIDTH);
    if (!item.inside) return;

    for_each_slice(g.outer, g.input[0], [&](long long n, int d) {
        Accumulator<T> sums[WIDTH] = {};
        for_each_window(g, d, item.row, item.column, [&](int o, int p, int q, int) {
            const auto values = load_vector<T, WIDTH>(dy + output_at(g, n, o, p, q) + item.c);
            const Accumulator<T> count = Window(g, o, p, q).count();
#pragma unroll
            for (int lane = 0; lane < WIDTH; ++lane) sums[lane] += widen(values.value[lane]) / count;
        });
        store_means<T, WIDTH>(sums, 1, dx + input_at(g, n, d, item.row, item.column) + item.c);
    });
}

template <typename T, int WIDTH>
__global__ void __launch_bounds__(256, 3)
    average_pool_cell_backward(const T* __restrict__ dy, T* __restrict__ dx, PoolingGeometry g) {
    const PlaneItem item(cells(g, 1), cells(g, 2), g.inner, WIDTH);
    if (!item.inside) return;

    for_each_slice(g.outer, cells(g, 0), [&](long long n, int o) {
        Vector<T, WIDTH> share = {};
        if (has_window(g, o, item.row, item.column)) {
            share = load_vector<T, WIDTH>(dy + output_at(g, n, o, item.row, item.column) + item.c);
            const Accumulator<T> count = max(Window(g, o, item.row, item.column).count(), 1);
#pragma unroll
            for (int lane = 0; lane < WIDTH; ++lane)
                share.value[lane] = narrow<T>(widen(share.value[lane]) / count);
        }
        T* image = dx + n * input_positions(g) * g.inner + item.c;
        for_each_of_cell(g, o, item.row, item.column, [&](long long position, int tap) {
            store_vector<T, WIDTH>(image + position * g.inner, tap >= 0 ? share : Vector<T, WIDTH>{});
        });
    });
}
