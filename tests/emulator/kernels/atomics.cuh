// atomics.cuh - atom and red, one instruction a function. Operands and results are the bits of a vector of
// COUNT elements.
#pragma once

struct Atom_add_u32 {
    using Element = unsigned;
    static constexpr int COUNT = 1;
    static __device__ void apply(Element* p, const Element (&v)[1], Element (&old)[1]) {
        asm volatile("atom.relaxed.gpu.global.add.u32 %0, [%1], %2;"
                     : "=r"(old[0])
                     : "l"(p), "r"(v[0])
                     : "memory");
    }
};

struct Atom_min_u32 {
    using Element = unsigned;
    static constexpr int COUNT = 1;
    static __device__ void apply(Element* p, const Element (&v)[1], Element (&old)[1]) {
        asm volatile("atom.relaxed.gpu.global.min.u32 %0, [%1], %2;"
                     : "=r"(old[0])
                     : "l"(p), "r"(v[0])
                     : "memory");
    }
};

struct Atom_max_u32 {
    using Element = unsigned;
    static constexpr int COUNT = 1;
    static __device__ void apply(Element* p, const Element (&v)[1], Element (&old)[1]) {
        asm volatile("atom.relaxed.gpu.global.max.u32 %0, [%1], %2;"
                     : "=r"(old[0])
                     : "l"(p), "r"(v[0])
                     : "memory");
    }
};

struct Atom_add_s32 {
    using Element = unsigned;
    static constexpr int COUNT = 1;
    static __device__ void apply(Element* p, const Element (&v)[1], Element (&old)[1]) {
        asm volatile("atom.relaxed.gpu.global.add.s32 %0, [%1], %2;"
                     : "=r"(old[0])
                     : "l"(p), "r"(v[0])
                     : "memory");
    }
};

struct Atom_min_s32 {
    using Element = unsigned;
    static constexpr int COUNT = 1;
    static __device__ void apply(Element* p, const Element (&v)[1], Element (&old)[1]) {
        asm volatile("atom.relaxed.gpu.global.min.s32 %0, [%1], %2;"
                     : "=r"(old[0])
                     : "l"(p), "r"(v[0])
                     : "memory");
    }
};

struct Atom_max_s32 {
    using Element = unsigned;
    static constexpr int COUNT = 1;
    static __device__ void apply(Element* p, const Element (&v)[1], Element (&old)[1]) {
        asm volatile("atom.relaxed.gpu.global.max.s32 %0, [%1], %2;"
                     : "=r"(old[0])
                     : "l"(p), "r"(v[0])
                     : "memory");
    }
};

struct Atom_add_u64 {
    using Element = unsigned long long;
    static constexpr int COUNT = 1;
    static __device__ void apply(Element* p, const Element (&v)[1], Element (&old)[1]) {
        asm volatile("atom.relaxed.gpu.global.add.u64 %0, [%1], %2;"
                     : "=l"(old[0])
                     : "l"(p), "l"(v[0])
                     : "memory");
    }
};

struct Atom_min_u64 {
    using Element = unsigned long long;
    static constexpr int COUNT = 1;
    static __device__ void apply(Element* p, const Element (&v)[1], Element (&old)[1]) {
        asm volatile("atom.relaxed.gpu.global.min.u64 %0, [%1], %2;"
                     : "=l"(old[0])
                     : "l"(p), "l"(v[0])
                     : "memory");
    }
};

struct Atom_max_u64 {
    using Element = unsigned long long;
    static constexpr int COUNT = 1;
    static __device__ void apply(Element* p, const Element (&v)[1], Element (&old)[1]) {
        asm volatile("atom.relaxed.gpu.global.max.u64 %0, [%1], %2;"
                     : "=l"(old[0])
                     : "l"(p), "l"(v[0])
                     : "memory");
    }
};

