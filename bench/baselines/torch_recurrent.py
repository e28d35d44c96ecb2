"""Recurrent cells in PyTorch: its own layers where it has the cell, else a loop of steps."""

import warnings

from ..workloads import FORWARD
from ..workloads.recurrent_formulas import EPSILON
from . import Candidate
from .with_torch import _nothing_kept, _torch, _with_gradients, array, tensor


def candidates(workload, operands, device, compiled=False):
    """{name: Candidate}; compiled: with torch.compile of a step, where the row is a loop of them."""
    if workload.family == "recurrent":
        return {"torch": _layer(workload, operands, device)}
    if "projection" in operands:
        return {} if compiled else {"torch": _projected(workload, operands, device)}
    return {"torch compiled" if compiled else "torch": _loop(workload, operands, device, compiled)}


def _layer(workload, operands, device):
    torch, problem = _torch(), workload.problem
    x, units = tensor(operands["x"]), problem.units
    kind = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[workload.variant]
    layer = kind(problem.input_dim, units, batch_first=True, dtype=x.dtype, device=x.device)
    # LSTM: i, f, g, o in both libraries. GRU: z, r, g here and r, z, n there.
    gates = [0, 1, 2, 3] if workload.variant == "lstm" else [1, 0, 2]
    order = torch.cat([torch.arange(gate * units, (gate + 1) * units) for gate in gates]).to(x.device)
    biases = tensor(operands["bias"]).reshape(-1, len(order))
    with torch.no_grad():
        layer.weight_ih_l0.copy_(tensor(operands["weight"]).T[order])
        layer.weight_hh_l0.copy_(tensor(operands["recurrent_weight"]).T[order])
        layer.bias_ih_l0.copy_(biases[0][order])
        layer.bias_hh_l0.copy_(biases[1][order]) if len(biases) == 2 else layer.bias_hh_l0.zero_()
    layer.flatten_parameters()

    def forward():
        return layer(x)[0]

    if workload.direction == FORWARD:
        return Candidate(_nothing_kept(forward), lambda y: {"output": array(y, device)})
    leaves = [x, layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0, layer.bias_hh_l0][
        : 3 + len(biases)
    ]

    def outputs(result):
        y, grad_x, grad_weight, grad_recurrent_weight, *grad_biases = result
        # The order is a permutation that is its own inverse.
        grad_bias = torch.stack([grad[order] for grad in grad_biases])
        return {
            "output": array(y, device),
            "grad_x": array(grad_x, device),
            "grad_weight": array(grad_weight[order].T, device),
            "grad_recurrent_weight": array(grad_recurrent_weight[order].T, device),
            "grad_bias": array(grad_bias if len(grad_biases) == 2 else grad_bias[0], device),
        }

    return Candidate(_with_gradients(forward, leaves, tensor(operands["grad_output"])), outputs)


def _projected(workload, operands, device):
    """torch.nn.LSTM with proj_size, of which it says on the CPU that oneDNN has none."""
    warnings.filterwarnings("ignore", "LSTM with projections is not supported with oneDNN", UserWarning)
    torch, problem = _torch(), workload.problem
    of = {name: tensor(operand) for name, operand in operands.items()}
    sizes = problem.input_dim, problem.units
    options = dict(batch_first=True, proj_size=problem.size, dtype=of["x"].dtype, device=of["x"].device)
    layer = torch.nn.LSTM(*sizes, **options)
    parameters = layer.weight_ih_l0, layer.weight_hh_l0, layer.weight_hr_l0, layer.bias_ih_l0
    with torch.no_grad():
        for parameter, name in zip(parameters, _PROJECTED):
            parameter.copy_(of[name].T if of[name].dim() == 2 else of[name])
        layer.bias_hh_l0.zero_()
    layer.flatten_parameters()

    def forward():
        return layer(of["x"])[0]

    if workload.direction == FORWARD:
        return Candidate(_nothing_kept(forward), lambda y: {"output": array(y, device)})

    def outputs(result):
        y, grad_x, *grads = result
        found = {f"grad_{n}": g.T if g.dim() == 2 else g for n, g in zip(_PROJECTED, grads)}
        found |= {"output": y, "grad_x": grad_x}
        return {name: array(value, device) for name, value in found.items()}

    return Candidate(_with_gradients(forward, [of["x"], *parameters], of["grad_output"]), outputs)


