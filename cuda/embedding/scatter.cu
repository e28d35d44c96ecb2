// Gradient of an embedding lookup to the table, from ids sorted stably.
//   dtable[id, e] = sum over all i with ids[i] = id, in ascending i, of dy[i, e]
// Arrays:    sorted_ids (count) int or long long, ascending; order (count) long long: where each stood before sorting;
//            dy (count, output_dim) T; dtable (input_dim, output_dim) T, zeros on entry;
//            first_bad (1): the least i whose id is outside [0, input_dim), left alone where there is none.
// Work:      block i belongs to sorted position i and does nothing unless a run of equal ids begins there; otherwise its
//            ROWS x 32 threads sum the run: thread row r takes every ROWS-th element, then the rows are added in order.
// Traffic:   dy once, one write of each row that occurs; sorted_ids and order once for every 32 columns, from the caches
//            (a warp's lanes ask for the same id).
// Needs:     nothing; any output_dim.
// Deterministic: yes; the order of the sum is fixed by the run's length alone.
#include "common/types.cuh"

template <typename T, typename Id, int ROWS>
__global__ void __launch_bounds__(32 * ROWS)
    embedding_sorted_backward(const Id* __restrict__ sorted_ids, const long long* __restrict__ order, const T* __restrict__ dy,
                              T* __restrict__ dtable, unsigned long long* first_bad, long long count, long long input_dim,
                              int output_dim) {
    __shared__ Accumulator<T> partial[ROWS][32];
    const int lane = threadIdx.x, row = threadIdx.y;

    for (long long start = blockIdx.x; start < count; start += gridDim.x) {
        const Id id = sorted_ids[start];
        if (start > 0 && sorted_ids[start - 1] == id) continue;
        if (id < 0 || id >= input_dim) {
            if (lane == 0 && row == 0) atomicMin(first_bad, (unsigned long long)order[start]);
            continue;
        }

        for (int first = 0; first < output_dim; first += 32) {
            const int e = first + lane;
            Accumulator<T> sum = 0;
            for (long long i = start + row; i < count && sorted_ids[i] == id; i += ROWS)
                if (e < output_dim) sum += widen(dy[order[i] * output_dim + e]);
            partial[row][lane] = sum;
            __syncthreads();
            if (row == 0 && e < output_dim) {
                for (int other = 1; other < ROWS; ++other) sum += partial[other][lane];
                dtable[(long long)id * output_dim + e] = narrow<T>(sum);
            }
            __syncthreads();
        }
    }
}
