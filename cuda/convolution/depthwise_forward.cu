// Depthwise convolution: every output channel sees one input channel.
//   y[n, o, k] = activation(b[k] + sum over taps t of
//                           x[n, o * stride + t * dilation - pad, k / m] * w[t, k]),
//                with m filters for each of the c channels, k = c * m + filter
// Arrays:    x (n, d, h, w, c) or (n, c, d, h, w) T; w (t, r, s, k) T; b (k) T or null;
//            y (n, o, p, q, k) or (n, k, o, p, q) T.
// Work:      a thread makes 4 outputs along the last axis of the geometry, for `vector` neighbouring channels
//            where channels are last; where they are first, neighbouring threads lie along the other axis.
// Traffic:   x once along a run of outputs where stride and dilation agree there, else once for each tap; the
//            other taps from the caches. w from the caches. y once.
// Needs:     vectors: m = 1, channels a multiple, aligned arrays. Positions and threads below 2^31.
// Deterministic: yes; a sum runs over the taps in order.
#include "depthwise.cuh"

template <typename T, Activation ACTIVATION, DepthwiseConfig CONFIG>
__global__ void __launch_bounds__(DEPTHWISE_THREADS, DEPTHWISE_RESIDENT)
    convolution_depthwise_forward(const T* __restrict__ x, const T* __restrict__ w, const T* __restrict__ b,
                                  T* __restrict__ y, DepthwiseGeometry g) {
    depthwise_gather<T, false, ACTIVATION, CONFIG>(x, w, b, y, g);
}
