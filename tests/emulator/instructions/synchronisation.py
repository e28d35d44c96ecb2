"""Barriers of a block and of a cluster, fences, and addresses in a peer's shared memory."""

from .table import instruction

CPP_SCOPE = {"cta": "SCOPE_BLOCK", "cluster": "SCOPE_CLUSTER", "gpu": "SCOPE_DEVICE", "sys": "SCOPE_DEVICE"}


@instruction("bar.warp")
def bar_warp(code, op):
    return f"syncwarp({code.typed('u32', op[0])}, {code.site(op)});"


@instruction("bar", "barrier")
def bar(code, op):
    op.flag("cta")
    if op.flag("red"):
        reduction = op.choice({"popc": 0, "and": 1, "or": 2})
        op.type()
        if len(op) != 3:
            raise op.unsupported("only reductions of the whole block")
        call = f"barrier_red({reduction}, {code.value(op[2])}, {code.site(op)})"
        return code.put(op[0], f"{'(bool)' if reduction else '(u32)'}{call}")
    function = op.choice({"sync": "barrier", "arrive": "barrier_arrive"}, "barrier")
    count = f"(int){code.value(op[1])}" if len(op) > 1 else "0"
    return f"{function}((int){code.value(op[0])}, {count}, {code.site(op)});"


# ---- fences


@instruction("membar")
def membar(code, op):
    scope = op.choice({"cta": "SCOPE_BLOCK", "gl": "SCOPE_DEVICE", "sys": "SCOPE_DEVICE"})
    return f"fence({scope});"


@instruction("fence")
def fence(code, op):
    op.choice(("acq_rel", "sc", "acquire", "release"))
    return f"fence({op.choice(CPP_SCOPE)});"


@instruction("fence.mbarrier_init")
def fence_mbarrier_init(code, op):
    op.flag("release", "cluster")
    return "fence_mbarrier_init();"


@instruction("fence.proxy.async")
def fence_proxy(code, op):
    """The checker knows the proxies of shared memory only."""
    return "" if op.space() == "global" else "fence_proxy_async();"


# ---- clusters


@instruction("barrier.cluster.arrive")
def cluster_arrive(code, op):
    order = op.choice(("release", "relaxed"), "release")
    return f"cluster_arrive({'true' if order == 'release' else 'false'}, {code.site(op)});"


@instruction("barrier.cluster.wait")
def cluster_wait(code, op):
    op.flag("acquire")
    return f"cluster_wait(true, {code.site(op)});"


@instruction("mapa")
def mapa(code, op):
    space, kind = op.space(), op.type()
    rank = code.typed("u32", op[2])
    if space == "shared::cluster":
        return code.put(op[0], f"(u64)map_shared_to_rank((u32){code.value(op[1])}, {rank})")
    return code.put(op[0], f"map_pointer_to_rank({code.typed(kind, op[1])}, {rank})")


@instruction("getctarank")
def getctarank(code, op):
    space = op.space()
    op.type()
    address = code.value(op[1])
    return code.put(
        op[0],
        f"(u32){address} >> 24" if space == "shared::cluster" else f"smem_u32(pointer({address})) >> 24",
    )
