// Kernels of one block's tools with a bug planted by the template argument: tiles in shared memory,
// reductions, windows.

enum class TileBug {
    none,
    no_barrier_after_fill,
    no_barrier_after_use,
    barrier_in_a_branch,
    column_short,
    no_row_test,
    no_column_test,
    no_depth_test,
    one_tile_too_many,
    tail_store_unguarded,
    transposed_index,
    accumulates_into_output,
    last_column_not_stored,
    early_return,
};

// c [M, N] = a [M, K] b [K, N]
template <TileBug BUG>
__global__ void __launch_bounds__(256)
    tiled_product(const float* __restrict__ a, const float* __restrict__ b, float* c, int M, int N, int K) {
    constexpr int T = 16, WIDTH = BUG == TileBug::column_short ? T - 1 : T;
    __shared__ float as[T][T + 1];
    __shared__ float bs[T][WIDTH];
    int x = threadIdx.x % T, y = threadIdx.x / T;
    int row = blockIdx.x / ((N + T - 1) / T) * T + y, column = blockIdx.x % ((N + T - 1) / T) * T + x;
    if constexpr (BUG == TileBug::early_return)
        if (row >= M || column >= N) return;
    float sum = 0.f;
    int steps = (K + T - 1) / T + (BUG == TileBug::one_tile_too_many ? 1 : 0);
    for (int s = 0; s < steps; s++) {
        int k = s * T;
        bool row_in = BUG == TileBug::no_row_test || row < M;
        bool column_in = BUG == TileBug::no_column_test || column < N;
        bool a_in = BUG == TileBug::no_depth_test || BUG == TileBug::one_tile_too_many || k + x < K;
        bool b_in = BUG == TileBug::no_depth_test || BUG == TileBug::one_tile_too_many || k + y < K;
        as[y][x] = row_in && a_in ? a[row * K + k + x] : 0.f;
        bs[y][x] = column_in && b_in ? b[(k + y) * N + column] : 0.f;
        if constexpr (BUG == TileBug::barrier_in_a_branch) {
            if (row < M) __syncthreads();
        } else if constexpr (BUG != TileBug::no_barrier_after_fill) {
            __syncthreads();
        }
        for (int i = 0; i < T; i++)
            sum += as[y][i] * (BUG == TileBug::transposed_index ? bs[x][i] : bs[i][x]);
        if constexpr (BUG != TileBug::no_barrier_after_use) __syncthreads();
    }
    bool store = BUG == TileBug::tail_store_unguarded || (row < M && column < N);
    if (BUG == TileBug::last_column_not_stored && column == N - 1) store = false;
    if (store) {
        if constexpr (BUG == TileBug::accumulates_into_output)
            c[row * N + column] += sum;
        else
            c[row * N + column] = sum;
    }
}

enum class SumBug {
    none,
    no_barrier_before_partials,
    no_barrier_before_second_use,
    reads_absent_partials,
    partials_one_short,
    full_mask_in_half_a_warp,
    lane_not_in_the_mask,
    source_lane_not_in_the_mask,
    no_syncwarp,
    barrier_in_uneven_loop,
    two_barriers,
    thread_exits_early,
    plain_addition,
};

