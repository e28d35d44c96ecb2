"""Threads for NumPy code: NumPy lets go of Python's lock within its loops, so parts of a computation run side by side.

Results do not depend on the number of threads: the caller says what the parts are, and no two of them may write the
same element. A part must not multiply matrices that BLAS would spread over threads of its own.
"""

import contextvars
import itertools
import os
import threading
from concurrent.futures import ThreadPoolExecutor

_pool, _pool_size, _lock = None, 0, threading.Lock()
_inside = threading.local()


def num_threads():
    """Threads that NumPy code uses: of the environment variables GPULAYERS_NUM_THREADS, OPENBLAS_NUM_THREADS,
    MKL_NUM_THREADS and OMP_NUM_THREADS the first that holds a number, else the processor's cores."""
    for name in ("GPULAYERS_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        value = os.environ.get(name, "")
        if value.isdecimal() and int(value):
            return int(value)
    return _cores()


def _cores():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run(function, parts, *, threads=None):
    """Calls `function(part)` for each part, side by side where there are several threads; returns nothing.

    Args:
        function: writes its results where no other part does.
        parts: a sequence.
        threads: at most so many; default `num_threads()`. Starting one costs about 30 us: calls of less work than
            that pass 1.

    Raises:
        Whatever the first part that failed raised, after all others have ended.
    """
    count = len(parts)
    if count > 1:
        count = min(count, num_threads() if threads is None else threads)
    if count <= 1 or getattr(_inside, "part", False):  # parts do not split further
        for part in parts:
            function(part)
        return
    turns, failures = itertools.count(), []

    def work():
        _inside.part = True
        try:
            while not failures:
                turn = next(turns)  # atomic
                if turn >= len(parts):
                    return
                function(parts[turn])
        except BaseException as error:
            failures.append(error)
        finally:
            _inside.part = False

    # NumPy's errstate is part of the context.
    others = [_workers(count - 1).submit(contextvars.copy_context().run, work) for _ in range(count - 1)]
    work()
    for other in others:
        other.result()
    if failures:
        raise failures[0]


def _workers(count):
    global _pool, _pool_size
    with _lock:
        if _pool_size < count:
            _pool, _pool_size = ThreadPoolExecutor(count, thread_name_prefix="gpulayers"), count
        return _pool


def _forget_pool():
    """A forked child has none of its parent's threads."""
    global _pool, _pool_size, _lock
    _pool, _pool_size, _lock = None, 0, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pool)
