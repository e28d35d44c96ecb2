// collectives.h - instructions that the lanes of a warp, or the warps of a warpgroup, execute together.
// Included by runtime.cpp.
void collective(const char* what, unsigned mask, bool aligned, const void* in, void* out,
                CollectiveFunction function, const void* context, const char* file, int line) {
    Fiber* f = G.fiber;
    Block* b = f->block;
    unsigned lane = f->thread & 31, w = f->thread >> 5;
    unsigned have = b->threads - (int)w * 32 >= 32 ? ~0u : (1u << (b->threads - w * 32)) - 1;
    if (aligned && have != ~0u)
        fatal("warp", "%s needs a full warp (block size %d) at %s:%d", what, b->threads, file, line);
    mask &= have;
    if (!(mask >> lane & 1))
        fatal("warp", "%s: the calling lane %u is not in its mask %08x at %s:%d", what, lane, mask, file,
              line);
    size_t index = 0;
    auto& open =
        b->collectives[w];  // several may be open at once: lanes of one mask may be on their way to another
    while (index < open.size() && open[index].mask != mask)
        index++;
    if (index == open.size()) {
        open.emplace_back();
        Collective& n = open.back();
        n.mask = mask;
        n.what = what;
        n.file = file;
        n.line = line;
        n.function = function;
        n.context = context;
    }
    Collective& c = open[index];
    if (c.function != function || (c.what != what && strcmp(c.what, what)) ||
        ((aligned || G.strict) && c.line != line))
        fatal("divergent warp",
              "lanes of one warp meet in different collectives: %s mask %08x %s:%d and %s mask %08x %s:%d",
              c.what, c.mask, c.file, c.line, what, mask, file, line);
    c.arrived |= 1u << lane;
    f->in = in;
    f->out = out;
    if (c.arrived != c.mask)
        return wait_in(IN_COLLECTIVE, what, file, line);
    const void* ins[32] = {};
    void* outs[32] = {};
    for (unsigned m = mask; m; m &= m - 1) {
        int l = __builtin_ctz(m);
        ins[l] = b->fibers[w * 32 + l]->in;
        outs[l] = b->fibers[w * 32 + l]->out;
    }
    count_collective(what, mask);
    open.erase(open.begin() + index);
    if (function) {
        At here(file, line);
        function(mask, ins, outs, context);
    }
    for (unsigned m = mask & ~(1u << lane); m; m &= m - 1)
        set_ready(b->fibers[w * 32 + __builtin_ctz(m)]);
    G.progress++;
    if (G.order == 0)
        return;  // the last lane simply goes on
    set_ready(f);
    switch_away();
}

void collective_wg(const char* what, const void* in, void* out, CollectiveFunction function,
                   const void* context, const char* file, int line) {
    Fiber* f = G.fiber;
    Block* b = f->block;
    unsigned group = f->thread >> 7;
    Warpgroup& c = b->warpgroups[group];
    if (b->threads < (int)(group + 1) * 128)
        fatal("warp", "%s needs a full warpgroup at %s:%d", what, file, line);
    if (!c.arrived) {
        c.what = what;
        c.file = file;
        c.line = line;
    } else if (c.line != line || strcmp(c.what, what))
        fatal("divergent warp", "warpgroup diverged: %s %s:%d and %s %s:%d", c.what, c.file, c.line, what,
              file, line);
    f->in = in;
    f->out = out;
    if (++c.arrived < 128)
        return wait_in(IN_COLLECTIVE, what, file, line);
    const void* ins[128];
    void* outs[128];
    for (int l = 0; l < 128; l++) {
        ins[l] = b->fibers[group * 128 + l]->in;
        outs[l] = b->fibers[group * 128 + l]->out;
    }
    c.arrived = 0;
    {
        At here(file, line);
        function(128, ins, outs, context);
    }
    G.progress++;
    for (int l = 0; l < 128; l++)
        if (group * 128 + l != f->thread)
            set_ready(b->fibers[group * 128 + l]);
}

