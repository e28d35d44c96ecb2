// Windows that slide over arrays (outer, depth, height, width, inner): what the pooling kernels share.
// channels_last is (batch, spatial..., channels), channels_first (batch * channels, spatial..., 1).
#pragma once
#include "common/vector.cuh"

// Spatial sizes are depth, height, width. Output o and tap t meet input o * stride + t * dilation - pad.
struct PoolingGeometry {
    long long outer;
    int inner;
    int input[3];
    int output[3];
    int window[3];
    int stride[3];
    int dilation[3];
    int pad[3];
};

// The element of the plane (height, width, inner) of `rows` x `columns` that a thread of a launch works on.
struct PlaneItem {
    int row, column, c;
    bool inside;

    __device__ __forceinline__ PlaneItem(int rows, int columns, int inner, int width) {
        const unsigned vectors = inner / width, at = blockIdx.x * blockDim.x + threadIdx.x;
        inside = at < (unsigned)rows * columns * vectors;
        c = at % vectors * width;
        column = at / vectors % columns;
        row = at / vectors / columns;
    }
};

// Calls visit(n, d) for the depth slices (outer, depth) of a thread, which lie along y of the launch; fewer
// than 2^31.
template <typename Visit>
__device__ __forceinline__ void for_each_slice(long long outer, int depth, Visit visit) {
    const unsigned slices = (unsigned)outer * depth, step = gridDim.y * blockDim.y;
    for (unsigned slice = blockIdx.y * blockDim.y + threadIdx.y; slice < slices; slice += step) {
        const unsigned n = slice / depth;
        visit((long long)n, (int)(slice - n * depth));
    }
}

// One dimension of one window: where it begins, and its taps [first, stop) that meet the input.
struct TapRange {
    int start, first, stop;

    __device__ __forceinline__ TapRange(const PoolingGeometry& g, int axis, int output) {
        const int dilation = g.dilation[axis];
        start = output * g.stride[axis] - g.pad[axis];
        first = start >= 0 ? 0 : dilation == 1 ? -start : (dilation - 1 - start) / dilation;
        const int room = g.input[axis] - start;
        stop = min(g.window[axis], dilation == 1 ? room : (room + dilation - 1) / dilation);
    }
    __device__ __forceinline__ int count() const { return max(stop - first, 0); }
};

struct Window {
    TapRange depth, height, width;

    __device__ __forceinline__ Window(const PoolingGeometry& g, int o, int p, int q)
        : depth(g, 0, o), height(g, 1, p), width(g, 2, q) {}

    __device__ __forceinline__ int count() const { return depth.count() * height.count() * width.count(); }

    // The number of the first tap that meets the input; 0 where none does.
    __device__ __forceinline__ int first_tap(const PoolingGeometry& g) const {
        return count() ? (depth.first * g.window[1] + height.first) * g.window[2] + width.first : 0;
    }
};

// Calls visit(the row's beginning in the image, its first tap) for the rows of the window that meet the
// input, whole.
template <typename Visit>
__device__ __forceinline__ void for_each_row(const PoolingGeometry& g, const Window& window, Visit visit) {
    for (int t = window.depth.first; t < window.depth.stop; ++t) {
        const int d = window.depth.start + t * g.dilation[0];
        for (int r = window.height.first; r < window.height.stop; ++r) {
            const int h = window.height.start + r * g.dilation[1];
            visit(((long long)d * g.input[1] + h) * g.input[2], (t * g.window[1] + r) * g.window[2]);
        }
    }
}

// Calls visit(position in the image, tap) for the taps that meet the input, in order: no bounds are checked
// inside.
template <typename Visit>
__device__ __forceinline__ void for_each_tap(const PoolingGeometry& g, const Window& window, Visit visit) {
    for_each_row(g, window, [&](long long row, int tap) {
        const long long start = row + window.width.start;
#pragma unroll 2
        for (int s = window.width.first; s < window.width.stop; ++s)
            visit(start + s * g.dilation[2], tap + s);
    });
}

