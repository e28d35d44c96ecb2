// Gradient of a convolution to its weights, in partial sums over chunks of output pixels.
//   partials[chunk, t, c, k] = sum over the chunk's pixels (n, o) of
//                              x[n, o * stride + t * dilation - pad, c] * dy[n, o, k]
// Arrays:    x (n, d, h, w, c) or (n, c, d, h, w) T; dy (n, o, p, q, k) or (n, k, o, p, q) T;
//            partials (chunks, t, r, s, c / groups, k) float, or double for double.
// Work:      a block makes a tile of taps x channels by filters of one group, over one chunk of pixels.
// Traffic:   x once for each tap and column tile, dy once for each row tile, mostly from the caches;
//            partials once.
// Needs:     a chunk is a multiple of the tile's depth and below 2^31 pixels; taps * channels below 2^31.
// Deterministic: yes; a partial sum runs over its pixels in order; shapes and device fix the chunks.
#include "tile.cuh"

template <typename T, bool CHANNELS_LAST, TileConfig CONFIG>
__global__ void __launch_bounds__(block_threads(CONFIG), RESIDENT_BLOCKS<T>)
    convolution_direct_backward_weight(const T* __restrict__ x, const T* __restrict__ dy,
                                       Accumulator<T>* __restrict__ partials, ConvolutionGeometry g,
                                       int chunk_pixels) {
    using Tile = BlockTile<T, CONFIG, true>;
    __shared__ typename Tile::Storage shared;
    const int column_tiles = (g.group_out_channels + Tile::COLUMNS - 1) / Tile::COLUMNS;
    const int first_column = blockIdx.x % column_tiles * Tile::COLUMNS;
    const int group = blockIdx.x / column_tiles % g.groups;
    const int first_row = blockIdx.x / column_tiles / g.groups * Tile::ROWS;

    // Rows: taps x input channels of the group, as in the weights.
    const int rows = g.window[0] * g.window[1] * g.window[2] * g.group_in_channels;
    const int filters = g.groups * g.group_out_channels;
    for (int row = threadIdx.x; row < Tile::ROWS; row += Tile::THREADS) {
        Place place = {0, {OUTSIDE, 0, 0}};
        long long target = -1;
        if (row < rows - first_row) {
            const int index = first_row + row;
            const Position tap = position_of(index / g.group_in_channels, g.window);
            const int c = group * g.group_in_channels + index % g.group_in_channels;
            for (int axis = 0; axis < 3; ++axis) place.at[axis] = tap.at[axis] * g.dilation[axis];
            place.offset = c * g.x_strides[1] + spatial_offset(place.at, g.x_strides);
            target = ((long long)blockIdx.y * rows + index) * filters;
        }
        shared.rows[row] = place;
        shared.targets[row] = target;
    }

    // Depth: the chunk's pixels. The first threads keep the position of one pixel of a slice each and move it
    // along, in shared memory, since the other threads need no registers for it.
    __shared__ Position positions[Tile::DEPTH];
    const long long pixels = (long long)g.batch * g.output_size[0] * g.output_size[1] * g.output_size[2];
    const long long first_pixel = (long long)blockIdx.y * chunk_pixels;
    const int depths = (int)min((long long)chunk_pixels, pixels - first_pixel);
    if (threadIdx.x < Tile::DEPTH)
        positions[threadIdx.x] = position_of(first_pixel + threadIdx.x, g.output_size);
    auto place_depth = [&](int slice, int index) {
        Place place = {0, {OUTSIDE, 0, 0}};
        long long right = -1;
        Position out = positions[threadIdx.x];
        if (index < depths) {
            for (int axis = 0; axis < 3; ++axis)
                place.at[axis] = out.at[axis] * g.strides[axis] - g.pad_low[axis];
            place.offset = out.n * g.x_strides[0] + spatial_offset(place.at, g.x_strides);
            right = out.n * g.y_strides[0] + spatial_offset(out.at, g.y_strides) +
                    (group * g.group_out_channels + first_column) * g.y_strides[1];
        }
        shared.depths[slice][threadIdx.x] = place;
        shared.right_offsets[slice][threadIdx.x] = right;
        out.at[2] += Tile::DEPTH;
        for (int axis = 2; axis >= 0; --axis) {
            const int carry = out.at[axis] / g.output_size[axis];
            out.at[axis] -= carry * g.output_size[axis];
            (axis ? out.at[axis - 1] : out.n) += carry;
        }
        positions[threadIdx.x] = out;
    };

    Tile tile;
    if (threadIdx.x < Tile::DEPTH) place_depth(0, threadIdx.x);
    for (int first = 0, slice = 0; first < depths; first += Tile::DEPTH, slice ^= 1) {
        __syncthreads();
        Tile::template gather_left<CHANNELS_LAST>(shared, slice, x, g.input_size);
        Tile::template load_right<CHANNELS_LAST>(shared, slice, dy, g.group_out_channels - first_column,
                                                 g.y_strides[1]);
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
            partials[target + group * g.group_out_channels + column] = tile.sums[i][j];
        }
    }
}
