// warpgroup_mma.h - wgmma: issued now, computed when its group is waited for, the latest moment that the
// hardware may choose; until then nobody may write its operands in shared memory. Included by runtime.cpp.
struct WarpgroupOperation {
    WgmmaShape shape;
    uint64_t a, b;  // descriptors
    int group;
    uint32_t clock, member;  // of the thread that stands for the warpgroup's reads
    int issued = 0;
    std::vector<void*> registers[128];       // of the accumulator
    std::vector<uint32_t> issued_with[128];  // what they held
    uint32_t a_registers[128][4];
    bool accumulate;
};

// The address of 16 consecutive bytes of an operand: 16 / size elements along k of row `row` (K-major), or 8
// elements along the rows at one k (MN-major). PTX manual, "Asynchronous warpgroup-level canonical layouts".
static char* operand_chunk(Block* b, uint64_t descriptor, bool k_major, int row, int k, int size) {
    uint32_t start = (uint32_t)(descriptor & 0x3fff) << 4,
             leading = (uint32_t)(descriptor >> 16 & 0x3fff) << 4,
             stride = (uint32_t)(descriptor >> 32 & 0x3fff) << 4;
    static const int modes[] = {0, 3, 2, 1};
    int mode = modes[descriptor >> 62 & 3], width = 16 << mode;  // bytes of a row of the pattern
    uint32_t a;
    if (k_major) {
        uint32_t bytes = (uint32_t)(k * size);
        a = mode == 0 ? start + bytes / 16 * leading + row / 8 * stride + row % 8 * 16
                      : start + row / 8 * stride + row % 8 * width + bytes;
    } else {
        int chunk = row / 8, chunks = width / 16;
        a = mode == 0
                ? start + chunk * stride + k / 8 * leading + k % 8 * 16
                : start + chunk % chunks * 16 + chunk / chunks * leading + k % 8 * width + k / 8 * stride;
    }
    a = swizzled(a & 0x3ffff, mode);
    if (a + 16 > G.shared_size) {
        report(nullptr, "out of bounds (shared)", "a wgmma descriptor leads to shared offset %u of %zu", a,
               G.shared_size);
        leave();
    }
    return b->window + a;
}

// Calls visit(pointer, row, k) for all 16-byte chunks of an operand of `rows` rows.
template <class Visit>
static void for_each_chunk(Block* b, uint64_t descriptor, bool k_major, int rows, const WgmmaShape& s,
                           Visit visit) {
    int size = s.type == MMA_TF32 ? 4 : 2, per = 16 / size;
    if (k_major)
        for (int r = 0; r < rows; r++)
            for (int k = 0; k < s.k; k += per)
                visit(operand_chunk(b, descriptor, true, r, k, size), r, k);
    else
        for (int r = 0; r < rows; r += 8)
            for (int k = 0; k < s.k; k++)
                visit(operand_chunk(b, descriptor, false, r, k, size), r, k);
}

static void for_each_operand_chunk(Block* b, const WarpgroupOperation& w, void (*visit)(char*, void*),
                                   void* pc) {
    auto each = [&](char* p, int, int) { visit(p, pc); };
    if (!w.shape.a_in_registers)
        for_each_chunk(b, w.a, !w.shape.transpose_a, 64, w.shape, each);
    for_each_chunk(b, w.b, !w.shape.transpose_b, w.shape.n, w.shape, each);
}

static float register_element(const uint32_t* r, int i, int h, int type) {
    return type == MMA_F16    ? element_of<MMA_F16>(r, i, h)
           : type == MMA_BF16 ? element_of<MMA_BF16>(r, i, h)
                              : element_of<MMA_TF32>(r, i, h);
}

static float wgmma_element(const char* p, int i, int type) {
    if (type == MMA_TF32)
        return tf32_to_float(((const uint32_t*)p)[i]);
    uint16_t h = ((const uint16_t*)p)[i];
    return type == MMA_F16 ? half_to_float(h) : bfloat_to_float(h);
}

#if defined(__x86_64__)
__attribute__((target_clones("avx2", "default")))
#endif
static void multiply(const float (*A)[16], const float (*B)[256], float (*C)[256], int n, int depth) {
    for (int i = 0; i < 64; i++) {
        memset(C[i], 0, n * sizeof(float));
        for (int k = 0; k < depth; k++) {
            float a = A[i][k];
            for (int j = 0; j < n; j++)
                C[i][j] += a * B[k][j];
        }
    }
}

static void compute(Block* block, WarpgroupOperation& w) {
    static float A[64][16], B[16][256], C[64][256];
    const WgmmaShape& s = w.shape;
    int per = s.type == MMA_TF32 ? 1 : 2;
    auto put_a = [&](int row, int k, float v) { A[row][k] = s.negate_a ? -v : v; };
    auto load = [&](uint64_t descriptor, bool transposed, int rows, auto put) {
        for_each_chunk(block, descriptor, !transposed, rows, s, [&](const char* p, int row, int k) {
            for (int e = 0; e < 8 * per / 2; e++)
                put(transposed ? row + e : row, transposed ? k : k + e, wgmma_element(p, e, s.type));
        });
    };
    if (s.a_in_registers) {
        for (int l = 0; l < 128; l++)
            for (int i = 0; i < 4; i++)
                for (int h = 0; h < per; h++)
                    put_a(l / 32 * 16 + l % 32 / 4 + 8 * (i & 1), l % 4 * per + h + 4 * per * (i >> 1),
                          register_element(w.a_registers[l], i, h, s.type));
    } else
        load(w.a, s.transpose_a, 64, put_a);
    load(w.b, s.transpose_b, s.n, [&](int row, int k, float v) { B[k][row] = s.negate_b ? -v : v; });
    multiply(A, B, C, s.n, s.k);
    for (int l = 0; l < 128; l++) {
        int row = l / 32 * 16 + l % 32 / 4, column = l % 4 * 2;
        for (int i = 0; i < s.n / 2; i++) {
            float v = C[row + 8 * (i >> 1 & 1)][(i >> 2) * 8 + column + (i & 1)];
            if (s.f32) {
                float* d = (float*)w.registers[l][i];
                *d = (w.accumulate ? *d : 0) + v;
            } else {
                uint16_t* d = (uint16_t*)w.registers[l][i / 2] + (i & 1);
                *d = float_to_half((w.accumulate ? half_to_float(*d) : 0) + v);
            }
        }
    }
}

