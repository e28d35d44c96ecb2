// cp.async pipelines and mma fragments with a bug planted by the template argument.
#include "copies.cuh"
#include "matrices.cuh"
#include "mma.cuh"

enum class PipelineBug {
    none,
    no_wait,
    waits_for_one_too_few,
    no_barrier_after_wait,
    no_barrier_after_use,
    no_commit,
    tail_not_committed,
    no_zero_fill,
    wrong_stage,
    pitch_not_aligned,
    stores_into_copy,
};

// y[c] = sum over rows of x [rows, 64], staged by 8 rows; rows beyond the end are filled with zeros.
template <PipelineBug BUG>
__global__ void __launch_bounds__(64)
    column_sums(const float* __restrict__ x, float* __restrict__ y, int rows) {
    constexpr int STAGES = 3, ROWS = 8, PITCH = BUG == PipelineBug::pitch_not_aligned ? 65 : 68;
    extern __shared__ __align__(16) float stage[];  // [STAGES][ROWS][PITCH]
    int steps = (rows + ROWS - 1) / ROWS;
    auto fill = [&](int step) {
        float* to = stage + step % STAGES * ROWS * PITCH;
        for (int i = threadIdx.x; i < ROWS * 16; i += 64) {
            int row = step * ROWS + i / 16;
            bool in = BUG == PipelineBug::no_zero_fill || row < rows;
            cp_async_cg_zero_fill(to + i / 16 * PITCH + i % 16 * 4, x + (in ? row : 0) * 64 + i % 16 * 4,
                                  in ? 16 : 0);
        }
    };
    for (int s = 0; s < STAGES; s++) {
        if (s < steps) fill(s);
        if constexpr (BUG != PipelineBug::no_commit) cp_async_commit();
    }
    float sum = 0.f;
    for (int s = 0; s < steps; s++) {
        if constexpr (BUG == PipelineBug::waits_for_one_too_few)
            cp_async_wait<STAGES>();
        else if constexpr (BUG != PipelineBug::no_wait)
            cp_async_wait<STAGES - 1>();
        if constexpr (BUG != PipelineBug::no_barrier_after_wait) __syncthreads();
        const float* from = stage + (BUG == PipelineBug::wrong_stage ? s + 1 : s) % STAGES * ROWS * PITCH;
        if constexpr (BUG == PipelineBug::stores_into_copy)
            if (s == 0) stage[ROWS * PITCH + threadIdx.x] = 0.f;
        for (int i = 0; i < ROWS; i++) sum += from[i * PITCH + 63 - threadIdx.x];
        if constexpr (BUG != PipelineBug::no_barrier_after_use) __syncthreads();
        if (s + STAGES < steps) {
            fill(s + STAGES);
            if constexpr (BUG == PipelineBug::tail_not_committed) cp_async_commit();
        }
        if constexpr (BUG != PipelineBug::tail_not_committed && BUG != PipelineBug::no_commit)
            cp_async_commit();
    }
    y[63 - threadIdx.x] = sum;
}

enum class FragmentBug {
    none,
    registers_of_a_swapped,
    registers_of_b_swapped,
    wrong_type,
    b_not_transposed,
    a_transposed,
    rows_of_lanes_wrong,
    pitch_not_aligned,
    no_barrier,
    columns_of_c_wrong,
    tile_one_row_short,
};

// c [16, 8] = a [16, 16] b [16, 8], bf16 in, float out
template <FragmentBug BUG>
__global__ void __launch_bounds__(32)
    fragment_product(const unsigned short* __restrict__ a, const unsigned short* __restrict__ b,
                     float* __restrict__ c) {
    constexpr int PITCH = BUG == FragmentBug::pitch_not_aligned ? 20 : 24;
    __shared__ __align__(16) unsigned short as[(BUG == FragmentBug::tile_one_row_short ? 15 : 16) * PITCH],
        bs[16 * 8];
    int lane = threadIdx.x;
    for (int i = lane; i < 256; i += 32) as[i / 16 * PITCH + i % 16] = a[i];
    for (int i = lane; i < 128; i += 32) bs[i] = b[i];
    if constexpr (BUG != FragmentBug::no_barrier) __syncwarp();
    int row = BUG == FragmentBug::rows_of_lanes_wrong ? lane / 2 : lane % 16;
    unsigned ra[4], rb[4];
    ldmatrix<4, BUG == FragmentBug::a_transposed>(ra, as + row * PITCH + lane / 16 * 8);
    ldmatrix<2, BUG != FragmentBug::b_not_transposed>(rb, bs + lane % 16 * 8);
    unsigned fa[4] = {ra[0], ra[1], ra[2], ra[3]}, fb[2] = {rb[0], rb[1]};
    if constexpr (BUG == FragmentBug::registers_of_a_swapped) {
        fa[1] = ra[2];
        fa[2] = ra[1];
    }
    if constexpr (BUG == FragmentBug::registers_of_b_swapped) {
        fb[0] = rb[1];
        fb[1] = rb[0];
    }
    float zero[4] = {}, d[4];
    if constexpr (BUG == FragmentBug::wrong_type)
        MmaM16N8K16_f32_f16::apply(d, fa, fb, zero);
    else
        MmaM16N8K16_f32_bf16::apply(d, fa, fb, zero);
    for (int i = 0; i < 4; i++) {
        int column = BUG == FragmentBug::columns_of_c_wrong ? lane % 4 + i % 2 * 4 : lane % 4 * 2 + i % 2;
        c[(lane / 4 + i / 2 * 8) * 8 + column] = d[i];
    }
}
