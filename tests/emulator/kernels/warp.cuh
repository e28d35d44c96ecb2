// warp.cuh - votes, matches and reductions of a warp that CUDA C++ has no function for, one instruction a
// function.
#pragma once

__device__ inline unsigned vote_uni(unsigned mask, int predicate) {
    unsigned result;
    asm volatile(
        "{ .reg .pred p, q; setp.ne.s32 p, %1, 0; vote.sync.uni.pred q, p, %2; selp.u32 %0, 1, 0, q; }"
        : "=r"(result)
        : "r"(predicate), "r"(mask));
    return result;
}

__device__ inline unsigned elect_sync(unsigned mask, unsigned& leader) {
    unsigned elected;
    asm volatile("{ .reg .pred p; elect.sync %0|p, %2; selp.u32 %1, 1, 0, p; }"
                 : "=r"(leader), "=r"(elected)
                 : "r"(mask));
    return elected;
}
