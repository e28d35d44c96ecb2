"""How far a computed value may lie from the true one: the only tolerances of the test suite."""

import ml_dtypes
import numpy as np

# The largest relative error of rounding once to the type (half a unit in the last place).
ROUNDING = {
    np.dtype(np.float64): 2.0**-53,
    np.dtype(np.float32): 2.0**-24,
    np.dtype(np.float16): 2.0**-11,
    np.dtype(ml_dtypes.bfloat16): 2.0**-8,
}
SMALLEST = {np.dtype(np.float16): 2.0**-24, np.dtype(ml_dtypes.bfloat16): 2.0**-133}  # subnormal steps


def allowed_error(expected, dtype, terms, magnitude=None, roundings=1):
    """The error bound of a sum of `terms` products that is accumulated in float32 (float64 for float64).

    Args:
        expected: the true values (float64).
        dtype: the type of the result, and of the operands.
        terms: how many products are added up (1 for an elementwise result).
        magnitude: the sum of the products' absolute values, as a bound on partial sums; default: the largest
            absolute expected value.
        roundings: how many times intermediate values are rounded to `dtype` on the way.

    Returns:
        An array of bounds: `terms` roundings of partial sums in the accumulator, `roundings` of the result.
    """
    dtype = np.dtype(dtype)
    accumulator = ROUNDING[np.dtype(np.float64 if dtype == np.float64 else np.float32)]
    expected = np.abs(np.asarray(expected, np.float64))
    if magnitude is None:
        magnitude = expected.max(initial=0.0)
    size = np.maximum(np.asarray(magnitude, np.float64), expected)
    return 2 * accumulator * (terms + 2) * size + 2 * roundings * ROUNDING[dtype] * size + SMALLEST.get(dtype, 0.0)


def assert_close(actual, expected, terms=1, magnitude=None, roundings=1, what=""):
    """Fails where an element of `actual` differs from `expected` by more than `allowed_error`; NaN matches NaN."""
    actual = np.asarray(actual)
    expected = np.asarray(expected, np.float64)
    assert actual.shape == expected.shape, f"{what}: shape {actual.shape}, expected {expected.shape}"
    bound = allowed_error(np.nan_to_num(expected), actual.dtype, terms, magnitude, roundings)
    wide = actual.astype(np.float64)
    same = (wide == expected) | (np.isnan(wide) & np.isnan(expected))
    with np.errstate(invalid="ignore"):
        close = same | (np.abs(wide - expected) <= bound)
    if not close.all():
        at = tuple(int(i[0]) for i in np.nonzero(~close))
        raise AssertionError(
            f"{what}: {(~close).sum()} of {close.size} elements are off; first at {at}: {wide[at]!r}, "
            f"expected {expected[at]!r} within {np.broadcast_to(bound, close.shape)[at]:.3g}"
        )


def assert_exact(actual, expected, what=""):
    """Fails unless `actual` is `expected` (float64) rounded once to the type of `actual`, bit for bit."""
    actual = np.asarray(actual)
    rounded = np.asarray(expected, np.float64).astype(actual.dtype)
    assert actual.shape == rounded.shape, f"{what}: shape {actual.shape}, expected {rounded.shape}"
    same = (actual == rounded) | (np.isnan(actual.astype(np.float64)) & np.isnan(rounded.astype(np.float64)))
    if not same.all():
        at = tuple(int(i[0]) for i in np.nonzero(~same))
        raise AssertionError(
            f"{what}: {(~same).sum()} of {same.size} elements differ; first at {at}: {actual[at]!r}, expected {rounded[at]!r}"
        )
