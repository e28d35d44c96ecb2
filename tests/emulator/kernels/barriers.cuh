// barriers.cuh - mbarriers and cluster barriers, one instruction a function.
#pragma once
#include "addresses.cuh"

typedef unsigned long long Barrier;

__device__ inline void mbarrier_init(Barrier* b, int count) {
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(b)), "r"(count) : "memory");
}

__device__ inline void mbarrier_inval(Barrier* b) {
    asm volatile("mbarrier.inval.shared::cta.b64 [%0];" ::"r"(shared_address(b)) : "memory");
}

__device__ inline void fence_mbarrier_init() {
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}

__device__ inline void fence_proxy_async() {
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

__device__ inline unsigned long long mbarrier_arrive(Barrier* b) {
    unsigned long long state;
    asm volatile("mbarrier.arrive.shared::cta.b64 %0, [%1];"
                 : "=l"(state)
                 : "r"(shared_address(b))
                 : "memory");
    return state;
}

__device__ inline unsigned long long mbarrier_arrive_count(Barrier* b, int count) {
    unsigned long long state;
    asm volatile("mbarrier.arrive.shared::cta.b64 %0, [%1], %2;"
                 : "=l"(state)
                 : "r"(shared_address(b)), "r"(count)
                 : "memory");
    return state;
}

__device__ inline unsigned long long mbarrier_arrive_no_complete(Barrier* b, int count) {
    unsigned long long state;
    asm volatile("mbarrier.arrive.noComplete.shared::cta.b64 %0, [%1], %2;"
                 : "=l"(state)
                 : "r"(shared_address(b)), "r"(count)
                 : "memory");
    return state;
}

__device__ inline unsigned long long mbarrier_arrive_expect(Barrier* b, int bytes) {
    unsigned long long state;
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 %0, [%1], %2;"
                 : "=l"(state)
                 : "r"(shared_address(b)), "r"(bytes)
                 : "memory");
    return state;
}

__device__ inline unsigned long long mbarrier_arrive_drop(Barrier* b) {
    unsigned long long state;
    asm volatile("mbarrier.arrive_drop.shared::cta.b64 %0, [%1];"
                 : "=l"(state)
                 : "r"(shared_address(b))
                 : "memory");
    return state;
}

__device__ inline void mbarrier_expect(Barrier* b, int bytes) {
    asm volatile("mbarrier.expect_tx.relaxed.cta.shared::cta.b64 [%0], %1;" ::"r"(shared_address(b)),
                 "r"(bytes)
                 : "memory");
}

__device__ inline void mbarrier_complete(Barrier* b, int bytes) {
    asm volatile("mbarrier.complete_tx.relaxed.cta.shared::cta.b64 [%0], %1;" ::"r"(shared_address(b)),
                 "r"(bytes)
                 : "memory");
}

__device__ inline bool mbarrier_test(Barrier* b, unsigned long long state) {
    int done;
    asm volatile("{ .reg .pred p; mbarrier.test_wait.shared::cta.b64 p, [%1], %2; selp.s32 %0, 1, 0, p; }"
                 : "=r"(done)
                 : "r"(shared_address(b)), "l"(state)
                 : "memory");
    return done;
}

__device__ inline bool mbarrier_test_parity(Barrier* b, int parity) {
    int done;
    asm volatile(
        "{ .reg .pred p; mbarrier.test_wait.parity.shared::cta.b64 p, [%1], %2; selp.s32 %0, 1, 0, p; }"
        : "=r"(done)
        : "r"(shared_address(b)), "r"(parity)
        : "memory");
    return done;
}

__device__ inline bool mbarrier_try(Barrier* b, unsigned long long state) {
    int done;
    asm volatile("{ .reg .pred p; mbarrier.try_wait.shared::cta.b64 p, [%1], %2; selp.s32 %0, 1, 0, p; }"
                 : "=r"(done)
                 : "r"(shared_address(b)), "l"(state)
                 : "memory");
    return done;
}

__device__ inline bool mbarrier_try_parity(Barrier* b, int parity) {
    int done;
    asm volatile(
        "{ .reg .pred p; mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2, 1000; selp.s32 %0, 1, 0, p; }"
        : "=r"(done)
        : "r"(shared_address(b)), "r"(parity)
        : "memory");
    return done;
}

