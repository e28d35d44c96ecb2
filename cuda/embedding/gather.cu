// Embedding lookup: rows of a table, chosen by ids.
//   y[i, e] = table[ids[i], e]
// Arrays:    ids (count) int or long long; table (input_dim, output_dim) T; y (count, output_dim) T;
//            first_bad (1): the least i whose id is outside [0, input_dim), left alone where there is none.
// Work:      a thread copies WIDTH neighbouring columns of one row; neighbouring threads lie along the row.
// Traffic:   ids once (each row's threads share a sector), every chosen row once, y once.
// Needs:     output_dim a multiple of WIDTH; arrays aligned to WIDTH elements.
// Deterministic: yes; the only atomic is a minimum of integers. The row of a bad id is not written.
#include "common/vector.cuh"

template <typename T, typename Id, int WIDTH>
__global__ void __launch_bounds__(256) embedding_gather_forward(const Id* __restrict__ ids, const T* __restrict__ table,
                                                                T* __restrict__ y, unsigned long long* first_bad,
                                                                long long count, long long input_dim, int output_dim) {
    const int vectors = output_dim / WIDTH;
    const long long step = (long long)gridDim.x * blockDim.x;
    for (long long at = (long long)blockIdx.x * blockDim.x + threadIdx.x; at < count * vectors; at += step) {
        const long long i = at / vectors;
        const int e = (int)(at - i * vectors) * WIDTH;
        const long long id = ids[i];
        if (id >= 0 && id < input_dim) {
            store_vector<T, WIDTH>(y + i * output_dim + e, load_vector<T, WIDTH>(table + id * output_dim + e));
        } else if (e == 0) {
            atomicMin(first_bad, (unsigned long long)i);
        }
    }
}
