// Clusters and distributed shared memory with a bug planted by the template argument.
#include "bulk.cuh"

enum class RingBug {
    none,
    no_first_barrier,
    no_second_barrier,
    no_last_barrier,
    relaxed_first_arrival,
    wrong_rank,
    own_address,
    rank_too_high,
    arrives_twice,
    waits_without_arriving,
    one_block_stays_away,
    block_barrier_instead,
};

// Every block reads its right neighbour's tile, then writes its own number into the left neighbour's tile.
template <RingBug BUG>
__global__ void __launch_bounds__(64)
    ring(const unsigned* __restrict__ x, unsigned* __restrict__ y, unsigned* __restrict__ z) {
    __shared__ unsigned tile[64];
    unsigned rank = cluster_rank(), size = cluster_size(), t = threadIdx.x;
    tile[t] = x[blockIdx.x * 64 + t];
    if constexpr (BUG == RingBug::block_barrier_instead) {
        __syncthreads();
    } else if constexpr (BUG == RingBug::relaxed_first_arrival) {
        cluster_arrive_relaxed();
        cluster_wait();
    } else if constexpr (BUG == RingBug::arrives_twice) {
        cluster_arrive();
        cluster_arrive();
        cluster_wait();
    } else if constexpr (BUG == RingBug::waits_without_arriving) {
        cluster_wait();
    } else if constexpr (BUG == RingBug::one_block_stays_away) {
        if (rank > 0) {
            cluster_arrive();
            cluster_wait();
        }
    } else if constexpr (BUG != RingBug::no_first_barrier) {
        cluster_arrive();
        cluster_wait();
    }
    unsigned right = (rank + (BUG == RingBug::wrong_rank ? 2 : 1)) % size;
    if constexpr (BUG == RingBug::rank_too_high) right = rank + 1;
    unsigned address =
        BUG == RingBug::own_address ? shared_address(&tile[63 - t]) : map_to_rank(&tile[63 - t], right);
    y[blockIdx.x * 64 + t] = load_remote(address);
    if constexpr (BUG != RingBug::no_second_barrier) {
        cluster_arrive();
        cluster_wait();
    }
    store_remote(map_to_rank(&tile[t], (rank + size - 1) % size), rank * 100 + t);
    if constexpr (BUG != RingBug::no_last_barrier) {
        cluster_arrive();
        cluster_wait();
    }
    z[blockIdx.x * 64 + t] = tile[t];
}

enum class MailBug {
    none,
    expects_too_much,
    expects_too_little,
    wrong_parity,
    no_wait,
    barrier_of_the_sender,
    no_barrier_after_init,
    overwrites_inbox,
    misaligned,
    exits_early,
};

// ROUNDS times: every block sends 32 numbers to its right neighbour by st.async; two inboxes take turns.
template <MailBug BUG>
__global__ void __launch_bounds__(32)
    mail(const unsigned* __restrict__ x, unsigned* __restrict__ y, int rounds) {
    __shared__ unsigned inbox[2][33];
    __shared__ Barrier full[2];
    unsigned rank = cluster_rank(), size = cluster_size(), t = threadIdx.x, right = (rank + 1) % size;
    if (t == 0) {
        mbarrier_init(&full[0], 1);
        mbarrier_init(&full[1], 1);
        fence_mbarrier_init();
    }
    if constexpr (BUG != MailBug::no_barrier_after_init) {
        cluster_arrive();
        cluster_wait();
    } else {
        cluster_arrive_relaxed();
        cluster_wait();
    }
    unsigned value = x[blockIdx.x * 32 + t];
    for (int i = 0; i < rounds; i++) {
        int s = BUG == MailBug::overwrites_inbox ? 0 : i % 2,
            phase = BUG == MailBug::overwrites_inbox ? i % 2 : i / 2 % 2;
        int bytes = BUG == MailBug::expects_too_much ? 132 : BUG == MailBug::expects_too_little ? 124 : 128;
        if (t == 0) mbarrier_arrive_expect(&full[s], bytes);
        unsigned to = map_to_rank(&inbox[s][t], right) + (BUG == MailBug::misaligned ? 2 : 0);
        store_async(
            to, value,
            BUG == MailBug::barrier_of_the_sender ? shared_address(&full[s]) : map_to_rank(&full[s], right));
        if constexpr (BUG == MailBug::exits_early)
            if (i == rounds - 1 && rank == 1) return;
        if constexpr (BUG != MailBug::no_wait)
            mbarrier_wait_cluster(&full[s], BUG == MailBug::wrong_parity ? phase ^ 1 : phase);
        value = value * 2 + inbox[s][31 - t];
        if constexpr (BUG != MailBug::overwrites_inbox) __syncwarp();
        // every second round everybody has read the older inbox
        if (BUG != MailBug::overwrites_inbox && i % 2 == 1) {
            cluster_arrive();
            cluster_wait();
        }
    }
    y[blockIdx.x * 32 + t] = value;
    cluster_arrive();
    cluster_wait();
}

enum class RelayBug {
    none,
    no_proxy_fence,
    source_overwritten,
    exits_before_it_is_read,
    barrier_of_another_block,
    too_many_bytes,
    no_wait,
    rank_too_high,
};

// Every block sends its tile, times two, to its right neighbour by a bulk copy and then reuses the tile.
template <RelayBug BUG>
__global__ void __launch_bounds__(64) relay(const unsigned* __restrict__ x, unsigned* __restrict__ y) {
    __shared__ __align__(16) unsigned tile[64], inbox[64];
    __shared__ Barrier full;
    unsigned rank = cluster_rank(), size = cluster_size(), t = threadIdx.x, right = (rank + 1) % size;
    if (BUG == RelayBug::rank_too_high) right = rank + 1;
    tile[t] = x[blockIdx.x * 64 + t] * 2;
    if (t == 0) {
        mbarrier_init(&full, 1);
        fence_mbarrier_init();
        mbarrier_arrive_expect(&full, 256);
    }
    if constexpr (BUG != RelayBug::no_proxy_fence) fence_proxy_async();
    cluster_arrive();
    cluster_wait();
    if (t == 0) {
        unsigned barrier = map_to_rank(&full, BUG == RelayBug::barrier_of_another_block ? rank : right);
        bulk_to_cluster(map_to_rank(inbox, right), tile, BUG == RelayBug::too_many_bytes ? 272 : 256,
                        barrier);
    }
    if constexpr (BUG == RelayBug::source_overwritten) tile[t] = 0;
    if (BUG == RelayBug::exits_before_it_is_read && rank == 2) return;
    if constexpr (BUG != RelayBug::no_wait) mbarrier_wait_cluster(&full, 0);
    cluster_arrive();
    cluster_wait();
    tile[t] = inbox[63 - t] + 1;
    __syncthreads();
    y[blockIdx.x * 64 + t] = tile[63 - t];
}
