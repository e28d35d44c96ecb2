// One warp, one mma.sync: lane l's registers of A, B and C are a[l][:], b[l][:], c[l][:], and of D d[l][:].
#include "mma.cuh"

template <class Mma>
__global__ void __launch_bounds__(32) mma_program(const void* __restrict__ a, const void* __restrict__ b,
                                                  const void* __restrict__ c, void* __restrict__ d) {
    using Operand = typename Mma::Operand;
    using Accumulator = typename Mma::Accumulator;
    Operand ra[Mma::A], rb[Mma::B];
    Accumulator rc[Mma::D], rd[Mma::D];
    for (int i = 0; i < Mma::A; i++) ra[i] = static_cast<const Operand*>(a)[threadIdx.x * Mma::A + i];
    for (int i = 0; i < Mma::B; i++) rb[i] = static_cast<const Operand*>(b)[threadIdx.x * Mma::B + i];
    for (int i = 0; i < Mma::D; i++) rc[i] = static_cast<const Accumulator*>(c)[threadIdx.x * Mma::D + i];
    Mma::apply(rd, ra, rb, rc);
    for (int i = 0; i < Mma::D; i++) static_cast<Accumulator*>(d)[threadIdx.x * Mma::D + i] = rd[i];
}
