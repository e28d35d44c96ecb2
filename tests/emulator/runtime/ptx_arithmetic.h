// ptx_arithmetic.h - arithmetic and comparisons. Included by ptx_instructions.h.
// A two-operand operation by its integer and its floating-point expression; halves compute in float, pairs by
// halves.
#define OP2(NAME, INT, FLT)                                                                                 \
    template <class T>                                                                                      \
    INLINE T NAME(T a, T b) {                                                                               \
        if constexpr (pk<T>::is) {                                                                          \
            typedef typename pk<T>::e E;                                                                    \
            E l = NAME<E>(E{(u16)a.x}, E{(u16)b.x}), h = NAME<E>(E{(u16)(a.x >> 16)}, E{(u16)(b.x >> 16)}); \
            return T{(u32)h.x << 16 | l.x};                                                                 \
        } else if constexpr (is_h<T>::value) {                                                              \
            float x = up(a), y = up(b);                                                                     \
            (void)x;                                                                                        \
            (void)y;                                                                                        \
            return dn<T>(FLT);                                                                              \
        } else if constexpr (std::is_floating_point<T>::value) {                                            \
            T x = a, y = b;                                                                                 \
            return FLT;                                                                                     \
        } else {                                                                                            \
            typedef std::make_unsigned_t<T> U;                                                              \
            U x = (U)a, y = (U)b;                                                                           \
            (void)x;                                                                                        \
            (void)y;                                                                                        \
            return (T)(INT);                                                                                \
        }                                                                                                   \
    }

template <class F>
INLINE F fmn(F x, F y) {
    return x != x ? y : y != y ? x : (x < y || (x == y && std::signbit(x))) ? x : y;
}

template <class F>
INLINE F fmx(F x, F y) {
    return x != x ? y : y != y ? x : (x > y || (x == y && !std::signbit(x))) ? x : y;
}

// clang-format off
OP2(add, x + y, x + y)
OP2(sub, x - y, x - y)
OP2(mul, x * y, x * y)
OP2(min_, a < b ? a : b, fmn(x, y))
OP2(max_, a > b ? a : b, fmx(x, y))
OP2(min_nan, 0, (x != x || y != y) ? NAN : fmn(x, y))
OP2(max_nan, 0, (x != x || y != y) ? NAN : fmx(x, y))
// clang-format on

template <class T>
INLINE T div_(T a, T b) {
    if constexpr (std::is_integral<T>::value) {
        if (!b) {
            report(emu_here(), "arithmetic", "integer division by zero");
            return (T)-1;
        }
        if (std::is_signed<T>::value && b == (T)-1)
            return (T)(0 - (std::make_unsigned_t<T>)a);
    }
    return a / b;
}

template <class T>
INLINE T rem_(T a, T b) {
    if (!b) {
        report(emu_here(), "arithmetic", "integer remainder by zero");
        return a;
    }
    if (std::is_signed<T>::value && b == (T)-1)
        return 0;
    return a % b;
}

template <class T>
INLINE T mulhi(T a, T b) {
    if constexpr (sizeof(T) == 8)
        return (T)(((__int128)a * b) >> 64);
    else {
        typedef std::conditional_t<std::is_signed<T>::value, s64, u64> W;
        return (T)(((W)a * (W)b) >> (8 * sizeof(T)));
    }
}

template <>
inline u64 mulhi<u64>(u64 a, u64 b) {
    return (u64)(((unsigned __int128)a * b) >> 64);
}

template <class T>
INLINE auto mulwide(T a, T b) {
    typedef std::conditional_t<sizeof(T) == 2, std::conditional_t<std::is_signed<T>::value, s32, u32>,
                               std::conditional_t<std::is_signed<T>::value, s64, u64>>
        W;
    return (W)((W)a * (W)b);
}

// The sum, whose last bit is set if it is not exact: so it can be rounded once more, as if at once.
INLINE double add_to_odd(double a, double b) {
    double s = a + b, c = s - a, error = (a - (s - c)) + (b - c);
    if (error == 0 || error != error || bits<u64>(s) & 1)
        return s;
    return std::nextafter(s, error > 0 ? INFINITY : -INFINITY);
}

