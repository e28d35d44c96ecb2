// An instruction that README.md adds to the table: y[i] has b[i] ones from bit a[i] on.
__global__ void bit_mask(const unsigned* __restrict__ a, const unsigned* __restrict__ b, unsigned* __restrict__ y) {
    unsigned mask;
    asm("bmsk.wrap.b32 %0, %1, %2;" : "=r"(mask) : "r"(a[threadIdx.x]), "r"(b[threadIdx.x]));
    y[threadIdx.x] = mask;
}
