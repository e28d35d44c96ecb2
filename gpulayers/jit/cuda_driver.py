"""Loading and launching compiled kernels with CuPy."""

import threading

from .compiler import compile

_STATIC_SHARED_MEMORY_LIMIT = 48 * 1024  # more needs an opt-in, function by function
_functions = {}
_lock = threading.Lock()


class CudaFunction:
    """One kernel instance on one device. Call it to launch on CuPy's current stream."""

    def __init__(self, module, lowered_name, expression):
        self._function = module.get_function(lowered_name)
        self.expression = expression
        self._shared_memory = _STATIC_SHARED_MEMORY_LIMIT

    def __call__(self, grid, block, arguments, shared_memory=0, cooperative=False, cluster=None):
        """Launches asynchronously.

        Args:
            grid, block: tuples of up to three sizes.
            arguments: CuPy arrays, None (a null pointer), NumPy scalars, 0-d structured arrays (by value).
            shared_memory: dynamic shared memory, bytes a block.
            cooperative: all blocks must be resident at once; needed by barriers across the grid.
            cluster: thread-block cluster dimensions, or None.
        """
        if cluster is not None:
            raise ValueError(f"{self.expression}: CuPy's launch has no cluster attribute. Received: {cluster}")
        if shared_memory > self._shared_memory:
            from cupy_backends.cuda.api import driver

            attribute = driver.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
            driver.funcSetAttribute(self._function.ptr, attribute, shared_memory)
            self._shared_memory = shared_memory
        self._function(
            tuple(grid),
            tuple(block),
            arguments,
            shared_mem=shared_memory,
            enable_cooperative_groups=cooperative,
        )


def load(file, expression, architecture, device_index):
    """The CudaFunction of a kernel instance: compiled and loaded once a process and device."""
    key = (file, expression, architecture, device_index)
    function = _functions.get(key)
    if function is None:
        with _lock:
            if key not in _functions:
                from cupy.cuda import function as cupy_function

                compiled = compile(file, (expression,), architecture)
                module = cupy_function.Module()
                module.load(compiled.binary)
                _functions[key] = CudaFunction(module, compiled.lowered[expression], expression)
            function = _functions[key]
    return function
