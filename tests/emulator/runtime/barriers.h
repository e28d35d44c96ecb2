// barriers.h - barriers of a block and of a cluster, and the order they establish. Included by runtime.cpp.

// ------------------------------------------------------------------ __syncthreads and named barriers
// The threads `who` of a block pass on to each other all that they know. `whole`: nobody of the block is
// missing.
static void join_clocks(Block* b, const std::vector<uint32_t>& who, bool whole) {
    if (!G.check)
        return;
    auto all = std::make_shared<Clocks>(G.members), fenced = std::make_shared<Clocks>();
    BlockClocks known;
    const Clocks *last = nullptr, *last_fenced = nullptr;
    uint32_t latest = 0, peers = 0;
    for (uint32_t i : who) {
        Fiber* f = b->fibers[i];
        if (f->seen.get() != last)
            merge(*all, f->seen);
        if (f->fenced.get() != last_fenced)
            merge(*fenced, f->fenced);
        last = f->seen.get();
        last_fenced = f->fenced.get();
        if (!f->known.empty())
            merge(known, f->known);
        latest = std::max(latest, f->clock);
        peers = std::max(peers, f->peers_clock);
    }
    for (uint32_t i : who) {
        Fiber* f = b->fibers[i];
        (*all)[f->member] = std::max((*all)[f->member], f->clock);
    }
    if (whole) {
        for (Fiber* f : b->fibers) {
            latest = std::max(latest, f->clock);
            if (f->state == DONE)
                (*all)[f->member] = f->clock;
        }
        b->barrier_clock = latest + 1;
    }
    if (whole)
        b->barrier_knowledge = all;
    Knowledge everything = all, visible = fenced->empty() ? nullptr : Knowledge(fenced);
    for (uint32_t i : who) {
        Fiber* f = b->fibers[i];
        f->seen = everything;
        f->fenced = visible;
        f->peers_clock = peers;
        advance(f, whole ? latest + 1 : f->clock + 1);
        if (!known.empty())
            f->known = known;
    }
}

static void try_release_barrier(Block* b, int id) {
    Barrier& r = b->barriers[id];
    int need = r.count ? r.count : b->live;
    if (r.arrived < need || !r.arrived)
        return;
    if (G.strict && !r.count && b->live < b->threads)
        report((void*)(intptr_t)(r.line + 1), "divergent barrier",
               "%d of %d threads meet at %s:%d after the others have exited;", b->live, b->threads, r.file,
               r.line);
    r.result = r.operation == 0 ? r.votes : r.operation == 1 ? r.all : r.any;
    G.progress++;
    count_event(COUNT_BARRIER);
    join_clocks(b, r.who, need >= b->live);
    for (uint32_t i : r.who)
        if (b->fibers[i]->state == AT_BARRIER && b->fibers[i]->barrier_id == id) {
            b->fibers[i]->predicate = r.result;
            set_ready(b->fibers[i]);
        }
    b->open_barriers--;
    r.arrived = r.votes = r.any = 0;
    r.all = 1;
    r.who.clear();
}

static void enter_barrier(int id, int count, int operation, int predicate, bool wait, const char* file,
                          int line, const char* what) {
    Fiber* f = G.fiber;
    Block* b = f->block;
    if (id < 0 || id > 15)
        fatal("barrier", "barrier %d does not exist (0 to 15) at %s:%d", id, file, line);
    Barrier& r = b->barriers[id];
    if (count >= b->threads && id == 0)
        count = 0;
    if (count & 31)
        fatal("barrier", "bar.sync thread count %d is not a multiple of 32 at %s:%d", count, file, line);
    if (!r.arrived) {
        b->open_barriers++;
        r.file = file;
        r.line = line;
        r.count = count;
        r.operation = operation;
    } else {
        if (r.count != count)
            fatal("barrier", "barrier %d used with different thread counts: %d at %s:%d, %d at %s:%d", id,
                  r.count, r.file, r.line, count, file, line);
        if (G.strict && count == 0 && (r.line != line || strcmp(r.file, file)))
            report((void*)(intptr_t)line, "divergent barrier",
                   "threads of one block meet in different barriers: %s:%d and %s:%d", r.file, r.line, file,
                   line);
    }
    r.arrived++;
    r.votes += predicate != 0;
    r.all &= predicate != 0;
    r.any |= predicate != 0;
    r.who.push_back(f->thread);
    f->barrier_id = id;
    if (wait) {
        f->state = AT_BARRIER;
        f->waits_for = what;
        f->file = file;
        f->line = line;
    }
    try_release_barrier(b, id);
    if (wait)
        switch_away();
}