static int accumulator_registers(const WgmmaShape& s) {
    return s.f32 ? s.n / 2 : s.n / 4;
}

void wgmma_fence() {
    G.fiber->wgmma_fenced = true;
}

void wgmma_issue(void* const* d, const uint32_t* a_registers, uint64_t a, uint64_t b, bool accumulate,
                 const WgmmaShape* shape, void* pc) {
    At here(pc);
    Fiber* f = G.fiber;
    Block* block = f->block;
    Warpgroup& group = block->warpgroups[f->thread >> 7];
    if (!f->wgmma_fenced)
        report(pc, "wgmma", "no wgmma.fence since the registers of the warpgroup were last handed over;");
    size_t index = f->wgmma_issued++ - group.completed;
    if (index == group.operations.size()) {
        auto w = std::make_shared<WarpgroupOperation>();
        w->shape = *shape;
        w->a = a;
        w->b = b;
        w->accumulate = accumulate;
        w->group = f->wgmma_group;
        w->clock = f->clock;
        w->member = f->member;
        group.operations.push_back(w);
        for_each_operand_chunk(
            block, *w,
            [](char* p, void* pc) {
                access(p, 16, RD | PROXY, pc);
                mark_in_flight(p, 16, READING, true);
                count_bulk_shared(16, COUNT_LOAD);
            },
            pc);
    }
    WarpgroupOperation& w = *group.operations[index];
    if (w.a != a || w.b != b || memcmp(&w.shape, shape, sizeof *shape) || w.accumulate != accumulate)
        fatal("wgmma", "the threads of a warpgroup issue different operations");
    int lane = f->thread & 127;
    int registers = accumulator_registers(*shape);
    w.registers[lane].assign(d, d + registers);
    w.issued_with[lane].resize(registers);
    for (int i = 0; i < registers; i++)
        memcpy(&w.issued_with[lane][i], d[i], 4);
    if (a_registers)
        memcpy(w.a_registers[lane], a_registers, 16);
    w.issued++;
}

void wgmma_commit() {
    G.fiber->wgmma_group++;
}

struct WgmmaWait {
    size_t operations;
    const char* file;
    int line;
};

static void wgmma_function(unsigned, const void* const* in, void* const*, const void*) {
    Block* block = G.fiber->block;
    unsigned first = G.fiber->thread & ~127u;
    Warpgroup& group = block->warpgroups[first >> 7];
    size_t n = ((const WgmmaWait*)in[0])->operations;
    for (int l = 0; l < 128; l++)
        if (((const WgmmaWait*)in[l])->operations != n)
            fatal("wgmma", "the threads of a warpgroup wait for different operations");
    std::map<const void*, int> touched;  // accumulator of thread 0: chained operations update one another
    Clocks reads;
    for (size_t i = 0; i < n; i++) {
        WarpgroupOperation& w = *group.operations[i];
        bool chained = touched[w.registers[0][0]]++;
        for (int l = 0; l < 128 && !chained; l++)
            for (int r = 0; r < accumulator_registers(w.shape); r++)
                if (memcmp(w.registers[l][r], &w.issued_with[l][r], 4))
                    fatal("wgmma", "an accumulator register was changed while wgmma was in flight");
        count_event(COUNT_WGMMA);
        compute(block, w);
        for_each_operand_chunk(
            block, w, [](char* p, void*) { mark_in_flight(p, 16, READING, false); }, nullptr);
        if (G.check) {
            reads.resize(G.members);
            reads[w.member] = std::max(reads[w.member], w.clock);
        }
    }
    group.operations.erase(group.operations.begin(), group.operations.begin() + n);
    group.completed += n;
    Knowledge before, after, read = share(reads);
    for (int l = 0; l < 128 && read; l++) {  // whoever waited knows that the operands have been read
        Fiber* f = block->fibers[first + l];
        if (l && f->seen == before) {
            f->seen = after;
            continue;
        }
        before = f->seen;
        learn(f->seen, read);
        after = f->seen;
    }
}

void wgmma_wait(int groups_left, const char* file, int line) {
    Fiber* f = G.fiber;
    Warpgroup& group = f->block->warpgroups[f->thread >> 7];
    if (groups_left == 0)
        f->wgmma_fenced = false;
    size_t mine = f->wgmma_issued - group.completed, n = 0;
    while (n < mine && group.operations[n]->group < f->wgmma_group - groups_left)
        n++;
    if (!n)
        return;
    WgmmaWait in = {n, file, line};
    collective_wg("wgmma.wait_group", &in, nullptr, wgmma_function, nullptr, file, line);
}
