"""Keras, on JAX where it is installed, else on PyTorch; forward only, through keras.ops and keras.layers."""

import contextlib
import functools
import importlib.util
import os

import numpy as np

from ..workloads import FORWARD
from . import Candidate


@functools.cache
def _keras():
    """The module, or an ImportError."""
    if importlib.util.find_spec("keras") is None:
        raise ImportError("Keras is not installed")
    backends = [name for name in ("jax", "torch") if importlib.util.find_spec(name)]
    if not backends:
        raise ImportError("Keras has neither JAX nor PyTorch under it")
    os.environ.setdefault("KERAS_BACKEND", backends[0])
    import keras

    return keras


def unavailable(device):
    try:
        backend = _keras().backend.backend()
    except ImportError as error:
        return f"Keras does not import ({error})"
    if device.name == "cpu":
        return None
    if backend == "jax":
        import jax

        return None if jax.default_backend() == "gpu" else "JAX has no GPU"
    from . import with_torch

    return with_torch.unavailable(device)


@contextlib.contextmanager
def precision(workload):
    """JAX's default matrix product in TF32 or float32; PyTorch's own setting is made by with_torch."""
    if _keras().backend.backend() != "jax":
        yield
        return
    import jax

    with jax.default_matmul_precision("tensorfloat32" if workload.precision == "tf32" else "float32"):
        yield


def free_memory():
    """Nothing: the framework under Keras keeps the memory."""


def candidates(workload, operands, device):
    build = globals().get(f"_{workload.family}")
    if build is None or workload.direction != FORWARD:
        return {}
    found = build(workload, operands, device)
    if found is None:
        return {}
    function, arrays = found
    backend = _keras().backend.backend()
    candidate = Candidate(
        _awaited(function, arrays), lambda y: {"output": _as_ours(y, device)}, waits=backend == "jax"
    )
    return {f"keras ({backend})": candidate}


def compiled_candidates(workload, operands, device):
    return {}


def _awaited(function, arrays):
    """A call of the function, without gradients; under JAX compiled, and waited for.

    The arrays are arguments of what JAX compiles: on constants it would compute the result while compiling.
    """
    keras = _keras()
    if keras.backend.backend() == "jax":
        import jax

        compiled = jax.jit(function)
        return lambda: jax.block_until_ready(compiled(*arrays))
    import torch

    def run():
        with torch.inference_mode():
            return function(*arrays)

    return run


def _taken(array):
    """A tensor of Keras's backend with the array's contents."""
    keras = _keras()
    if keras.backend.backend() == "torch":
        from . import with_torch

        return with_torch.tensor(array)
    import jax

    return jax.numpy.from_dlpack(array) if not isinstance(array, np.ndarray) else jax.numpy.asarray(array)


def _as_ours(value, device):
    if _keras().backend.backend() == "torch":
        from . import with_torch

        return with_torch.array(value, device)
    return device.asarray(np.asarray(value))


def _padding(window):
    """Keras's name of the padding, or None where it has no such padding."""
    if not any(window.pad_low + window.pad_high):
        return "valid"
    from gpulayers.ops.spatial import SlidingWindow

    same = SlidingWindow.resolve(window.input_size, window.size, window.strides, "same", window.dilation)
    return "same" if (same.pad_low, same.pad_high) == (window.pad_low, window.pad_high) else None


def _convolution(workload, operands, device):
    keras, problem = _keras(), workload.problem
    padding = _padding(problem.window)
    if padding is None:
        return None
    arrays = [_taken(operands[name]) for name in ("x", "weight", "bias") if operands[name] is not None]
    settings = dict(strides=problem.window.strides, padding=padding, data_format=problem.data_format)
    if len(set(problem.window.dilation)) > 1 or problem.window.dilation[0] > 1:
        settings["dilation_rate"] = problem.window.dilation
    activate = keras.activations.get(problem.activation.value)

    def run(x, weight, bias=None):
        y = keras.ops.conv(x, weight, **settings)
        return activate(y if bias is None else y + bias)

    return run, arrays


def _pooling(workload, operands, device):
    keras, problem = _keras(), workload.problem
    if workload.variant not in ("max", "average"):
        return None
    padding = _padding(problem.window)
    if padding is None or set(problem.window.dilation) != {1}:
        return None
    window, pool = problem.window, getattr(keras.ops, f"{workload.variant}_pool")
    return (
        lambda x: pool(x, window.size, window.strides, padding, problem.data_format),
        [_taken(operands["x"])],
    )


def _embedding(workload, operands, device):
    keras = _keras()
    return (
        lambda ids, table: keras.ops.take(table, ids, axis=0),
        [_taken(operands[name]) for name in ("ids", "table")],
    )


def _recurrent(workload, operands, device):
    keras, problem = _keras(), workload.problem
    kind = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU}[workload.variant]
    layer = kind(problem.units, return_sequences=True, dtype=str(problem.dtype))
    layer.build((problem.batch, problem.steps, problem.input_dim))
    weights = [_taken(operands[name]) for name in ("weight", "recurrent_weight", "bias")]
    x = _taken(operands["x"])
    if keras.backend.backend() == "jax":
        others = [variable.value for variable in layer.non_trainable_variables]
        return lambda x, *weights: layer.stateless_call(list(weights), others, x)[0], [x, *weights]
    for variable, weight in zip(layer.weights, weights):
        variable.assign(weight)
    return lambda x: layer(x, training=False), [x]


def _dense(workload, operands, device):
    keras, problem = _keras(), workload.problem
    activate = keras.activations.get(problem.activation)
    return (
        lambda x, weight, bias: activate(keras.ops.matmul(x, weight) + bias),
        [_taken(operands[name]) for name in ("x", "weight", "bias")],
    )
