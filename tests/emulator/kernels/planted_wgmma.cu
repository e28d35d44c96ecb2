// A product of one warpgroup with a bug planted by the template argument.
#include "barriers.cuh"
#include "wgmma.cuh"

enum class ProductBug {
    none,
    no_wait,
    waits_for_one_too_few,
    no_commit,
    no_fence,
    no_proxy_fence,
    no_barrier,
    operand_overwritten,
    accumulator_changed,
    stride_wrong,
    layout_wrong,
    start_wrong,
    step_too_long,
    b_transposed,
    first_accumulates,
    operands_exchanged,
    one_warp_skips,
    descriptors_differ,
};

// d [64, 16] = a [64, 64] b [16, 64]^T in bf16; rows of 128 bytes, swizzled by 16-byte units
template <ProductBug BUG>
__global__ void __launch_bounds__(128)
    warpgroup_product(const unsigned short* __restrict__ a, const unsigned short* __restrict__ b,
                      float* __restrict__ d) {
    __shared__ __align__(1024) unsigned short as[64 * 64];
    __shared__ __align__(1024) unsigned short bs[16 * 64];
    int t = threadIdx.x;
    for (int i = t; i < 64 * 64; i += 128) as[i / 64 * 64 + ((i % 64 / 8) ^ (i / 64 % 8)) * 8 + i % 8] = a[i];
    for (int i = t; i < 16 * 64; i += 128) bs[i / 64 * 64 + ((i % 64 / 8) ^ (i / 64 % 8)) * 8 + i % 8] = b[i];
    if constexpr (BUG != ProductBug::no_proxy_fence) fence_proxy_async();
    if constexpr (BUG != ProductBug::no_barrier) __syncthreads();
    unsigned stride = BUG == ProductBug::stride_wrong ? 512 : 1024,
             layout = BUG == ProductBug::layout_wrong ? 2 : 1;
    float sum[8] = {3.f, 3.f, 3.f, 3.f, 3.f, 3.f, 3.f, 3.f};
    if constexpr (BUG != ProductBug::no_fence) wgmma_fence();
    if (BUG == ProductBug::one_warp_skips && t < 32) return;
    for (int k = 0; k < 4; k++) {
        int step = BUG == ProductBug::step_too_long ? 32 : 16;
        const unsigned short* from = as + k * step + (BUG == ProductBug::start_wrong ? 8 : 0);
        unsigned long long da = wgmma_descriptor(from, 16, stride, layout),
                           db = wgmma_descriptor(bs + k * 16, 16, 1024, 1);
        if (BUG == ProductBug::descriptors_differ && t == 40) da += 2;
        bool accumulate = BUG == ProductBug::first_accumulates || k > 0;
        if constexpr (BUG == ProductBug::b_transposed)
            wgmma_m64n16k16_bf16<1>(sum, da, db, accumulate);
        else if constexpr (BUG == ProductBug::operands_exchanged)
            wgmma_m64n16k16_bf16(sum, db, da, accumulate);
        else
            wgmma_m64n16k16_bf16(sum, da, db, accumulate);
        if (BUG == ProductBug::waits_for_one_too_few) wgmma_commit();
    }
    if constexpr (BUG != ProductBug::no_commit) wgmma_commit();
    if constexpr (BUG == ProductBug::operand_overwritten) as[t] = 0;
    if constexpr (BUG == ProductBug::accumulator_changed)
        asm volatile("add.f32 %0, %0, 0f3F800000;" : "+f"(sum[0])::"memory");
    if constexpr (BUG == ProductBug::waits_for_one_too_few)
        wgmma_wait<2>();
    else if constexpr (BUG != ProductBug::no_wait)
        wgmma_wait<0>();
    int row = t / 32 * 16 + t % 32 / 4, column = t % 4 * 2;
    for (int i = 0; i < 8; i++) d[(row + i / 2 % 2 * 8) * 16 + i / 4 * 8 + column + i % 2] = sum[i];
    if constexpr (BUG == ProductBug::no_wait) wgmma_wait<0>();
}
