"""PyTorch: cuDNN and ATen on the GPU, oneDNN on the CPU.

Convolution and pooling run twice: on contiguous NCHW tensors, as PyTorch's users have them, and in
torch.channels_last. cuDNN may try its algorithms (benchmark mode), before the timing.
"""

import contextlib
import functools

import numpy as np

from ..environment import threads
from ..workloads import BOTH, FORWARD
from . import Candidate, torch_tables


@functools.cache
def _torch():
    import torch

    torch.set_num_threads(threads())
    torch.backends.cudnn.benchmark = True
    return torch


def unavailable(device):
    try:
        torch = _torch()
    except ImportError as error:
        return f"PyTorch does not import ({error})"
    if device.name == "gpu" and not torch.cuda.is_available():
        return "PyTorch has no CUDA device"
    return None


@contextlib.contextmanager
def precision(workload):
    """TF32 for rows of precision "tf32", IEEE for all others."""
    torch = _torch()
    holders = [torch.backends.cuda.matmul, torch.backends.cudnn]
    if hasattr(torch.backends.cudnn, "conv"):  # a setting for each kind of operation, since PyTorch 2.9
        holders = [torch.backends.cuda.matmul, torch.backends.cudnn.conv, torch.backends.cudnn.rnn]
        name, value = "fp32_precision", "tf32" if workload.precision == "tf32" else "ieee"
    else:
        name, value = "allow_tf32", workload.precision == "tf32"
    before = [getattr(holder, name) for holder in holders]
    try:
        for holder in holders:
            setattr(holder, name, value)
        yield
    finally:
        for holder, old in zip(holders, before):
            setattr(holder, name, old)


