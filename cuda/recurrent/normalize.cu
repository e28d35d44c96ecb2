// Layer normalisation of x W before the first step, and back after the last: one launch for all steps.
//   forward:   normal = (sums - mean) inverse;  inverse = 1 / sqrt(variance + epsilon), of each row
//   backward:  dsums = (d - mean(d) - normal mean(d normal)) inverse, with d = dgates gain
// Arrays:    sums (rows, columns) T: becomes normal; inverse (rows) A, or null in the forward
//            dgates, normal, dsums (rows, columns) T; gain (columns) T; rows = batch * steps, columns = gates * units
// Work:      a block of 256 threads owns a row
// Traffic:   every array once; a row is read again from the caches, twice in the forward and once in the backward
// Needs:     nothing; any sizes
// Deterministic: yes; the order of every sum is fixed by the number of columns.
#include "rows.cuh"

template <typename T>
__global__ void __launch_bounds__(256)
    recurrent_normalize_forward(T* sums, Accumulator<T>* inverse, Accumulator<T> epsilon, int columns) {
    T* row = sums + (long long)blockIdx.x * columns;
    const auto moments = row_moments(columns, epsilon, [&](int column) { return widen(row[column]); });
    for (int column = threadIdx.x; column < columns; column += blockDim.x)
        row[column] = narrow<T>((widen(row[column]) - moments.mean) * moments.inverse);
    if (inverse && threadIdx.x == 0) inverse[blockIdx.x] = moments.inverse;
}

template <typename T>
__global__ void __launch_bounds__(256)
    recurrent_normalize_backward(const T* __restrict__ dgates, const T* __restrict__ normal,
                                 const Accumulator<T>* __restrict__ inverse, const T* __restrict__ gain, T* dsums, int columns) {
    using Real = Accumulator<T>;
    const long long first = (long long)blockIdx.x * columns;
    Real mean[2] = {};
    for (int column = threadIdx.x; column < columns; column += blockDim.x) {
        const Real grad = widen(dgates[first + column]) * widen(gain[column]);
        mean[0] += grad;
        mean[1] += grad * widen(normal[first + column]);
    }
    add_over_block(mean);
    for (Real& value : mean) value /= Real(columns);
    for (int column = threadIdx.x; column < columns; column += blockDim.x) {
        const Real grad = widen(dgates[first + column]) * widen(gain[column]);
        dsums[first + column] =
            narrow<T>(normal_backward(grad, widen(normal[first + column]), mean, inverse[blockIdx.x]));
    }
}
