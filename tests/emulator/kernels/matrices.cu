// One warp moves 8x8 matrices of 16-bit elements between shared memory and registers.
#include "matrices.cuh"

// matrices [4][8][8] -> registers [32][4]; rows lie PITCH elements apart, matrix after matrix
template <int N, bool TRANSPOSED>
__global__ void ldmatrix_program(const unsigned short* __restrict__ matrices,
                                 unsigned* __restrict__ registers) {
    constexpr int PITCH = 24;
    __shared__ __align__(16) unsigned short tile[32 * PITCH];
    for (int i = threadIdx.x; i < N * 64; i += 32) tile[i / 8 * PITCH + i % 8] = matrices[i];
    __syncthreads();
    unsigned r[4] = {};
    ldmatrix<N, TRANSPOSED>(r, tile + threadIdx.x % (8 * N) * PITCH);
    for (int i = 0; i < N; i++) registers[threadIdx.x * N + i] = r[i];
}

// registers [32][N] -> matrices [N][8][8]
template <int N, bool TRANSPOSED>
__global__ void stmatrix_program(const unsigned* __restrict__ registers,
                                 unsigned short* __restrict__ matrices) {
    constexpr int PITCH = 24;
    __shared__ __align__(16) unsigned short tile[32 * PITCH];
    unsigned r[4] = {};
    for (int i = 0; i < N; i++) r[i] = registers[threadIdx.x * N + i];
    stmatrix<N, TRANSPOSED>(tile + threadIdx.x % (8 * N) * PITCH, r);
    __syncthreads();
    for (int i = threadIdx.x; i < N * 64; i += 32) matrices[i] = tile[i / 8 * PITCH + i % 8];
}

__global__ void movmatrix_program(const unsigned* __restrict__ from, unsigned* __restrict__ to) {
    to[threadIdx.x] = movmatrix(from[threadIdx.x]);
}
