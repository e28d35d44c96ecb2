// Gradient of a convolution to its input, gathered: every input pixel collects the outputs that saw it.
//   dx[n, i, c] = sum over taps t and filters k of dy[n, (i + pad - t * dilation) / stride, k] * w[t, c, k],
//                 over the taps for which the division leaves no rest and the output exists
// As the forward of a transposed convolution: activation(dx + b[c]).
// Arrays:    dy (n, o, p, q, k) or (n, k, o, p, q) T; w (t, r, s, c / groups, k) T; b (c) T or null;
//            dx (n, d, h, w, c) or (n, c, d, h, w) T.
// Work:      input pixels that are equal modulo the strides are one class and see the same taps, as in a
//            convolution of stride 1; a block makes a tile of pixels of one class x channels of one group.
// Traffic:   dy once for each tap of the class and column tile, mostly from the caches; w once for each row
//            tile; dx once.
// Needs:     taps * filters below 2^31; offsets are 64 bits wide.
// Deterministic: yes; no atomics, a sum runs over the depth in order.
#include "activation.cuh"
#include "tile.cuh"

template <typename T, bool CHANNELS_LAST, Activation ACTIVATION, TileConfig CONFIG>
__global__ void __launch_bounds__(block_threads(CONFIG), RESIDENT_BLOCKS<T>)
    convolution_direct_backward_input(const T* __restrict__ dy, const T* __restrict__ w,
                                      const T* __restrict__ b, T* __restrict__ dx, ConvolutionGeometry g,
                                      long long row_tiles) {
    using Tile = BlockTile<T, CONFIG, CHANNELS_LAST>;
    __shared__ typename Tile::Storage shared;
    const int column_tiles = (g.group_in_channels + Tile::COLUMNS - 1) / Tile::COLUMNS;
    const int first_column = blockIdx.x % column_tiles * Tile::COLUMNS;
    const int group = blockIdx.x / column_tiles % g.groups;
    const long long tile_index = blockIdx.x / column_tiles / g.groups;
    const long long first_row = tile_index % row_tiles * Tile::ROWS;

    // The class: its first pixel and pixel counts, its first tap and tap counts, an axis a thread.
    __shared__ int first_pixel[3], counts[3], first_tap[3], taps[3];
    if (threadIdx.x < 3) {
        const int axis = threadIdx.x, stride = g.strides[axis];
        int index = (int)(tile_index / row_tiles);
        for (int later = 2; later > axis; --later) index /= min(g.strides[later], g.input_size[later]);
        const int first = index % min(stride, g.input_size[axis]);
        int tap = 0;
        const int position = first + g.pad_low[axis];
        while (tap < g.tap_step[axis] && (position - tap * g.dilation[axis]) % stride != 0) ++tap;
        const bool any = tap < g.tap_step[axis] && tap < g.window[axis];
        first_pixel[axis] = first;
        counts[axis] = (g.input_size[axis] - first + stride - 1) / stride;
        first_tap[axis] = tap;
        taps[axis] = any ? (g.window[axis] - tap + g.tap_step[axis] - 1) / g.tap_step[axis] : 0;
    }
    __syncthreads();

    // Rows: pixels of the class, counted in strides.
    const long long pixels = (long long)g.batch * counts[0] * counts[1] * counts[2];
    if (first_row >= pixels) return;
    for (int row = threadIdx.x; row < Tile::ROWS; row += Tile::THREADS) {
        Place place = {0, {OUTSIDE, 0, 0}};
        long long target = -1;
        if (first_row + row < pixels) {
            const Position pixel = position_of(first_row + row, counts);
            int input[3];
            for (int axis = 0; axis < 3; ++axis) {
                place.at[axis] = pixel.at[axis];
                input[axis] = first_pixel[axis] + pixel.at[axis] * g.strides[axis];
            }
            place.offset = pixel.n * g.y_strides[0] + spatial_offset(place.at, g.y_strides);
            target = pixel.n * g.x_strides[0] + spatial_offset(input, g.x_strides);
        }
        shared.rows[row] = place;
        shared.targets[row] = target;
    }

    // Depth: taps of the class x filters of the group.
    const int depths = taps[0] * taps[1] * taps[2] * g.group_out_channels;
    const int filters = g.groups * g.group_out_channels;
    auto place_depth = [&](int slice, int index) {
        Place place = {0, {OUTSIDE, 0, 0}};
        long long right = -1;
        if (index < depths) {
            const Position tap = position_of(index / g.group_out_channels, taps);
            const int k = group * g.group_out_channels + index % g.group_out_channels;
            long long tap_index = 0;
            for (int axis = 0; axis < 3; ++axis) {
                const int t = first_tap[axis] + tap.at[axis] * g.tap_step[axis];
                const int position = first_pixel[axis] + g.pad_low[axis] - t * g.dilation[axis];
                place.at[axis] = position / g.strides[axis];  // leaves no rest
                tap_index = tap_index * g.window[axis] + t;
            }
            place.offset = k * g.y_strides[1] + spatial_offset(place.at, g.y_strides);
            right = (tap_index * g.group_in_channels + first_column) * filters + k;
        }
        shared.depths[slice][threadIdx.x] = place;
        shared.right_offsets[slice][threadIdx.x] = right;
    };

    Tile tile;
    if (threadIdx.x < Tile::DEPTH) place_depth(0, threadIdx.x);
    for (int first = 0, slice = 0; first < depths; first += Tile::DEPTH, slice ^= 1) {
        __syncthreads();
        Tile::template gather_left<!CHANNELS_LAST>(shared, slice, dy, g.output_size);
        Tile::template load_right<false>(shared, slice, w, g.group_in_channels - first_column, filters);
        if (threadIdx.x < Tile::DEPTH) place_depth(slice ^ 1, first + Tile::DEPTH + threadIdx.x);
        __syncthreads();
        tile.multiply(shared);
    }
    if (depths == 0) __syncthreads();  // the targets were written by other threads

#pragma unroll
    for (int i = 0; i < CONFIG.thread_rows; ++i) {
        const long long target = shared.targets[tile.row(i)];
#pragma unroll
        for (int j = 0; j < CONFIG.thread_columns; ++j) {
            const int column = first_column + tile.column(j);
            if (target < 0 || column >= g.group_in_channels) continue;
            const int c = group * g.group_in_channels + column;
            const Accumulator<T> sum = tile.sums[i][j] + (b ? widen(b[c]) : Accumulator<T>(0));
            dx[target + c * g.x_strides[1]] = narrow<T>(activate<ACTIVATION>(sum));
        }
    }
}
