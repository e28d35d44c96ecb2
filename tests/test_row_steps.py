"""Optimizer steps on rows of a table, on the kernels' device and on the CPU, against float64 formulas."""

import numpy as np
import pytest

from gpulayers.ops import arrays
from gpulayers.ops import optimizers as ops
from tests.cases.row_steps import CASES, DEFAULTS
from tests.preloading import preload
from tests.test_optimizer_kernels import changed
from tests.tolerances import assert_close, assert_exact

cases = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
DECAY = 0.25


@pytest.fixture
def loaded_device(kernel_device, dtype):
    """The kernel_device, with all kernels of the table compiled."""
    preload(kernel_device, "row_steps", dtype)
    return kernel_device


def draw(case, dtype, whole):
    """(value, ids, gradient, states), from whole numbers or normal ones."""
    generator, wide = np.random.default_rng(0), arrays.accumulation_dtype(dtype)

    def make(shape, kind, positive=False):
        drawn = generator.integers(-4, 5, shape) * 4 if whole else generator.standard_normal(shape)
        return (np.abs(drawn) if positive else drawn).astype(kind)

    value = make((case.rows, case.columns), dtype)
    grad = make((case.count, case.columns), case.grad_dtype(dtype))
    positive = case.rule == "row_wise_adagrad"
    states = [make(case.state_shape, wide, positive or number > 0) for number in range(case.slots)]
    return value, case.draw_ids(), grad, states


def expected(case, value, ids, grad, states):
    """The whole table and states after the step, in float64, row by row; what the ids leave out stays."""
    value, grad, *states = (np.array(array, np.float64) for array in (value, grad, *states))
    options, clip = DEFAULTS[case.rule] | case.options, case.clip
    grad *= clip.get("scale", 1.0) * clip.get("factors", [1.0])[clip.get("numbers", (0,))[0]]
    grad = np.clip(grad, -clip.get("limit", np.inf), clip.get("limit", np.inf))
    for place, row in enumerate(range(case.rows) if ids is None else ids):
        w, g = value[row] - DECAY * value[row], grad[place]
        if case.rule == "row_wise_adagrad":
            states[0][row] += sum(x * x for x in g) / case.columns
            value[row] = w - options["rate"] * g / (states[0][row] ** 0.5 + options["epsilon"])
            continue
        value[row], new = changed(case.rule, options, w, g, [state[row] for state in states])
        for state, array in zip(states, new, strict=True):
            state[row] = array
    return value, states


def stepped(case, device, value, ids, grad, states):
    value, states = device.asarray(value.copy()), [device.asarray(array.copy()) for array in states]
    case.step(
        device, value, None if ids is None else device.asarray(ids), device.asarray(grad), states, DECAY
    )
    return device.to_numpy(value), [device.to_numpy(array) for array in states]


@cases
def test_floats(case, loaded_device, dtype):
    drawn = draw(case, dtype, whole=False)
    exact_value, exact_states = expected(case, *drawn)
    for device in (loaded_device, arrays.CPU):
        value, states = stepped(case, device, *drawn)
        assert value.dtype == dtype
        assert_close(value, exact_value, terms=12, magnitude=12.0)
        for array, exact in zip(states, exact_states, strict=True):
            assert_close(array, exact, terms=case.columns + 8, magnitude=12.0)
        assert (value, *states)[0].tobytes() == stepped(case, device, *drawn)[0].tobytes()


@cases
def test_other_rows_keep_their_bits(case, loaded_device, dtype):
    value, ids, grad, states = draw(case, dtype, whole=False)
    others = np.ones(case.rows, bool)
    others[slice(None) if ids is None else ids] = False
    value[others] = np.nan
    for device in (loaded_device, arrays.CPU):
        found, new = stepped(case, device, value, ids, grad, states)
        assert found[others].tobytes() == value[others].tobytes()
        assert all(a[others].tobytes() == b[others].tobytes() for a, b in zip(new, states))
        assert not np.isnan(found[~others].astype(np.float64)).any()


@pytest.mark.parametrize("case", [case for case in CASES if case.rule == "sgd"], ids=lambda case: case.name)
def test_whole_numbers_are_exact(case, loaded_device, dtype):
    drawn = draw(case, dtype, whole=True)
    exact_value, exact_states = expected(case, *drawn)
    for device in (loaded_device, arrays.CPU):
        value, states = stepped(case, device, *drawn)
        assert_exact(value, exact_value)
        for array, exact in zip(states, exact_states, strict=True):
            assert_exact(array, exact)


