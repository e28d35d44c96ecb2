// findings.h - what is reported, and how a launch is given up. Included by runtime.cpp.
static std::string where(void* pc) {  // "@{library+offset}", which the Python side turns into file:line
    Dl_info info;
    char text[512];
    if (!pc || !dladdr(pc, &info))
        return "";
    snprintf(text, sizeof text, " @{%s+0x%lx}", info.dli_fname,
             (unsigned long)((char*)pc - (char*)info.dli_fbase) - 1);
    return text;
}

static std::string who() {
    if (!G.fiber)
        return "";
    char text[160];
    const Coordinates& c = emu_self;
    snprintf(text, sizeof text, " by thread (%u,%u,%u) of block (%u,%u,%u)", c.thread_index.x,
             c.thread_index.y, c.thread_index.z, c.block_index.x, c.block_index.y, c.block_index.z);
    return text;
}

// Names the place of an instruction for as long as it runs. It must not switch fibers.
struct At {
    At(void* pc) {
        G.place = pc;
    }

    At(const char* file, int line) {
        G.file = file;
        G.line = line;
    }

    ~At() {
        G.place = nullptr;
        G.file = nullptr;
    }
};

static std::string running_place() {
    return G.file ? std::string(" @ ") + G.file + ":" + std::to_string(G.line) : where(G.place);
}

void report(void* pc, const char* kind, const char* format, ...) {
    pc = pc ? pc : G.place;
    if (G.reported[{kind, pc}]++ || G.errors.size() >= 50)
        return;
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    // a divergence names its two places itself, and `pc` only tells it from others
    bool has_place = strncmp(kind, "diverg", 6);
    G.errors.push_back(std::string(kind) + ": " + text + who() + (has_place ? where(pc) : ""));
}

[[noreturn]] static void leave() {
    G.aborted = true;
    Context dead;
    switch_context(dead, G.main);
    abort();
}

[[noreturn]] void fatal(const char* kind, const char* format, ...) {
    char text[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    G.errors.push_back(std::string(kind) + ": " + text + ";" + who() + running_place());
    leave();
}

// "thread 5 of the same block", "thread 5 of block 1 of the same cluster"
static std::string party(uint32_t member) {
    uint32_t threads = G.threads, rank = member / threads;
    if (rank >= G.cluster_size)
        return "an asynchronous copy";
    std::string text = "thread " + std::to_string(member % threads);
    return rank == G.fiber->block->rank ? text + " of the same block"
                                        : text + " of block rank " + std::to_string(rank) + " of the cluster";
}