_PROJECTED = "weight", "recurrent_weight", "projection", "bias"
_CONSTANT = "recurrent_scale", "update_h", "update_c", "grad_output"


def _loop(workload, operands, device, compiled):
    """One product for the inputs of all steps, then a step after another."""
    torch, problem = _torch(), workload.problem
    of = {name: tensor(operand) for name, operand in operands.items()}
    step = (_lstm_step if workload.variant == "lstm" else _gru_step)(torch, of, problem)
    step = torch.compile(step, mode="max-autotune-no-cudagraphs") if compiled else step
    names = [name for name in ("update_h", "update_c") if name in of]
    updates = zip(*(of[name].unbind(1) for name in names)) if names else [()] * problem.steps
    updates = [dict(zip(names, taken)) for taken in updates]

    def forward():
        of_x = of["x"] @ of["weight"]
        if "input_gain" in of:
            of_x = torch.nn.functional.layer_norm(of_x, of_x.shape[2:], of["input_gain"], eps=EPSILON)
        of_x = (of_x + (of["bias"] if of["bias"].dim() == 1 else of["bias"][0])).unbind(1)
        h = of_x[0].new_zeros(problem.state_shape)
        states = (h, h.new_zeros(problem.cell_shape)) if workload.variant == "lstm" else (h,)
        outputs = []
        for now, taken in zip(of_x, updates):
            states = step(now, *states, **taken)
            outputs.append(states[0])
        return torch.stack(outputs, dim=1)

    if workload.direction == FORWARD:
        return Candidate(_nothing_kept(forward), lambda y: {"output": array(y, device)})
    leaves = {name: value for name, value in of.items() if name not in _CONSTANT}

    def outputs(result):
        names = "output", *(f"grad_{name}" for name in leaves)
        return {name: array(value, device) for name, value in zip(names, result)}

    return Candidate(_with_gradients(forward, list(leaves.values()), of["grad_output"]), outputs)


def _state_product(torch, of, gates):
    """`product(h)`: h R (batch, gates * units), each gate's h with factors of its own, then normalised."""
    weight, scale, gain = of["recurrent_weight"], of.get("recurrent_scale"), of.get("recurrent_gain")
    scale = None if scale is None else scale[:, :gates].transpose(0, 1).contiguous()

    def product(h):
        if scale is None:
            sums = h @ weight[:, : gates * h.shape[1]]
        else:  # gate by gate in one batched product
            by_gate = weight[:, : gates * h.shape[1]].unflatten(1, (gates, -1)).transpose(0, 1)
            sums = torch.bmm(h * scale, by_gate).transpose(0, 1).flatten(1)
        return (
            sums if gain is None else torch.nn.functional.layer_norm(sums, sums.shape[1:], gain, eps=EPSILON)
        )

    return product


def _mixed(before, after, taken):
    return after if taken is None else before + taken * (after - before)


def _lstm_step(torch, of, problem):
    product, peephole = _state_product(torch, of, 4), of.get("peephole")
    gain, shift = of.get("state_gain"), of.get("state_shift")

    def step(of_x, h, c, update_h=None, update_c=None):
        i, f, g, o = (of_x + product(h)).chunk(4, dim=1)
        if peephole is not None:
            i, f = i + peephole[0] * c, f + peephole[1] * c
        after = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        o = o if peephole is None else o + peephole[2] * after
        shown = after
        if gain is not None:
            shown = torch.nn.functional.layer_norm(after, after.shape[1:], gain, shift, EPSILON)
        new = torch.sigmoid(o) * torch.tanh(shown)
        return _mixed(h, new, update_h), _mixed(c, after, update_c)

    return step


def _gru_step(torch, of, problem):
    after, bias = problem.reset_after, of["bias"]
    product, units = _state_product(torch, of, 3 if after else 2), problem.units

    def step(of_x, h, update_h=None):
        of_h = product(h) + bias[1] if after else product(h)
        z, r = torch.sigmoid(of_x[:, : 2 * units] + of_h[:, : 2 * units]).chunk(2, dim=1)
        if after:
            inner = r * of_h[:, 2 * units :]
        else:
            reset = r * h * of["recurrent_scale"][:, 2] if "recurrent_scale" in of else r * h
            inner = reset @ of["recurrent_weight"][:, 2 * units :]
        g = torch.tanh(of_x[:, 2 * units :] + inner)
        return (_mixed(h, g + z * (h - g), update_h),)

    return step
