// bulk.cuh - bulk and tensor copies, one instruction a function.
#pragma once
#include "barriers.cuh"

struct alignas(64) TensorMap {
    unsigned long long opaque[16];
};

__device__ inline void bulk_load(void* to, const void* from, unsigned bytes, Barrier* b) {
    asm volatile(
        "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(
            shared_address(to)),
        "l"(from), "r"(bytes), "r"(shared_address(b))
        : "memory");
}

__device__ inline void bulk_load_multicast(void* to, const void* from, unsigned bytes, Barrier* b,
                                           unsigned short ranks) {
    asm volatile(
        "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster [%0], [%1], "
        "%2, [%3], %4;" ::"r"(shared_address(to)),
        "l"(from), "r"(bytes), "r"(shared_address(b)), "h"(ranks)
        : "memory");
}

__device__ inline void bulk_to_cluster(unsigned to, const void* from, unsigned bytes, unsigned b) {
    asm volatile(
        "cp.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(
            to),
        "r"(shared_address(from)), "r"(bytes), "r"(b)
        : "memory");
}

__device__ inline void bulk_add_to_cluster(unsigned to, const void* from, unsigned bytes, unsigned b) {
    asm volatile(
        "cp.reduce.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes.add.u32 [%0], [%1], "
        "%2, [%3];" ::"r"(to),
        "r"(shared_address(from)), "r"(bytes), "r"(b)
        : "memory");
}

__device__ inline void bulk_store(void* to, const void* from, unsigned bytes) {
    asm volatile("cp.async.bulk.global.shared::cta.bulk_group [%0], [%1], %2;" ::"l"(to),
                 "r"(shared_address(from)), "r"(bytes)
                 : "memory");
}

__device__ inline void bulk_store_hint(void* to, const void* from, unsigned bytes,
                                       unsigned long long policy) {
    asm volatile("cp.async.bulk.global.shared::cta.bulk_group.L2::cache_hint [%0], [%1], %2, %3;" ::"l"(to),
                 "r"(shared_address(from)), "r"(bytes), "l"(policy)
                 : "memory");
}

__device__ inline unsigned long long evict_first_policy() {
    unsigned long long policy;
    asm volatile("createpolicy.fractional.L2::evict_first.b64 %0, 1.0;" : "=l"(policy));
    return policy;
}

__device__ inline void bulk_commit() {
    asm volatile("cp.async.bulk.commit_group;" ::: "memory");
}

template <int N>
__device__ void bulk_wait() {
    asm volatile("cp.async.bulk.wait_group %0;" ::"n"(N) : "memory");
}

template <int N>
__device__ void bulk_wait_read() {
    asm volatile("cp.async.bulk.wait_group.read %0;" ::"n"(N) : "memory");
}

struct AddF32 {
    static __device__ void reduce(void* to, const void* from, unsigned bytes) {
        asm volatile("cp.reduce.async.bulk.global.shared::cta.bulk_group.add.f32 [%0], [%1], %2;" ::"l"(to),
                     "r"(shared_address(from)), "r"(bytes)
                     : "memory");
    }
};

struct AddF64 {
    static __device__ void reduce(void* to, const void* from, unsigned bytes) {
        asm volatile("cp.reduce.async.bulk.global.shared::cta.bulk_group.add.f64 [%0], [%1], %2;" ::"l"(to),
                     "r"(shared_address(from)), "r"(bytes)
                     : "memory");
    }
};

struct AddF16 {
    static __device__ void reduce(void* to, const void* from, unsigned bytes) {
        asm volatile(
            "cp.reduce.async.bulk.global.shared::cta.bulk_group.add.noftz.f16 [%0], [%1], %2;" ::"l"(to),
            "r"(shared_address(from)), "r"(bytes)
            : "memory");
    }
};

struct AddBF16 {
    static __device__ void reduce(void* to, const void* from, unsigned bytes) {
        asm volatile(
            "cp.reduce.async.bulk.global.shared::cta.bulk_group.add.noftz.bf16 [%0], [%1], %2;" ::"l"(to),
            "r"(shared_address(from)), "r"(bytes)
            : "memory");
    }
};

struct MaxBF16 {
    static __device__ void reduce(void* to, const void* from, unsigned bytes) {
        asm volatile("cp.reduce.async.bulk.global.shared::cta.bulk_group.max.bf16 [%0], [%1], %2;" ::"l"(to),
                     "r"(shared_address(from)), "r"(bytes)
                     : "memory");
    }
};

struct MinS32 {
    static __device__ void reduce(void* to, const void* from, unsigned bytes) {
        asm volatile("cp.reduce.async.bulk.global.shared::cta.bulk_group.min.s32 [%0], [%1], %2;" ::"l"(to),
                     "r"(shared_address(from)), "r"(bytes)
                     : "memory");
    }
};

struct MaxU64 {
    static __device__ void reduce(void* to, const void* from, unsigned bytes) {
        asm volatile("cp.reduce.async.bulk.global.shared::cta.bulk_group.max.u64 [%0], [%1], %2;" ::"l"(to),
                     "r"(shared_address(from)), "r"(bytes)
                     : "memory");
    }
};

struct XorB32 {
    static __device__ void reduce(void* to, const void* from, unsigned bytes) {
        asm volatile("cp.reduce.async.bulk.global.shared::cta.bulk_group.xor.b32 [%0], [%1], %2;" ::"l"(to),
                     "r"(shared_address(from)), "r"(bytes)
                     : "memory");
    }
};

struct IncU32 {
    static __device__ void reduce(void* to, const void* from, unsigned bytes) {
        asm volatile("cp.reduce.async.bulk.global.shared::cta.bulk_group.inc.u32 [%0], [%1], %2;" ::"l"(to),
                     "r"(shared_address(from)), "r"(bytes)
                     : "memory");
    }
};

