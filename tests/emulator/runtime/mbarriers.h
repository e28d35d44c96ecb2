// mbarriers.h - phases of arrivals and transaction bytes, in this block's shared memory or a peer's. Included
// by runtime.cpp.
static const long MAX_TRANSACTIONS = (1 << 20) - 1;

static MemoryBarrier& mbarrier_at(void* bar) {
    unsigned offset = shared_offset(bar, "mbarrier");
    if (offset & 7)
        fatal("mbarrier", "mbarrier at %s is not 8-byte aligned", shared_name(offset).c_str());
    Block* owner = owner_of(bar);
    auto it = owner->mbarriers.find(offset);
    if (it == owner->mbarriers.end())
        fatal("mbarrier", "mbarrier at %s was never initialised", shared_name(offset).c_str());
    if (G.check && owner != G.fiber->block)
        visit_block(G.fiber, owner, nullptr);
    MemoryBarrier& m = it->second;
    if (G.check && !happens_before(G.fiber, m.initialiser, m.initialised_at))
        report(nullptr, "race (shared)",
               "mbarrier at %s is used without order after its initialisation by %s",
               shared_name(offset).c_str(), party(m.initialiser).c_str());
    return m;
}

void mbar_init(void* bar, unsigned count, void* pc) {
    At here(pc);
    access(bar, 8, WR, pc);
    if (count == 0 || count > MAX_TRANSACTIONS)
        fatal("mbarrier", "mbarrier initialised with a count of %u", count);
    Fiber* f = G.fiber;
    auto& all = f->block->mbarriers;
    unsigned offset = shared_offset(bar, "mbarrier");
    auto it = all.find(offset);
    if (it != all.end())
        fatal("mbarrier", "mbarrier at %s is initialised twice without mbarrier.inval",
              shared_name(offset).c_str());
    MemoryBarrier& m = all[offset];
    m.count = m.pending = count;
    m.proxy = (int)(all.size() % PROXIES);
    m.initialiser = f->member;
    m.initialised_at = f->clock;
}

void mbar_inval(void* bar, void* pc) {
    At here(pc);
    MemoryBarrier& m = mbarrier_at(bar);
    if (!m.deliveries.empty() || !m.arrivals.empty() || m.transactions)
        report(pc, "mbarrier", "mbarrier is invalidated while copies to it are in flight;");
    access(bar, 8, WR, pc);
    owner_of(bar)->mbarriers.erase(window_offset(bar));
}

// fence.mbarrier_init: the barriers that this thread has initialised become visible to the asynchronous proxy
// and the cluster.
void fence_mbarrier_init() {
    for (auto& entry : G.fiber->block->mbarriers)
        if (entry.second.initialiser == G.fiber->member)
            entry.second.visible_to_proxy = true;
}

static void check_proxy_sees(const MemoryBarrier& m, void* pc) {
    if (G.check && !m.visible_to_proxy && !visible_to_proxy(G.fiber, m.initialiser, m.initialised_at))
        report(pc, "proxy (shared)",
               "an asynchronous copy signals an mbarrier whose initialisation no fence.mbarrier_init or "
               "fence.proxy.async has made visible;");
}

static void complete_phase_if_due(MemoryBarrier& m) {
    if (m.pending || m.transactions)
        return;
    m.phase++;
    m.pending = m.count;
    G.progress++;
    if (G.check) {
        m.completed = {m.blocks, share(m.arrived), share(m.fenced)};
    }
}

static void add_transactions(MemoryBarrier& m, long bytes) {
    m.transactions += bytes;
    if (std::labs(m.transactions) > MAX_TRANSACTIONS)
        fatal("mbarrier", "the mbarrier's transaction count %ld is out of range", m.transactions);
}

static void arrive(MemoryBarrier& m, Fiber* f, unsigned arrivals, bool release) {
    if (arrivals > m.pending)
        fatal("mbarrier", "%u arrivals, but the mbarrier expects only %u more of %u", arrivals, m.pending,
              m.count);
    if (G.check && release) {
        merge(m.arrived, own_knowledge(f));
        merge(m.fenced, f->fenced);
        merge(m.blocks, f->known);
        advance(f);
    }
    count_event(COUNT_MBARRIER_ARRIVE);
    m.pending -= arrivals;
    G.progress++;
    complete_phase_if_due(m);
}

// The returned state is the phase that the arrival belongs to.
uint64_t mbar_arrive(void* bar, unsigned expected_bytes, unsigned arrivals, bool release) {
    At here(__builtin_return_address(0));
    MemoryBarrier& m = mbarrier_at(bar);
    uint64_t phase = m.phase;
    add_transactions(m, expected_bytes);
    if (arrivals)
        arrive(m, G.fiber, arrivals, release);
    return phase;
}

// mbarrier.arrive.noComplete: the manual leaves undefined what happens if it completes the phase after all.
uint64_t mbar_arrive_no_complete(void* bar, unsigned arrivals) {
    At here(__builtin_return_address(0));
    MemoryBarrier& m = mbarrier_at(bar);
    if (arrivals >= m.pending)
        fatal("mbarrier", "mbarrier.arrive.noComplete of %u completes the phase: %u arrivals are left",
              arrivals, m.pending);
    uint64_t phase = m.phase;
    arrive(m, G.fiber, arrivals, true);
    return phase;
}

