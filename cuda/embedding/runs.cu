// Gradient of embedding lookups to the table, from ids sorted stably: the rows of a run of equal ids are summed.
//   dtable[id, e] = sum over all sorted positions i with id, in ascending i, of the row that position i gives
//   rows:     dy[order[i], e]
//   bags:     dy[bag_of[order[i]], e];  weighted: times weights[order[i]];  maximum: where argmax is order[i], else 0
// Arrays:    sorted_ids (count) int or long long, ascending; order (count) long long: where each stood before
//            sorting; runs (count) long long, of row-sparse gradients: the runs up to and with a position's own;
//            bag_of (count) long long, weights (count) Accumulator<T>, argmax (bags, output_dim) long long, each
//            only where the formula has it; dy (rows or bags, output_dim) T.
//            target T: SPARSE (runs, output_dim), a row for each run; else (input_dim, output_dim), zeros on entry.
//            partials (windows, 2, output_dim) Accumulator<T>: sums of the runs that a window shares with the
//            window before it (0) and behind it (1); all else is neither written nor read.
//            unique_ids (runs): the id of each run. words (2): the least place whose id is outside [0, input_dim),
//            left alone where there is none; of unique_ids the number of runs too.
// Work:      unique_ids: a thread a sorted position.
//            runs_backward: blockDim.x threads walk a window of sorted positions, each for WIDTH columns; a run
//            within the window is stored at once.
//            carries_backward: a block adds up what the windows have of a run that crosses their borders.
// Traffic:   the rows of dy once, one write of each row that occurs; sorted_ids, order once for every
//            blockDim.x * WIDTH columns (a row's threads share a sector); two rows of partials for each border
//            within a run.
// Needs:     output_dim a multiple of WIDTH; dy and target aligned to WIDTH elements; blockDim.x and blockDim.y powers
//            of two, together 256.
// Deterministic: yes; the order of the sums depends on count, window and the runs' places alone.
#include "common/vector.cuh"

constexpr int ROWS = 0, BAGS = 1, WEIGHTED_BAGS = 2, MAXIMUM_BAGS = 3;
constexpr int STEP = 4;  // rows a thread has in flight

template <typename Id>
__global__ void __launch_bounds__(256)
    embedding_unique_ids(const Id* __restrict__ sorted_ids, const long long* __restrict__ order,
                         const long long* __restrict__ runs, Id* __restrict__ unique_ids,
                         unsigned long long* words, long long count, long long input_dim) {
    const long long step = (long long)gridDim.x * blockDim.x;
    for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; i < count; i += step) {
        const Id id = sorted_ids[i];
        const long long run = runs[i];
        if (i == count - 1) words[1] = run;
        if (i > 0 && sorted_ids[i - 1] == id) continue;
        unique_ids[run - 1] = id;
        if (id < 0 || id >= input_dim) atomicMin(words, (unsigned long long)order[i]);
    }
}

// What a sorted position adds to its run, on its way: the WIDTH columns from e on, as they lie in dy.
template <typename T, int SOURCE, int WIDTH> struct Term {
    Vector<T, WIDTH> row;
    Accumulator<T> weight;
    unsigned chosen;  // a bit a column

    __device__ __forceinline__ void load(long long place, const long long* __restrict__ bag_of,
                                         const Accumulator<T>* __restrict__ weights,
                                         const long long* __restrict__ argmax, const T* __restrict__ dy, int e,
                                         int output_dim) {
        const long long at = (SOURCE == ROWS ? place : bag_of[place]) * output_dim + e;
        row = load_vector<T, WIDTH>(dy + at);
        if constexpr (SOURCE == WEIGHTED_BAGS) weight = weights[place];
        if constexpr (SOURCE == MAXIMUM_BAGS) {
            chosen = 0;
#pragma unroll
            for (int lane = 0; lane < WIDTH; ++lane) chosen |= unsigned(argmax[at + lane] == place) << lane;
        }
    }

    __device__ __forceinline__ void add_to(Accumulator<T> (&total)[WIDTH]) const {
#pragma unroll
        for (int lane = 0; lane < WIDTH; ++lane) {
            Accumulator<T> value = widen(row.value[lane]);
            if constexpr (SOURCE == WEIGHTED_BAGS) value *= weight;
            if constexpr (SOURCE == MAXIMUM_BAGS) value = chosen >> lane & 1 ? value : Accumulator<T>(0);
            total[lane] += value;
        }
    }
};

template <typename T, int WIDTH>
__device__ __forceinline__ void store_sum(T* target, const Accumulator<T> (&total)[WIDTH]) {
    Vector<T, WIDTH> row;
#pragma unroll
    for (int lane = 0; lane < WIDTH; ++lane) row.value[lane] = narrow<T>(total[lane]);
    store_vector<T, WIDTH>(target, row);
}

// Sums on their way through partials, 16 bytes an access where there are as many.
template <typename A, int WIDTH> constexpr int PART = WIDTH * sizeof(A) > 16 ? 16 / sizeof(A) : WIDTH;

template <typename A, int WIDTH>
__device__ __forceinline__ void store_partial(A* partial, const A (&total)[WIDTH]) {
#pragma unroll
    for (int part = 0; part < WIDTH; part += PART<A, WIDTH>) {
        Vector<A, PART<A, WIDTH>> values;
#pragma unroll
        for (int lane = 0; lane < PART<A, WIDTH>; ++lane) values.value[lane] = total[part + lane];
        store_vector<A, PART<A, WIDTH>>(partial + part, values);
    }
}

