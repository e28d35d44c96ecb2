// The convolution that a kernel computes, and places in its arrays.
#pragma once

// Over three spatial dimensions; mirrors ConvolutionGeometry of gpulayers/ops/convolution/kernels.py.
// Strides of x and y are in elements, in the order batch, channel, depth, height, width.
struct ConvolutionGeometry {
    long long x_strides[5];
    long long y_strides[5];
    int batch;
    int groups;
    int group_in_channels;
    int group_out_channels;
    int input_size[3];
    int output_size[3];
    int window[3];
    int strides[3];
    int dilation[3];
    int pad_low[3];
    int tap_step[3];  // stride / gcd(stride, dilation): from one tap that meets an input position to the next
};

// One half of the address of an element: a row of a tile gives one, an index along the depth the other. Their
// offsets add up to the element's, their coordinates to its position, which may lie outside the array.
struct Place {
    long long offset;
    int at[3];
};

constexpr int OUTSIDE = -(1 << 30);  // a first coordinate that no other one brings back inside

struct Position {
    int n;
    int at[3];
};

template <typename Index> __device__ __forceinline__ Position position_of(Index index, const int (&size)[3]) {
    Position position;
    for (int axis = 2; axis >= 0; --axis) {
        const Index rest = index / size[axis];
        position.at[axis] = (int)(index - rest * size[axis]);
        index = rest;
    }
    position.n = (int)index;
    return position;
}

__device__ __forceinline__ long long spatial_offset(const int (&at)[3], const long long (&strides)[5]) {
    return at[0] * strides[2] + at[1] * strides[3] + at[2] * strides[4];
}