__device__ inline bool mbarrier_try_parity_cluster(Barrier* b, int parity) {
    int done;
    asm volatile(
        "{ .reg .pred p; mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 p, [%1], %2; selp.s32 %0, "
        "1, 0, p; }"
        : "=r"(done)
        : "r"(shared_address(b)), "r"(parity)
        : "memory");
    return done;
}

__device__ inline void mbarrier_wait(Barrier* b, int parity) {
    while (!mbarrier_try_parity(b, parity)) {
    }
}

__device__ inline void mbarrier_wait_cluster(Barrier* b, int parity) {
    while (!mbarrier_try_parity_cluster(b, parity)) {
    }
}

__device__ inline void cp_async_arrive(Barrier* b) {
    asm volatile("cp.async.mbarrier.arrive.shared::cta.b64 [%0];" ::"r"(shared_address(b)) : "memory");
}

__device__ inline void cp_async_arrive_noinc(Barrier* b) {
    asm volatile("cp.async.mbarrier.arrive.noinc.shared::cta.b64 [%0];" ::"r"(shared_address(b)) : "memory");
}

// ---- clusters
__device__ inline unsigned map_to_rank(const void* p, unsigned rank) {
    unsigned address;
    asm volatile("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(address) : "r"(shared_address(p)), "r"(rank));
    return address;
}

__device__ inline void mbarrier_arrive_remote(unsigned b) {
    asm volatile("mbarrier.arrive.release.cluster.shared::cluster.b64 _, [%0];" ::"r"(b) : "memory");
}

__device__ inline void mbarrier_arrive_expect_remote(unsigned b, int bytes) {
    asm volatile("mbarrier.arrive.expect_tx.release.cluster.shared::cluster.b64 _, [%0], %1;" ::"r"(b),
                 "r"(bytes)
                 : "memory");
}

__device__ inline void cluster_arrive() {
    asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory");
}

__device__ inline void cluster_arrive_relaxed() {
    asm volatile("barrier.cluster.arrive.relaxed.aligned;" ::: "memory");
}

__device__ inline void cluster_wait() {
    asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
}

__device__ inline unsigned cluster_rank() {
    unsigned r;
    asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(r));
    return r;
}

__device__ inline unsigned cluster_size() {
    unsigned r;
    asm("mov.u32 %0, %%cluster_nctarank;" : "=r"(r));
    return r;
}

__device__ inline unsigned load_remote(unsigned address) {
    unsigned v;
    asm volatile("ld.shared::cluster.u32 %0, [%1];" : "=r"(v) : "r"(address) : "memory");
    return v;
}

__device__ inline void store_remote(unsigned address, unsigned v) {
    asm volatile("st.shared::cluster.u32 [%0], %1;" ::"r"(address), "r"(v) : "memory");
}

__device__ inline unsigned atomic_add_remote(unsigned address, unsigned v) {
    unsigned old;
    asm volatile("atom.relaxed.cluster.shared::cluster.add.u32 %0, [%1], %2;"
                 : "=r"(old)
                 : "r"(address), "r"(v)
                 : "memory");
    return old;
}

__device__ inline unsigned load_acquire_remote(unsigned address) {
    unsigned v;
    asm volatile("ld.acquire.cluster.shared::cluster.u32 %0, [%1];" : "=r"(v) : "r"(address) : "memory");
    return v;
}

__device__ inline void store_release_remote(unsigned address, unsigned v) {
    asm volatile("st.release.cluster.shared::cluster.u32 [%0], %1;" ::"r"(address), "r"(v) : "memory");
}

__device__ inline void store_async(unsigned address, unsigned v, unsigned barrier) {
    asm volatile("st.async.shared::cluster.mbarrier::complete_tx::bytes.u32 [%0], %1, [%2];" ::"r"(address),
                 "r"(v), "r"(barrier)
                 : "memory");
}

__device__ inline void store_async_v4(unsigned address, uint4 v, unsigned barrier) {
    asm volatile(
        "st.async.shared::cluster.mbarrier::complete_tx::bytes.v4.u32 [%0], {%1, %2, %3, %4}, [%5];" ::"r"(
            address),
        "r"(v.x), "r"(v.y), "r"(v.z), "r"(v.w), "r"(barrier)
        : "memory");
}

__device__ inline void reduce_async_add(unsigned address, unsigned v, unsigned barrier) {
    asm volatile(
        "red.async.relaxed.cluster.shared::cluster.mbarrier::complete_tx::bytes.add.u32 [%0], %1, [%2];" ::
            "r"(address),
        "r"(v), "r"(barrier)
        : "memory");
}
