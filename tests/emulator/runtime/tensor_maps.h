// tensor_maps.h - the tensor memory accelerator: tiled and im2col copies through a tensor map. Included by
// runtime.cpp.
static uint32_t swizzled(uint32_t a, int mode) {  // mode 0 none, 1 32 bytes, 2 64 bytes, 3 128 bytes
    static const uint32_t rows[] = {0, 1, 3, 7};
    return a ^ (a >> 7 & rows[mode]) << 4;
}

static char* swizzled_pointer(char* p, int mode) {
    return p - window_offset(p) + swizzled(window_offset(p), mode);
}

// The part of a 16-byte unit, `left` bytes of which belong to the row, that lies inside the tensor's
// innermost axis.
struct Inside {
    uint32_t skip = 0, bytes = 0;  // of the unit; 0 bytes: all outside

    Inside(const TensorMap& m, long first, uint32_t left, bool outer_axes_inside) {
        long end = std::min<long>(m.size[0], first + std::min(16u, left) / m.element),
             start = std::max(first, 0l);
        if (outer_axes_inside && start < end) {
            skip = (uint32_t)(start - first) * m.element;
            bytes = (uint32_t)(end - start) * m.element;
        }
    }
};

// Calls piece(unit in shared memory, what of it is inside, where that lies in global memory) for every 16
// bytes.
template <class Piece>
static void for_each_tile_piece(const TensorMap& m, char* shared, const int* at, Piece piece) {
    int n[5] = {1, 1, 1, 1, 1}, i[5] = {};
    for (int d = 0; d < m.rank; d++)
        n[d] = (m.box[d] + m.step[d] - 1) / m.step[d];
    uint32_t row = n[0] * m.element, offset = 0;
    for (i[4] = 0; i[4] < n[4]; i[4]++)
        for (i[3] = 0; i[3] < n[3]; i[3]++)
            for (i[2] = 0; i[2] < n[2]; i[2]++)
                for (i[1] = 0; i[1] < n[1]; i[1]++) {
                    bool inside = true;
                    char* p = m.base;
                    for (int d = 1; d < m.rank; d++) {
                        long x = (long)at[d] + (long)i[d] * m.step[d];
                        inside = inside && x >= 0 && x < m.size[d];
                        p += x * m.stride[d - 1];
                    }
                    for (uint32_t b = 0; b < row; b += 16, offset += 16) {
                        long x = (long)at[0] + b / m.element;
                        Inside part(m, x, row - b, inside);
                        piece(swizzled_pointer(shared + offset, m.swizzle), part,
                              p + x * m.element + part.skip);
                    }
                }
}

// im2col: m.pixels consecutive pixels of the bounding box [lower, size + upper) in W, then H, then D, then N;
// each is read at its offset in the filter.
template <class Piece>
static void for_each_im2col_piece(const TensorMap& m, char* shared, const int* at, const uint16_t* filter,
                                  Piece piece) {
    int spatial = m.rank - 2, x[5];
    uint32_t row = m.channels * m.element, offset = 0;
    for (int d = 0; d < m.rank; d++)
        x[d] = at[d];
    for (int pixel = 0; pixel < m.pixels; pixel++) {
        bool inside = x[m.rank - 1] >= 0 && x[m.rank - 1] < m.size[m.rank - 1];
        char* p = m.base + (long)x[m.rank - 1] * m.stride[m.rank - 2];
        for (int d = 1; d <= spatial; d++) {
            int y = x[d] + filter[d - 1];
            inside = inside && y >= 0 && y < m.size[d];
            p += (long)y * m.stride[d - 1];
        }
        for (uint32_t b = 0; b < row; b += 16, offset += 16) {
            long c = x[0] + (long)(b / m.element);
            Inside part(m, c, row - b, inside);
            piece(swizzled_pointer(shared + offset, m.swizzle), part, p + c * m.element + part.skip);
        }
        int d = 1;
        for (; d <= spatial; d++) {
            x[d] += m.step[d];
            if (x[d] < m.size[d] + m.upper[d - 1])
                break;
            x[d] = m.lower[d - 1];
        }
        if (d > spatial)
            x[m.rank - 1]++;
    }
}

static void check_map(const TensorMap& m, const void* shared, int rank, bool im2col, void* pc) {
    static const int align[] = {128, 256, 512, 1024};
    uint32_t offset = shared_offset(shared, "tensor copy");
    if (m.rank != rank || m.im2col != im2col) {
        report(pc, "tensor map", "a %d-D %s copy uses a map of %d dimensions made for %s copies;", rank,
               im2col ? "im2col" : "tiled", m.rank, m.im2col ? "im2col" : "tiled");
        leave();
    }
    if (offset & 127) {
        report(pc, "misaligned", "tensor copy at shared offset %u, which is not 128-byte aligned;", offset);
        leave();
    }
    if (offset & (align[m.swizzle] - 1))
        report(pc, "misaligned",
               "tensor copy at shared offset %u is not aligned to the %d bytes of its swizzle pattern;",
               offset, align[m.swizzle]);
}

static uint32_t tile_bytes(const TensorMap& m) {
    uint32_t n = m.element;
    for (int d = 0; d < m.rank; d++)
        n *= (m.box[d] + m.step[d] - 1) / m.step[d];
    return m.im2col ? (uint32_t)m.pixels * m.channels * m.element : n;
}

static void tensor_load(void* to, const TensorMap& m, const int* at, const uint16_t* filter, void* bar,
                        unsigned ranks, void* pc) {
    count_event(COUNT_TMA);
    G.bulk_sector = ~0ull;
    if (window_offset(to) + tile_bytes(m) > G.shared_size) {
        report(pc, "out of bounds (shared)", "tensor copy of %u bytes at shared offset %u of %zu",
               tile_bytes(m), window_offset(to), G.shared_size);
        leave();
    }
    auto piece = [&](char* shared, const Inside& part, char* global) {
        uint8_t data[16] = {};
        if (part.bytes) {
            access(global, part.bytes, RD, pc);
            count_bulk_global(global, part.bytes, COUNT_LOAD);
            memcpy(data + part.skip, global, part.bytes);
        }
        deliver_to(shared, data, 16, bar, ranks, pc);
    };
    if (filter)
        for_each_im2col_piece(m, (char*)to, at, filter, piece);
    else
        for_each_tile_piece(m, (char*)to, at, piece);
}

void tma_load(void* to, const void* map, const int* at, int rank, void* bar, unsigned ranks, void* pc) {
    At here(pc);
    const TensorMap& m = *(const TensorMap*)map;
    check_map(m, to, rank, false, pc);
    tensor_load(to, m, at, nullptr, bar, ranks, pc);
}

void tma_im2col(void* to, const void* map, const int* at, int rank, const uint16_t* filter, void* bar,
                unsigned ranks, void* pc) {
    At here(pc);
    const TensorMap& m = *(const TensorMap*)map;
    check_map(m, to, rank, true, pc);
    tensor_load(to, m, at, filter, bar, ranks, pc);
}

// What lies outside the tensor is not written.
void tma_store(const void* map, const int* at, int rank, void* from, int operation, void* pc) {
    At here(pc);
    const TensorMap& m = *(const TensorMap*)map;
    check_map(m, from, rank, false, pc);
    PendingStore& s = begin_store(operation < 0 ? -1 : m.type * 16 + operation, pc);
    for_each_tile_piece(m, (char*)from, at, [&](char* shared, const Inside& part, char* global) {
        if (part.bytes)
            store_piece(s, shared + part.skip, global, part.bytes);
    });
}
