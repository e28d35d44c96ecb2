"""What one run of an extended recurrent cell over a sequence is: layer normalisation, zoneout, peepholes, a
projection."""

import dataclasses

from ..arrays import accumulation_dtype
from .problem import GRUProblem, LSTMProblem, Residuals

EPSILON = 1e-3  # of the layer normalisations

# In this order the backwards return their gradients; None for operands that are not there.
GRADIENTS = ("x", "weight", "recurrent_weight", "bias", "initial_h", "initial_c", "peephole", "projection")
GRADIENTS += ("input_gain", "recurrent_gain", "state_gain", "state_shift")


def _taken(name, number):
    if not 0 <= number <= 1:
        raise ValueError(f"{name} must lie in [0, 1]. Received: {number}")
    return float(number)


def _normalized(gains):
    """Whether the gains {name: array or None} are there: all or none."""
    given = [name for name, gain in gains.items() if gain is not None]
    if len(given) not in (0, len(gains)):
        raise ValueError(
            f"The gains of layer normalisation, {', '.join(gains)}, go together. Received: {', '.join(given)}"
        )
    return bool(given)


@dataclasses.dataclass(frozen=True)
class LSTMVariantProblem(LSTMProblem):
    """An LSTM with extensions over sequences.

    Attributes:
        projection_size: of h; None without a projection.
        normalized, peepholes: whether there are gains of layer normalisation, weights of peepholes.
        taken_h, taken_c: how much of the new h, of the new c is taken where no array says so.
        drawn_h, drawn_c: whether arrays say how much of the new states is taken.
    """

    projection_size: int = None
    normalized: bool = False
    peepholes: bool = False
    taken_h: float = 1.0
    taken_c: float = 1.0
    drawn_h: bool = False
    drawn_c: bool = False

    @classmethod
    def resolve(
        cls,
        *,
        peephole=None,
        projection=None,
        input_gain=None,
        recurrent_gain=None,
        state_gain=None,
        state_shift=None,
        update_h=None,
        update_c=None,
        taken_h=1.0,
        taken_c=1.0,
        **named,
    ):
        """As `SequenceProblem.resolve`; the extensions as of `lstm_variant`, numbers of updates apart."""
        wide = dict(input_gain=input_gain, recurrent_gain=recurrent_gain)
        narrow = dict(state_gain=state_gain, state_shift=state_shift)
        extensions = {name: (gain, ("columns",)) for name, gain in wide.items()}
        extensions |= {name: (gain, ("units",)) for name, gain in narrow.items()}
        extensions |= {
            "peephole": (peephole, (3, "units")),
            "update_h": (update_h, ("batch", "steps", "size")),
            "update_c": (update_c, ("batch", "steps", "units")),
        }
        if projection is not None and not projection.ndim:
            raise ValueError(f"projection must be a matrix. Received: shape {tuple(projection.shape)}")
        return super().resolve(
            **named,
            projection=projection,
            extensions=extensions,
            projection_size=None if projection is None else int(projection.shape[-1]),
            normalized=_normalized(wide | narrow),
            peepholes=peephole is not None,
            taken_h=_taken("update_h", taken_h),
            taken_c=_taken("update_c", taken_c),
            drawn_h=update_h is not None,
            drawn_c=update_c is not None,
        )

    @property
    def size(self):
        return self.projection_size or self.units

    @property
    def drawn_count(self):
        return self.size * self.drawn_h + self.units * self.drawn_c

    def flops(self):
        rows = self.batch * self.steps
        of_projection = self.units * self.projection_size if self.projection_size else 0
        return 2 * rows * ((self.input_dim + self.size) * self.columns + of_projection)

    @property
    def weight_count(self):
        gains = 2 * self.columns + 2 * self.units if self.normalized else 0
        of_projection = self.units * self.projection_size if self.projection_size else 0
        return (
            (self.input_dim + self.size + self.use_bias) * self.columns
            + 3 * self.units * self.peepholes
            + of_projection
            + gains
        )

    @property
    def kept_bytes(self):
        """The gates, c, what is normalised, what is projected."""
        item, wide = self.dtype.itemsize, accumulation_dtype(self.dtype).itemsize
        normal = 2 * self.columns * item + 4 * wide if self.normalized else 0
        projected = self.units * item if self.projection_size else 0
        return super().kept_bytes + normal + projected


@dataclasses.dataclass(frozen=True)
class GRUVariantProblem(GRUProblem):
    """A GRU, reset gate after the product, with extensions over sequences.

    Attributes:
        normalized: whether there are gains of layer normalisation.
        taken_h: how much of the new h is taken where no array says so.
        drawn_h: whether an array says how much of the new h is taken.
    """

    normalized: bool = False
    taken_h: float = 1.0
    drawn_h: bool = False

    @classmethod
    def resolve(cls, *, input_gain=None, recurrent_gain=None, update_h=None, taken_h=1.0, **named):
        """As `SequenceProblem.resolve`; the extensions as of `gru_variant`, a number of the update apart."""
        gains = dict(input_gain=input_gain, recurrent_gain=recurrent_gain)
        extensions = {name: (gain, ("columns",)) for name, gain in gains.items()}
        extensions["update_h"] = update_h, ("batch", "steps", "size")
        return super().resolve(
            **named,
            bias_shape=(2, 3),
            extensions=extensions,
            normalized=_normalized(gains),
            taken_h=_taken("update_h", taken_h),
            drawn_h=update_h is not None,
        )

    @property
    def drawn_count(self):
        return self.size * self.drawn_h

    @property
    def weight_count(self):
        return super().weight_count + 2 * self.columns * self.normalized

    @property
    def kept_bytes(self):
        """The gates, then the candidate's inner sum, or what is normalised."""
        item, wide = self.dtype.itemsize, accumulation_dtype(self.dtype).itemsize
        if not self.normalized:
            return super().kept_bytes
        return 3 * self.columns * item + 2 * wide


@dataclasses.dataclass(frozen=True, eq=False)
class VariantResiduals(Residuals):
    """As `Residuals`, with the operands of the extensions; `kept`: what the forward computed, in a form known
    only to the implementations on that kind of device."""

    peephole: object = None
    projection: object = None
    input_gain: object = None
    recurrent_gain: object = None
    state_gain: object = None
    state_shift: object = None
    update_h: object = None
    update_c: object = None
    kept: object = None
