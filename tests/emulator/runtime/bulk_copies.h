// bulk_copies.h - cp.async.bulk, cp.reduce.async.bulk, st.async: copies without registers. Included by
// runtime.cpp.
//
// Loads land when their mbarrier is tested. Stores read their source at wait_group.read and write global
// memory at wait_group: the latest moments that the hardware may choose.
static float half_to_float(uint16_t h);
static uint16_t float_to_half(double v);
static float bfloat_to_float(uint16_t h);
static uint16_t float_to_bfloat(float v);

template <class T, class F>
static void combine_elements(char* to, const uint8_t* data, size_t n, F f) {
    for (size_t i = 0; i + sizeof(T) <= n; i += sizeof(T)) {
        T a, b;
        memcpy(&a, to + i, sizeof a);
        memcpy(&b, data + i, sizeof b);
        a = f(a, b);
        memcpy(to + i, &a, sizeof a);
    }
}

template <class T>
static void combine_by(char* to, const uint8_t* data, size_t n, int operation) {
    combine_elements<T>(to, data, n, [=](T a, T b) -> T {
        switch (operation) {
            case REDUCE_ADD: return a + b;
            case REDUCE_MIN: return b < a ? b : a;
            case REDUCE_MAX: return a < b ? b : a;
        }
        if constexpr (std::is_integral<T>::value)
            switch (operation) {
                case REDUCE_AND: return a & b;
                case REDUCE_OR: return a | b;
                case REDUCE_XOR: return a ^ b;
                case REDUCE_INC: return a >= b ? 0 : a + 1;
                case REDUCE_DEC: return a == 0 || a > b ? b : a - 1;
            }
        fatal("unsupported", "bulk reduction %d", operation);
    });
}

template <float (*UP)(uint16_t), class DOWN>
static void combine_halves(char* to, const uint8_t* data, size_t n, int operation, DOWN down) {
    combine_elements<uint16_t>(to, data, n, [=](uint16_t a, uint16_t b) {
        float x = UP(a), y = UP(b);
        return down(operation == REDUCE_ADD   ? x + y
                    : operation == REDUCE_MIN ? std::fmin(x, y)
                                              : std::fmax(x, y));
    });
}

// to = reduction(to, data); a negative reduction copies. See ReductionKind: element type * 16 + operation.
static void combine(char* to, const uint8_t* data, size_t n, int reduction) {
    if (reduction < 0) {
        memcpy(to, data, n);
        return;
    }
    int operation = reduction & 15;
    switch (reduction >> 4) {
        case ELEMENT_U32: return combine_by<uint32_t>(to, data, n, operation);
        case ELEMENT_S32: return combine_by<int32_t>(to, data, n, operation);
        case ELEMENT_U64: return combine_by<uint64_t>(to, data, n, operation);
        case ELEMENT_S64: return combine_by<int64_t>(to, data, n, operation);
        case ELEMENT_F32: return combine_by<float>(to, data, n, operation);
        case ELEMENT_F64: return combine_by<double>(to, data, n, operation);
        case ELEMENT_F16:
            return combine_halves<half_to_float>(to, data, n, operation,
                                                 [](float v) { return float_to_half(v); });
        case ELEMENT_BF16:
            return combine_halves<bfloat_to_float>(to, data, n, operation,
                                                   [](float v) { return float_to_bfloat(v); });
    }
    fatal("unsupported", "bulk reduction of element type %d", reduction >> 4);
}

static void check_bulk(const void* shared, const void* other, size_t n, const char* what, void* pc) {
    uint32_t offset = shared_offset(shared, what);
    if (((uintptr_t)shared | (uintptr_t)other | n) & 15) {
        report(pc, "misaligned",
               "%s of %zu bytes at shared offset %u: addresses and size must be multiples of 16;", what, n,
               offset);
        leave();
    }
    if (offset + n > G.shared_size) {
        report(pc, "out of bounds (shared)", "%s of %zu bytes at shared offset %u of %zu", what, n, offset,
               G.shared_size);
        leave();
    }
}

// The same offset in another block of the cluster.
static char* in_rank(const void* p, unsigned rank) {
    Cluster* c = G.fiber->block->cluster;
    if (rank >= c->blocks.size())
        fatal("cluster", "block rank %u of a cluster of %zu", rank, c->blocks.size());
    return c->blocks[rank]->window + window_offset(p);
}

static void deliver_to(void* to, const uint8_t* data, size_t n, void* bar, unsigned ranks, void* pc) {
    if (!ranks)
        return deliver(to, data, n, bar, -1, true, false, pc);
    for (unsigned m = ranks; m; m &= m - 1)
        deliver(in_rank(to, __builtin_ctz(m)), data, n, in_rank(bar, __builtin_ctz(m)), -1, true, false, pc);
}

