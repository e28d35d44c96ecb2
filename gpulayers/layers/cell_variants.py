"""LSTM and GRU beyond Keras: layer normalisation, zoneout, peepholes, projection."""

from .. import ops
from ..arguments import flag
from ..ops import arrays
from ..ops.spatial import integer

DEFAULTS = {"layer_normalization": False, "zoneout": 0.0, "peepholes": False, "projection_size": None}


def checked(name, value):
    """The value of one of the arguments in `DEFAULTS`."""
    if name in ("layer_normalization", "peepholes"):
        return flag(value, name)
    if name == "projection_size":
        return None if value is None else integer(value, name, least=1)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1:
        raise ValueError(f"zoneout must be a number in [0, 1). Received: {value!r}")
    return value


def is_variant(cell):
    """Whether the cell has any of the extensions."""
    return any(getattr(cell, name, default) != default for name, default in DEFAULTS.items())


def without_defaults(config):
    """The configuration without extensions that are off, as Keras knows it."""
    return {name: value for name, value in config.items() if name not in DEFAULTS or value != DEFAULTS[name]}


def add_weights(cell):
    """The extensions' weights, after those of the plain cell: {operand: Variable}."""
    columns, is_lstm = cell.gates * cell.units, cell.gates == 4
    found = {}

    def add(operand, shape, initializer):
        found[operand] = cell.add_weight(shape, initializer, name=operand)

    if getattr(cell, "peepholes", False):
        add("peephole", (3, cell.units), "glorot_uniform")
    if getattr(cell, "projection_size", None):
        add("projection", (cell.units, cell.projection_size), "glorot_uniform")
    if cell.layer_normalization:
        add("input_gain", (columns,), "ones")
        add("recurrent_gain", (columns,), "ones")
        if is_lstm:
            add("state_gain", (cell.units,), "ones")
            add("state_shift", (cell.units,), "zeros")
    return found


def run_variant(cell, x, states, mask, go_backwards, training):
    """As `BuiltInCell.sequence`."""
    dropped, keep, scales = cell.dropped(x, states[0], training)
    variables = {"weight": cell.kernel, "recurrent_weight": cell.recurrent_kernel, "bias": cell.bias}
    variables |= cell.variant_weights
    operands = {name: cell.cast(variable) for name, variable in variables.items()}
    options = dict(zip(("initial_h", "initial_c"), states), mask=mask, go_backwards=go_backwards, **scales)
    options |= dict(activation=cell.activation, recurrent_activation=cell.recurrent_activation)
    sizes = cell.state_size if isinstance(cell.state_size, list) else [cell.state_size]
    for name, size in zip(("update_h", "update_c"), sizes):
        options[name] = _update(cell, x, size, training)
    run = ops.lstm_variant if cell.gates == 4 else ops.gru_variant
    outputs, *after, residuals = run(dropped, **operands, **options, training=training)

    def backward(grad_outputs, grad_states):
        kept = residuals
        if kept is None:
            kept = run(dropped, **operands, **options, training=True)[-1]
        run_back = ops.lstm_variant_backward if cell.gates == 4 else ops.gru_variant_backward
        grads = run_back(grad_outputs, *grad_states, kept)
        for name, variable in variables.items():
            if variable is not None and variable.trainable:
                variable.add_grad(grads[name])
        grad_x = grads["x"] if keep is None else grads["x"] * keep
        return grad_x, [grads[name] for name in ("initial_h", "initial_c") if name in grads]

    return outputs, after, backward


def _update(cell, x, size, training):
    """How much of each new state is taken: drawn in training, its mean otherwise."""
    if not cell.zoneout or not training:
        return 1.0 - cell.zoneout
    generator, shape = cell.generator(x), (x.shape[0], x.shape[1], size)
    taken = generator.random(shape, dtype=arrays.accumulation_dtype("float32")) >= cell.zoneout
    return taken.astype(x.dtype)