template <typename A, int WIDTH>
__device__ __forceinline__ void add_partial(A (&total)[WIDTH], const A* __restrict__ partial) {
#pragma unroll
    for (int part = 0; part < WIDTH; part += PART<A, WIDTH>) {
        const auto values = load_vector<A, PART<A, WIDTH>>(partial + part);
#pragma unroll
        for (int lane = 0; lane < PART<A, WIDTH>; ++lane) total[part + lane] += values.value[lane];
    }
}

template <typename T, typename Id, bool SPARSE, int SOURCE, int WIDTH>
__global__ void __launch_bounds__(256, 2)
    embedding_runs_backward(const Id* __restrict__ sorted_ids, const long long* __restrict__ order,
                            const long long* __restrict__ runs, const long long* __restrict__ bag_of,
                            const Accumulator<T>* __restrict__ weights, const long long* __restrict__ argmax,
                            const T* __restrict__ dy, T* __restrict__ target,
                            Accumulator<T>* __restrict__ partials, unsigned long long* words, long long count,
                            long long input_dim, int output_dim, int window) {
    const int e = (blockIdx.y * blockDim.x + threadIdx.x) * WIDTH;
    const long long k = (long long)blockIdx.x * blockDim.y + threadIdx.y;
    const long long first = k * window, stop = first + window < count ? first + window : count;
    if (e >= output_dim || first >= count) return;

    Id id = sorted_ids[first];
    bool begins = first == 0 || sorted_ids[first - 1] != id;  // the run of that id, in this window
    Accumulator<T> total[WIDTH] = {};

    const auto store = [&](bool ends, long long at) {
        const bool good = SPARSE || (id >= 0 && id < input_dim);
        if constexpr (!SPARSE)
            if (!good && begins && e == 0) atomicMin(words, (unsigned long long)order[at]);
        if (begins && ends) {
            const long long row = SPARSE ? runs[at] - 1 : (long long)id;
            if (good) store_sum<T, WIDTH>(target + row * output_dim + e, total);
        } else {
            store_partial(partials + (2 * k + begins) * output_dim + e, total);
        }
    };

    long long begun = first;  // the run's first position in this window
    for (long long i = first; i < stop; i += STEP) {
        Id ids[STEP];
        Term<T, SOURCE, WIDTH> terms[STEP];
#pragma unroll
        for (int s = 0; s < STEP; ++s)
            if (i + s < stop) {
                ids[s] = sorted_ids[i + s];
                terms[s].load(order[i + s], bag_of, weights, argmax, dy, e, output_dim);
            }
#pragma unroll
        for (int s = 0; s < STEP; ++s)
            if (i + s < stop) {
                if (ids[s] != id) {
                    store(true, begun);
                    id = ids[s];
                    begins = true;
                    begun = i + s;
#pragma unroll
                    for (int lane = 0; lane < WIDTH; ++lane) total[lane] = 0;
                }
                terms[s].add_to(total);
            }
    }
    store(stop == count || sorted_ids[stop] != id, begun);
}

template <typename T, typename Id, bool SPARSE, int WIDTH>
__global__ void __launch_bounds__(256)
    embedding_carries_backward(const Id* __restrict__ sorted_ids, const long long* __restrict__ runs,
                               const Accumulator<T>* __restrict__ partials, T* __restrict__ target, long long count,
                               long long input_dim, int output_dim, int window) {
    __shared__ Accumulator<T> shared[WIDTH][256];
    // The block takes the run that crosses the border before window k, where no earlier border is within it.
    const long long k = blockIdx.x + 1ll;
    const Id id = sorted_ids[k * window];
    if (sorted_ids[k * window - 1] != id) return;
    if (k > 1 && sorted_ids[(k - 1) * window - 1] == id) return;
    if (!SPARSE && (id < 0 || id >= input_dim)) return;

    long long low = k, high = (count - 1) / window + 1;  // the first window that does not begin with the run
    while (high - low > 1) {
        const long long middle = (low + high) / 2;
        if (sorted_ids[middle * window] == id) low = middle;
        else high = middle;
    }

    const int e = (blockIdx.y * blockDim.x + threadIdx.x) * WIDTH;
    const int thread = threadIdx.y * blockDim.x + threadIdx.x;
    Accumulator<T> total[WIDTH] = {};
    if (e < output_dim) {
        for (long long j = k - 1 + threadIdx.y; j < high; j += blockDim.y)
            add_partial(total, partials + (2 * j + (j < k)) * output_dim + e);
    }
#pragma unroll
    for (int lane = 0; lane < WIDTH; ++lane) shared[lane][thread] = total[lane];
    for (int half = blockDim.y / 2; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.y < half)
#pragma unroll
            for (int lane = 0; lane < WIDTH; ++lane)
                shared[lane][thread] += shared[lane][thread + half * blockDim.x];
    }
    if (threadIdx.y == 0 && e < output_dim) {
#pragma unroll
        for (int lane = 0; lane < WIDTH; ++lane) total[lane] = shared[lane][thread];
        const long long row = SPARSE ? runs[k * window] - 1 : (long long)id;
        store_sum<T, WIDTH>(target + row * output_dim + e, total);
    }
}
