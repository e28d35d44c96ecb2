// tensor_cores.h - ldmatrix, stmatrix, movmatrix and mma.sync, from the fragment layouts of the PTX manual.
// Included by runtime.cpp.
//
// Products are exact; a row of products is added in order of k in the accumulator's type (float for half
// precision), so results differ from a tensor core's only in how the sums are rounded.

// ------------------------------------------------------------------ element types
static float bfloat_to_float(uint16_t h) {
    uint32_t u = (uint32_t)h << 16;
    float f;
    memcpy(&f, &u, 4);
    return f;
}

static uint16_t float_to_bfloat(float v) {
    uint32_t u;
    memcpy(&u, &v, 4);
    if ((u & 0x7fffffff) > 0x7f800000)
        return 0x7fff;
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

static float half_to_float(uint16_t h) {
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 31, mantissa = h & 1023, u;
    float f;
    if (exponent == 0) {
        f = (float)mantissa * 5.9604644775390625e-8f;
        memcpy(&u, &f, 4);
        u |= sign;
    } else
        u = exponent == 31 ? sign | 0x7f800000 | mantissa << 13
                           : sign | (exponent + 112) << 23 | mantissa << 13;
    memcpy(&f, &u, 4);
    return f;
}

static uint16_t float_to_half(double v) {
    uint16_t sign = std::signbit(v) ? 0x8000 : 0;
    double a = std::fabs(v);
    if (a != a)
        return 0x7fff;
    if (a >= 65520.0)
        return sign | 0x7c00;
    if (a < 6.103515625e-05)
        return sign | (uint16_t)std::nearbyint(a * 16777216.0);  // subnormals are multiples of 2^-24
    int exponent;
    double m = std::nearbyint(std::ldexp(std::frexp(a, &exponent), 11));  // 11 bits; may round up to 2048
    return sign | (uint16_t)(((exponent - 1 + 15) << 10) + (int)m - 1024);
}

static float tf32_to_float(uint32_t u) {  // the unit ignores the low 13 bits
    u &= 0xffffe000u;
    float f;
    memcpy(&f, &u, 4);
    return f;
}

// ------------------------------------------------------------------ ldmatrix, stmatrix, movmatrix
struct MatrixContext {
    int matrices;
    bool transposed;
};

static const MatrixContext matrix_contexts[2][5] = {{{0, 0}, {1, 0}, {2, 0}, {3, 0}, {4, 0}},
                                                    {{0, 1}, {1, 1}, {2, 1}, {3, 1}, {4, 1}}};

struct MatrixInput {
    uint16_t* row;
    const uint32_t* registers;
};

// Calls visit(matrix, lane, half, element) for the elements that a lane holds; matrix i takes its 8 row
// addresses from lanes 8i to 8i + 7.
template <class Visit>
static void for_each_matrix_element(const MatrixContext& c, const void* const* in, Visit visit) {
    for (int i = 0; i < c.matrices; i++)
        for (int l = 0; l < 32; l++)
            for (int h = 0; h < 2; h++) {
                int row = l / 4, column = 2 * (l % 4) + h;
                if (c.transposed)
                    std::swap(row, column);
                visit(i, l, h, ((const MatrixInput*)in[8 * i + row])->row + column);
            }
}

static void ldmatrix_function(unsigned, const void* const* in, void* const* out, const void* context) {
    for_each_matrix_element(*(const MatrixContext*)context, in, [&](int i, int l, int h, uint16_t* element) {
        uint16_t* halves = (uint16_t*)((uint32_t*)out[l] + i);
        halves[h] = *element;
    });
}

static void stmatrix_function(unsigned, const void* const* in, void* const*, const void* context) {
    for_each_matrix_element(*(const MatrixContext*)context, in, [&](int i, int l, int h, uint16_t* element) {
        *element = (uint16_t)(((const MatrixInput*)in[l])->registers[i] >> (16 * h));
    });
}

static void check_matrix_row(void* row, int matrices, int flags, const char* what, void* pc) {
    At here(pc);
    if ((int)emu_self.lane >= 8 * matrices)
        return;
    uint32_t offset = shared_offset(row, what);
    if (offset & 15) {
        report(pc, "misaligned", "%s row address (shared offset %u) is not 16-byte aligned;", what, offset);
        leave();
    }
    access(row, 16, flags, pc);
    count_access(row, 16, flags & WR ? COUNT_STORE : COUNT_LOAD, pc);
}

void ldmatrix(uint32_t* r, void* row, int matrices, bool transposed, void* pc, const char* file, int line) {
    check_matrix_row(row, matrices, RD, "ldmatrix", pc);
    MatrixInput in = {(uint16_t*)row, nullptr};
    collective(transposed ? "ldmatrix.trans" : "ldmatrix", ~0u, true, &in, r, ldmatrix_function,
               &matrix_contexts[transposed][matrices], file, line);
}

void stmatrix(void* row, const uint32_t* r, int matrices, bool transposed, void* pc, const char* file,
              int line) {
    check_matrix_row(row, matrices, WR, "stmatrix", pc);
    MatrixInput in = {(uint16_t*)row, r};
    collective(transposed ? "stmatrix.trans" : "stmatrix", ~0u, true, &in, nullptr, stmatrix_function,
               &matrix_contexts[transposed][matrices], file, line);
}

static void movmatrix_function(unsigned, const void* const* in, void* const* out, const void*) {
    for (int l = 0; l < 32; l++)
        for (int h = 0; h < 2; h++) {
            int row = 2 * (l % 4) + h, column = l / 4;
            uint32_t source = *(const uint32_t*)in[row * 4 + column / 2];
            ((uint16_t*)out[l])[h] = (uint16_t)(source >> (16 * (column & 1)));
        }
}

uint32_t movmatrix(uint32_t value, const char* file, int line) {
    uint32_t result = 0;
    collective("movmatrix", ~0u, true, &value, &result, movmatrix_function, nullptr, file, line);
    return result;
}

// ------------------------------------------------------------------ mma.sync
struct MmaInput {
    const void *a, *b;
    void* d;  // holds the accumulator; becomes the result
};

// Elements of 32-bit registers, or of 64-bit ones for double: lane l = 4 * group + quad holds, in register i,
// row group + 8 * (i & 1) and k = quad * per + h + 4 * per * (i >> 1) of A, per being the elements of a
// register.
template <class T, class Get>
static void gather_a(T (*A)[64], const void* const* in, int m, int k, int per, Get get) {
    int rows = m / 8, registers = m * k / 32 / per;
    for (int l = 0; l < 32; l++)
        for (int i = 0; i < registers; i++)
            for (int h = 0; h < per; h++) {
                int row = l / 4 + 8 * (i % rows), column = l % 4 * per + h + 4 * per * (i / rows);
                A[row][column] = get(((const MmaInput*)in[l])->a, i, h);
            }
}

template <class T, class Get>
static void gather_b(T (*B)[8], const void* const* in, int k, int per, Get get) {
    int registers = 8 * k / 32 / per;
    for (int l = 0; l < 32; l++)
        for (int i = 0; i < registers; i++)
            for (int h = 0; h < per; h++)
                B[l % 4 * per + h + 4 * per * i][l / 4] = get(((const MmaInput*)in[l])->b, i, h);
}

// Calls visit(lane, register, row, column) for every element of the accumulator.
template <class Visit>
static void for_each_accumulator(int m, Visit visit) {
    for (int l = 0; l < 32; l++)
        for (int i = 0; i < m / 4; i++)
            visit(l, i, l / 4 + 8 * (i / 2), l % 4 * 2 + (i & 1));
}

template <int TYPE>
static inline float element_of(const void* registers, int i, int h) {
    uint32_t r = ((const uint32_t*)registers)[i];
    return TYPE == MMA_F16    ? half_to_float((uint16_t)(r >> 16 * h))
           : TYPE == MMA_BF16 ? bfloat_to_float((uint16_t)(r >> 16 * h))
                              : tf32_to_float(r);
}

template <int TYPE>
static void mma_float(const MmaShape& s, const void* const* in) {
    static float A[16][64], B[64][8], C[16][8];
    const int per = TYPE == MMA_TF32 ? 1 : 2;
    gather_a(A, in, s.m, s.k, per, element_of<TYPE>);
    gather_b(B, in, s.k, per, element_of<TYPE>);
    for (int i = 0; i < s.m; i++) {
        float c[8] = {};
        for (int k = 0; k < s.k; k++)
            for (int j = 0; j < 8; j++)
                c[j] += A[i][k] * B[k][j];
        memcpy(C[i], c, sizeof c);
    }
    for_each_accumulator(s.m, [&](int l, int i, int row, int column) {
        void* d = ((const MmaInput*)in[l])->d;
        if (s.d == MMA_F32)
            ((float*)d)[i] += C[row][column];
        else
            ((uint16_t*)d)[i] = float_to_half(half_to_float(((uint16_t*)d)[i]) + C[row][column]);
    });
}

static void mma_double(const MmaShape& s, const void* const* in) {
    static double A[16][64], B[64][8];
    auto get = [](const void* r, int i, int) { return ((const double*)r)[i]; };
    gather_a(A, in, s.m, s.k, 1, get);
    gather_b(B, in, s.k, 1, get);
    for_each_accumulator(s.m, [&](int l, int i, int row, int column) {
        double& d = ((double*)((const MmaInput*)in[l])->d)[i];
        for (int k = 0; k < s.k; k++)
            d = std::fma(A[row][k], B[k][column], d);
    });
}

static void mma_integer(const MmaShape& s, const void* const* in) {
    static int64_t A[16][64], B[64][8];
    auto getter = [](int type) {
        return [type](const void* r, int i, int h) -> int64_t {
            uint8_t byte = (uint8_t)(((const uint32_t*)r)[i] >> 8 * h);
            return type == MMA_S8 ? (int8_t)byte : byte;
        };
    };
    gather_a(A, in, s.m, s.k, 4, getter(s.a));
    gather_b(B, in, s.k, 4, getter(s.b));
    for_each_accumulator(s.m, [&](int l, int i, int row, int column) {
        int32_t& d = ((int32_t*)((const MmaInput*)in[l])->d)[i];
        int64_t sum = d;
        for (int k = 0; k < s.k; k++)
            sum += A[row][k] * B[k][column];
        if (s.saturate)
            sum = std::min<int64_t>(std::max<int64_t>(sum, INT32_MIN), INT32_MAX);
        d = (int32_t)sum;
    });
}

static void mma_function(unsigned, const void* const* in, void* const*, const void* context) {
    const MmaShape& s = *(const MmaShape*)context;
    if (s.a == MMA_F64)
        mma_double(s, in);
    else if (s.a == MMA_S8 || s.a == MMA_U8)
        mma_integer(s, in);
    else if (s.a == MMA_F16)
        mma_float<MMA_F16>(s, in);
    else if (s.a == MMA_BF16)
        mma_float<MMA_BF16>(s, in);
    else
        mma_float<MMA_TF32>(s, in);
}

void mma(void* d, const void* a, const void* b, const MmaShape* shape, const char* file, int line) {
    MmaInput in = {a, b, d};
    collective(shape->name, ~0u, true, &in, nullptr, mma_function, shape, file, line);
}
