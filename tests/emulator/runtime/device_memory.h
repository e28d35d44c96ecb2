// device_memory.h - the arrays of an emulated device: allocation between guard pages, which of them a launch
// was given, which of their elements were written. Included by runtime.cpp.
static const size_t GAP = 1 << 16;

// Calls visit(first, last) for the cells of every element of a strided array that begins at p.
template <class Visit>
static void visit_elements(Buffer* b, uintptr_t p, int rank, const long* shape, const long* strides,
                           long itemsize, Visit visit) {
    if (rank == 0) {
        visit((p - b->lo) >> b->log2_cell, (p + itemsize - 1 - b->lo) >> b->log2_cell);
        return;
    }
    for (long i = 0; i < shape[0]; i++)
        visit_elements(b, p + i * strides[0], rank - 1, shape + 1, strides + 1, itemsize, visit);
}

extern "C" {
// A device buffer of n bytes, filled with 0xff. Its end touches a PROT_NONE page (to `align`), its start lies
// after one. The checker keeps a record for each cell of 2^log2_cell bytes.
void* emu_alloc(size_t n, int log2_cell, int initialised, const char* name) {
    size_t page = 4096, body = (n + page - 1) / page * page + page, total = body + 2 * GAP;
    char* m = (char*)mmap(nullptr, total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (m == MAP_FAILED)
        return nullptr;
    mprotect(m + GAP, body, PROT_READ | PROT_WRITE);
    uintptr_t hi = (uintptr_t)m + GAP + body, lo = (hi - n) & ~(uintptr_t)255;  // cudaMalloc's alignment
    Buffer* b = new Buffer();
    b->lo = lo;
    b->hi = lo + n;
    b->log2_cell = log2_cell;
    b->initialised = initialised;
    b->name = name;
    b->map = m;
    b->mapping_size = total;
    memset((void*)lo, 0xff, hi - lo);
    if (!initialised)
        b->init.assign((n >> log2_cell) + 1, 0);
    G.buffers.insert(std::upper_bound(G.buffers.begin(), G.buffers.end(), b,
                                      [](Buffer* x, Buffer* y) { return x->lo < y->lo; }),
                     b);
    return (void*)lo;
}

void emu_free(void* p) {
    for (size_t i = 0; i < G.buffers.size(); i++)
        if (G.buffers[i]->lo == (uintptr_t)p) {
            munmap(G.buffers[i]->map, G.buffers[i]->mapping_size);
            delete G.buffers[i];
            G.buffers.erase(G.buffers.begin() + i);
            G.last = nullptr;
            return;
        }
}

// Declares that the coming launch was given the bytes [first, last) of the buffer at p. What no argument
// covers is out of bounds.
void emu_use(void* p, void* first, void* last, int read_only, const char* name) {
    Buffer* b = find_buffer((uintptr_t)p);
    if (!b)
        return;
    b->read_only = read_only && (b->read_only || b->used_lo == b->used_hi);
    if (b->used_lo == b->used_hi) {
        b->used_lo = (uintptr_t)first;
        b->used_hi = (uintptr_t)last;
        b->name = name;
    } else {
        b->used_lo = std::min(b->used_lo, (uintptr_t)first);
        b->used_hi = std::max(b->used_hi, (uintptr_t)last);
        b->name = b->name + " and " + name;
    }
}

void emu_unuse(void* p) {
    if (Buffer* b = find_buffer((uintptr_t)p))
        b->used_lo = b->used_hi = b->read_only = 0;
}

// Keeps the contents of the buffer, and which of its cells were written, until emu_restore or emu_forget.
void emu_keep(void* p) {
    if (Buffer* b = find_buffer((uintptr_t)p)) {
        b->kept.assign((char*)b->lo, (char*)b->hi);
        b->kept_init = b->init;
    }
}

void emu_restore(void* p) {
    Buffer* b = find_buffer((uintptr_t)p);
    if (b && b->kept.size() == b->hi - b->lo) {
        memcpy((void*)b->lo, b->kept.data(), b->kept.size());
        b->init = b->kept_init;
    }
}

void emu_forget(void* p) {
    if (Buffer* b = find_buffer((uintptr_t)p)) {
        std::vector<char>().swap(b->kept);
        std::vector<uint8_t>().swap(b->kept_init);
    }
}

// The elements of a strided array inside the buffer at `base`: marks them written.
void emu_mark_written(void* base, void* p, int rank, const long* shape, const long* strides, long itemsize) {
    Buffer* b = find_buffer((uintptr_t)base);
    if (b && !b->initialised)
        visit_elements(b, (uintptr_t)p, rank, shape, strides, itemsize,
                       [&](size_t first, size_t last) { memset(&b->init[first], 1, last - first + 1); });
}

// How many elements of a strided array inside the buffer at `base` were never written, by a kernel or the
// host.
long emu_count_unwritten(void* base, void* p, int rank, const long* shape, const long* strides,
                         long itemsize) {
    Buffer* b = find_buffer((uintptr_t)base);
    long n = 0;
    if (b && !b->initialised)
        visit_elements(b, (uintptr_t)p, rank, shape, strides, itemsize, [&](size_t first, size_t last) {
            n += memchr(&b->init[first], 0, last - first + 1) != nullptr;
        });
    return n;
}
}
