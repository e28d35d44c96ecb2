"""Problems of the LSTM and the GRU with extensions that drive every test of the operations."""

import dataclasses

import numpy as np

from gpulayers import ops
from tests.cases import gru, recurrent

_GAINS = {"lstm": ("input_gain", "recurrent_gain", "state_gain", "state_shift")}
_GAINS["gru"] = _GAINS["lstm"][:2]


@dataclasses.dataclass(frozen=True)
class Extensions:
    """What a case has beyond the plain cell.

    Attributes:
        normalized, peepholes: whether there are gains of layer normalisation, weights of peepholes.
        projection: the size of h, or None.
        zoneout: "drawn" factors, 0 or 1, for every new state; or a number; or None for all of it.
    """

    normalized: bool = False
    peepholes: bool = False
    projection: int = None
    zoneout: object = None

    @property
    def size(self):
        return self.projection or self.units

    @property
    def options(self):
        options = super().options
        options.pop("reset_after", None)
        if isinstance(self.zoneout, float):
            options |= {f"update_{name}": self.zoneout for name in self.states_of_the_cell}
        return options

    def shapes(self):
        operands, grads = super().shapes()
        columns, units, batch = self.gates * self.units, self.units, self.batch
        if self.projection:
            operands["recurrent_weight"] = self.size, columns
            operands["projection"] = units, self.size
            wide = {"initial_h": (batch, self.size), "recurrent_scale": (batch, self.gates, self.size)}
            operands |= {name: shape for name, shape in wide.items() if name in operands}
            of_h = {"outputs": (batch, self.steps, self.size), "h": (batch, self.size)}
            grads |= {name: shape for name, shape in of_h.items() if name in grads}
        if self.peepholes:
            operands["peephole"] = 3, units
        if self.normalized:
            widths = dict.fromkeys(("input_gain", "recurrent_gain"), columns)
            operands |= {name: (widths.get(name, units),) for name in _GAINS[self.kind]}
        if self.zoneout == "drawn":
            for name in self.states_of_the_cell:
                operands[f"update_{name}"] = batch, self.steps, self.size if name == "h" else units
        return operands, grads

    def draw(self, seed=0):
        operands, grads = super().draw(seed)
        for name in operands:
            if name.endswith("_gain"):
                operands[name] = 1 + operands[name]  # 0.5 to 1.5
            if name.startswith("update_"):
                operands[name] = (operands[name] > -0.2).astype(np.float64)
        return operands, grads


@dataclasses.dataclass(frozen=True)
class LSTMCase(Extensions, recurrent.Case):
    kind = "lstm"
    states_of_the_cell = ("h", "c")
    forward, backward = staticmethod(ops.lstm_variant), staticmethod(ops.lstm_variant_backward)


@dataclasses.dataclass(frozen=True)
class GRUCase(Extensions, gru.Case):
    grads: tuple = ("outputs", "h")

    kind = "gru"
    states_of_the_cell = ("h",)
    forward, backward = staticmethod(ops.gru_variant), staticmethod(ops.gru_variant_backward)


def _case(name, kind, *sizes, **options):
    extensions = ("normalized", "peepholes", "projection", "zoneout")
    given = {key: options.pop(key) for key in extensions if key in options}
    fields = dict(zip(("batch", "steps", "input_dim", "units"), sizes))
    return {"lstm": LSTMCase, "gru": GRUCase}[kind](name=name, **fields, **options, **given)


