// copies.cuh - cp.async, one instruction a function.
#pragma once
#include "addresses.cuh"

template <int BYTES>
__device__ void cp_async_ca(void* to, const void* from) {
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2;" ::"r"(shared_address(to)), "l"(from), "n"(BYTES)
                 : "memory");
}

__device__ inline void cp_async_cg(void* to, const void* from) {
    asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16;" ::"r"(shared_address(to)), "l"(from)
                 : "memory");
}

template <int BYTES>
__device__ void cp_async_ca_zero_fill(void* to, const void* from, int source_bytes) {
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(shared_address(to)), "l"(from),
                 "n"(BYTES), "r"(source_bytes)
                 : "memory");
}

__device__ inline void cp_async_cg_zero_fill(void* to, const void* from, int source_bytes) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to)), "l"(from),
                 "r"(source_bytes)
                 : "memory");
}

__device__ inline void cp_async_cg_ignoring(void* to, const void* from, int ignore) {
    asm volatile("{ .reg .pred p; setp.ne.s32 p, %2, 0; cp.async.cg.shared.global [%0], [%1], 16, p; }" ::"r"(
                     shared_address(to)),
                 "l"(from), "r"(ignore)
                 : "memory");
}

__device__ inline void cp_async_commit() {
    asm volatile("cp.async.commit_group;" ::: "memory");
}

template <int N>
__device__ void cp_async_wait() {
    asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
}

__device__ inline void cp_async_wait_all() {
    asm volatile("cp.async.wait_all;" ::: "memory");
}
