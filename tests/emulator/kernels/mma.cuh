// mma.cuh - mma.sync, one instruction a function. A lane's registers of A, B and C go in, its registers of D
// come out.
#pragma once

struct MmaM16N8K8_f16_f16 {
    using Operand = unsigned;
    using Accumulator = unsigned;
    static constexpr int A = 2, B = 1, D = 2;
    static __device__ void apply(unsigned (&d)[2], const unsigned (&a)[2], const unsigned (&b)[1],
                                 const unsigned (&c)[2]) {
        asm volatile(
            "mma.sync.aligned.m16n8k8.row.col.f16.f16.f16.f16 "
            "{%0, %1}, {%2, %3}, {%4}, {%5, %6};"
            : "=r"(d[0]), "=r"(d[1])
            : "r"(a[0]), "r"(a[1]), "r"(b[0]), "r"(c[0]), "r"(c[1]));
    }
};

struct MmaM16N8K8_f32_f16 {
    using Operand = unsigned;
    using Accumulator = float;
    static constexpr int A = 2, B = 1, D = 4;
    static __device__ void apply(float (&d)[4], const unsigned (&a)[2], const unsigned (&b)[1],
                                 const float (&c)[4]) {
        asm volatile(
            "mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 "
            "{%0, %1, %2, %3}, {%4, %5}, {%6}, {%7, %8, %9, %10};"
            : "=f"(d[0]), "=f"(d[1]), "=f"(d[2]), "=f"(d[3])
            : "r"(a[0]), "r"(a[1]), "r"(b[0]), "f"(c[0]), "f"(c[1]), "f"(c[2]), "f"(c[3]));
    }
};

struct MmaM16N8K16_f16_f16 {
    using Operand = unsigned;
    using Accumulator = unsigned;
    static constexpr int A = 4, B = 2, D = 2;
    static __device__ void apply(unsigned (&d)[2], const unsigned (&a)[4], const unsigned (&b)[2],
                                 const unsigned (&c)[2]) {
        asm volatile(
            "mma.sync.aligned.m16n8k16.row.col.f16.f16.f16.f16 "
            "{%0, %1}, {%2, %3, %4, %5}, {%6, %7}, {%8, %9};"
            : "=r"(d[0]), "=r"(d[1])
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]), "r"(c[0]), "r"(c[1]));
    }
};

struct MmaM16N8K16_f32_f16 {
    using Operand = unsigned;
    using Accumulator = float;
    static constexpr int A = 4, B = 2, D = 4;
    static __device__ void apply(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2],
                                 const float (&c)[4]) {
        asm volatile(
            "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
            "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%10, %11, %12, %13};"
            : "=f"(d[0]), "=f"(d[1]), "=f"(d[2]), "=f"(d[3])
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]), "f"(c[0]), "f"(c[1]),
              "f"(c[2]), "f"(c[3]));
    }
};

struct MmaM16N8K8_f32_bf16 {
    using Operand = unsigned;
    using Accumulator = float;
    static constexpr int A = 2, B = 1, D = 4;
    static __device__ void apply(float (&d)[4], const unsigned (&a)[2], const unsigned (&b)[1],
                                 const float (&c)[4]) {
        asm volatile(
            "mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32 "
            "{%0, %1, %2, %3}, {%4, %5}, {%6}, {%7, %8, %9, %10};"
            : "=f"(d[0]), "=f"(d[1]), "=f"(d[2]), "=f"(d[3])
            : "r"(a[0]), "r"(a[1]), "r"(b[0]), "f"(c[0]), "f"(c[1]), "f"(c[2]), "f"(c[3]));
    }
};

struct MmaM16N8K16_f32_bf16 {
    using Operand = unsigned;
    using Accumulator = float;
    static constexpr int A = 4, B = 2, D = 4;
    static __device__ void apply(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2],
                                 const float (&c)[4]) {
        asm volatile(
            "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
            "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%10, %11, %12, %13};"
            : "=f"(d[0]), "=f"(d[1]), "=f"(d[2]), "=f"(d[3])
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]), "f"(c[0]), "f"(c[1]),
              "f"(c[2]), "f"(c[3]));
    }
};

struct MmaM16N8K4_f32_tf32 {
    using Operand = unsigned;
    using Accumulator = float;
    static constexpr int A = 2, B = 1, D = 4;
    static __device__ void apply(float (&d)[4], const unsigned (&a)[2], const unsigned (&b)[1],
                                 const float (&c)[4]) {
        asm volatile(
            "mma.sync.aligned.m16n8k4.row.col.f32.tf32.tf32.f32 "
            "{%0, %1, %2, %3}, {%4, %5}, {%6}, {%7, %8, %9, %10};"
            : "=f"(d[0]), "=f"(d[1]), "=f"(d[2]), "=f"(d[3])
            : "r"(a[0]), "r"(a[1]), "r"(b[0]), "f"(c[0]), "f"(c[1]), "f"(c[2]), "f"(c[3]));
    }
};

