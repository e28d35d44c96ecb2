// ptx_memory.h - addresses, checked accesses, atomics, exchanges of a warp. Included by ptx_instructions.h.
// ---- memory. Shared addresses are offsets in the window; every other space uses host addresses.
extern "C" void emu_access(const void* p, size_t n, int fl);
extern "C" void emu_spin(const void* p);

extern "C" [[noreturn]] void emu_stop();
extern "C" void emu_wrong_window(unsigned address);

INLINE void* cluster_pointer(u64 a) {  // shared::cluster: this block's memory or a peer's
    return emu_self.cluster_window + (u32)a;
}

INLINE void* shared_pointer(u64 a) {  // shared::cta
#ifdef EMULATOR_CHECK
    if (((u32)a ^ emu_self.own_window) >> 24)
        emu_wrong_window((u32)a);
#endif
    return emu_self.cluster_window + (u32)a;
}

INLINE void* pointer(u64 a) {
    return (void*)a;
}

INLINE bool is_shared(const void* p) {
    return (size_t)((const char*)p - emu_self.cluster_window - emu_self.own_window) < dyn_smem_size();
}

INLINE bool is_shared_of_cluster(const void* p) {
    return (size_t)((const char*)p - emu_self.cluster_window) < (size_t)16 << 24;
}

INLINE void aligned(const void* p, size_t n) {
    if ((uintptr_t)p & (n - 1)) {
        report(emu_here(), "misaligned", "%zu-byte access at %p;", n, p);
        emu_stop();
    }
}
#ifdef EMULATOR_CHECK
#define CHECK_ACCESS(p, n, fl) emu_access(p, n, fl)
#define CHECK_LOCAL(p, n, depot, size)                                                     \
    ((uintptr_t)(p) - (uintptr_t)(depot) > (size) - (n)                                    \
     ? report(emu_here(), "out of bounds (local)", "offset %ld of a %d-byte local array;", \
              (long)((uintptr_t)(p) - (uintptr_t)(depot)), (int)(size)),                   \
     emu_stop() : (void)0)
#define POISON_LOCAL(x) memset(x, 0xff, sizeof x)
#else
#define CHECK_LOCAL(p, n, depot, size) (void)0
#define POISON_LOCAL(x) (void)0
#define CHECK_ACCESS(p, n, fl) aligned(p, n)
#endif
#define LOAD(T, p) (*(const T*)(p))
#define STORE(T, p, v) (*(T*)(p) = (v))

// Each of the N elements at p becomes update(element, v[i]).
template <class T, size_t N, class F>
INLINE void rmw(void* p, const T (&v)[N], T (&old)[N], F update) {
    aligned(p, N * sizeof(T));
    atomic_touch(p, N * sizeof(T), true, emu_here());
    memcpy(old, p, sizeof old);
    for (size_t i = 0; i < N; i++) {
        T n = update(old[i], v[i]);
        memcpy((T*)p + i, &n, sizeof n);
    }
}

template <class T>
INLINE T cas(void* p, T compare, T value) {
    aligned(p, sizeof(T));
    T old;
    memcpy(&old, p, sizeof old);
    bool equal = !memcmp(&old, &compare, sizeof old);
    atomic_touch(p, sizeof(T), equal, emu_here());
    if (equal)
        memcpy(p, &value, sizeof value);
    else
        emu_spin(p);
    return old;
}

// ---- the last operand of cp.async: bytes to read, or whether to read none
INLINE int source_size(bool ignore, int size) {
    return ignore ? 0 : size;
}

template <class T>
INLINE int source_size(T bytes, int) {
    return (int)bytes;
}

// ---- clusters
INLINE void check_rank(u32 rank) {
    u32 size = emu_self.cluster_dim.x * emu_self.cluster_dim.y * emu_self.cluster_dim.z;
    if (rank >= size) {
        report(emu_here(), "cluster", "mapa to block rank %u of a cluster of %u;", rank, size);
        emu_stop();
    }
}

INLINE u32 map_shared_to_rank(u32 a, u32 rank) {
    check_rank(rank);
    return rank << 24 | (a & 0xffffff);
}

INLINE u64 map_pointer_to_rank(u64 a, u32 rank) {
    check_rank(rank);
    return (u64)cluster_pointer(rank << 24 | (smem_u32((void*)a) & 0xffffff));
}

// ---- warp
INLINE u32 shfl_(int mode, u32 v, u32 b, u32 c, u32 mask, bool& ok, const char* f, int l) {
    int lane = emu_self.lane, seg = c >> 8 & 31, clampv = c & 31, mx = (lane & seg) | (clampv & ~seg),
        mn = lane & seg, j;
    b &= 31;
    j = mode == 0   ? lane - (int)b
        : mode == 1 ? lane + (int)b
        : mode == 2 ? lane ^ (int)b
                    : (mn | ((int)b & ~seg));
    ok = mode == 0 ? j >= mx : j <= mx;
    if (!ok)
        j = lane;
    static const char* nm[] = {"shfl.sync.up", "shfl.sync.down", "shfl.sync.bfly", "shfl.sync.idx"};
    return (u32)shfl(mask, v, j, nm[mode], f, l);
}

template <class T, class F>
INLINE T redux(u32 mask, T v, F fn, const char* f, int l) {
    u32 values[32];
    gather(mask, (u32)v, values, "redux.sync", f, l);
    u32 threads = emu_self.block_dim.x * emu_self.block_dim.y * emu_self.block_dim.z,
        left = threads - emu_self.warp * 32;
    if (left < 32)
        mask &= (1u << left) - 1;
    T r = (T)values[__builtin_ctz(mask)];
    for (u32 m = mask & (mask - 1); m; m &= m - 1)
        r = fn(r, (T)values[__builtin_ctz(m)]);
    return r;
}
