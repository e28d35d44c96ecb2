"""LSTM problems that drive every test of the operation."""

import dataclasses

import numpy as np

from gpulayers import ops


@dataclasses.dataclass(frozen=True)
class Case:
    """x (batch, steps, input_dim) through `units`.

    Attributes:
        scaled: each gate's input and state have factors of their own, as dropout draws them.
        spread: x lies in +-spread; from 9 on, hard sigmoids reach both ends.
        states: which initial states are given, of "h" and "c".
        mask: None, or which steps are masked: "left", "right" (padding), "holes", "all", "nothing".
        grads: which gradients the backward is given, of "outputs", "h" and "c".
    """

    name: str
    batch: int
    steps: int
    input_dim: int
    units: int
    spread: float = 1.0
    states: str = ""
    bias: bool = True
    mask: str = None
    go_backwards: bool = False
    activation: str = "tanh"
    recurrent_activation: str = "sigmoid"
    grads: tuple = ("outputs", "h", "c")
    scaled: bool = False

    gates = 4
    forward, backward = staticmethod(ops.lstm), staticmethod(ops.lstm_backward)

    @property
    def bias_shape(self):
        return (self.gates * self.units,)

    def run_backward(self, grads, residuals):
        """The backward on {name: gradient}; what is missing is None."""
        return self.backward(grads.get("outputs"), grads.get("h"), grads.get("c"), residuals)

    @property
    def options(self):
        return dict(
            go_backwards=self.go_backwards,
            activation=self.activation,
            recurrent_activation=self.recurrent_activation,
        )

    def shapes(self):
        """{operand: shape} of what is given; and the same for the gradients."""
        state, columns = (self.batch, self.units), self.gates * self.units
        operands = {
            "x": (self.batch, self.steps, self.input_dim),
            "weight": (self.input_dim, columns),
            "recurrent_weight": (self.units, columns),
        }
        operands |= {"bias": self.bias_shape} if self.bias else {}
        operands |= {f"initial_{name}": state for name in self.states}
        if self.scaled:
            operands["input_scale"] = (self.batch, self.gates, self.input_dim)
            operands["recurrent_scale"] = (self.batch, self.gates, self.units)
        shapes = {"outputs": (self.batch, self.steps, self.units), "h": state, "c": state}
        return operands, {name: shapes[name] for name in self.grads}

    def draw_mask(self):
        """(batch, steps) bool: the masked run is of another length in every sequence; or None."""
        if self.mask is None:
            return None
        position = np.arange(self.steps)[None, :]
        length = (np.arange(self.batch) % (self.steps + 1))[:, None]
        if self.mask == "holes":
            return np.random.default_rng(5).random((self.batch, self.steps)) < 0.6
        masks = {
            "left": position >= length,
            "right": position < length,
            "all": np.zeros((self.batch, self.steps), bool),
            "nothing": np.ones((self.batch, self.steps), bool),
        }
        return np.broadcast_to(masks[self.mask], (self.batch, self.steps)).copy()

    def draw(self, seed=0):
        """({operand: float64 array, "mask": bool array}, {gradient: float64 array}).

        Sums of products are of the size of the spread.
        """
        generator = np.random.default_rng(seed)
        operands, grads = self.shapes()
        scale = {"x": self.spread, "weight": self.input_dim**-0.5, "recurrent_weight": self.units**-0.5}
        operands = {
            name: scale.get(name, 0.5) * generator.uniform(-1, 1, shape) for name, shape in operands.items()
        }
        for name in ("input_scale", "recurrent_scale"):
            if name in operands:  # rounded to nothing in any type
                operands[name] = np.where(operands[name] > -0.2, 1.5, 0.0)
        grads = {name: generator.uniform(-1, 1, shape) for name, shape in grads.items()}
        mask = self.draw_mask()
        return operands | ({} if mask is None else {"mask": mask}), grads


