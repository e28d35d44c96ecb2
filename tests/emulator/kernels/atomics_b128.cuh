// atomics_b128.cuh - atom of 128 bits, which sm_90 has: one instruction a function.
#pragma once

__device__ inline ulonglong2 atom_cas_b128(ulonglong2* p, ulonglong2 compare, ulonglong2 value) {
    ulonglong2 old;
    asm volatile(
        "{ .reg .b128 o, c, v; mov.b128 c, {%3, %4}; mov.b128 v, {%5, %6};"
        " atom.relaxed.gpu.global.cas.b128 o, [%2], c, v; mov.b128 {%0, %1}, o; }"
        : "=l"(old.x), "=l"(old.y)
        : "l"(p), "l"(compare.x), "l"(compare.y), "l"(value.x), "l"(value.y)
        : "memory");
    return old;
}

__device__ inline ulonglong2 atom_exch_b128(ulonglong2* p, ulonglong2 value) {
    ulonglong2 old;
    asm volatile(
        "{ .reg .b128 o, v; mov.b128 v, {%3, %4}; atom.relaxed.gpu.global.exch.b128 o, [%2], v; mov.b128 "
        "{%0, %1}, o; }"
        : "=l"(old.x), "=l"(old.y)
        : "l"(p), "l"(value.x), "l"(value.y)
        : "memory");
    return old;
}
