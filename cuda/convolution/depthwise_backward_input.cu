// Gradient of a depthwise convolution to its input, gathered as the forward does.
//   dx[n, i, c] = sum over taps t and filters of dy[n, (i + pad - t * dilation) / stride, k] * w[t, k], with
//                 k = c * m + filter, over the taps for which the division leaves no rest and the output
//                 exists
// As the forward of a transposed convolution: activation(dx + b[c]).
// Arrays:    dy (n, o, p, q, k) or (n, k, o, p, q) T; w (t, r, s, k) T; b (c) T or null;
//            dx (n, d, h, w, c) or (n, c, d, h, w) T.
// Work:      a thread makes 4 inputs, a stride apart along the last axis of the geometry, for `vector`
//            neighbouring channels; the taps run backwards, so that the source moves forwards.
// Traffic:   dy once along a run of inputs where stride and dilation are 1 there, else once for each tap that
//            meets it; the other taps from the caches. w from the caches. dx once.
// Needs:     vectors: m = 1, channels a multiple, aligned arrays. Positions and threads below 2^31.
// Deterministic: yes; a sum runs over filters and taps in order.
#include "depthwise.cuh"

template <typename T, Activation ACTIVATION, DepthwiseConfig CONFIG>
__global__ void __launch_bounds__(DEPTHWISE_THREADS, DEPTHWISE_RESIDENT)
    convolution_depthwise_backward_input(const T* __restrict__ dy, const T* __restrict__ w,
                                         const T* __restrict__ b, T* __restrict__ dx, DepthwiseGeometry g) {
    depthwise_gather<T, true, ACTIVATION, CONFIG>(dy, w, b, dx, g);
}