struct Atom_min_s64 {
    using Element = unsigned long long;
    static constexpr int COUNT = 1;
    static __device__ void apply(Element* p, const Element (&v)[1], Element (&old)[1]) {
        asm volatile("atom.relaxed.gpu.global.min.s64 %0, [%1], %2;"
                     : "=l"(old[0])
                     : "l"(p), "l"(v[0])
                     : "memory");
    }
};

struct Atom_max_s64 {
    using Element = unsigned long long;
    static constexpr int COUNT = 1;
    static __device__ void apply(Element* p, const Element (&v)[1], Element (&old)[1]) {
        asm volatile("atom.relaxed.gpu.global.max.s64 %0, [%1], %2;"
                     : "=l"(old[0])
                     : "l"(p), "l"(v[0])
                     : "memory");
    }
};

struct Atom_and_b32 {
    using Element = unsigned;
    static constexpr int COUNT = 1;
    static __device__ void apply(Element* p, const Element (&v)[1], Element (&old)[1]) {
        asm volatile("atom.relaxed.gpu.global.and.b32 %0, [%1], %2;"
                     : "=r"(old[0])
                     : "l"(p), "r"(v[0])
                     : "memory");
    }
};

struct Atom_or_b32 {
    using Element = unsigned;
    static constexpr int COUNT = 1;
    static __device__ void apply(Element* p, const Element (&v)[1], Element (&old)[1]) {
        asm volatile("atom.relaxed.gpu.global.or.b32 %0, [%1], %2;"
                     : "=r"(old[0])
                     : "l"(p), "r"(v[0])
                     : "memory");
    }
};

struct Atom_xor_b32 {
    using Element = unsigned;
    static constexpr int COUNT = 1;
    static __device__ void apply(Element* p, const Element (&v)[1], Element (&old)[1]) {
        asm volatile("atom.relaxed.gpu.global.xor.b32 %0, [%1], %2;"
                     : "=r"(old[0])
                     : "l"(p), "r"(v[0])
                     : "memory");
    }
};

struct Atom_exch_b32 {
    using Element = unsigned;
    static constexpr int COUNT = 1;
    static __device__ void apply(Element* p, const Element (&v)[1], Element (&old)[1]) {
        asm volatile("atom.relaxed.gpu.global.exch.b32 %0, [%1], %2;"
                     : "=r"(old[0])
                     : "l"(p), "r"(v[0])
                     : "memory");
    }
};

struct Atom_and_b64 {
    using Element = unsigned long long;
    static constexpr int COUNT = 1;
    static __device__ void apply(Element* p, const Element (&v)[1], Element (&old)[1]) {
        asm volatile("atom.relaxed.gpu.global.and.b64 %0, [%1], %2;"
                     : "=l"(old[0])
                     : "l"(p), "l"(v[0])
                     : "memory");
    }
};

struct Atom_or_b64 {
    using Element = unsigned long long;
    static constexpr int COUNT = 1;
    static __device__ void apply(Element* p, const Element (&v)[1], Element (&old)[1]) {
        asm volatile("atom.relaxed.gpu.global.or.b64 %0, [%1], %2;"
                     : "=l"(old[0])
                     : "l"(p), "l"(v[0])
                     : "memory");
    }
};

struct Atom_xor_b64 {
    using Element = unsigned long long;
    static constexpr int COUNT = 1;
    static __device__ void apply(Element* p, const Element (&v)[1], Element (&old)[1]) {
        asm volatile("atom.relaxed.gpu.global.xor.b64 %0, [%1], %2;"
                     : "=l"(old[0])
                     : "l"(p), "l"(v[0])
                     : "memory");
    }
};

struct Atom_exch_b64 {
    using Element = unsigned long long;
    static constexpr int COUNT = 1;
    static __device__ void apply(Element* p, const Element (&v)[1], Element (&old)[1]) {
        asm volatile("atom.relaxed.gpu.global.exch.b64 %0, [%1], %2;"
                     : "=l"(old[0])
                     : "l"(p), "l"(v[0])
                     : "memory");
    }
};

