// Atomic operations: every thread updates a place of its own, so that the results do not depend on the order.
#include "atomics.cuh"

template <class Atomic>
__global__ void __launch_bounds__(32)
    atomic_program(void* memory, const void* __restrict__ operands, void* __restrict__ results) {
    using Element = typename Atomic::Element;
    constexpr int N = Atomic::COUNT;
    Element v[N], old[N] = {};
    for (int i = 0; i < N; i++) v[i] = static_cast<const Element*>(operands)[threadIdx.x * N + i];
    Atomic::apply(static_cast<Element*>(memory) + threadIdx.x * N, v, old);
    for (int i = 0; i < N; i++) static_cast<Element*>(results)[threadIdx.x * N + i] = old[i];
}

__global__ void __launch_bounds__(32)
    cas_b16_program(unsigned short* memory, const unsigned short* __restrict__ compare,
                    const unsigned short* __restrict__ value, unsigned short* __restrict__ old) {
    int t = threadIdx.x;
    old[t] = atom_cas_b16(memory + t, compare[t], value[t]);
}

__global__ void __launch_bounds__(32)
    cas_b32_program(unsigned* memory, const unsigned* __restrict__ compare,
                    const unsigned* __restrict__ value, unsigned* __restrict__ old) {
    int t = threadIdx.x;
    old[t] = atom_cas_b32(memory + t, compare[t], value[t]);
}

__global__ void __launch_bounds__(32)
    cas_b64_program(unsigned long long* memory, const unsigned long long* __restrict__ compare,
                    const unsigned long long* __restrict__ value, unsigned long long* __restrict__ old) {
    int t = threadIdx.x;
    old[t] = atom_cas_b64(memory + t, compare[t], value[t]);
}
