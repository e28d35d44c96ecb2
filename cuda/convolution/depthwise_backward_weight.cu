// Gradient of a depthwise convolution to its weights, in partial sums over chunks of output pixels.
//   partials[chunk, t, k] = sum over the chunk's pixels (n, o) of
//                           x[n, o * stride + t * dilation - pad, k / m] * dy[n, o, k]
// Arrays:    x (n, d, h, w, c) or (n, c, d, h, w) T; dy (n, o, p, q, k) or (n, k, o, p, q) T;
//            partials (chunks, t, r, s, k) float, or double for double.
// Work:      a block makes up to 9 taps of lanes * VECTOR channels over one chunk: `lanes` threads along the
//            channels, the others share the pixels, and their sums are added up as a tree.
// Traffic:   dy once for each 9 taps; x once, its other taps from the caches; partials once.
// Needs:     lanes a power of two up to 32; fewer than 2^31 pixels and taps * filters. VECTOR > 1: m = 1,
//            channels a multiple and neighbours in memory, aligned arrays.
// Deterministic: yes; shapes and device fix the chunks and the order of every sum.
#include "common/vector.cuh"
#include "geometry.cuh"

template <typename T, int VECTOR>
__global__ void __launch_bounds__(256)
    convolution_depthwise_backward_weight(const T* __restrict__ x, const T* __restrict__ dy,
                                          Accumulator<T>* __restrict__ partials, ConvolutionGeometry g,
                                          int lanes, int chunk_pixels) {
    using A = Accumulator<T>;
    constexpr int TAPS = 9;
    __shared__ Place taps[TAPS];
    __shared__ A reduced[256 * VECTOR];
    const int filters = g.groups * g.group_out_channels;
    const int lane = threadIdx.x % lanes, pixel_lanes = 256 / lanes;
    const int k = ((int)blockIdx.x * lanes + lane) * VECTOR;
    const int all_taps = g.window[0] * g.window[1] * g.window[2];
    const int first_tap = blockIdx.z * TAPS;

    // Where the taps lie beside an output's first input; those past the last lie outside.
    if (threadIdx.x < TAPS) {
        Place place = {0, {OUTSIDE, 0, 0}};
        if (first_tap + (int)threadIdx.x < all_taps) {
            const Position tap = position_of(first_tap + (int)threadIdx.x, g.window);
            for (int axis = 0; axis < 3; ++axis) place.at[axis] = tap.at[axis] * g.dilation[axis];
            place.offset = spatial_offset(place.at, g.x_strides);
        }
        taps[threadIdx.x] = place;
    }
    __syncthreads();

    A sums[TAPS][VECTOR] = {};
    if (k < filters) {
        const long long x_channel = k / g.group_out_channels * g.x_strides[1], y_channel = k * g.y_strides[1];
        const int pixels = g.batch * g.output_size[0] * g.output_size[1] * g.output_size[2];
        const int first = blockIdx.y * chunk_pixels;
        const int stop = first + min(chunk_pixels, pixels - first);
        for (int pixel = first + (int)threadIdx.x / lanes; pixel < stop; pixel += pixel_lanes) {
            const Position out = position_of(pixel, g.output_size);
            int at[3];
            for (int axis = 0; axis < 3; ++axis) at[axis] = out.at[axis] * g.strides[axis] - g.pad_low[axis];
            const T* seen = x + out.n * g.x_strides[0] + x_channel + spatial_offset(at, g.x_strides);
            const auto grad = load_vector<T, VECTOR>(dy + out.n * g.y_strides[0] + y_channel +
                                                     spatial_offset(out.at, g.y_strides));
#pragma unroll
            for (int tap = 0; tap < TAPS; ++tap) {
                const Place& place = taps[tap];
                if ((unsigned)(at[0] + place.at[0]) >= (unsigned)g.input_size[0] ||
                    (unsigned)(at[1] + place.at[1]) >= (unsigned)g.input_size[1] ||
                    (unsigned)(at[2] + place.at[2]) >= (unsigned)g.input_size[2])
                    continue;
                const auto value = load_vector<T, VECTOR>(seen + place.offset);
#pragma unroll
                for (int v = 0; v < VECTOR; ++v) sums[tap][v] += widen(value.value[v]) * widen(grad.value[v]);
            }
        }
    }

    // Each tap's sums over the threads of a lane.
#pragma unroll
    for (int tap = 0; tap < TAPS; ++tap) {
        if (first_tap + tap >= all_taps) break;
        __syncthreads();  // the last tap's sums are read
#pragma unroll
        for (int v = 0; v < VECTOR; ++v) reduced[v * 256 + threadIdx.x] = sums[tap][v];
        for (int half = 128; half >= lanes; half /= 2) {
            __syncthreads();
            if (threadIdx.x < half)
#pragma unroll
                for (int v = 0; v < VECTOR; ++v)
                    reduced[v * 256 + threadIdx.x] += reduced[v * 256 + threadIdx.x + half];
        }
        if (threadIdx.x < lanes && k < filters)
#pragma unroll
            for (int v = 0; v < VECTOR; ++v)
                partials[((long long)blockIdx.y * all_taps + first_tap + tap) * filters + k + v] =
                    reduced[v * 256 + threadIdx.x];
    }
}