_EVERYTHING = dict(peepholes=True, zoneout="drawn", states="hc", mask="holes", scaled=True)
CASES = [
    _case("nothing", "lstm", 3, 4, 5, 7),
    _case("peepholes", "lstm", 3, 4, 5, 7, peepholes=True),
    _case("peepholes, padded left", "lstm", 6, 4, 3, 5, peepholes=True, states="hc", mask="left"),
    _case("zoneout", "lstm", 3, 4, 5, 7, zoneout="drawn", states="hc", mask="right"),
    _case("mean of zoneout", "lstm", 3, 4, 5, 7, zoneout=0.75, states="hc", go_backwards=True),
    _case("all but a projection", "lstm", 5, 6, 3, 6, **_EVERYTHING),
    _case("many of both", "lstm", 35, 2, 2, 34, **_EVERYTHING),
    _case("all masked", "lstm", 3, 3, 2, 5, peepholes=True, zoneout=0.5, states="hc", mask="all"),
    _case("no bias", "lstm", 3, 3, 5, 7, bias=False, peepholes=True),
    _case("projection", "lstm", 3, 4, 5, 7, projection=3),
    _case("projection to more", "lstm", 3, 3, 2, 3, projection=5, states="h", zoneout=0.5),
    _case("projection, masked", "lstm", 5, 4, 3, 6, projection=2, go_backwards=True, **_EVERYTHING),
    _case("projection, all masked", "lstm", 3, 3, 2, 5, projection=2, states="hc", mask="all"),
    _case("projection, many of both", "lstm", 35, 2, 2, 34, projection=18, states="hc", mask="right"),
    _case("layer normalisation", "lstm", 3, 4, 5, 7, normalized=True),
    _case("layer normalisation, masked", "lstm", 5, 5, 3, 6, normalized=True, states="hc", mask="left"),
    _case("everything", "lstm", 5, 4, 3, 6, normalized=True, projection=4, **_EVERYTHING),
    _case("everything, many of both", "lstm", 35, 2, 2, 34, normalized=True, projection=18, **_EVERYTHING),
    _case("everything, all masked", "lstm", 2, 3, 2, 4, normalized=True, peepholes=True, mask="all"),
    _case("normalised rows of many", "lstm", 2, 2, 3, 70, normalized=True, states="hc", zoneout=0.5),
    _case("one normalised unit", "lstm", 3, 2, 2, 1, normalized=True, bias=False),
    _case("gradient of c only", "lstm", 3, 3, 2, 5, normalized=True, projection=2, grads=("c",)),
    _case("gradient of the outputs only", "lstm", 3, 3, 2, 5, peepholes=True, grads=("outputs",)),
    _case(
        "relu",
        "lstm",
        3,
        3,
        5,
        7,
        peepholes=True,
        states="hc",
        spread=9.0,
        activation="relu",
        recurrent_activation="hard_sigmoid",
    ),
    _case(
        "normalised relu", "lstm", 3, 2, 5, 7, normalized=True, projection=2, states="hc", activation="relu"
    ),
    _case("linear", "lstm", 3, 3, 4, 5, projection=3, activation="linear", recurrent_activation="linear"),
    _case("no sequences", "lstm", 0, 3, 4, 5, normalized=True, projection=2, peepholes=True),
    _case("no steps", "lstm", 3, 0, 4, 5, normalized=True, projection=2, states="h"),
    _case("no steps, peepholes", "lstm", 3, 0, 4, 5, peepholes=True, states="c"),
    _case("nothing", "gru", 3, 4, 5, 7),
    _case("zoneout", "gru", 5, 5, 3, 6, zoneout="drawn", states="h", mask="holes", scaled=True),
    _case("zoneout, many of both", "gru", 35, 2, 2, 34, zoneout="drawn", mask="left", states="h"),
    _case("mean of zoneout", "gru", 3, 4, 5, 7, zoneout=0.75, go_backwards=True, bias=False),
    _case("all masked", "gru", 3, 3, 2, 5, zoneout=0.5, states="h", mask="all"),
    _case("layer normalisation", "gru", 3, 4, 5, 7, normalized=True),
    _case("layer normalisation, no bias", "gru", 3, 4, 5, 7, normalized=True, bias=False, states="h"),
    _case(
        "everything",
        "gru",
        5,
        5,
        3,
        6,
        normalized=True,
        zoneout="drawn",
        states="h",
        mask="holes",
        scaled=True,
    ),
    _case(
        "everything, many of both",
        "gru",
        35,
        2,
        2,
        34,
        normalized=True,
        zoneout=0.5,
        mask="right",
        scaled=True,
    ),
    _case("everything, all masked", "gru", 2, 3, 2, 4, normalized=True, mask="all", go_backwards=True),
    _case("normalised rows of many", "gru", 2, 2, 3, 70, normalized=True, states="h"),
    _case("gradient of the last h only", "gru", 3, 4, 5, 7, normalized=True, mask="right", grads=("h",)),
    _case(
        "relu",
        "gru",
        3,
        2,
        5,
        7,
        zoneout=0.5,
        states="h",
        spread=9.0,
        activation="relu",
        recurrent_activation="hard_sigmoid",
    ),
    _case("linear", "gru", 3, 2, 4, 5, zoneout="drawn", activation="linear", recurrent_activation="linear"),
    _case("no sequences", "gru", 0, 3, 4, 5, normalized=True),
    _case("no steps", "gru", 3, 0, 4, 5, normalized=True, states="h"),
]


def run(case, device, dtype):
    recurrent.run(case, device, dtype)
