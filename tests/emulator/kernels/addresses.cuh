// addresses.cuh - addresses in shared memory as instructions take them.
#pragma once

__device__ inline unsigned shared_address(const void* p) {
    return static_cast<unsigned>(__cvta_generic_to_shared(p));
}
