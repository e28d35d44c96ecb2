// wgmma.cuh - one shape of wgmma and its bookkeeping, one instruction a function.
#pragma once
#include "addresses.cuh"

__device__ inline void wgmma_fence() {
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}

__device__ inline void wgmma_commit() {
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}

template <int N>
__device__ void wgmma_wait() {
    asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(N) : "memory");
}

// layout: 0 no swizzle, 1 of 128 bytes, 2 of 64, 3 of 32; offsets in bytes
__device__ inline unsigned long long wgmma_descriptor(const void* p, unsigned leading, unsigned stride,
                                                      unsigned layout) {
    return (shared_address(p) & 0x3ffff) >> 4 | static_cast<unsigned long long>(leading >> 4) << 16 |
           static_cast<unsigned long long>(stride >> 4) << 32 | static_cast<unsigned long long>(layout) << 62;
}

template <int TRANSPOSE_B = 0>
__device__ void wgmma_m64n16k16_bf16(float (&d)[8], unsigned long long a, unsigned long long b,
                                     int accumulate) {
    asm volatile(
        "{ .reg .pred p; setp.ne.b32 p, %10, 0; wgmma.mma_async.sync.aligned.m64n16k16.f32.bf16.bf16 {%0, "
        "%1, %2, %3, %4, %5, %6, %7}, "
        "%8, %9, p, 1, 1, 0, %11; }"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]), "+f"(d[4]), "+f"(d[5]), "+f"(d[6]), "+f"(d[7])
        : "l"(a), "l"(b), "r"(accumulate), "n"(TRANSPOSE_B));
}