// One dimension of one input position: the outputs [first, last] whose windows may hold it.
struct Cover {
    int padded, first, last;

    __device__ __forceinline__ Cover(const PoolingGeometry& g, int axis, int input) {
        const int stride = g.stride[axis];
        padded = input + g.pad[axis];
        const int before = padded - (g.window[axis] - 1) * g.dilation[axis];
        first = before <= 0 ? 0 : (before + stride - 1) / stride;
        last = min(g.output[axis] - 1, padded / stride);
    }
    // The tap of that output's window that meets the position; -1 if it falls between two taps.
    __device__ __forceinline__ int tap(const PoolingGeometry& g, int axis, int output) const {
        const int rest = padded - output * g.stride[axis], dilation = g.dilation[axis];
        return dilation == 1 ? rest : rest % dilation == 0 ? rest / dilation : -1;
    }
};

// Calls visit(o, p, q, tap) for every window that holds the input position, in order of the outputs.
template <typename Visit>
__device__ __forceinline__ void for_each_window(const PoolingGeometry& g, int d, int h, int w, Visit visit) {
    const Cover depth(g, 0, d), height(g, 1, h), width(g, 2, w);
    for (int o = depth.first; o <= depth.last; ++o) {
        const int t = depth.tap(g, 0, o);
        for (int p = height.first; p <= height.last; ++p) {
            const int r = height.tap(g, 1, p);
            if (t < 0 || r < 0) continue;
#pragma unroll 1
            for (int q = width.first; q <= width.last; ++q) {
                const int s = width.tap(g, 2, q);
                if (s >= 0) visit(o, p, q, (t * g.window[1] + r) * g.window[2] + s);
            }
        }
    }
}

// Calls visit(position in the image, tap or -1) for the input positions of the cell (o, p, q): the stride x
// stride x stride ones from the beginning of the window on. Where windows do not overlap, cells hold every
// position once.
template <typename Visit>
__device__ __forceinline__ void for_each_of_cell(const PoolingGeometry& g, int o, int p, int q, Visit visit) {
    const int d0 = o * g.stride[0] - g.pad[0];
    const int h0 = p * g.stride[1] - g.pad[1];
    const int w0 = q * g.stride[2] - g.pad[2];
    for (int d = max(d0, 0); d < min(d0 + g.stride[0], g.input[0]); ++d)
        for (int h = max(h0, 0); h < min(h0 + g.stride[1], g.input[1]); ++h)
            for (int w = max(w0, 0); w < min(w0 + g.stride[2], g.input[2]); ++w) {
                const int t = d - d0, r = h - h0, s = w - w0;
                const bool hit = t < g.window[0] && r < g.window[1] && s < g.window[2];
                const int tap = hit ? (t * g.window[1] + r) * g.window[2] + s : -1;
                visit(((long long)d * g.input[1] + h) * g.input[2] + w, tap);
            }
}

__device__ __forceinline__ int cells(const PoolingGeometry& g, int axis) {
    return (g.input[axis] + g.pad[axis] + g.stride[axis] - 1) / g.stride[axis];
}

__device__ __forceinline__ bool has_window(const PoolingGeometry& g, int o, int p, int q) {
    return o < g.output[0] && p < g.output[1] && q < g.output[2];
}

__device__ __forceinline__ long long input_positions(const PoolingGeometry& g) {
    return (long long)g.input[0] * g.input[1] * g.input[2];
}

// Where input (d, h, w) of image n begins.
__device__ __forceinline__ long long input_at(const PoolingGeometry& g, long long n, int d, int h, int w) {
    return (((n * g.input[0] + d) * g.input[1] + h) * g.input[2] + w) * g.inner;
}

// Where output (o, p, q) of image n begins.
__device__ __forceinline__ long long output_at(const PoolingGeometry& g, long long n, int o, int p, int q) {
    return (((n * g.output[0] + o) * g.output[1] + p) * g.output[2] + q) * g.inner;
}