struct Atom_inc_u32 {
    using Element = unsigned;
    static constexpr int COUNT = 1;
    static __device__ void apply(Element* p, const Element (&v)[1], Element (&old)[1]) {
        asm volatile("atom.relaxed.gpu.global.inc.u32 %0, [%1], %2;"
                     : "=r"(old[0])
                     : "l"(p), "r"(v[0])
                     : "memory");
    }
};

struct Atom_dec_u32 {
    using Element = unsigned;
    static constexpr int COUNT = 1;
    static __device__ void apply(Element* p, const Element (&v)[1], Element (&old)[1]) {
        asm volatile("atom.relaxed.gpu.global.dec.u32 %0, [%1], %2;"
                     : "=r"(old[0])
                     : "l"(p), "r"(v[0])
                     : "memory");
    }
};

struct Atom_add_f32 {
    using Element = float;
    static constexpr int COUNT = 1;
    static __device__ void apply(Element* p, const Element (&v)[1], Element (&old)[1]) {
        asm volatile("atom.relaxed.gpu.global.add.f32 %0, [%1], %2;"
                     : "=f"(old[0])
                     : "l"(p), "f"(v[0])
                     : "memory");
    }
};

struct Atom_add_f64 {
    using Element = double;
    static constexpr int COUNT = 1;
    static __device__ void apply(Element* p, const Element (&v)[1], Element (&old)[1]) {
        asm volatile("atom.relaxed.gpu.global.add.f64 %0, [%1], %2;"
                     : "=d"(old[0])
                     : "l"(p), "d"(v[0])
                     : "memory");
    }
};

struct Atom_add_f16x2 {
    using Element = unsigned;
    static constexpr int COUNT = 1;
    static __device__ void apply(Element* p, const Element (&v)[1], Element (&old)[1]) {
        asm volatile("atom.relaxed.gpu.global.add.noftz.f16x2 %0, [%1], %2;"
                     : "=r"(old[0])
                     : "l"(p), "r"(v[0])
                     : "memory");
    }
};

struct Atom_add_f16 {
    using Element = unsigned short;
    static constexpr int COUNT = 1;
    static __device__ void apply(Element* p, const Element (&v)[1], Element (&old)[1]) {
        asm volatile("atom.relaxed.gpu.global.add.noftz.f16 %0, [%1], %2;"
                     : "=h"(old[0])
                     : "l"(p), "h"(v[0])
                     : "memory");
    }
};

struct Atom_add_bf16 {
    using Element = unsigned short;
    static constexpr int COUNT = 1;
    static __device__ void apply(Element* p, const Element (&v)[1], Element (&old)[1]) {
        asm volatile("atom.relaxed.gpu.global.add.noftz.bf16 %0, [%1], %2;"
                     : "=h"(old[0])
                     : "l"(p), "h"(v[0])
                     : "memory");
    }
};

struct Atom_add_bf16x2 {
    using Element = unsigned;
    static constexpr int COUNT = 1;
    static __device__ void apply(Element* p, const Element (&v)[1], Element (&old)[1]) {
        asm volatile("atom.relaxed.gpu.global.add.noftz.bf16x2 %0, [%1], %2;"
                     : "=r"(old[0])
                     : "l"(p), "r"(v[0])
                     : "memory");
    }
};

struct Atom_add_f32_v2 {
    using Element = float;
    static constexpr int COUNT = 2;
    static __device__ void apply(Element* p, const Element (&v)[2], Element (&old)[2]) {
        asm volatile("atom.relaxed.gpu.global.add.v2.f32 {%0, %1}, [%2], {%3, %4};"
                     : "=f"(old[0]), "=f"(old[1])
                     : "l"(p), "f"(v[0]), "f"(v[1])
                     : "memory");
    }
};