@pytest.mark.parametrize("rule", ["sgd", "adam"])
@pytest.mark.parametrize("dtype_name", ["float32", "bfloat16"])
def test_all_rows_are_the_dense_step_to_the_bit(rule, dtype_name, kernel_device):
    dtype = {str(kind): kind for kind in arrays.FLOAT_DTYPES}[dtype_name]
    generator = np.random.default_rng(0)
    shape, slots = (70, 24), {"sgd": 1, "adam": 2}[rule]
    options = DEFAULTS[rule] | ({"momentum": 0.9} if rule == "sgd" else {"beta_1": 0.9, "beta_2": 0.99})
    value, grad = (generator.standard_normal(shape).astype(dtype) for _ in range(2))
    states = [abs(generator.standard_normal(shape)).astype(np.float32) for _ in range(slots)]
    for device in (kernel_device, arrays.CPU):
        place, results = lambda array: device.asarray(array.copy()), []
        for sparse in (False, True):
            w, s = place(value), [place(array) for array in states]
            if sparse:
                step = getattr(ops, f"{rule}_row_step")
                step(w, place(np.arange(70)), place(grad), s, 0.1, **options)
            else:
                getattr(ops, f"{rule}_step")([w], [place(grad)], [s], [0.1], **options)
            results.append([device.to_numpy(array).tobytes() for array in (w, *s)])
        assert results[0] == results[1]


def test_one_launch(emulated):
    """Whatever the table's size, and nothing of that size is made."""
    case = CASES[0]
    stepped(case, emulated, *draw(case, np.dtype(np.float32), whole=True))
    assert [launch.expression.partition("<")[0] for launch in emulated.launches] == ["sgd_row_sparse_step"]


def test_arrays_that_are_not_contiguous(kernel_device):
    value = kernel_device.asarray(np.zeros((4, 12), np.float32))[:, ::2]
    ids, grad = kernel_device.asarray(np.array([1, 3])), kernel_device.asarray(np.ones((2, 6), np.float32))
    ops.sgd_row_step(value, ids, grad, [], 0.0, rate=0.5)
    assert_exact(kernel_device.to_numpy(value), np.outer([0, -0.5, 0, -0.5], np.ones(6)))


def test_the_choice_is_explained(kernel_device):
    single = np.dtype(np.float32)
    problem = ops.RowStepProblem("adam", 100, 8, 3, single, single, np.dtype(np.int64), (False,))
    assert "-> adam_row_sparse_step" in ops.ROW_STEP.explain(problem, kernel_device)
    assert problem.bytes_moved() == 3 * (8 * 4 * 7 + 8) and problem.flops() == 3 * 8 * 14
    rows = ops.RowStepProblem("row_wise_adagrad", 100, 8, 3, single, single, None)
    assert rows.bytes_moved() == 3 * (8 * 4 * 3 + 2 * 4)


ONES, IDS = np.ones((2, 3), np.float32), np.array([0, 4])


@pytest.mark.parametrize(
    "call, error",
    [
        (lambda w: ops.sgd_row_step(w, IDS, ONES[:, :2], [], 0.0, rate=1.0), ValueError),
        (lambda w: ops.sgd_row_step(w, IDS, ONES[:1], [], 0.0, rate=1.0), ValueError),
        (lambda w: ops.sgd_row_step(w, IDS, ONES, [w], 0.0, rate=1.0), ValueError),
        (lambda w: ops.sgd_row_step(w, IDS, ONES, [w[:, 0]], 0.0, rate=1.0, momentum=0.5), ValueError),
        (lambda w: ops.sgd_row_step(w, IDS * 1.0, ONES, [], 0.0, rate=1.0), TypeError),
        (lambda w: ops.sgd_row_step(w, IDS, ONES.astype(np.float64), [], 0.0, rate=1.0), TypeError),
        (lambda w: ops.row_wise_adagrad_step(w, IDS, ONES, [w], 0.0, rate=1.0, epsilon=1.0), ValueError),
        (
            lambda w: ops.row_wise_adagrad_step(w, None, ONES, [w[:, 0]], 0.0, rate=1.0, epsilon=1.0),
            ValueError,
        ),
    ],
)
def test_errors(call, error):
    with pytest.raises(error, match="Received: "):
        call(np.ones((5, 3), np.float32))
