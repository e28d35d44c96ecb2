"""Problems of the simple recurrent cell that drive every test of the operation."""

import dataclasses

from gpulayers import ops
from tests.cases import recurrent


@dataclasses.dataclass(frozen=True)
class Case(recurrent.Case):
    grads: tuple = ("outputs", "h")

    gates = 1
    forward, backward = staticmethod(ops.simple_rnn), staticmethod(ops.simple_rnn_backward)

    @property
    def options(self):
        return dict(go_backwards=self.go_backwards, activation=self.activation)

    def run_backward(self, grads, residuals):
        return self.backward(grads.get("outputs"), grads.get("h"), residuals)


CASES = [
    Case("one of everything", 1, 1, 1, 1),
    Case("plain", 3, 4, 5, 7),
    Case("full tiles", 64, 2, 4, 32, states="h"),
    Case("many of both, masked", 35, 3, 2, 34, states="h", mask="holes"),
    Case("no bias", 3, 3, 5, 7, states="h", bias=False),
    Case("padded left, initial state", 6, 4, 3, 5, states="h", mask="left"),
    Case("padded right", 6, 4, 3, 5, mask="right"),
    Case("all masked", 3, 4, 2, 5, states="h", mask="all"),
    Case("backwards, with holes", 5, 6, 3, 5, states="h", mask="holes", go_backwards=True),
    Case("gradient of the last h only", 3, 4, 5, 7, states="h", mask="right", grads=("h",)),
    Case("no gradient", 2, 3, 2, 3, grads=()),
    Case("relu", 3, 4, 5, 7, 1.0, "h", activation="relu"),
    Case("hard sigmoid", 3, 4, 5, 7, 9.0, "h", activation="hard_sigmoid"),
    Case("dropout", 3, 4, 5, 7, states="h", scaled=True),
    Case("dropout, many of both", 35, 3, 2, 34, states="h", mask="holes", go_backwards=True, scaled=True),
    Case("no sequences", 0, 3, 4, 5, states="h"),
    Case("no steps", 3, 0, 4, 5, states="h"),
]
run = recurrent.run
