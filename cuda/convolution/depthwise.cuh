// The gather that a depthwise convolution and its backward to the input share: both read a source at
// positions that move with the target and the tap.
#pragma once
#include "activation.cuh"
#include "common/vector.cuh"

// Mirrors DepthwiseGeometry of gpulayers/ops/convolution/depthwise_kernels.py. Per axis, target position i
// and tap t meet the source position (i * step + offset + t * dilation) / divisor, where that leaves no rest.
// The axes are in the order of the loops; the last one is that along which a thread makes several results.
// Strides are in elements, of batch, channel and the axes.
struct DepthwiseGeometry {
    long long source_strides[5];
    long long target_strides[5];
    long long weight_strides[3];
    long long first_weight;  // where the first tap's weights begin
    int batch;
    int channels;    // of the target
    int multiplier;  // filters of an input channel
    int runs;        // of results along the last axis: of neighbours modulo its divisor
    int source_size[3];
    int target_size[3];
    int window[3];
    int step[3];
    int offset[3];
    int dilation[3];
    int divisor[3];
};

// Mirrors DepthwiseConfig of gpulayers/ops/convolution/depthwise_kernels.py.
struct DepthwiseConfig {
    int vector;          // neighbouring channels a thread
    bool channels_last;  // which threads are neighbours: channels, or positions along the middle axis
    bool slide;          // along the last axis a tap meets what the next result's previous tap met
};

constexpr int DEPTHWISE_THREADS = 256;
constexpr int DEPTHWISE_RUN = 4;  // results a thread
constexpr int DEPTHWISE_RESIDENT = 2;  // blocks a multiprocessor: the assembler else aims at more and spills

// The source position along an axis, or -1 where target and tap do not meet.
template <bool DIVIDES>
__device__ __forceinline__ int source_position(int index, int tap, int axis, const DepthwiseGeometry& g) {
    const int position = index * g.step[axis] + g.offset[axis] + tap * g.dilation[axis];
    if (position < 0) return -1;
    const int source = DIVIDES ? position / g.divisor[axis] : position;
    if (DIVIDES && source * g.divisor[axis] != position) return -1;
    return source < g.source_size[axis] ? source : -1;
}

// BACKWARD: the target's channel collects the `multiplier` source channels made from it; otherwise it is made
// from one of the source's.
template <typename T, bool BACKWARD, Activation ACTIVATION, DepthwiseConfig CONFIG>
__device__ __forceinline__ void depthwise_gather(const T* __restrict__ source, const T* __restrict__ w,
                                                 const T* __restrict__ b, T* __restrict__ target,
                                                 const DepthwiseGeometry& g) {
    using A = Accumulator<T>;
    constexpr int VECTOR = CONFIG.vector, RUN = DEPTHWISE_RUN;

    // The thread's channels and results.
    unsigned index = blockIdx.x * DEPTHWISE_THREADS + threadIdx.x;
    auto next = [&](int size) {
        const unsigned rest = index / (unsigned)size;
        const int digit = (int)(index - rest * (unsigned)size);
        index = rest;
        return digit;
    };
    int channel = 0, middle = 0;
    if constexpr (CONFIG.channels_last) channel = next(g.channels / VECTOR) * VECTOR;
    else middle = next(g.target_size[1]);
    const int run = next(g.runs), phase = next(g.divisor[2]);
    if constexpr (CONFIG.channels_last) middle = next(g.target_size[1]);
    const int outer = next(g.target_size[0]);
    if constexpr (!CONFIG.channels_last) channel = next(g.channels);
    const long long n = index;
    if (n >= g.batch) return;
    const int first = phase + run * RUN * g.divisor[2];  // and every divisor-th after it

    A sums[RUN][VECTOR] = {};
    const int filters = BACKWARD ? g.multiplier : 1;
    for (int m = 0; m < filters; ++m) {
        const int source_channel = BACKWARD ? channel * g.multiplier + m : channel / g.multiplier;
        const T* weights = w + g.first_weight + (BACKWARD ? source_channel : channel);
        const T* values = source + n * g.source_strides[0] + source_channel * g.source_strides[1];
        const long long along = g.source_strides[4];

        auto load = [&](const T* row, int position) {
            Vector<T, VECTOR> loaded = {};
            if ((unsigned)position < (unsigned)g.source_size[2])
                loaded = load_vector<T, VECTOR>(row + position * along);
            return loaded;
        };
        auto accumulate = [&](A(&sum)[VECTOR], const Vector<T, VECTOR>& value,
                              const Vector<T, VECTOR>& weight) {
#pragma unroll
            for (int v = 0; v < VECTOR; ++v) sum[v] += widen(value.value[v]) * widen(weight.value[v]);
        };

        for (int t = 0; t < g.window[0]; ++t) {
            const int at_outer = source_position<BACKWARD>(outer, t, 0, g);
            if (at_outer < 0) continue;
            for (int r = 0; r < g.window[1]; ++r) {
                const int at_middle = source_position<BACKWARD>(middle, r, 1, g);
                if (at_middle < 0) continue;
                const T* row = values + at_outer * g.source_strides[2] + at_middle * g.source_strides[3];
                const T* tap = weights + t * g.weight_strides[0] + r * g.weight_strides[1];
                if constexpr (CONFIG.slide) {
                    // The values of one tap, moved on by one result, are those of the next tap.
                    const int position = first * g.step[2] + g.offset[2];
                    Vector<T, VECTOR> met[RUN];
#pragma unroll
                    for (int j = 1; j < RUN; ++j) met[j] = load(row, position + (j - 1) * g.step[2]);
                    for (int s = 0; s < g.window[2]; ++s) {
                        const auto weight = load_vector<T, VECTOR>(tap + s * g.weight_strides[2]);
#pragma unroll
                        for (int j = 0; j + 1 < RUN; ++j) met[j] = met[j + 1];
                        met[RUN - 1] = load(row, position + (RUN - 1 + s) * g.step[2]);
#pragma unroll
                        for (int j = 0; j < RUN; ++j) accumulate(sums[j], met[j], weight);
                    }
                } else {
                    for (int s = 0; s < g.window[2]; ++s) {
                        // Results a divisor apart have the same rest, and move by `step` in the source.
                        const int position = first * g.step[2] + g.offset[2] + s * g.dilation[2];
                        if (BACKWARD && position % g.divisor[2] != 0) continue;
                        const int start = BACKWARD ? position / g.divisor[2] : position;
                        const auto weight = load_vector<T, VECTOR>(tap + s * g.weight_strides[2]);
#pragma unroll
                        for (int j = 0; j < RUN; ++j)
                            accumulate(sums[j], load(row, start + j * g.step[2]), weight);
                    }
                }
            }
        }
    }

    T* row = target + n * g.target_strides[0] + channel * g.target_strides[1] +
             outer * g.target_strides[2] + middle * g.target_strides[3];
#pragma unroll
    for (int j = 0; j < RUN; ++j) {
        const int position = first + j * g.divisor[2];
        if (position >= g.target_size[2]) continue;
        Vector<T, VECTOR> result;
#pragma unroll
        for (int v = 0; v < VECTOR; ++v) {
            const A sum = sums[j][v] + (b ? widen(b[channel + v]) : A(0));
            result.value[v] = narrow<T>(activate<ACTIVATION>(sum));
        }
        store_vector(row + position * g.target_strides[4], result);
    }
}