struct Red_add_f32_v2 {
    using Element = float;
    static constexpr int COUNT = 2;
    static __device__ void apply(Element* p, const Element (&v)[2], Element (&old)[2]) {
        asm volatile("red.relaxed.gpu.global.add.v2.f32 [%0], {%1, %2};" ::"l"(p), "f"(v[0]), "f"(v[1])
                     : "memory");
    }
};

struct Atom_add_f32_v4 {
    using Element = float;
    static constexpr int COUNT = 4;
    static __device__ void apply(Element* p, const Element (&v)[4], Element (&old)[4]) {
        asm volatile("atom.relaxed.gpu.global.add.v4.f32 {%0, %1, %2, %3}, [%4], {%5, %6, %7, %8};"
                     : "=f"(old[0]), "=f"(old[1]), "=f"(old[2]), "=f"(old[3])
                     : "l"(p), "f"(v[0]), "f"(v[1]), "f"(v[2]), "f"(v[3])
                     : "memory");
    }
};

struct Red_add_f32_v4 {
    using Element = float;
    static constexpr int COUNT = 4;
    static __device__ void apply(Element* p, const Element (&v)[4], Element (&old)[4]) {
        asm volatile("red.relaxed.gpu.global.add.v4.f32 [%0], {%1, %2, %3, %4};" ::"l"(p), "f"(v[0]),
                     "f"(v[1]), "f"(v[2]), "f"(v[3])
                     : "memory");
    }
};

struct Atom_add_f16x2_v2 {
    using Element = unsigned;
    static constexpr int COUNT = 2;
    static __device__ void apply(Element* p, const Element (&v)[2], Element (&old)[2]) {
        asm volatile("atom.relaxed.gpu.global.add.noftz.v2.f16x2 {%0, %1}, [%2], {%3, %4};"
                     : "=r"(old[0]), "=r"(old[1])
                     : "l"(p), "r"(v[0]), "r"(v[1])
                     : "memory");
    }
};

struct Red_add_f16x2_v2 {
    using Element = unsigned;
    static constexpr int COUNT = 2;
    static __device__ void apply(Element* p, const Element (&v)[2], Element (&old)[2]) {
        asm volatile("red.relaxed.gpu.global.add.noftz.v2.f16x2 [%0], {%1, %2};" ::"l"(p), "r"(v[0]),
                     "r"(v[1])
                     : "memory");
    }
};

struct Atom_add_f16x2_v4 {
    using Element = unsigned;
    static constexpr int COUNT = 4;
    static __device__ void apply(Element* p, const Element (&v)[4], Element (&old)[4]) {
        asm volatile("atom.relaxed.gpu.global.add.noftz.v4.f16x2 {%0, %1, %2, %3}, [%4], {%5, %6, %7, %8};"
                     : "=r"(old[0]), "=r"(old[1]), "=r"(old[2]), "=r"(old[3])
                     : "l"(p), "r"(v[0]), "r"(v[1]), "r"(v[2]), "r"(v[3])
                     : "memory");
    }
};

struct Red_add_f16x2_v4 {
    using Element = unsigned;
    static constexpr int COUNT = 4;
    static __device__ void apply(Element* p, const Element (&v)[4], Element (&old)[4]) {
        asm volatile("red.relaxed.gpu.global.add.noftz.v4.f16x2 [%0], {%1, %2, %3, %4};" ::"l"(p), "r"(v[0]),
                     "r"(v[1]), "r"(v[2]), "r"(v[3])
                     : "memory");
    }
};

struct Atom_add_bf16x2_v2 {
    using Element = unsigned;
    static constexpr int COUNT = 2;
    static __device__ void apply(Element* p, const Element (&v)[2], Element (&old)[2]) {
        asm volatile("atom.relaxed.gpu.global.add.noftz.v2.bf16x2 {%0, %1}, [%2], {%3, %4};"
                     : "=r"(old[0]), "=r"(old[1])
                     : "l"(p), "r"(v[0]), "r"(v[1])
                     : "memory");
    }
};

