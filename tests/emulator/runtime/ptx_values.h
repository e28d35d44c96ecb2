// ptx_values.h - the types of PTX, operands and results as bits of registers, half precision. Included by
// ptx_instructions.h.
using namespace emu;
extern "C" void* emu_here();  // the place of the call in the generated code
typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef unsigned __int128 u128;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;
typedef float f32;
typedef double f64;

struct f16 {
    u16 x;
};

struct bf16 {
    u16 x;
};

struct f16x2 {
    u32 x;
};

struct bf16x2 {
    u32 x;
};

#define INLINE static inline __attribute__((always_inline))

template <class T, class U>
INLINE T bits(U v) {
    T r;
    static_assert(sizeof(T) == sizeof(U), "");
    memcpy(&r, &v, sizeof r);
    return r;
}

// ---- operand -> typed value (same bits; integers truncate) and typed value -> register
template <class T, class U>
INLINE T as(U v) {
    if constexpr (std::is_same<T, U>::value)
        return v;
    else if constexpr (std::is_integral<T>::value && std::is_integral<U>::value)
        return (T)v;
    else if constexpr (sizeof(T) == sizeof(U))
        return bits<T>(v);
    else if constexpr (std::is_integral<U>::value && sizeof(T) == 2)
        return bits<T>((u16)v);
    else if constexpr (std::is_integral<U>::value && sizeof(T) == 4)
        return bits<T>((u32)v);
    else
        return bits<T>((u64)v);
}

template <class D, class V>
INLINE void assign(D& d, V v) {
    if constexpr (std::is_same<D, V>::value)
        d = v;
    else if constexpr (std::is_integral<D>::value && std::is_integral<V>::value)
        d = (D)v;  // sign/zero extension by V
    else if constexpr (sizeof(D) == sizeof(V))
        d = bits<D>(v);
    else if constexpr (sizeof(V) == 2)
        d = (D)bits<u16>(v);
    else
        d = (D)bits<u32>(v);
}

// ---- half precision
INLINE float up(f16 h) {
    u32 s = (u32)(h.x & 0x8000) << 16, e = h.x >> 10 & 31, m = h.x & 1023;
    if (!e)
        return bits<float>(bits<u32>((float)m * 5.9604644775390625e-8f) | s);
    return bits<float>(e == 31 ? s | 0x7f800000 | m << 13 : s | (e + 112) << 23 | m << 13);
}

INLINE float up(bf16 h) {
    return bits<float>((u32)h.x << 16);
}

INLINE float up(float v) {
    return v;
}

INLINE double up(double v) {
    return v;
}

INLINE bf16 dn_bf16(float f, bool rz = false) {
    u32 u = bits<u32>(f);
    if ((u & 0x7fffffff) > 0x7f800000)
        return {0x7fff};
    if (!rz)
        u += 0x7fff + (u >> 16 & 1);
    return {(u16)(u >> 16)};
}

INLINE f16 dn_f16(double f, bool rz = false) {
    u32 s = std::signbit(f) ? 0x8000 : 0;
    double a = std::fabs(f);
    if (a != a)
        return {0x7fff};
    if (a >= 65520.0 && !rz)
        return {(u16)(s | 0x7c00)};
    if (a > 65504.0 && rz)
        return {(u16)(s | (std::isinf(a) ? 0x7c00 : 0x7bff))};
    int e;
    std::frexp(a, &e);
    double q = std::ldexp(1.0, (e - 1 < -14 ? -14 : e - 1) - 10);
    double n = rz ? std::floor(a / q) : std::nearbyint(a / q);
    a = n * q;
    if (a < 6.103515625e-05)
        return {(u16)(s | (u32)std::lround(a / 5.9604644775390625e-08))};
    std::frexp(a, &e);
    return {(u16)(s | (u32)(e - 1 + 15) << 10 | ((u32)std::lround(std::ldexp(a, 11 - e)) & 1023))};
}
template <class T>
INLINE T dn(double v);

template <>
inline float dn<float>(double v) {
    return (float)v;
}

template <>
inline double dn<double>(double v) {
    return v;
}

template <>
inline f16 dn<f16>(double v) {
    return dn_f16(v);
}

// double -> float -> bf16 rounds once, because the float's last bit says whether it is exact
template <>
inline bf16 dn<bf16>(double v) {
    float f = (float)v;
    if ((double)f != v && v == v && !(bits<u32>(f) & 1))
        f = std::nextafter(f, v > (double)f ? INFINITY : -INFINITY);
    return dn_bf16(f);
}

template <class T>
struct is_h : std::integral_constant<bool, std::is_same<T, f16>::value || std::is_same<T, bf16>::value> {};

template <class T>
struct pk {
    static const bool is = false;
};

template <>
struct pk<f16x2> {
    static const bool is = true;
    typedef f16 e;
};

template <>
struct pk<bf16x2> {
    static const bool is = true;
    typedef bf16 e;
};