// ---- tensor copies

template <int RANK>
__device__ void tensor_load(void* to, const TensorMap* map, const int (&c)[5], Barrier* b) {
    unsigned s = shared_address(to), m = shared_address(b);
    if constexpr (RANK == 1)
        asm volatile(
            "cp.async.bulk.tensor.1d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, "
            "{%3}], [%2];" ::"r"(s),
            "l"(map), "r"(m), "r"(c[0])
            : "memory");
    if constexpr (RANK == 2)
        asm volatile(
            "cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, "
            "{%3, %4}], [%2];" ::"r"(s),
            "l"(map), "r"(m), "r"(c[0]), "r"(c[1])
            : "memory");
    if constexpr (RANK == 3)
        asm volatile(
            "cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, "
            "%5}], [%2];" ::"r"(s),
            "l"(map), "r"(m), "r"(c[0]), "r"(c[1]), "r"(c[2])
            : "memory");
    if constexpr (RANK == 4)
        asm volatile(
            "cp.async.bulk.tensor.4d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, "
            "%5, %6}], [%2];" ::"r"(s),
            "l"(map), "r"(m), "r"(c[0]), "r"(c[1]), "r"(c[2]), "r"(c[3])
            : "memory");
    if constexpr (RANK == 5)
        asm volatile(
            "cp.async.bulk.tensor.5d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, "
            "%5, %6, %7}], [%2];" ::"r"(s),
            "l"(map), "r"(m), "r"(c[0]), "r"(c[1]), "r"(c[2]), "r"(c[3]), "r"(c[4])
            : "memory");
}

__device__ inline void tensor_load_multicast(void* to, const TensorMap* map, int x, int y, Barrier* b,
                                             unsigned short ranks) {
    asm volatile(
        "cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes.multicast::cluster "
        "[%0], [%1, {%3, %4}], [%2], "
        "%5;" ::"r"(shared_address(to)),
        "l"(map), "r"(shared_address(b)), "r"(x), "r"(y), "h"(ranks)
        : "memory");
}

// coordinates (c, w, n), (c, w, h, n), (c, w, h, d, n); offsets in the filter (w), (w, h), (w, h, d)
template <int RANK>
__device__ void tensor_load_im2col(void* to, const TensorMap* map, const int (&c)[5],
                                   const unsigned short (&f)[3], Barrier* b) {
    unsigned s = shared_address(to), m = shared_address(b);
    if constexpr (RANK == 3)
        asm volatile(
            "cp.async.bulk.tensor.3d.shared::cluster.global.im2col.mbarrier::complete_tx::bytes [%0], [%1, "
            "{%3, %4, %5}], [%2], {%6};" ::"r"(s),
            "l"(map), "r"(m), "r"(c[0]), "r"(c[1]), "r"(c[2]), "h"(f[0])
            : "memory");
    if constexpr (RANK == 4)
        asm volatile(
            "cp.async.bulk.tensor.4d.shared::cluster.global.im2col.mbarrier::complete_tx::bytes [%0], [%1, "
            "{%3, %4, %5, %6}], [%2], {%7, "
            "%8};" ::"r"(s),
            "l"(map), "r"(m), "r"(c[0]), "r"(c[1]), "r"(c[2]), "r"(c[3]), "h"(f[0]), "h"(f[1])
            : "memory");
    if constexpr (RANK == 5)
        asm volatile(
            "cp.async.bulk.tensor.5d.shared::cluster.global.im2col.mbarrier::complete_tx::bytes [%0], [%1, "
            "{%3, %4, %5, %6, %7}], [%2], "
            "{%8, %9, %10};" ::"r"(s),
            "l"(map), "r"(m), "r"(c[0]), "r"(c[1]), "r"(c[2]), "r"(c[3]), "r"(c[4]), "h"(f[0]), "h"(f[1]),
            "h"(f[2])
            : "memory");
}

template <int RANK>
__device__ void tensor_store(const TensorMap* map, const int (&c)[5], const void* from) {
    unsigned s = shared_address(from);
    if constexpr (RANK == 1)
        asm volatile("cp.async.bulk.tensor.1d.global.shared::cta.bulk_group [%0, {%2}], [%1];" ::"l"(map),
                     "r"(s), "r"(c[0])
                     : "memory");
    if constexpr (RANK == 2)
        asm volatile(
            "cp.async.bulk.tensor.2d.global.shared::cta.tile.bulk_group [%0, {%2, %3}], [%1];" ::"l"(map),
            "r"(s), "r"(c[0]), "r"(c[1])
            : "memory");
    if constexpr (RANK == 3)
        asm volatile(
            "cp.async.bulk.tensor.3d.global.shared::cta.bulk_group [%0, {%2, %3, %4}], [%1];" ::"l"(map),
            "r"(s), "r"(c[0]), "r"(c[1]), "r"(c[2])
            : "memory");
}

__device__ inline void tensor_add(const TensorMap* map, int x, int y, const void* from) {
    asm volatile(
        "cp.reduce.async.bulk.tensor.2d.global.shared::cta.add.tile.bulk_group [%0, {%2, %3}], [%1];" ::"l"(
            map),
        "r"(shared_address(from)), "r"(x), "r"(y)
        : "memory");
}

__device__ inline void tensor_max(const TensorMap* map, int x, int y, const void* from) {
    asm volatile(
        "cp.reduce.async.bulk.tensor.2d.global.shared::cta.max.bulk_group [%0, {%2, %3}], [%1];" ::"l"(map),
        "r"(shared_address(from)), "r"(x), "r"(y)
        : "memory");
}