struct Red_add_bf16x2_v2 {
    using Element = unsigned;
    static constexpr int COUNT = 2;
    static __device__ void apply(Element* p, const Element (&v)[2], Element (&old)[2]) {
        asm volatile("red.relaxed.gpu.global.add.noftz.v2.bf16x2 [%0], {%1, %2};" ::"l"(p), "r"(v[0]),
                     "r"(v[1])
                     : "memory");
    }
};

struct Atom_add_bf16x2_v4 {
    using Element = unsigned;
    static constexpr int COUNT = 4;
    static __device__ void apply(Element* p, const Element (&v)[4], Element (&old)[4]) {
        asm volatile("atom.relaxed.gpu.global.add.noftz.v4.bf16x2 {%0, %1, %2, %3}, [%4], {%5, %6, %7, %8};"
                     : "=r"(old[0]), "=r"(old[1]), "=r"(old[2]), "=r"(old[3])
                     : "l"(p), "r"(v[0]), "r"(v[1]), "r"(v[2]), "r"(v[3])
                     : "memory");
    }
};

struct Red_add_bf16x2_v4 {
    using Element = unsigned;
    static constexpr int COUNT = 4;
    static __device__ void apply(Element* p, const Element (&v)[4], Element (&old)[4]) {
        asm volatile("red.relaxed.gpu.global.add.noftz.v4.bf16x2 [%0], {%1, %2, %3, %4};" ::"l"(p), "r"(v[0]),
                     "r"(v[1]), "r"(v[2]), "r"(v[3])
                     : "memory");
    }
};

struct Atom_add_f16_v2 {
    using Element = unsigned short;
    static constexpr int COUNT = 2;
    static __device__ void apply(Element* p, const Element (&v)[2], Element (&old)[2]) {
        asm volatile("atom.relaxed.gpu.global.add.noftz.v2.f16 {%0, %1}, [%2], {%3, %4};"
                     : "=h"(old[0]), "=h"(old[1])
                     : "l"(p), "h"(v[0]), "h"(v[1])
                     : "memory");
    }
};

struct Red_add_f16_v2 {
    using Element = unsigned short;
    static constexpr int COUNT = 2;
    static __device__ void apply(Element* p, const Element (&v)[2], Element (&old)[2]) {
        asm volatile("red.relaxed.gpu.global.add.noftz.v2.f16 [%0], {%1, %2};" ::"l"(p), "h"(v[0]), "h"(v[1])
                     : "memory");
    }
};

struct Atom_add_f16_v4 {
    using Element = unsigned short;
    static constexpr int COUNT = 4;
    static __device__ void apply(Element* p, const Element (&v)[4], Element (&old)[4]) {
        asm volatile("atom.relaxed.gpu.global.add.noftz.v4.f16 {%0, %1, %2, %3}, [%4], {%5, %6, %7, %8};"
                     : "=h"(old[0]), "=h"(old[1]), "=h"(old[2]), "=h"(old[3])
                     : "l"(p), "h"(v[0]), "h"(v[1]), "h"(v[2]), "h"(v[3])
                     : "memory");
    }
};

struct Red_add_f16_v4 {
    using Element = unsigned short;
    static constexpr int COUNT = 4;
    static __device__ void apply(Element* p, const Element (&v)[4], Element (&old)[4]) {
        asm volatile("red.relaxed.gpu.global.add.noftz.v4.f16 [%0], {%1, %2, %3, %4};" ::"l"(p), "h"(v[0]),
                     "h"(v[1]), "h"(v[2]), "h"(v[3])
                     : "memory");
    }
};