def free_memory():
    torch = _torch()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def tensor(array):
    """A tensor on the same memory."""
    torch = _torch()
    if array is None:
        return None
    if str(array.dtype) == "bfloat16":
        return tensor(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(array) if isinstance(array, np.ndarray) else torch.from_dlpack(array)


def array(value, device):
    """An array of the device on the tensor's memory."""
    torch = _torch()
    value = value.detach()
    if value.dtype == torch.bfloat16:
        from gpulayers.ops.arrays import bfloat16

        return array(value.view(torch.int16), device).view(bfloat16)
    return value.numpy() if device.name == "cpu" else device.array_module.from_dlpack(value)


def candidates(workload, operands, device):
    torch = _torch()
    if workload.family.startswith("recurrent"):
        from . import torch_recurrent  # which needs this module

        return torch_recurrent.candidates(workload, operands, device)
    build = globals().get(f"_{workload.family}")
    if build is None:
        return {}
    if workload.family == "embedding" and workload.direction not in (FORWARD, BOTH):
        return torch_tables.candidates(workload, operands, device, torch, tensor, array)
    found = {}
    for name, layout in (("torch", torch.contiguous_format), ("torch channels_last", "channels_last")):
        candidate = build(workload, operands, device, layout)
        if candidate is not None:
            found[name] = candidate
    return found


def compiled_candidates(workload, operands, device):
    """torch.compile of the forward, with autotuning; of a loop of steps, in both directions, of the step."""
    torch = _torch()
    if workload.family == "recurrent_variants":
        from . import torch_recurrent

        return torch_recurrent.candidates(workload, operands, device, compiled=True)
    found = {}
    if workload.direction == FORWARD:
        for name, candidate in candidates(workload, operands, device).items():
            run = torch.compile(candidate.run, mode="max-autotune-no-cudagraphs")
            found[f"{name} compiled"] = Candidate(run, candidate.outputs)
    return found


def _nothing_kept(run):
    torch = _torch()

    def inference():
        with torch.inference_mode():
            return run()

    return inference


def _with_gradients(forward, leaves, grad_output):
    torch = _torch()
    leaves = [leaf.requires_grad_() for leaf in leaves]

    def both():
        output = forward()
        return output, *torch.autograd.grad(output, leaves, grad_output)

    return both


# Layouts: (n, *spatial, channels) in this library, (n, channels, *spatial) in PyTorch.


def _memory_format(layout, rank):
    """The torch.memory_format of a layout, or None where PyTorch has none."""
    torch = _torch()
    if layout != "channels_last":
        return layout
    return {2: torch.channels_last, 3: torch.channels_last_3d}.get(rank)


def _channels_first(value, problem):
    value = tensor(value)
    return value if problem.data_format == "channels_first" else value.movedim(-1, 1)


def _as_ours(value, problem, device):
    return array(value if problem.data_format == "channels_first" else value.movedim(1, -1), device)


def _symmetric(window):
    assert window.pad_low == window.pad_high, f"PyTorch pads both sides alike; the row has {window}"
    return window.pad_low


def _convolution(workload, operands, device, layout):
    torch, problem = _torch(), workload.problem
    window, rank = problem.window, problem.window.rank
    memory_format = _memory_format(layout, rank)
    if memory_format is None:
        return None
    functional = torch.nn.functional
    convolve = (functional.conv1d, functional.conv2d, functional.conv3d)[rank - 1]
    x = _channels_first(operands["x"], problem).contiguous(memory_format=memory_format)
    weight = tensor(operands["weight"])
    weight = weight.permute(rank + 1, rank, *range(rank)).contiguous(memory_format=memory_format)
    bias = tensor(operands["bias"])
    settings = dict(
        stride=window.strides, padding=_symmetric(window), dilation=window.dilation, groups=problem.groups
    )
    activate = {None: lambda y: y, "relu": torch.relu_, "tanh": torch.tanh_, "sigmoid": torch.sigmoid_}
    activate = activate[problem.activation.value]

    def forward():
        return activate(convolve(x, weight, bias, **settings))

    def grad_weight_as_ours(value):
        return array(value.permute(*range(2, rank + 2), 1, 0), device)

    if workload.direction == FORWARD:
        return Candidate(_nothing_kept(forward), lambda y: {"output": _as_ours(y, problem, device)})
    grad_output = _channels_first(operands["grad_output"], problem).contiguous(memory_format=memory_format)
    if workload.direction == BOTH:

        def outputs(result):
            y, grad_x, grad_weight = result
            return {
                "output": _as_ours(y, problem, device),
                "grad_input": _as_ours(grad_x, problem, device),
                "grad_weight": grad_weight_as_ours(grad_weight),
            }

        return Candidate(_with_gradients(forward, [x, weight], grad_output), outputs)
    wanted = (workload.direction == "backward_input", workload.direction == "backward_weight", False)

    def backward():
        return torch.ops.aten.convolution_backward(
            *(grad_output, x, weight, None, window.strides, _symmetric(window), window.dilation),
            *(False, [0] * rank, problem.groups, wanted),
        )

    def one(result):
        if wanted[0]:
            return {"grad_input": _as_ours(result[0], problem, device)}
        return {"grad_weight": grad_weight_as_ours(result[1])}

    return Candidate(_nothing_kept(backward), one)


def _transposed(workload, operands, device, layout):
    torch, problem, window = _torch(), workload.problem, workload.problem.window
    rank, memory_format = window.rank, _memory_format(layout, window.rank)
    if memory_format is None:
        return None
    functional = torch.nn.functional
    transposed = (functional.conv_transpose1d, functional.conv_transpose2d, functional.conv_transpose3d)[
        rank - 1
    ]
    x = _channels_first(operands["x"], problem).contiguous(memory_format=memory_format)
    weight = tensor(operands["weight"])
    weight = weight.permute(rank + 1, rank, *range(rank)).contiguous(memory_format=memory_format)
    settings = dict(stride=window.strides, padding=_symmetric(window), dilation=window.dilation)

    def forward():
        return transposed(x, weight, groups=problem.groups, **settings)

    if workload.direction == FORWARD:
        return Candidate(_nothing_kept(forward), lambda y: {"output": _as_ours(y, problem, device)})
    grad_output = _channels_first(operands["grad_output"], problem).contiguous(memory_format=memory_format)

    def outputs(result):
        y, grad_x, grad_weight = result
        return {
            "output": _as_ours(y, problem, device),
            "grad_input": _as_ours(grad_x, problem, device),
            "grad_weight": array(grad_weight.permute(*range(2, rank + 2), 1, 0), device),
        }

    return Candidate(_with_gradients(forward, [x, weight], grad_output), outputs)


def _embedding(workload, operands, device, layout):
    if layout == "channels_last":
        return None
    torch = _torch()
    ids, table, grad_output = (
        tensor(operands["ids"]),
        tensor(operands["table"]),
        tensor(operands.get("grad_output")),
    )

    def forward():
        return torch.nn.functional.embedding(ids, table)

    if workload.direction == FORWARD:
        return Candidate(_nothing_kept(forward), lambda y: {"output": array(y, device)})
    return Candidate(
        _with_gradients(forward, [table], grad_output),
        lambda result: {"output": array(result[0], device), "grad_table": array(result[1], device)},
    )


def _pooling(workload, operands, device, layout):
    torch, problem, kind = _torch(), workload.problem, workload.variant
    rank = len(problem.input_shape) - 2
    memory_format = _memory_format(layout, rank)
    if memory_format is None:
        return None
    functional = torch.nn.functional
    x = _channels_first(operands["x"], problem).contiguous(memory_format=memory_format)
    if kind.startswith("global"):
        axes = tuple(range(2, rank + 2))
        forward = functools.partial(torch.amax if kind == "global max" else torch.mean, x, dim=axes)
        if kind == "global max" and workload.direction == BOTH:
            # The gradient of amax is shared among equal maxima; that of max goes to one of them.
            def forward():
                return x.flatten(2).max(dim=2).values

    else:
        window = problem.window
        name = {"max": "max", "average": "avg"}[kind]
        settings = dict(kernel_size=window.size, stride=window.strides, padding=_symmetric(window))
        settings |= {"dilation": window.dilation} if kind == "max" else {"count_include_pad": False}
        if rank == 1 and kind == "average":
            settings = {n: v[0] if isinstance(v, tuple) else v for n, v in settings.items()}
        forward = functools.partial(getattr(functional, f"{name}_pool{rank}d"), x, **settings)

    def as_ours(value):
        return array(value, device) if value.dim() == 2 else _as_ours(value, problem, device)

    if workload.direction == FORWARD:
        return Candidate(_nothing_kept(forward), lambda y: {"output": as_ours(y)})
    grad_output = operands["grad_output"]
    grad_output = tensor(grad_output) if grad_output.ndim == 2 else _channels_first(grad_output, problem)
    grad_output = (
        grad_output.contiguous(memory_format=memory_format) if grad_output.dim() > 2 else grad_output
    )
    return Candidate(
        _with_gradients(forward, [x], grad_output),
        lambda result: {"output": as_ours(result[0]), "grad_input": as_ours(result[1])},
    )


def _dense(workload, operands, device, layout):
    if layout == "channels_last":
        return None
    torch = _torch()
    x, weight, bias, grad_output = map(tensor, operands.values())
    weight = weight.T.contiguous()
    relu = workload.problem.activation == "relu"

    def forward():
        y = torch.nn.functional.linear(x, weight, bias)
        return torch.relu_(y) if relu else y

    if workload.direction == FORWARD:
        return Candidate(_nothing_kept(forward), lambda y: {"output": array(y, device)})
    names = "output", "grad_input", "grad_weight", "grad_bias"
    return Candidate(
        _with_gradients(forward, [x, weight, bias], grad_output),
        lambda result: {n: array(v.T if n == "grad_weight" else v, device) for n, v in zip(names, result)},
    )


class _Network:
    """The backend of `workloads.networks` in PyTorch; x is NCHW, in any memory format."""

    def __init__(self, weights):
        self.weights = iter(weights)
        self.functional = _torch().nn.functional

    def conv(self, x, filters, size, strides, padding, groups=1, activation=None):
        weight, bias = next(self.weights)
        y = self.functional.conv2d(x, weight, bias, strides, padding, groups=groups)
        return y.relu_() if activation == "relu" else y

    def max_pool(self, x, size, strides, padding):
        return self.functional.max_pool2d(x, size, strides, padding)

    def add(self, x, y, activation=None):
        x += y
        return x.relu_() if activation == "relu" else x

    def global_average_pool(self, x):
        return x.mean(dim=(2, 3))

    def dense(self, x, units):
        return self.functional.linear(x, *next(self.weights))


def _models(workload, operands, device, layout):
    from ..workloads import models

    if workload.problem.model in models.NETWORKS:
        return _inference(workload, operands, device, layout)
    if layout == "channels_last":
        return None
    return _training(workload, operands, device, models)


def _inference(workload, operands, device, layout):
    from ..workloads.networks import NETWORKS

    memory_format = _memory_format(layout, 2)
    weights = []
    for weight, bias in operands["weights"]:
        weight = tensor(weight)
        weight = (
            weight.permute(3, 2, 0, 1).contiguous(memory_format=memory_format)
            if weight.dim() == 4
            else weight.T.contiguous()
        )
        weights.append((weight, tensor(bias)))
    x = tensor(operands["x"]).permute(0, 3, 1, 2).contiguous(memory_format=memory_format)
    network = NETWORKS[workload.problem.model]
    return Candidate(
        _nothing_kept(lambda: network(_Network(weights), x)), lambda y: {"output": array(y, device)}
    )


def _training(workload, operands, device, models):
    torch, batch = _torch(), workload.problem.batch
    where = "cpu" if device.name == "cpu" else "cuda"
    x, labels = (torch.from_numpy(operands[name]) for name in ("x", "labels"))
    nn, digits = torch.nn, workload.problem.model == models.DIGITS
    if digits:
        x = x.permute(0, 3, 1, 2).contiguous()
        convs = [
            nn.Conv2d(1, 16, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
        ]
        convs += [nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
        model = nn.Sequential(*convs, nn.Linear(256, 96), nn.ReLU(), nn.Linear(96, 10))
    else:

        class Characters(nn.Module):
            def __init__(self):
                super().__init__()
                self.embedding = nn.Embedding(models.ALPHABET, 48)
                self.lstm = nn.LSTM(48, models.CHARACTER_UNITS, batch_first=True)
                self.dense = nn.Linear(models.CHARACTER_UNITS, models.ALPHABET)

            def forward(self, ids):
                return self.dense(self.lstm(self.embedding(ids))[0])

        model = Characters()
    model = model.to(where)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)

    def step(inputs, wanted):
        logits = model(inputs.to(where))
        loss = nn.functional.cross_entropy(logits.flatten(0, -2), wanted.to(where).flatten().long())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss.detach()

    def epoch():
        order, total = torch.randperm(len(x)), 0.0
        for start in range(0, len(x), batch):
            chosen = order[start : start + batch]
            total += step(x[chosen], labels[chosen]) * len(chosen)
        return {"loss": float(total) / len(x)}

    return Candidate(epoch if digits else lambda: {"loss": float(step(x, labels))})