// `ranks`: a mask of the cluster's blocks for .multicast::cluster, else 0.
void bulk_load(void* to, const void* from, uint32_t n, void* bar, unsigned ranks, void* pc) {
    At here(pc);
    check_bulk(to, from, n, "cp.async.bulk", pc);
    count_event(COUNT_TMA);
    G.bulk_sector = ~0ull;
    for (uint32_t i = 0; i < n; i += 16) {
        access((const char*)from + i, 16, RD, pc);
        count_bulk_global((const char*)from + i, 16, COUNT_LOAD);
    }
    deliver_to(to, (const uint8_t*)from, n, bar, ranks, pc);
}

// shared::cta to shared::cluster
void bulk_to_cluster(void* to, const void* from, uint32_t n, void* bar, int reduction, void* pc) {
    At here(pc);
    check_bulk(to, from, n, "cp.async.bulk", pc);
    check_bulk(from, to, n, "cp.async.bulk", pc);
    if (owner_of(to) != owner_of(bar))
        fatal("mbarrier", "a bulk copy to block rank %u signals an mbarrier of block rank %u",
              owner_of(to)->rank, owner_of(bar)->rank);
    count_event(COUNT_TMA);
    access(from, n, RD | PROXY, pc);
    count_bulk_shared(n, COUNT_LOAD);
    deliver(to, from, n, bar, reduction, true, true, pc);
}

void store_async(void* to, const void* data, uint32_t n, void* bar, int reduction, void* pc) {
    At here(pc);
    if ((uintptr_t)to & (n - 1)) {
        report(pc, "misaligned", "st.async of %u bytes at shared offset %u;", n, window_offset(to));
        leave();
    }
    if (owner_of(to) != owner_of(bar))
        fatal("mbarrier", "st.async to block rank %u signals an mbarrier of block rank %u",
              owner_of(to)->rank, owner_of(bar)->rank);
    deliver(to, data, n, bar, reduction, false, false, pc);
}

// ------------------------------------------------------------------ shared to global
static PendingStore& begin_store(int reduction, void* pc) {
    Fiber* f = G.fiber;
    count_event(COUNT_TMA);
    G.bulk_sector = ~0ull;
    f->stores.push_back({{}, {}, reduction, f->store_group, false, pc});
    return f->stores.back();
}

static void store_piece(PendingStore& s, char* from, char* to, uint32_t n) {
    int global = WR | (s.reduction < 0 ? 0 : ATOMIC);
    access(from, n, RD | PROXY, s.pc);
    access(to, n, global, s.pc);
    mark_in_flight(from, n, READING, true);
    if (s.reduction < 0)
        mark_global_write(to, n, NEVER);
    count_bulk_shared(n, COUNT_LOAD);
    count_bulk_global(to, n, s.reduction < 0 ? COUNT_STORE : COUNT_ATOMIC);
    s.pieces.push_back({from, to, n});
}

void bulk_store(void* to, void* from, uint32_t n, int reduction, void* pc) {
    At here(pc);
    check_bulk(from, to, n, "cp.async.bulk", pc);
    PendingStore& s = begin_store(reduction, pc);
    for (uint32_t i = 0; i < n; i += 16)
        store_piece(s, (char*)from + i, (char*)to + i, 16);
}

void bulk_commit() {
    G.fiber->store_group++;
}

static void read_source(PendingStore& s) {
    if (s.read)
        return;
    s.read = true;
    for (auto& p : s.pieces) {
        s.data.insert(s.data.end(), p.from, p.from + p.size);
        mark_in_flight(p.from, p.size, READING, false);
    }
}

static void complete_store(PendingStore& s, bool waited) {
    read_source(s);
    const uint8_t* data = s.data.data();
    for (auto& p : s.pieces) {
        combine(p.to, data, p.size, s.reduction);
        data += p.size;
        if (waited && s.reduction < 0)
            mark_global_write(p.to, p.size, G.fiber->clock);
    }
    G.progress++;
}

void bulk_wait(int groups_left, bool read_only) {
    At here(__builtin_return_address(0));
    Fiber* f = G.fiber;
    size_t n = 0;
    while (n < f->stores.size() && f->stores[n].group < f->store_group - groups_left) {
        if (read_only)
            read_source(f->stores[n]);
        else
            complete_store(f->stores[n], true);
        n++;
    }
    if (!read_only)
        f->stores.erase(f->stores.begin(), f->stores.begin() + n);
}

// A thread ends: what it copied to global memory is complete when the grid is, but its source must have been
// read before the block's shared memory goes away.
static void finish_asynchronous(Fiber* f) {
    for (PendingStore& s : f->stores) {
        if (!s.read && G.check && !s.pieces.empty())
            report(
                s.pc, "async copy (shared)",
                "a thread exits while its bulk store still reads %s (missing cp.async.bulk.wait_group.read);",
                shared_name(window_offset(s.pieces[0].from)).c_str());
        complete_store(s, false);
    }
    f->stores.clear();
}