struct Atom_add_f16_v8 {
    using Element = unsigned short;
    static constexpr int COUNT = 8;
    static __device__ void apply(Element* p, const Element (&v)[8], Element (&old)[8]) {
        asm volatile(
            "atom.relaxed.gpu.global.add.noftz.v8.f16 {%0, %1, %2, %3, %4, %5, %6, %7}, [%8], {%9, %10, %11, "
            "%12, %13, %14, %15, %16};"
            : "=h"(old[0]), "=h"(old[1]), "=h"(old[2]), "=h"(old[3]), "=h"(old[4]), "=h"(old[5]),
              "=h"(old[6]), "=h"(old[7])
            : "l"(p), "h"(v[0]), "h"(v[1]), "h"(v[2]), "h"(v[3]), "h"(v[4]), "h"(v[5]), "h"(v[6]), "h"(v[7])
            : "memory");
    }
};

struct Red_add_f16_v8 {
    using Element = unsigned short;
    static constexpr int COUNT = 8;
    static __device__ void apply(Element* p, const Element (&v)[8], Element (&old)[8]) {
        asm volatile(
            "red.relaxed.gpu.global.add.noftz.v8.f16 [%0], {%1, %2, %3, %4, %5, %6, %7, %8};" ::"l"(p),
            "h"(v[0]), "h"(v[1]), "h"(v[2]), "h"(v[3]), "h"(v[4]), "h"(v[5]), "h"(v[6]), "h"(v[7])
            : "memory");
    }
};

struct Atom_add_bf16_v2 {
    using Element = unsigned short;
    static constexpr int COUNT = 2;
    static __device__ void apply(Element* p, const Element (&v)[2], Element (&old)[2]) {
        asm volatile("atom.relaxed.gpu.global.add.noftz.v2.bf16 {%0, %1}, [%2], {%3, %4};"
                     : "=h"(old[0]), "=h"(old[1])
                     : "l"(p), "h"(v[0]), "h"(v[1])
                     : "memory");
    }
};

struct Red_add_bf16_v2 {
    using Element = unsigned short;
    static constexpr int COUNT = 2;
    static __device__ void apply(Element* p, const Element (&v)[2], Element (&old)[2]) {
        asm volatile("red.relaxed.gpu.global.add.noftz.v2.bf16 [%0], {%1, %2};" ::"l"(p), "h"(v[0]), "h"(v[1])
                     : "memory");
    }
};

struct Atom_add_bf16_v4 {
    using Element = unsigned short;
    static constexpr int COUNT = 4;
    static __device__ void apply(Element* p, const Element (&v)[4], Element (&old)[4]) {
        asm volatile("atom.relaxed.gpu.global.add.noftz.v4.bf16 {%0, %1, %2, %3}, [%4], {%5, %6, %7, %8};"
                     : "=h"(old[0]), "=h"(old[1]), "=h"(old[2]), "=h"(old[3])
                     : "l"(p), "h"(v[0]), "h"(v[1]), "h"(v[2]), "h"(v[3])
                     : "memory");
    }
};

struct Red_add_bf16_v4 {
    using Element = unsigned short;
    static constexpr int COUNT = 4;
    static __device__ void apply(Element* p, const Element (&v)[4], Element (&old)[4]) {
        asm volatile("red.relaxed.gpu.global.add.noftz.v4.bf16 [%0], {%1, %2, %3, %4};" ::"l"(p), "h"(v[0]),
                     "h"(v[1]), "h"(v[2]), "h"(v[3])
                     : "memory");
    }
};

struct Atom_add_bf16_v8 {
    using Element = unsigned short;
    static constexpr int COUNT = 8;
    static __device__ void apply(Element* p, const Element (&v)[8], Element (&old)[8]) {
        asm volatile(
            "atom.relaxed.gpu.global.add.noftz.v8.bf16 {%0, %1, %2, %3, %4, %5, %6, %7}, [%8], {%9, %10, "
            "%11, %12, %13, %14, %15, %16};"
            : "=h"(old[0]), "=h"(old[1]), "=h"(old[2]), "=h"(old[3]), "=h"(old[4]), "=h"(old[5]),
              "=h"(old[6]), "=h"(old[7])
            : "l"(p), "h"(v[0]), "h"(v[1]), "h"(v[2]), "h"(v[3]), "h"(v[4]), "h"(v[5]), "h"(v[6]), "h"(v[7])
            : "memory");
    }
};

