// A block's tile of a matrix product whose operands go through shared memory:
//   sums[row, column] += left[depth, row] * right[depth, column]
#pragma once
#include "common/vector.cuh"
#include "geometry.cuh"

// Mirrors TileConfig of gpulayers/ops/convolution/kernels.py.
struct TileConfig {
    int rows, columns, depth;         // of the tile, and of the slices it is built from
    int thread_rows, thread_columns;  // results a thread
};

constexpr int block_threads(TileConfig config) {
    return (config.rows / config.thread_rows) * (config.columns / config.thread_columns);
}

// Blocks that share a multiprocessor at least: what registers allow. Said outright, since the assembler
// otherwise aims at more and spills.
template <typename T> constexpr int RESIDENT_BLOCKS = sizeof(Accumulator<T>) == 8 ? 1 : 2;

// COUNT of a tile's EXTENT indices belong to one thread. Interleaved: neighbouring threads own neighbouring
// indices, so that their stores coalesce. Otherwise a thread owns runs of RUN indices, fetched in one access.
template <int COUNT, int EXTENT, bool INTERLEAVED> struct Share {
    static constexpr int THREADS = EXTENT / COUNT;
    static constexpr int RUN = INTERLEAVED ? 1 : COUNT % 4 == 0 ? 4 : COUNT % 2 == 0 ? 2 : 1;

    static __device__ __forceinline__ int index(int thread, int i) {
        return (i / RUN) * (THREADS * RUN) + thread * RUN + i % RUN;
    }

    template <typename A>
    static __device__ __forceinline__ void load(const A* shared, int thread, A (&values)[COUNT]) {
#pragma unroll
        for (int i = 0; i < COUNT; i += RUN) {
            const Vector<A, RUN> run = load_vector<A, RUN>(shared + index(thread, i));
#pragma unroll
            for (int j = 0; j < RUN; ++j) values[i + j] = run.value[j];
        }
    }
};

// COLUMNS_FAST: the output's columns are neighbours in memory; otherwise its rows are.
template <typename T, TileConfig CONFIG, bool COLUMNS_FAST> struct BlockTile {
    using A = Accumulator<T>;
    static constexpr int ROWS = CONFIG.rows, COLUMNS = CONFIG.columns, DEPTH = CONFIG.depth;
    static constexpr int THREADS = block_threads(CONFIG);
    static constexpr int PADDING = 4;  // spreads the columns of a slice over the banks
    using RowShare = Share<CONFIG.thread_rows, ROWS, !COLUMNS_FAST>;
    using ColumnShare = Share<CONFIG.thread_columns, COLUMNS, COLUMNS_FAST>;
    static_assert(ROWS * DEPTH % THREADS == 0 && THREADS >= DEPTH && THREADS <= 1024);

    struct alignas(32) Storage {
        A left[DEPTH][ROWS + PADDING];
        A right[DEPTH][COLUMNS + PADDING];
        Place rows[ROWS];
        Place depths[2][DEPTH];         // this slice's and the next one's
        long long targets[ROWS];        // where a row's results go; negative: nowhere
        long long right_offsets[2][DEPTH];  // where the depth's values of `right` begin; negative: nowhere
    };

    A sums[CONFIG.thread_rows][CONFIG.thread_columns] = {};
    int row_thread, column_thread;

    __device__ __forceinline__ BlockTile() {
        constexpr int FAST = COLUMNS_FAST ? ColumnShare::THREADS : RowShare::THREADS;
        const int fast = threadIdx.x % FAST, slow = threadIdx.x / FAST;
        row_thread = COLUMNS_FAST ? slow : fast;
        column_thread = COLUMNS_FAST ? fast : slow;
    }

    __device__ __forceinline__ int row(int i) const { return RowShare::index(row_thread, i); }
    __device__ __forceinline__ int column(int j) const { return ColumnShare::index(column_thread, j); }

    // left[depth, row] = the element at the sum of the row's and the depth's place, zero outside `bounds`.
    // ROWS_FAST: neighbouring rows are neighbours in memory; otherwise neighbouring depths are.
    template <bool ROWS_FAST>
    static __device__ __forceinline__ void gather_left(Storage& shared, int slice,
                                                       const T* __restrict__ source, const int (&bounds)[3]) {
#pragma unroll
        for (int step = 0; step < ROWS * DEPTH / THREADS; ++step) {
            const int element = step * THREADS + threadIdx.x;
            const int row = ROWS_FAST ? element % ROWS : element / DEPTH;
            const int depth = ROWS_FAST ? element / ROWS : element % DEPTH;
            const Place& a = shared.rows[row];
            const Place& b = shared.depths[slice][depth];
            const bool inside = (unsigned)(a.at[0] + b.at[0]) < (unsigned)bounds[0] &&
                                (unsigned)(a.at[1] + b.at[1]) < (unsigned)bounds[1] &&
                                (unsigned)(a.at[2] + b.at[2]) < (unsigned)bounds[2];
            shared.left[depth][row] = inside ? widen(source[a.offset + b.offset]) : A(0);
        }
    }

    // right[depth, column] = source[the depth's offset + column * stride], zero past the last of `columns`.
    template <bool FAST>
    static __device__ __forceinline__ void load_right(Storage& shared, int slice,
                                                      const T* __restrict__ source, int columns,
                                                      long long stride) {
#pragma unroll
        for (int step = 0; step < (COLUMNS * DEPTH + THREADS - 1) / THREADS; ++step) {
            const int element = step * THREADS + threadIdx.x;
            if (COLUMNS * DEPTH % THREADS != 0 && element >= COLUMNS * DEPTH) break;
            const int column = FAST ? element % COLUMNS : element / DEPTH;
            const int depth = FAST ? element / COLUMNS : element % DEPTH;
            const long long offset = shared.right_offsets[slice][depth];
            const bool inside = offset >= 0 && column < columns;
            shared.right[depth][column] = inside ? widen(source[offset + column * stride]) : A(0);
        }
    }

    __device__ __forceinline__ void multiply(const Storage& shared) {
#pragma unroll 4
        for (int depth = 0; depth < DEPTH; ++depth) {
            A left[CONFIG.thread_rows], right[CONFIG.thread_columns];
            RowShare::load(shared.left[depth], row_thread, left);
            ColumnShare::load(shared.right[depth], column_thread, right);
#pragma unroll
            for (int i = 0; i < CONFIG.thread_rows; ++i)
#pragma unroll
                for (int j = 0; j < CONFIG.thread_columns; ++j) sums[i][j] += left[i] * right[j];
        }
    }
};