// ------------------------------------------------------------------ __syncwarp
static void syncwarp_function(unsigned mask, const void* const*, void* const*, const void*) {
    std::vector<uint32_t> who;
    Fiber* f = G.fiber;
    for (unsigned m = mask; m; m &= m - 1)
        who.push_back((f->thread & ~31u) + __builtin_ctz(m));
    join_clocks(f->block, who, false);
}

void syncwarp(unsigned mask, const char* file, int line) {
    collective("__syncwarp", mask, false, nullptr, nullptr, syncwarp_function, nullptr, file, line);
}

// ------------------------------------------------------------------ shuffles, votes, match, redux
struct ShuffleInput {
    uint64_t value;
    int source;
};

static void shuffle_function(unsigned mask, const void* const* in, void* const* out, const void*) {
    for (unsigned m = mask; m; m &= m - 1) {
        int l = __builtin_ctz(m), s = ((const ShuffleInput*)in[l])->source & 31;
        if (!in[s])
            fatal("warp", "__shfl_sync: lane %d reads lane %d, which is not in the mask %08x", l, s, mask);
        *(uint64_t*)out[l] = ((const ShuffleInput*)in[s])->value;
    }
}

uint64_t shfl(unsigned mask, uint64_t value, int source, const char* what, const char* file, int line) {
    ShuffleInput in = {value, source};
    uint64_t result = 0;
    collective(what, mask, false, &in, &result, shuffle_function, nullptr, file, line);
    return result;
}

static void vote_function(unsigned mask, const void* const* in, void* const* out, const void*) {
    unsigned ballot = 0;
    for (unsigned m = mask; m; m &= m - 1)
        if (*(const int*)in[__builtin_ctz(m)])
            ballot |= m & -m;
    for (unsigned m = mask; m; m &= m - 1)
        *(unsigned*)out[__builtin_ctz(m)] = ballot;
}

unsigned vote(unsigned mask, int predicate, const char* what, const char* file, int line) {
    unsigned result = 0;
    collective(what, mask, false, &predicate, &result, vote_function, nullptr, file, line);
    return result;
}

static void match_function(unsigned mask, const void* const* in, void* const* out, const void*) {
    for (unsigned m = mask; m; m &= m - 1) {
        int l = __builtin_ctz(m);
        unsigned equal = 0;
        for (unsigned k = mask; k; k &= k - 1)
            if (*(const uint64_t*)in[__builtin_ctz(k)] == *(const uint64_t*)in[l])
                equal |= k & -k;
        *(unsigned*)out[l] = equal;
    }
}

unsigned match_any(unsigned mask, uint64_t value, const char* file, int line) {
    unsigned result = 0;
    collective("__match_any_sync", mask, false, &value, &result, match_function, nullptr, file, line);
    return result;
}

// The mask where all lanes hold the same value, else 0.
unsigned match_all(unsigned mask, uint64_t value, const char* file, int line) {
    unsigned result = 0;
    collective("__match_all_sync", mask, false, &value, &result, match_function, nullptr, file, line);
    unsigned have = G.fiber->block->threads - (int)(G.fiber->thread & ~31u);
    if (have < 32)
        mask &= (1u << have) - 1;
    return result == mask ? mask : 0;
}

// All values of the mask, for the caller to reduce: values[lane].
static void gather_function(unsigned mask, const void* const* in, void* const* out, const void*) {
    for (unsigned m = mask; m; m &= m - 1)
        for (unsigned k = mask; k; k &= k - 1)
            ((uint32_t*)out[__builtin_ctz(m)])[__builtin_ctz(k)] = *(const uint32_t*)in[__builtin_ctz(k)];
}

void gather(unsigned mask, uint32_t value, uint32_t* values, const char* what, const char* file, int line) {
    collective(what, mask, false, &value, values, gather_function, nullptr, file, line);
}