struct Red_add_bf16_v8 {
    using Element = unsigned short;
    static constexpr int COUNT = 8;
    static __device__ void apply(Element* p, const Element (&v)[8], Element (&old)[8]) {
        asm volatile(
            "red.relaxed.gpu.global.add.noftz.v8.bf16 [%0], {%1, %2, %3, %4, %5, %6, %7, %8};" ::"l"(p),
            "h"(v[0]), "h"(v[1]), "h"(v[2]), "h"(v[3]), "h"(v[4]), "h"(v[5]), "h"(v[6]), "h"(v[7])
            : "memory");
    }
};

struct Atom_max_f16x2_v4 {
    using Element = unsigned;
    static constexpr int COUNT = 4;
    static __device__ void apply(Element* p, const Element (&v)[4], Element (&old)[4]) {
        asm volatile("atom.relaxed.gpu.global.max.noftz.v4.f16x2 {%0, %1, %2, %3}, [%4], {%5, %6, %7, %8};"
                     : "=r"(old[0]), "=r"(old[1]), "=r"(old[2]), "=r"(old[3])
                     : "l"(p), "r"(v[0]), "r"(v[1]), "r"(v[2]), "r"(v[3])
                     : "memory");
    }
};

struct Red_min_f16x2_v4 {
    using Element = unsigned;
    static constexpr int COUNT = 4;
    static __device__ void apply(Element* p, const Element (&v)[4], Element (&old)[4]) {
        asm volatile("red.relaxed.gpu.global.min.noftz.v4.f16x2 [%0], {%1, %2, %3, %4};" ::"l"(p), "r"(v[0]),
                     "r"(v[1]), "r"(v[2]), "r"(v[3])
                     : "memory");
    }
};

struct Atom_max_bf16_v8 {
    using Element = unsigned short;
    static constexpr int COUNT = 8;
    static __device__ void apply(Element* p, const Element (&v)[8], Element (&old)[8]) {
        asm volatile(
            "atom.relaxed.gpu.global.max.noftz.v8.bf16 {%0, %1, %2, %3, %4, %5, %6, %7}, [%8], {%9, %10, "
            "%11, %12, %13, %14, %15, %16};"
            : "=h"(old[0]), "=h"(old[1]), "=h"(old[2]), "=h"(old[3]), "=h"(old[4]), "=h"(old[5]),
              "=h"(old[6]), "=h"(old[7])
            : "l"(p), "h"(v[0]), "h"(v[1]), "h"(v[2]), "h"(v[3]), "h"(v[4]), "h"(v[5]), "h"(v[6]), "h"(v[7])
            : "memory");
    }
};

struct Red_min_bf16_v8 {
    using Element = unsigned short;
    static constexpr int COUNT = 8;
    static __device__ void apply(Element* p, const Element (&v)[8], Element (&old)[8]) {
        asm volatile(
            "red.relaxed.gpu.global.min.noftz.v8.bf16 [%0], {%1, %2, %3, %4, %5, %6, %7, %8};" ::"l"(p),
            "h"(v[0]), "h"(v[1]), "h"(v[2]), "h"(v[3]), "h"(v[4]), "h"(v[5]), "h"(v[6]), "h"(v[7])
            : "memory");
    }
};

struct Atom_max_bf16x2_v2 {
    using Element = unsigned;
    static constexpr int COUNT = 2;
    static __device__ void apply(Element* p, const Element (&v)[2], Element (&old)[2]) {
        asm volatile("atom.relaxed.gpu.global.max.noftz.v2.bf16x2 {%0, %1}, [%2], {%3, %4};"
                     : "=r"(old[0]), "=r"(old[1])
                     : "l"(p), "r"(v[0]), "r"(v[1])
                     : "memory");
    }
};

