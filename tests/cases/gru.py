"""GRU problems that drive every test of the operation."""

import dataclasses

from gpulayers import ops
from tests.cases import recurrent


@dataclasses.dataclass(frozen=True)
class Case(recurrent.Case):
    """As `recurrent.Case`, with the reset gate after the product with the recurrent weight, or before."""

    grads: tuple = ("outputs", "h")
    reset_after: bool = True

    gates = 3
    forward, backward = staticmethod(ops.gru), staticmethod(ops.gru_backward)

    @property
    def bias_shape(self):
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)

    @property
    def options(self):
        return super().options | {"reset_after": self.reset_after}

    def run_backward(self, grads, residuals):
        return self.backward(grads.get("outputs"), grads.get("h"), residuals)


_AFTER = [
    Case("one of everything", 1, 1, 1, 1),
    Case("plain", 3, 4, 5, 7),
    Case("full tiles", 32, 2, 4, 32, states="h"),
    Case("many of both, masked", 35, 3, 2, 34, states="h", mask="holes"),
    Case("no bias", 3, 3, 5, 7, states="h", bias=False),
    Case("padded left, initial state", 6, 4, 3, 5, states="h", mask="left"),
    Case("all masked", 3, 4, 2, 5, states="h", mask="all"),
    Case("nothing masked", 3, 4, 2, 5, mask="nothing"),
    Case("backwards, with holes", 5, 6, 3, 5, states="h", mask="holes", go_backwards=True),
    Case("backwards", 3, 3, 5, 7, go_backwards=True),
    Case("gradient of the last h only", 3, 4, 5, 7, states="h", mask="right", grads=("h",)),
    Case("gradient of the outputs only", 3, 4, 5, 7, grads=("outputs",)),
    Case("no gradient", 2, 3, 2, 3, grads=()),
    Case(
        "relu and hard sigmoid", 3, 4, 5, 7, 9.0, "h", activation="relu", recurrent_activation="hard_sigmoid"
    ),
    Case("dropout", 3, 4, 5, 7, states="h", scaled=True),
    Case("dropout, many of both", 35, 3, 2, 34, states="h", mask="holes", go_backwards=True, scaled=True),
    Case("no sequences", 0, 3, 4, 5, states="h"),
    Case("no steps", 3, 0, 4, 5, states="h"),
]
CASES = _AFTER + [
    dataclasses.replace(case, name=f"reset before: {case.name}", reset_after=False) for case in _AFTER
]
run = recurrent.run
