// clocks.h - who knows what: happens-before inside a cluster (vector clocks) and between clusters. Included
// by runtime.cpp.
//
// Every thread counts its own time and carries what it knows of the others'. Barriers, __syncwarp, mbarriers,
// cluster barriers and release/acquire pairs pass knowledge on; shuffles, votes and mma do not.

// ------------------------------------------------------------------ inside a cluster
static inline uint32_t epoch(const Fiber* f, bool atomic) {  // [atomic:1|member|clock:G.clock_bits]
    return (uint32_t)atomic << 31 | f->member << G.clock_bits | f->clock;
}

static inline uint32_t epoch_member(uint32_t e) {
    return (e & 0x7fffffff) >> G.clock_bits;
}

static inline uint32_t epoch_clock(uint32_t e) {
    return e & ((1u << G.clock_bits) - 1);
}

static inline bool happens_before(const Fiber* f, uint32_t member, uint32_t clock) {
    return member == f->member || (f->seen && clock <= (*f->seen)[member]);
}

static inline bool happens_before(const Fiber* f, uint32_t e) {
    return happens_before(f, epoch_member(e), epoch_clock(e));
}

static void advance(Fiber* f, uint32_t clock) {
    f->clock = clock;
    if (G.check && clock >> G.clock_bits)
        fatal("checker", "more than %u synchronisations of a thread: run a smaller case, or check=False",
              1u << G.clock_bits);
}

static void advance(Fiber* f) {
    advance(f, f->clock + 1);
}

static void merge(Clocks& a, const Clocks& b) {
    if (a.size() < b.size())
        a.resize(b.size());
    for (size_t i = 0; i < b.size(); i++)
        a[i] = std::max(a[i], b[i]);
}

static void merge(Clocks& a, const Knowledge& b) {
    if (b)
        merge(a, *b);
}

static Clocks own_knowledge(const Fiber* f) {
    Clocks c(G.members);
    merge(c, f->seen);
    c[f->member] = f->clock;
    return c;
}

static void learn(Knowledge& known, const Knowledge& news) {
    if (!news || known == news)
        return;
    if (!known) {
        known = news;
        return;
    }
    bool more = false;
    const Clocks &have = *known, &add = *news;
    for (size_t i = 0; i < add.size(); i++)
        more |= add[i] > have[i];
    if (!more)
        return;
    auto both = std::make_shared<Clocks>(have);
    merge(*both, add);
    known = both;
}

static Knowledge share(const Clocks& c) {
    return c.empty() ? nullptr : std::make_shared<const Clocks>(c);
}

// ------------------------------------------------------------------ between clusters
static void merge(BlockClock& a, const BlockClock& b) {
    a.barrier_clock = std::max(a.barrier_clock, b.barrier_clock);
    if (b.clock >= a.clock) {
        a.clock = b.clock;
        a.thread = b.thread;
    }
    learn(a.members, b.members);
}

static void merge(BlockClocks& a, const BlockClocks& b) {
    for (auto& entry : b)
        merge(a[entry.first], entry.second);
}

static const uint32_t BLOCK_MASK = 0x1fffff;

static inline uint64_t global_epoch(const Fiber* f, bool atomic) {
    return (uint64_t)atomic << 63 | (uint64_t)(f->block->linear & BLOCK_MASK) << 42 |
           (uint64_t)f->thread << 32 | f->clock;
}

static inline uint32_t epoch_block(uint64_t e) {
    return e >> 42 & BLOCK_MASK;
}

static inline uint32_t epoch_thread(uint64_t e) {
    return e >> 32 & 1023;
}

static bool global_happens_before(const Fiber* f, uint64_t e) {
    uint32_t block = epoch_block(e), thread = epoch_thread(e), clock = (uint32_t)e;
    if (block == (f->block->linear & BLOCK_MASK))
        return happens_before(f, f->block->rank * G.threads + thread, clock);
    if (G.cluster_size > 1 && G.cluster_of[block] == f->block->cluster->id)
        return happens_before(f, G.rank_of[block] * G.threads + thread, clock);
    auto it = f->known.find(block);
    if (it == f->known.end())
        return false;
    const BlockClock& b = it->second;
    uint32_t rank = G.cluster_size > 1 ? G.rank_of[block] : 0;
    return clock < b.barrier_clock || (thread == b.thread && clock <= b.clock) ||
           (b.members && clock <= (*b.members)[rank * G.threads + thread]);
}