struct MmaM16N8K8_f32_tf32 {
    using Operand = unsigned;
    using Accumulator = float;
    static constexpr int A = 4, B = 2, D = 4;
    static __device__ void apply(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2],
                                 const float (&c)[4]) {
        asm volatile(
            "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
            "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%10, %11, %12, %13};"
            : "=f"(d[0]), "=f"(d[1]), "=f"(d[2]), "=f"(d[3])
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]), "f"(c[0]), "f"(c[1]),
              "f"(c[2]), "f"(c[3]));
    }
};

struct MmaM8N8K4_f64_f64 {
    using Operand = double;
    using Accumulator = double;
    static constexpr int A = 1, B = 1, D = 2;
    static __device__ void apply(double (&d)[2], const double (&a)[1], const double (&b)[1],
                                 const double (&c)[2]) {
        asm volatile(
            "mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64 "
            "{%0, %1}, {%2}, {%3}, {%4, %5};"
            : "=d"(d[0]), "=d"(d[1])
            : "d"(a[0]), "d"(b[0]), "d"(c[0]), "d"(c[1]));
    }
};

struct MmaM16N8K4_f64_f64 {
    using Operand = double;
    using Accumulator = double;
    static constexpr int A = 2, B = 1, D = 4;
    static __device__ void apply(double (&d)[4], const double (&a)[2], const double (&b)[1],
                                 const double (&c)[4]) {
        asm volatile(
            "mma.sync.aligned.m16n8k4.row.col.f64.f64.f64.f64 "
            "{%0, %1, %2, %3}, {%4, %5}, {%6}, {%7, %8, %9, %10};"
            : "=d"(d[0]), "=d"(d[1]), "=d"(d[2]), "=d"(d[3])
            : "d"(a[0]), "d"(a[1]), "d"(b[0]), "d"(c[0]), "d"(c[1]), "d"(c[2]), "d"(c[3]));
    }
};

struct MmaM16N8K8_f64_f64 {
    using Operand = double;
    using Accumulator = double;
    static constexpr int A = 4, B = 2, D = 4;
    static __device__ void apply(double (&d)[4], const double (&a)[4], const double (&b)[2],
                                 const double (&c)[4]) {
        asm volatile(
            "mma.sync.aligned.m16n8k8.row.col.f64.f64.f64.f64 "
            "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%10, %11, %12, %13};"
            : "=d"(d[0]), "=d"(d[1]), "=d"(d[2]), "=d"(d[3])
            : "d"(a[0]), "d"(a[1]), "d"(a[2]), "d"(a[3]), "d"(b[0]), "d"(b[1]), "d"(c[0]), "d"(c[1]),
              "d"(c[2]), "d"(c[3]));
    }
};

struct MmaM16N8K16_f64_f64 {
    using Operand = double;
    using Accumulator = double;
    static constexpr int A = 8, B = 4, D = 4;
    static __device__ void apply(double (&d)[4], const double (&a)[8], const double (&b)[4],
                                 const double (&c)[4]) {
        asm volatile(
            "mma.sync.aligned.m16n8k16.row.col.f64.f64.f64.f64 "
            "{%0, %1, %2, %3}, {%4, %5, %6, %7, %8, %9, %10, %11}, {%12, %13, %14, %15}, {%16, %17, %18, "
            "%19};"
            : "=d"(d[0]), "=d"(d[1]), "=d"(d[2]), "=d"(d[3])
            : "d"(a[0]), "d"(a[1]), "d"(a[2]), "d"(a[3]), "d"(a[4]), "d"(a[5]), "d"(a[6]), "d"(a[7]),
              "d"(b[0]), "d"(b[1]), "d"(b[2]), "d"(b[3]), "d"(c[0]), "d"(c[1]), "d"(c[2]), "d"(c[3]));
    }
};

struct MmaM8N8K16_s32_s8 {
    using Operand = unsigned;
    using Accumulator = unsigned;
    static constexpr int A = 1, B = 1, D = 2;
    static __device__ void apply(unsigned (&d)[2], const unsigned (&a)[1], const unsigned (&b)[1],
                                 const unsigned (&c)[2]) {
        asm volatile(
            "mma.sync.aligned.m8n8k16.row.col.s32.s8.s8.s32 "
            "{%0, %1}, {%2}, {%3}, {%4, %5};"
            : "=r"(d[0]), "=r"(d[1])
            : "r"(a[0]), "r"(b[0]), "r"(c[0]), "r"(c[1]));
    }
};