void barrier(int id, int count, const char* file, int line) {
    enter_barrier(id, count, 0, 0, true, file, line, id || count ? "bar.sync" : "__syncthreads");
}

int barrier_red(int operation, int predicate, const char* file, int line) {
    enter_barrier(0, 0, operation, predicate, true, file, line, "__syncthreads_reduce");
    return G.fiber->predicate;
}

void barrier_arrive(int id, int count, const char* file, int line) {
    enter_barrier(id, count, 0, 0, false, file, line, "bar.arrive");
    if (G.check)
        advance(G.fiber);
}

// ------------------------------------------------------------------ barrier.cluster
static void try_release_cluster_barrier(Cluster* c) {
    if (!c->arrived || c->arrived < c->live)
        return;
    c->phase++;
    c->arrived = 0;
    G.progress++;
    if (G.check) {
        c->completed = {c->arrival_blocks, share(c->arrivals), share(c->fenced)};
        c->completed_clock = 0;
        for (Block* b : c->blocks)
            for (Fiber* f : b->fibers)
                c->completed_clock = std::max(c->completed_clock, f->clock + 1);
        for (Block* b : c->blocks) {
            b->barrier_clock = c->completed_clock;
            // whoever used this block's memory before it arrived is done with it
            for (auto it = b->visitors.begin(); it != b->visitors.end();) {
                Fiber* visitor = c->blocks[it->first / G.threads]->fibers[it->first % G.threads];
                it = it->second <= visitor->cluster_clock ? b->visitors.erase(it) : std::next(it);
            }
        }
    }
    for (Block* b : c->blocks)
        for (Fiber* f : b->fibers)
            if (f->state == AT_CLUSTER_BARRIER)
                set_ready(f);
}

void cluster_arrive(bool release, const char* file, int line) {
    Fiber* f = G.fiber;
    Cluster* c = f->block->cluster;
    if (f->cluster_arrived)
        fatal("cluster", "barrier.cluster.arrive twice without a wait between at %s:%d", file, line);
    f->cluster_arrived = true;
    f->cluster_phase = c->phase;
    f->cluster_clock = f->clock;
    c->arrived++;
    if (G.check) {
        c->arrivals.resize(G.members);
        if (release) {
            merge(c->arrivals, own_knowledge(f));
            merge(c->fenced, f->fenced);
            merge(c->arrival_blocks, f->known);
        }
        advance(f);
    }
    try_release_cluster_barrier(c);
}

void cluster_wait(bool acquires, const char* file, int line) {
    Fiber* f = G.fiber;
    Cluster* c = f->block->cluster;
    if (!f->cluster_arrived)
        fatal("cluster", "barrier.cluster.wait without an arrive before it at %s:%d", file, line);
    f->cluster_arrived = false;
    if (c->phase == f->cluster_phase)
        wait_in(AT_CLUSTER_BARRIER, "barrier.cluster.wait", file, line);
    f->met = ~0u;  // whatever is known of their memory, all blocks of the cluster run
    if (!G.check)
        return;
    if (acquires) {
        acquire(f, c->completed);
        f->peers_clock = c->completed_clock;
    }
    advance(f, std::max(f->clock, c->completed_clock));
}

// A block may leave only when nobody else can still be using its shared memory.
static void check_exit(Block* b) {
    if (!G.check)
        return;
    for (uint32_t i = 0; i < b->in_flight.size(); i++)
        if (b->in_flight[i]) {
            report(nullptr, "async copy (shared)", "block exits while an asynchronous operation %s %s",
                   b->in_flight[i] >= REDUCING ? "writes" : "reads", shared_name(i).c_str());
            break;
        }
    for (auto& visit : b->visitors) {
        bool known = false;
        for (Fiber* f : b->fibers)
            known = known || happens_before(f, visit.first, visit.second);
        if (!known)
            report(
                nullptr, "cluster",
                "block exits while %s may still use its shared memory (no cluster barrier before the exit)",
                party(visit.first).c_str());
    }
}
