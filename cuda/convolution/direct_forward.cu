// Convolution as a matrix product whose left operand is gathered from the input.
//   y[n, o, k] = activation(b[k] + sum over taps t and channels c of
//                           x[n, o * stride + t * dilation - pad, c] * w[t, c, k]), c and k of one group
// Arrays:    x (n, d, h, w, c) or (n, c, d, h, w) T; w (t, r, s, c / groups, k) T; b (k) T or null;
//            y (n, o, p, q, k) or (n, k, o, p, q) T.
// Work:      a block makes a tile of output pixels x filters of one group; its depth, taps x channels, goes
//            through shared memory slice by slice; a thread keeps thread_rows x thread_columns sums.
// Traffic:   x once for each tap and column tile, mostly from the caches (blocks that share pixels are
//            neighbours); w once for each row tile; y once.
// Needs:     taps * channels below 2^31; offsets are 64 bits wide.
// Deterministic: yes; a sum runs over the depth in order.
#include "activation.cuh"
#include "tile.cuh"

template <typename T, bool CHANNELS_LAST, Activation ACTIVATION, TileConfig CONFIG>
__global__ void __launch_bounds__(block_threads(CONFIG), RESIDENT_BLOCKS<T>)
    convolution_direct_forward(const T* __restrict__ x, const T* __restrict__ w, const T* __restrict__ b,
                               T* __restrict__ y, ConvolutionGeometry g) {
    using Tile = BlockTile<T, CONFIG, CHANNELS_LAST>;
    __shared__ typename Tile::Storage shared;
    const int column_tiles = (g.group_out_channels + Tile::COLUMNS - 1) / Tile::COLUMNS;
    const int first_column = blockIdx.x % column_tiles * Tile::COLUMNS;
    const int group = blockIdx.x / column_tiles % g.groups;
    const long long first_row = (long long)(blockIdx.x / column_tiles / g.groups) * Tile::ROWS;

    // Rows: output pixels.
    const long long pixels = (long long)g.batch * g.output_size[0] * g.output_size[1] * g.output_size[2];
    for (int row = threadIdx.x; row < Tile::ROWS; row += Tile::THREADS) {
        Place place = {0, {OUTSIDE, 0, 0}};
        long long target = -1;
        if (first_row + row < pixels) {
            const Position out = position_of(first_row + row, g.output_size);
            for (int axis = 0; axis < 3; ++axis)
                place.at[axis] = out.at[axis] * g.strides[axis] - g.pad_low[axis];
            place.offset = out.n * g.x_strides[0] + spatial_offset(place.at, g.x_strides);
            target = out.n * g.y_strides[0] + spatial_offset(out.at, g.y_strides);
        }
        shared.rows[row] = place;
        shared.targets[row] = target;
    }

    // Depth: taps x input channels of the group.
    const int depths = g.window[0] * g.window[1] * g.window[2] * g.group_in_channels;
    const int filters = g.groups * g.group_out_channels;
    auto place_depth = [&](int slice, int index) {
        Place place = {0, {OUTSIDE, 0, 0}};
        long long right = -1;
        if (index < depths) {
            const Position tap = position_of(index / g.group_in_channels, g.window);
            const int c = group * g.group_in_channels + index % g.group_in_channels;
            for (int axis = 0; axis < 3; ++axis) place.at[axis] = tap.at[axis] * g.dilation[axis];
            place.offset = c * g.x_strides[1] + spatial_offset(place.at, g.x_strides);
            right = (long long)index * filters + group * g.group_out_channels + first_column;
        }
        shared.depths[slice][threadIdx.x] = place;
        shared.right_offsets[slice][threadIdx.x] = right;
    };

    Tile tile;
    if (threadIdx.x < Tile::DEPTH) place_depth(0, threadIdx.x);
    for (int first = 0, slice = 0; first < depths; first += Tile::DEPTH, slice ^= 1) {
        __syncthreads();
        Tile::template gather_left<!CHANNELS_LAST>(shared, slice, x, g.input_size);
        Tile::template load_right<true>(shared, slice, w, g.group_out_channels - first_column, 1);
        if (threadIdx.x < Tile::DEPTH) place_depth(slice ^ 1, first + Tile::DEPTH + threadIdx.x);
        __syncthreads();
        tile.multiply(shared);
    }

#pragma unroll
    for (int i = 0; i < CONFIG.thread_rows; ++i) {
        const long long target = shared.targets[tile.row(i)];
#pragma unroll
        for (int j = 0; j < CONFIG.thread_columns; ++j) {
            const int column = first_column + tile.column(j);
            if (target < 0 || column >= g.group_out_channels) continue;
            const int k = group * g.group_out_channels + column;
            const Accumulator<T> sum = tile.sums[i][j] + (b ? widen(b[k]) : Accumulator<T>(0));
            y[target + k * g.y_strides[1]] = narrow<T>(activate<ACTIVATION>(sum));
        }
    }
}