CASES = [
    Case("one of everything", 1, 1, 1, 1),
    Case("plain", 3, 4, 5, 7),
    Case("one step", 2, 1, 3, 4, states="hc"),
    Case("one unit", 4, 5, 2, 1, states="hc"),
    Case("one input", 2, 3, 1, 6),
    Case("full tiles", 32, 2, 4, 32, states="hc"),
    Case("many units", 2, 3, 4, 41, states="hc"),
    Case("many sequences", 37, 2, 3, 5, states="hc"),
    Case("many of both, masked", 35, 3, 2, 34, states="hc", mask="holes"),
    Case("many steps", 2, 17, 3, 4),
    Case("no bias", 3, 3, 5, 7, bias=False),
    Case("initial states", 3, 3, 5, 7, states="hc"),
    Case("initial h", 3, 3, 2, 5, states="h"),
    Case("initial c", 3, 3, 2, 5, states="c"),
    Case("padded left", 6, 4, 3, 5, mask="left"),
    Case("padded right", 6, 4, 3, 5, mask="right"),
    Case("padded left, initial states", 6, 4, 3, 5, states="hc", mask="left"),
    Case("padded right, initial states", 6, 4, 3, 5, states="hc", mask="right"),
    Case("masked with holes", 5, 7, 3, 6, states="hc", mask="holes"),
    Case("all masked", 3, 4, 2, 5, mask="all"),
    Case("all masked, initial states", 3, 4, 2, 5, states="hc", mask="all"),
    Case("nothing masked", 3, 4, 2, 5, mask="nothing"),
    Case("backwards", 3, 4, 5, 7, go_backwards=True),
    Case("backwards, initial states", 3, 4, 5, 7, states="hc", go_backwards=True),
    Case("backwards, padded left", 6, 4, 3, 5, states="hc", mask="left", go_backwards=True),
    Case("backwards, with holes", 5, 6, 3, 5, states="hc", mask="holes", go_backwards=True),
    Case("gradient of the outputs only", 3, 4, 5, 7, states="hc", grads=("outputs",)),
    Case("gradient of the last h only", 3, 4, 5, 7, states="hc", mask="right", grads=("h",)),
    Case("gradient of the last c only", 3, 4, 5, 7, states="hc", grads=("c",)),
    Case("no gradient", 2, 3, 2, 3, grads=()),
    Case(
        "relu and hard sigmoid", 3, 4, 5, 7, 9.0, "hc", activation="relu", recurrent_activation="hard_sigmoid"
    ),
    Case("linear and tanh", 3, 4, 5, 7, states="hc", activation="linear", recurrent_activation="tanh"),
    Case("sigmoid and linear", 3, 4, 5, 7, activation="sigmoid", recurrent_activation="linear"),
    Case(
        "hard sigmoid and relu", 3, 4, 5, 7, 9.0, "hc", activation="hard_sigmoid", recurrent_activation="relu"
    ),
    Case("dropout", 3, 4, 5, 7, states="hc", scaled=True),
    Case("dropout, many of both", 35, 3, 2, 34, states="hc", mask="holes", go_backwards=True, scaled=True),
    Case("no sequences", 0, 3, 4, 5, states="hc"),
    Case("no steps", 3, 0, 4, 5),
    Case("no steps, initial states", 3, 0, 4, 5, states="hc"),
]


def run(case, device, dtype):
    """Calls every function of the operation once, in training and without, on zeros."""
    if case.activation != "tanh" and dtype.itemsize == 2:
        return  # activations are computed in the accumulation dtype: nothing new to compile
    large = 40 * 132  # sequences enough for large tiles
    for batch in (case.batch, large) if case.activation == "tanh" else (case.batch,):
        shaped = dataclasses.replace(case, batch=batch, steps=min(case.steps, 1), units=min(case.units, 9))
        operands, grads = shaped.shapes()
        operands = {name: device.zeros(shape, dtype) for name, shape in operands.items()}
        case.forward(**operands, **case.options, training=False)
        *_, residuals = case.forward(**operands, **case.options, training=True)
        case.run_backward({name: device.zeros(shape, dtype) for name, shape in grads.items()}, residuals)