struct MmaM8N8K16_s32_u8 {
    using Operand = unsigned;
    using Accumulator = unsigned;
    static constexpr int A = 1, B = 1, D = 2;
    static __device__ void apply(unsigned (&d)[2], const unsigned (&a)[1], const unsigned (&b)[1],
                                 const unsigned (&c)[2]) {
        asm volatile(
            "mma.sync.aligned.m8n8k16.row.col.s32.u8.u8.s32 "
            "{%0, %1}, {%2}, {%3}, {%4, %5};"
            : "=r"(d[0]), "=r"(d[1])
            : "r"(a[0]), "r"(b[0]), "r"(c[0]), "r"(c[1]));
    }
};

struct MmaM16N8K16_s32_s8 {
    using Operand = unsigned;
    using Accumulator = unsigned;
    static constexpr int A = 2, B = 1, D = 4;
    static __device__ void apply(unsigned (&d)[4], const unsigned (&a)[2], const unsigned (&b)[1],
                                 const unsigned (&c)[4]) {
        asm volatile(
            "mma.sync.aligned.m16n8k16.row.col.s32.s8.s8.s32 "
            "{%0, %1, %2, %3}, {%4, %5}, {%6}, {%7, %8, %9, %10};"
            : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3])
            : "r"(a[0]), "r"(a[1]), "r"(b[0]), "r"(c[0]), "r"(c[1]), "r"(c[2]), "r"(c[3]));
    }
};

struct MmaM16N8K16_s32_u8 {
    using Operand = unsigned;
    using Accumulator = unsigned;
    static constexpr int A = 2, B = 1, D = 4;
    static __device__ void apply(unsigned (&d)[4], const unsigned (&a)[2], const unsigned (&b)[1],
                                 const unsigned (&c)[4]) {
        asm volatile(
            "mma.sync.aligned.m16n8k16.row.col.s32.u8.u8.s32 "
            "{%0, %1, %2, %3}, {%4, %5}, {%6}, {%7, %8, %9, %10};"
            : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3])
            : "r"(a[0]), "r"(a[1]), "r"(b[0]), "r"(c[0]), "r"(c[1]), "r"(c[2]), "r"(c[3]));
    }
};

struct MmaM16N8K32_s32_s8 {
    using Operand = unsigned;
    using Accumulator = unsigned;
    static constexpr int A = 4, B = 2, D = 4;
    static __device__ void apply(unsigned (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2],
                                 const unsigned (&c)[4]) {
        asm volatile(
            "mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 "
            "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%10, %11, %12, %13};"
            : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3])
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]), "r"(c[0]), "r"(c[1]),
              "r"(c[2]), "r"(c[3]));
    }
};

struct MmaM16N8K32_s32_u8 {
    using Operand = unsigned;
    using Accumulator = unsigned;
    static constexpr int A = 4, B = 2, D = 4;
    static __device__ void apply(unsigned (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2],
                                 const unsigned (&c)[4]) {
        asm volatile(
            "mma.sync.aligned.m16n8k32.row.col.s32.u8.u8.s32 "
            "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%10, %11, %12, %13};"
            : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3])
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]), "r"(c[0]), "r"(c[1]),
              "r"(c[2]), "r"(c[3]));
    }
};

struct MmaM16N8K32_s32_s8_u8 {
    using Operand = unsigned;
    using Accumulator = unsigned;
    static constexpr int A = 4, B = 2, D = 4;
    static __device__ void apply(unsigned (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2],
                                 const unsigned (&c)[4]) {
        asm volatile(
            "mma.sync.aligned.m16n8k32.row.col.s32.s8.u8.s32 "
            "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%10, %11, %12, %13};"
            : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3])
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]), "r"(c[0]), "r"(c[1]),
              "r"(c[2]), "r"(c[3]));
    }
};

struct MmaM16N8K32_s32_u8_s8 {
    using Operand = unsigned;
    using Accumulator = unsigned;
    static constexpr int A = 4, B = 2, D = 4;
    static __device__ void apply(unsigned (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2],
                                 const unsigned (&c)[4]) {
        asm volatile(
            "mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32 "
            "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%10, %11, %12, %13};"
            : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3])
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]), "r"(c[0]), "r"(c[1]),
              "r"(c[2]), "r"(c[3]));
    }
};

struct MmaM16N8K32_s32_s8_satfinite {
    using Operand = unsigned;
    using Accumulator = unsigned;
    static constexpr int A = 4, B = 2, D = 4;
    static __device__ void apply(unsigned (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2],
                                 const unsigned (&c)[4]) {
        asm volatile(
            "mma.sync.aligned.m16n8k32.row.col.satfinite.s32.s8.s8.s32 "
            "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%10, %11, %12, %13};"
            : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3])
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]), "r"(c[0]), "r"(c[1]),
              "r"(c[2]), "r"(c[3]));
    }
};