struct Red_min_bf16x2_v2 {
    using Element = unsigned;
    static constexpr int COUNT = 2;
    static __device__ void apply(Element* p, const Element (&v)[2], Element (&old)[2]) {
        asm volatile("red.relaxed.gpu.global.min.noftz.v2.bf16x2 [%0], {%1, %2};" ::"l"(p), "r"(v[0]),
                     "r"(v[1])
                     : "memory");
    }
};

struct Red_add_u32 {
    using Element = unsigned;
    static constexpr int COUNT = 1;
    static __device__ void apply(Element* p, const Element (&v)[1], Element (&old)[1]) {
        asm volatile("red.relaxed.gpu.global.add.u32 [%0], %1;" ::"l"(p), "r"(v[0]) : "memory");
    }
};

struct Red_add_f32 {
    using Element = float;
    static constexpr int COUNT = 1;
    static __device__ void apply(Element* p, const Element (&v)[1], Element (&old)[1]) {
        asm volatile("red.relaxed.gpu.global.add.f32 [%0], %1;" ::"l"(p), "f"(v[0]) : "memory");
    }
};

struct Red_max_s32 {
    using Element = unsigned;
    static constexpr int COUNT = 1;
    static __device__ void apply(Element* p, const Element (&v)[1], Element (&old)[1]) {
        asm volatile("red.relaxed.gpu.global.max.s32 [%0], %1;" ::"l"(p), "r"(v[0]) : "memory");
    }
};

struct Red_or_b32 {
    using Element = unsigned;
    static constexpr int COUNT = 1;
    static __device__ void apply(Element* p, const Element (&v)[1], Element (&old)[1]) {
        asm volatile("red.relaxed.gpu.global.or.b32 [%0], %1;" ::"l"(p), "r"(v[0]) : "memory");
    }
};

struct Red_add_f16x2 {
    using Element = unsigned;
    static constexpr int COUNT = 1;
    static __device__ void apply(Element* p, const Element (&v)[1], Element (&old)[1]) {
        asm volatile("red.relaxed.gpu.global.add.noftz.f16x2 [%0], %1;" ::"l"(p), "r"(v[0]) : "memory");
    }
};

struct Red_add_bf16x2 {
    using Element = unsigned;
    static constexpr int COUNT = 1;
    static __device__ void apply(Element* p, const Element (&v)[1], Element (&old)[1]) {
        asm volatile("red.relaxed.gpu.global.add.noftz.bf16x2 [%0], %1;" ::"l"(p), "r"(v[0]) : "memory");
    }
};

struct Red_add_u64 {
    using Element = unsigned long long;
    static constexpr int COUNT = 1;
    static __device__ void apply(Element* p, const Element (&v)[1], Element (&old)[1]) {
        asm volatile("red.relaxed.gpu.global.add.u64 [%0], %1;" ::"l"(p), "l"(v[0]) : "memory");
    }
};
__device__ inline unsigned short atom_cas_b16(unsigned short* p, unsigned short compare,
                                              unsigned short value) {
    unsigned short old;
    asm volatile("atom.relaxed.gpu.global.cas.b16 %0, [%1], %2, %3;"
                 : "=h"(old)
                 : "l"(p), "h"(compare), "h"(value)
                 : "memory");
    return old;
}

__device__ inline unsigned atom_cas_b32(unsigned* p, unsigned compare, unsigned value) {
    unsigned old;
    asm volatile("atom.relaxed.gpu.global.cas.b32 %0, [%1], %2, %3;"
                 : "=r"(old)
                 : "l"(p), "r"(compare), "r"(value)
                 : "memory");
    return old;
}

__device__ inline unsigned long long atom_cas_b64(unsigned long long* p, unsigned long long compare,
                                                  unsigned long long value) {
    unsigned long long old;
    asm volatile("atom.relaxed.gpu.global.cas.b64 %0, [%1], %2, %3;"
                 : "=l"(old)
                 : "l"(p), "l"(compare), "l"(value)
                 : "memory");
    return old;
}