// Per row: y = x / sum(x), and total += sum(x); 96 threads a row.
template <SumBug BUG>
__global__ void __launch_bounds__(96)
    normalise(const float* __restrict__ x, float* __restrict__ y, float* total, int n) {
    constexpr int WARPS = 3;
    __shared__ float partial[BUG == SumBug::partials_one_short ? WARPS - 1 : WARPS];
    __shared__ float exchange[96];
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    if (BUG == SumBug::thread_exits_early && threadIdx.x == 77) return;
    auto block_sum = [&](float v) {
        if constexpr (BUG == SumBug::full_mask_in_half_a_warp) {
            if (lane < 16) v += __shfl_xor_sync(0xffffffffu, v, 1);
        } else if constexpr (BUG == SumBug::lane_not_in_the_mask) {
            v += __shfl_xor_sync(0x7fffffffu, v, 1);
        } else if constexpr (BUG == SumBug::source_lane_not_in_the_mask) {
            if (lane < 16) v += __shfl_sync(0xffffu, v, lane + 16);
        } else {
            exchange[threadIdx.x] = v;
            if constexpr (BUG != SumBug::no_syncwarp) __syncwarp();
            v += exchange[threadIdx.x ^ 1];
            __syncwarp();
        }
        for (int d = 2; d < 32; d *= 2) v += __shfl_xor_sync(0xffffffffu, v, d);
        if (lane == 0) partial[warp] = v;
        if constexpr (BUG != SumBug::no_barrier_before_partials) __syncthreads();
        float sum = 0.f;
        for (int i = 0; i < WARPS + (BUG == SumBug::reads_absent_partials ? 1 : 0); i++) sum += partial[i];
        if constexpr (BUG != SumBug::no_barrier_before_second_use) __syncthreads();
        return sum;
    };
    float mine = 0.f, largest = 0.f;
    for (int i = threadIdx.x; i < n; i += 96) {
        mine += x[blockIdx.x * n + i];
        largest = fmaxf(largest, x[blockIdx.x * n + i]);
        if constexpr (BUG == SumBug::barrier_in_uneven_loop) __syncthreads();
    }
    if constexpr (BUG == SumBug::two_barriers) {
        if (warp == 0)
            __syncthreads();
        else {
            mine += 0.f;
            __syncthreads();
        }
    }
    float sum = block_sum(mine);
    float scale = block_sum(largest) > 0.f ? 1.f / sum : 0.f;
    for (int i = threadIdx.x; i < n; i += 96) y[blockIdx.x * n + i] = x[blockIdx.x * n + i] * scale;
    if (threadIdx.x == 0) {
        if constexpr (BUG == SumBug::plain_addition)
            *total += sum;
        else
            atomicAdd(total, sum);
    }
}

enum class WindowBug {
    none,
    no_lower_test,
    no_upper_test,
    no_tail_test,
    misaligned_vector,
    writes_its_input,
    blocks_overlap,
    stride_too_long,
    local_index_too_large,
    wrong_neighbour,
};

// y[i] = max of x[i - 1], x[i], x[i + 1] for n numbers, four a thread.
template <WindowBug BUG>
__global__ void __launch_bounds__(32)
    window_maximum(const float* __restrict__ x, float* __restrict__ y, int n) {
    int per_block = BUG == WindowBug::blocks_overlap ? 96 : 128;
    int first = blockIdx.x * per_block + threadIdx.x * (BUG == WindowBug::stride_too_long ? 5 : 4);
    if (BUG != WindowBug::no_tail_test && first >= n) return;
    float v[6];
    const float* from = x + first;
    if constexpr (BUG == WindowBug::misaligned_vector) {
        float4 q = *reinterpret_cast<const float4*>(from + (first > 0 ? -1 : 0));
        v[1] = first > 0 ? q.y : q.x;
    } else {
        v[1] = from[0];
    }
    for (int i = 1; i < 4; i++) v[1 + i] = from[i];
    v[0] = BUG == WindowBug::no_lower_test || first > 0 ? from[-1] : v[1];
    v[5] = BUG == WindowBug::no_upper_test || first + 4 < n ? from[4] : v[4];
    if constexpr (BUG == WindowBug::writes_its_input) const_cast<float*>(x)[first] = 0.f;
    for (int i = 0; i < 4; i++) {
        float left = v[i], right = v[i + (BUG == WindowBug::wrong_neighbour ? 1 : 2)];
        if constexpr (BUG == WindowBug::local_index_too_large)
            right = v[i + 2 + (n > 0 ? static_cast<int>(x[0] > -1.f) * 3 : 0)];
        y[first + i] = fmaxf(fmaxf(left, v[i + 1]), right);
    }
}
