"""Which options of the recurrent layers run in kernels: all but activations that the kernels do not know."""

import itertools

import numpy as np
import pytest

from gpulayers import layers, ops
from gpulayers.layers import rnn
from gpulayers.ops import dispatch
from gpulayers.ops.recurrent import ACTIVATIONS, problem, variant_problem

PLAIN = {
    "use_bias": (True, False),
    "dropout": (0.0, 0.3),
    "recurrent_dropout": (0.0, 0.3),
    "return_sequences": (False, True),
    "return_state": (False, True),
    "go_backwards": (False, True),
    "stateful": (False, True),
    "unroll": (False, True),
    "zero_output_for_mask": (False, True),
}
OF_KINDS = {
    "LSTM": {
        "layer_normalization": (False, True),
        "zoneout": (0.0, 0.2),
        "peepholes": (False, True),
        "projection_size": (None, 3),
    },
    "GRU": {"reset_after": (True, False), "layer_normalization": (False, True), "zoneout": (0.0, 0.2)},
    "SimpleRNN": {},
}
WRAPPERS = {
    "alone": lambda layer: layer,
    "both directions": layers.Bidirectional,
    "a cell": lambda layer: layers.RNN(layer.cell, return_state=True),
    "stacked cells": lambda layer: layers.RNN([layer.cell, layers.GRUCell(2, reset_after=False)]),
}


@pytest.fixture
def chosen(emulated_default, monkeypatch):
    """The implementations that operations have chosen, as text; kernels are not run."""
    found = []
    choose = dispatch.Operation.choose

    def remember(self, problem, device):
        implementation = choose(self, problem, device)
        found.append(f"{self.name}: {implementation.name} ({implementation.file})")
        return implementation

    def steps(*arguments):
        found.append("a layer's steps")
        return rnn_steps(*arguments)

    rnn_steps = rnn.run_steps
    monkeypatch.setattr(rnn, "run_steps", steps)
    monkeypatch.setattr(dispatch.Operation, "choose", remember)
    device = type(emulated_default)
    monkeypatch.setattr(device, "kernel", lambda *_, **__: lambda *_, **__: None)
    monkeypatch.setattr(device, "empty", device.zeros)
    return found


@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize("kind", OF_KINDS)
def test_layers(kind, wrapper, chosen, emulated_default):
    """A sample of all combinations: no call leaves the kernels."""
    choices = PLAIN | OF_KINDS[kind]
    generator = np.random.default_rng(len(kind + wrapper))
    x = emulated_default.asarray(np.ones((2, 3, 4), np.float32))
    mask = emulated_default.asarray(np.ones((2, 3), bool))
    for _ in range(30):
        options = {name: values[generator.integers(2)] for name, values in choices.items()}
        if options.get("reset_after") is False:
            options |= {"layer_normalization": False, "zoneout": 0.0}  # which need it
        if wrapper == "both directions":
            options["go_backwards"] = False
        layer = WRAPPERS[wrapper](getattr(layers, kind)(5, **options))
        layer.build(x.shape)
        del chosen[:]
        output, backward = layer.forward(x, mask=mask if generator.integers(2) else None, training=True)
        backward(output)
        layer(x)
        assert chosen and all("(recurrent/" in text for text in chosen), (options, chosen)


def _problems(kind, fields):
    sizes = dict(batch=2, steps=3, input_dim=4, units=5)
    names = ("use_bias", "masked", "go_backwards", "training", "input_scaled", "recurrent_scaled")
    choices = {name: (False, True) for name in names} | fields
    for values in itertools.product(*choices.values()):
        given = dict(zip(choices, values))
        for dtype in (np.float16, np.float64):
            yield kind(**sizes, dtype=np.dtype(dtype), **given)


@pytest.mark.parametrize(
    "kind, fields",
    [
        (problem.LSTMProblem, {}),
        (problem.GRUProblem, {"reset_after": (False, True)}),
        (problem.SimpleRNNProblem, {}),
        (
            variant_problem.LSTMVariantProblem,
            {
                "projection_size": (None, 3),
                "normalized": (False, True),
                "peepholes": (False, True),
                "drawn_h": (False, True),
            },
        ),
        (variant_problem.GRUVariantProblem, {"normalized": (False, True), "drawn_h": (False, True)}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_every_combination_of_an_operations_options(kind, fields, emulated):
    operations = [o for o in dispatch.OPERATIONS.values() if o.problem_type is kind]
    assert len(operations) == 2
    for given in _problems(kind, fields):
        for operation in operations:
            assert operation.choose(given, emulated).file, given


@pytest.mark.parametrize("name", ["silu", "softmax", "gelu"])
def test_other_activations_run_as_array_functions_and_say_so(name, emulated):
    assert name not in ACTIVATIONS
    told = ops.explain(problem.LSTMProblem(2, 3, 4, 5, np.dtype(np.float32), activation=name), emulated)
    assert f"the kernels know the activations tanh, sigmoid, relu, linear, hard_sigmoid, not {name}" in told
    assert "-> step_loop_forward: chosen" in told and "-> step_loop_backward: chosen" in told