template <class T>
INLINE T fma_(T a, T b, T c) {
    if constexpr (pk<T>::is) {
        typedef typename pk<T>::e E;
        E l = fma_<E>(E{(u16)a.x}, E{(u16)b.x}, E{(u16)c.x}),
          h = fma_<E>(E{(u16)(a.x >> 16)}, E{(u16)(b.x >> 16)}, E{(u16)(c.x >> 16)});
        return T{(u32)h.x << 16 | l.x};
    } else if constexpr (is_h<T>::value)
        return dn<T>(add_to_odd((double)up(a) * up(b), up(c)));
    else
        return std::fma(a, b, c);
}

// a * b + c rounded toward zero (FE_TOWARDZERO), -infinity or +infinity.
template <class T>
static __attribute__((noinline)) T fma_directed(int mode, T a, T b, T c) {
    int before = fegetround();
    fesetround(mode);
    volatile T x = a, y = b, z = c;
    volatile T result = std::fma(x, y, z);
    fesetround(before);
    return result;
}

template <class T>
INLINE T neg_(T a) {
    if constexpr (pk<T>::is)
        return T{a.x ^ 0x80008000u};
    else if constexpr (is_h<T>::value)
        return T{(u16)(a.x ^ 0x8000)};
    else if constexpr (std::is_integral<T>::value)
        return (T)(0 - (std::make_unsigned_t<T>)a);
    else
        return -a;
}

template <class T>
INLINE T abs_(T a) {
    if constexpr (pk<T>::is)
        return T{a.x & 0x7fff7fffu};
    else if constexpr (is_h<T>::value)
        return T{(u16)(a.x & 0x7fff)};
    else if constexpr (std::is_integral<T>::value)
        return a < 0 ? neg_(a) : a;
    else
        return std::fabs(a);
}

// Functions without a 16-bit form of their own.
template <class T, class F>
INLINE T through_float(T a, F f) {
    if constexpr (pk<T>::is) {
        typedef typename pk<T>::e E;
        return T{(u32)through_float(E{(u16)(a.x >> 16)}, f).x << 16 | through_float(E{(u16)a.x}, f).x};
    } else if constexpr (is_h<T>::value)
        return dn<T>(f(up(a)));
    else
        return f(a);
}

template <class T>
INLINE T shl_(T a, u32 n) {
    return n >= 8 * sizeof(T) ? 0 : (T)(a << n);
}

template <class T>
INLINE T shr_(T a, u32 n) {
    return n >= 8 * sizeof(T) ? (std::is_signed<T>::value && a < 0 ? (T)-1 : 0) : (T)(a >> n);
}

template <class T>
INLINE T sat(T v) {
    return !(v > 0) ? (T)0 : v > 1 ? (T)1 : v;
}

template <class T>
INLINE T ftz(T v) {
    return std::fabs(v) < std::numeric_limits<T>::min() ? std::copysign((T)0, v) : v;
}

// A comparison; UNORD is its result for NaNs.
#define CMP(NAME, E, UNORD)                                      \
    template <class T>                                           \
    INLINE bool NAME(T a, T b) {                                 \
        if constexpr (pk<T>::is || is_h<T>::value) {             \
            float x = up(a), y = up(b);                          \
            bool nan = x != x || y != y;                         \
            (void)nan;                                           \
            return UNORD ? nan || (E) : !nan && (E);             \
        } else if constexpr (std::is_floating_point<T>::value) { \
            T x = a, y = b;                                      \
            bool nan = x != x || y != y;                         \
            return UNORD ? nan || (E) : !nan && (E);             \
        } else {                                                 \
            T x = a, y = b;                                      \
            return E;                                            \
        }                                                        \
    }

// clang-format off
CMP(eq, x == y, 0)
CMP(ne, x != y, 0)
CMP(lt, x < y, 0)
CMP(le, x <= y, 0)
CMP(gt, x > y, 0)
CMP(ge, x >= y, 0)
CMP(lo, x < y, 0)
CMP(hi, x > y, 0)
CMP(equ, x == y, 1)
CMP(neu, x != y, 1)
CMP(ltu, x < y, 1)
CMP(leu, x <= y, 1)
CMP(gtu, x > y, 1)
CMP(geu, x >= y, 1)
// clang-format on

template <class T>
INLINE bool num(T a, T b) {
    return a == a && b == b;
}

template <class T>
INLINE bool nan_(T a, T b) {
    return a != a || b != b;
}
