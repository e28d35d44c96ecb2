// ptx_conversions.h - cvt, and operations on bits. Included by ptx_instructions.h.
// ---- cvt
template <class D, class Sx>
INLINE D cvt(Sx v, int rounding,
             bool saturate) {  // rounding: 0 rn 1 rz 2 rm 3 rp (for float->int and float->float)
    if constexpr (std::is_integral<D>::value && std::is_integral<Sx>::value) {
        if (saturate) {
            if constexpr (std::is_signed<Sx>::value) {
                __int128 w = v, l = std::numeric_limits<D>::min(), h = std::numeric_limits<D>::max();
                return (D)(w < l ? l : w > h ? h : w);
            } else {
                return v > (u64)std::numeric_limits<D>::max() ? std::numeric_limits<D>::max() : (D)v;
            }
        }
        return (D)v;
    } else if constexpr (std::is_integral<D>::value) {
        double x = up(v);
        if (x != x)
            return sizeof(D) == 8 ? (D)0x8000000000000000ull : 0;
        x = rounding == 0   ? std::nearbyint(x)
            : rounding == 1 ? std::trunc(x)
            : rounding == 2 ? std::floor(x)
                            : std::ceil(x);
        if (x <= (double)std::numeric_limits<D>::min())
            return std::numeric_limits<D>::min();
        if (x >= (double)std::numeric_limits<D>::max())
            return std::numeric_limits<D>::max();
        return (D)x;
    } else if constexpr (std::is_integral<Sx>::value) {
        if constexpr (is_h<D>::value)
            return dn<D>((double)v);
        else
            return (D)v;
    } else if constexpr (std::is_same<D, bf16>::value) {
        float f = (float)up(v);
        if (saturate)
            f = sat(f);
        return dn_bf16(f, rounding == 1);
    } else if constexpr (std::is_same<D, f16>::value) {
        double f = up(v);
        if (saturate)
            f = sat(f);
        return dn_f16(f, rounding == 1);
    } else {
        D f = (D)up(v);
        if constexpr (sizeof(D) == sizeof(Sx))
            f = rounding == 4   ? (D)std::nearbyint(f)
                : rounding == 5 ? std::trunc(f)
                : rounding == 6 ? std::floor(f)
                : rounding == 7 ? std::ceil(f)
                                : f;
        return saturate ? sat(f) : f;
    }
}

INLINE u32 cvt_tf32(float v) {
    u32 u = bits<u32>(v);
    if ((u & 0x7f800000) != 0x7f800000)
        u += 0x1000;
    return u & 0xffffe000u;
}

// ---- bits
INLINE u32 prmt(u32 a, u32 b, u32 s) {
    u64 v = (u64)b << 32 | a;
    u32 r = 0;
    for (int i = 0; i < 4; i++) {
        u32 k = s >> (4 * i) & 15, y = v >> (8 * (k & 7)) & 255;
        if (k & 8)
            y = y & 128 ? 255 : 0;
        r |= y << (8 * i);
    }
    return r;
}

INLINE u32 lop3(u32 a, u32 b, u32 c, u32 t) {
    u32 r = 0;
    for (int i = 0; i < 8; i++)
        if (t >> i & 1)
            r |= (i & 4 ? a : ~a) & (i & 2 ? b : ~b) & (i & 1 ? c : ~c);
    return r;
}

template <class T>
INLINE T bfe(T a, u32 p, u32 n) {
    p &= 255;
    n &= 255;
    int W = 8 * sizeof(T);
    if (!n)
        return 0;
    typedef std::make_unsigned_t<T> U;
    U v = p >= (u32)W ? 0 : (U)a >> p;
    if (n < (u32)W) {
        v &= ((U)1 << n) - 1;
        if (std::is_signed<T>::value) {
            u32 sb = p + n - 1 < (u32)W ? p + n - 1 : W - 1;
            if ((U)a >> sb & 1)
                v |= ~(U)0 << n;
        }
    }
    return (T)v;
}

template <class T>
INLINE T bfi(T a, T b, u32 p, u32 n) {
    p &= 255;
    n &= 255;
    int W = 8 * sizeof(T);
    if (p >= (u32)W || !n)
        return b;
    T m = n >= (u32)W ? ~(T)0 : (((T)1 << n) - 1);
    m = (T)(m << p);
    return (b & ~m) | ((a << p) & m);
}

INLINE u32 shf_l(u32 l, u32 h, u32 n, bool clamp) {
    n = clamp ? (n > 32 ? 32 : n) : n & 31;
    return n == 32 ? l : n ? h << n | l >> (32 - n) : h;
}

INLINE u32 shf_r(u32 l, u32 h, u32 n, bool clamp) {
    n = clamp ? (n > 32 ? 32 : n) : n & 31;
    return n == 32 ? h : n ? h << (32 - n) | l >> n : l;
}

template <class T>
INLINE T brev(T x) {
    T r = 0;
    for (unsigned i = 0; i < 8 * sizeof(T); i++)
        r |= (x >> i & 1) << (8 * sizeof(T) - 1 - i);
    return r;
}

template <class T>
INLINE u32 bfind(T a) {
    u64 v = std::is_signed<T>::value && a < 0 ? (u64)(std::make_unsigned_t<T>)~a
                                              : (u64)(std::make_unsigned_t<T>)a;
    return v ? 63 - __builtin_clzll(v) : ~0u;
}

template <class T>
INLINE u32 bfind_shift(T a) {
    u32 b = bfind(a);
    return b == ~0u ? b : 8 * sizeof(T) - 1 - b;
}

template <class TA, class TB>
INLINE s32 dp4a(u32 a, u32 b, s32 c) {
    for (int i = 0; i < 4; i++)
        c += (s32)(TA)(a >> (8 * i)) * (s32)(TB)(b >> (8 * i));
    return c;
}
