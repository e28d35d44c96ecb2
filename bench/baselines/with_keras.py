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
    return {
        f"keras ({_keras().backend.backend()})": Candidate(
            _awaited(found), lambda y: {"output": _as_ours(y, device)}
        )
    }


def compiled_candidates(workload, operands, device):
    return {}


def _awaited(function):
    """The function, without gradients; under JAX compiled, and waited for on the CPU."""
    keras = _keras()
    if keras.backend.backend() == "jax":
        import jax

        compiled = jax.jit(function)
        return lambda: jax.block_until_ready(compiled())
    import torch

    def run():
        with torch.inference_mode():
            return function()

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
    x, weight, bias = (None if operands[n] is None else _taken(operands[n]) for n in ("x", "weight", "bias"))
    settings = dict(strides=problem.window.strides, padding=padding, data_format=problem.data_format)
    if len(set(problem.window.dilation)) > 1 or problem.window.dilation[0] > 1:
        settings["dilation_rate"] = problem.window.dilation
    activate = keras.activations.get(problem.activation.value)

    def run():
        y = keras.ops.conv(x, weight, **settings)
        return activate(y if bias is None else y + bias)

    return run


def _pooling(workload, operands, device):
    keras, problem = _keras(), workload.problem
    if workload.variant not in ("max", "average"):
        return None
    padding = _padding(problem.window)
    if padding is None or set(problem.window.dilation) != {1}:
        return None
    x, pool = _taken(operands["x"]), getattr(keras.ops, f"{workload.variant}_pool")
    window = problem.window
    return lambda: pool(x, window.size, window.strides, padding, problem.data_format)


def _embedding(workload, operands, device):
    keras = _keras()
    ids, table = _taken(operands["ids"]), _taken(operands["table"])
    return lambda: keras.ops.take(table, ids, axis=0)


def _recurrent(workload, operands, device):
    keras, problem = _keras(), workload.problem
    kind = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU}[workload.variant]
    layer = kind(problem.units, return_sequences=True, dtype=str(problem.dtype))
    layer.build((problem.batch, problem.steps, problem.input_dim))
    for variable, name in zip(layer.weights, ("weight", "recurrent_weight", "bias")):
        variable.assign(_taken(operands[name]))
    x = _taken(operands["x"])
    return lambda: layer(x, training=False)


def _dense(workload, operands, device):
    keras, problem = _keras(), workload.problem
    x, weight, bias = (_taken(operands[name]) for name in ("x", "weight", "bias"))
    activate = keras.activations.get(problem.activation)
    return lambda: activate(keras.ops.matmul(x, weight) + bias)