uint64_t mbar_arrive_drop(void* bar, unsigned expected_bytes, unsigned arrivals) {
    At here(__builtin_return_address(0));
    MemoryBarrier& m = mbarrier_at(bar);
    uint64_t phase = m.phase;
    if (arrivals > m.count)
        fatal("mbarrier", "mbarrier.arrive_drop of %u from a count of %u", arrivals, m.count);
    add_transactions(m, expected_bytes);
    m.count -= arrivals;
    arrive(m, G.fiber, arrivals, true);
    return phase;
}

void mbar_complete_tx(void* bar, unsigned bytes) {
    At here(__builtin_return_address(0));
    MemoryBarrier& m = mbarrier_at(bar);
    add_transactions(m, -(long)bytes);
    complete_phase_if_due(m);
}

// ------------------------------------------------------------------ asynchronous deliveries
static uint32_t proxy_member(const MemoryBarrier& m) {
    return G.members - PROXIES + m.proxy;
}

static void land_copies(Fiber* f, uint64_t up_to);
static void combine(char* to, const uint8_t* data, size_t n, int reduction);

// Data that will arrive in shared memory at `to` and complete transactions of `bar`, which lies in the same
// block. `from_shared`: the source is shared memory, which must keep it until then.
static void deliver(void* to, const void* source, size_t n, void* bar, int reduction, bool proxy,
                    bool from_shared, void* pc) {
    MemoryBarrier& m = mbarrier_at(bar);
    if (proxy)
        check_proxy_sees(m, pc);
    if (G.check) {
        shared_offset(to, "asynchronous copy");
        access(to, n, WR | (proxy ? PROXY : 0) | (reduction < 0 ? 0 : ATOMIC | REDUCTION), pc);
        mark_in_flight((char*)to, n, reduction < 0 ? WRITING : REDUCING, true);
    }
    count_bulk_shared(n, COUNT_STORE);
    if (!G.async_late && reduction < 0)
        memcpy(to, source, n);
    for (size_t i = 0; i < n; i += sizeof PendingDelivery::data) {
        const char* from = (const char*)source + i;
        PendingDelivery d = {
            (char*)to + i, nullptr, (uint8_t)std::min(n - i, sizeof d.data), {}, (int16_t)reduction};
        if (from_shared) {
            d.from = from;
            mark_in_flight(from, d.size, READING, true);
        } else
            memcpy(d.data, from, d.size);
        m.deliveries.push_back(d);
    }
}

static void land_deliveries(MemoryBarrier& m) {
    if (!m.arrivals.empty()) {
        std::vector<PendingArrival> arrivals;
        arrivals.swap(m.arrivals);
        for (PendingArrival& a : arrivals) {
            land_copies(a.fiber, a.copies);
            arrive(m, a.fiber, 1, true);
        }
    }
    uint32_t clock = (uint32_t)m.phase + 1;
    uint64_t phase = m.phase;
    size_t n = 0;
    for (; n < m.deliveries.size() && m.phase == phase; n++) {  // what a phase does not count may come later
        PendingDelivery& d = m.deliveries[n];
        combine(d.to, d.from ? (const uint8_t*)d.from : d.data, d.size, d.reduction);
        if (d.from)
            mark_in_flight(d.from, d.size, READING, false);
        mark_in_flight(d.to, d.size, d.reduction < 0 ? WRITING : REDUCING, false);
        mark_shared_write(d.to, d.size, proxy_member(m), clock, d.reduction >= 0);
        if (G.check) {
            m.arrived.resize(G.members);
            m.arrived[proxy_member(m)] = std::max(m.arrived[proxy_member(m)], clock);
        }
        m.transactions -= d.size;
        complete_phase_if_due(m);
    }
    m.deliveries.erase(m.deliveries.begin(), m.deliveries.begin() + n);
}

static bool test(void* bar, bool (*done)(uint64_t phase, uint64_t wanted), uint64_t wanted, bool acquires) {
    MemoryBarrier& m = mbarrier_at(bar);
    if (owner_of(bar) != G.fiber->block)
        fatal("mbarrier", "a thread can wait only for an mbarrier of its own block");
    land_deliveries(m);
    if (!done(m.phase, wanted))
        return false;
    if (G.check && acquires)
        acquire(G.fiber, m.completed);
    return true;
}

// Has the phase of this parity completed? (That is the phase before the current one.)
bool mbar_test(void* bar, unsigned parity, bool acquire) {
    At here(__builtin_return_address(0));
    return test(
        bar, [](uint64_t phase, uint64_t wanted) { return (phase & 1) != (wanted & 1); }, parity, acquire);
}

bool mbar_test_state(void* bar, uint64_t state, bool acquire) {
    At here(__builtin_return_address(0));
    return test(bar, [](uint64_t phase, uint64_t wanted) { return phase != wanted; }, state, acquire);
}