// What a release by f tells other clusters: all it knows, its own time, and its cluster up to its last
// barrier.
static void publish(BlockClocks& to, const Fiber* f) {
    merge(to, f->known);
    BlockClock own;
    own.barrier_clock = f->block->barrier_clock;
    own.thread = f->thread;
    own.clock = f->clock;
    if (f->seen != f->block->barrier_knowledge)
        own.members = f->seen;
    merge(to[f->block->linear & BLOCK_MASK], own);
    for (Block* b : f->block->cluster->blocks)
        if (b != f->block) {
            BlockClock peer;
            peer.barrier_clock = f->peers_clock;
            peer.members = own.members;
            merge(to[b->linear & BLOCK_MASK], peer);
        }
}

// ------------------------------------------------------------------ fences, acquire and release
static void acquire_from(Fiber* f, const void* p, Scope scope) {
    auto it = G.sync.find(p);
    if (it == G.sync.end())
        return;
    SyncVariable& v = it->second;
    auto own = v.of_block.find(f->block->linear);
    if (own != v.of_block.end())
        learn(f->seen, share(own->second));
    auto fenced = v.fenced.find(f->block->cluster->id);
    if (fenced != v.fenced.end())
        learn(f->fenced, share(fenced->second));
    if (scope == SCOPE_BLOCK)
        return;
    auto cluster = v.of_cluster.find(f->block->cluster->id);
    if (cluster != v.of_cluster.end())
        learn(f->seen, share(cluster->second));
    if (scope == SCOPE_DEVICE)
        merge(f->known, v.blocks);
}

static void release_to(Fiber* f, const void* p, Scope scope, const Release& r) {
    SyncVariable& v = G.sync[p];
    merge(v.of_block[f->block->linear], r.members);
    if (r.fenced)
        merge(v.fenced[f->block->cluster->id], r.fenced);
    if (scope == SCOPE_BLOCK)
        return;
    merge(v.of_cluster[f->block->cluster->id], r.members);
    if (scope == SCOPE_DEVICE)
        merge(v.blocks, r.blocks);
}

static Release everything_known(const Fiber* f, Scope scope) {
    Release r;
    r.members = std::make_shared<const Clocks>(own_knowledge(f));
    r.fenced = f->fenced;
    if (scope == SCOPE_DEVICE)
        publish(r.blocks, f);
    return r;
}

static void acquire(Fiber* f, const Release& r) {
    learn(f->seen, r.members);
    learn(f->fenced, r.fenced);
    merge(f->known, r.blocks);
}

void fence(Scope scope) {
    if (!G.check)
        return;
    Fiber* f = G.fiber;
    for (const void* p : f->acquired)
        acquire_from(f, p, scope);
    f->acquired.clear();
    if (!f->released)
        f->released.reset(new Release[SCOPES]);
    f->released[scope] = everything_known(f, scope);
    advance(f);
}

void sync_acquire(const void* p, Scope scope) {
    if (G.check)
        acquire_from(G.fiber, p, scope);
}

void sync_release(const void* p, Scope scope) {
    G.progress++;
    if (!G.check)
        return;
    Fiber* f = G.fiber;
    release_to(f, p, scope, everything_known(f, scope));
    advance(f);
}

static const size_t MAX_ACQUIRED = 1024;  // addresses read between two fences of a thread

// A relaxed or volatile write after a fence releases what the fence covered; a read may be made an acquire by
// a later fence.
static void relaxed_write(Fiber* f, const void* p) {
    if (f->released)
        for (int scope = 0; scope < SCOPES; scope++)
            if (f->released[scope].members)
                release_to(f, p, (Scope)scope, f->released[scope]);
}

static void relaxed_read(Fiber* f, const void* p) {
    if (f->acquired.size() < MAX_ACQUIRED && (f->acquired.empty() || f->acquired.back() != p))
        f->acquired.push_back(p);
}

// ------------------------------------------------------------------ the asynchronous proxy
// fence.proxy.async: what this thread knows of generic accesses is from now on visible to asynchronous copies
// and wgmma that follow it, here or in a thread that synchronises with it.
void fence_proxy_async() {
    if (!G.check)
        return;
    Fiber* f = G.fiber;
    Clocks c = own_knowledge(f);
    merge(c, f->fenced);
    f->fenced = std::make_shared<const Clocks>(std::move(c));
    advance(f);
}

static inline bool visible_to_proxy(const Fiber* f, uint32_t member, uint32_t clock) {
    return f->fenced && clock <= (*f->fenced)[member];
}
