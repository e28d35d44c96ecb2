"""The fused optimizer steps and what goes with them on the kernels' device against plain float64 formulas."""

import numpy as np
import pytest

from gpulayers import Variable, optimizers
from gpulayers.ops import arrays, threads
from gpulayers.ops import optimizers as ops
from gpulayers.ops.optimizers import reference

from .cases.optimizers import CASES, DEFAULTS, SHAPES
from .tolerances import assert_close, assert_exact


def draw(case, dtype, whole):
    """(values, gradients, states, decays) in the types of a step, from whole numbers or normal ones."""
    generator = np.random.default_rng(0)
    wide = arrays.accumulation_dtype(dtype)

    def make(shape, kind, positive=False):
        drawn = generator.integers(-4, 5, shape) * 4 if whole else generator.standard_normal(shape)
        return np.asarray(np.abs(drawn) if positive else drawn).astype(kind)

    def state(shape, number):
        if case.options.get("centered"):  # the mean of squares is not below the square of the mean
            return (
                make(shape, wide) if number == case.slots - 1 else np.full(shape, 1024 if whole else 9, wide)
            )
        return make(shape, wide, positive=number > 0 or case.slots == 1 or case.rule in ("adadelta", "ftrl"))

    values = [make(shape, dtype) for shape in case.shapes]
    grads = [make(shape, case.grad_dtype(dtype)) for shape in case.shapes]
    states = [[state(shape, i) for i in range(case.slots)] for shape in case.shapes]
    return values, grads, states, [0.0 if i % 2 else 0.25 for i in range(len(values))]


def changed(rule, o, w, g, s):
    """(value, states) after a step: the formulas in the headers of the kernels, in float64."""
    if rule == "sgd":
        if not o.get("momentum"):
            return w - o["rate"] * g, s
        m = o["momentum"] * s[0] - o["rate"] * g
        return w + (o["momentum"] * m - o["rate"] * g if o.get("nesterov") else m), [m]
    if rule == "adam":
        m, v = s[0] + (1 - o["beta_1"]) * (g - s[0]), s[1] + (1 - o["beta_2"]) * (g * g - s[1])
        largest = [np.maximum(s[2], v)] if o.get("amsgrad") else []
        return w - o["alpha"] * m / (np.sqrt([v, *largest][-1]) + o["epsilon"]), [m, v, *largest]
    if rule == "nadam":
        m, v = s[0] + (1 - o["beta_1"]) * (g - s[0]), s[1] + (1 - o["beta_2"]) * (g * g - s[1])
        return w - (o["old"] * m + o["now"] * g) / (np.sqrt(o["growth"] * v) + o["epsilon"]), [m, v]
    if rule == "adamax":
        m, u = s[0] + (1 - o["beta_1"]) * (g - s[0]), np.maximum(o["beta_2"] * s[1], abs(g))
        return w - o["rate"] * m / (u + o["epsilon"]), [m, u]
    if rule == "lion":
        sign = np.sign(o["beta_1"] * s[0] + (1 - o["beta_1"]) * g)
        return w - o["rate"] * sign, [o["beta_2"] * s[0] + (1 - o["beta_2"]) * g]
    if rule == "rmsprop":
        v = o["rho"] * s[0] + (1 - o["rho"]) * g * g
        a = [o["rho"] * s[-1] + (1 - o["rho"]) * g] if o.get("centered") else []
        change = o["rate"] * g / np.sqrt(v - (a[0] ** 2 if a else 0) + o["epsilon"])
        if not o.get("momentum"):
            return w - change, [v, *a]
        m = o["momentum"] * s[1] + change
        return w - m, [v, m, *a]
    if rule == "adagrad":
        a = s[0] + g * g
        return w - o["rate"] * g / np.sqrt(a + o["epsilon"]), [a]
    if rule == "adadelta":
        a = o["rho"] * s[0] + (1 - o["rho"]) * g * g
        change = np.sqrt(s[1] + o["epsilon"]) * g / np.sqrt(a + o["epsilon"])
        return w - o["rate"] * change, [a, o["rho"] * s[1] + (1 - o["rho"]) * change**2]
    if rule == "schedule_free":
        v = o["beta_2"] * s[1] + (1 - o["beta_2"]) * g * g
        z = s[0] - o["rate"] * g / (np.sqrt(v / (1 - o["beta_2"] ** o["step"])) + o["epsilon"])
        mean = (w - (1 - o["beta_1"]) * s[0]) / o["beta_1"]
        mean = mean + (z - mean) / o["step"]
        return (1 - o["beta_1"]) * z + o["beta_1"] * mean, [z, v]
    assert rule == "ftrl"
    before, after = s[0] ** o["power"], (s[0] + g * g) ** o["power"]
    z = s[1] + g + 2 * o["shrinkage"] * w - (after - before) / o["rate"] * w
    return (np.clip(z, -o["l1"], o["l1"]) - z) / (after / o["rate"] + 2 * o["l2"]), [s[0] + g * g, z]


def expected(case, values, grads, states, decays):
    found, options = [], DEFAULTS[case.rule] | case.options
    for w, g, state, decay, factor in zip(values, grads, states, decays, case.factors()):
        w, g, *state = (np.array(array, np.float64) for array in (w, g, *state))
        g = g * case.clip.get("scale", 1.0) * factor
        limit = case.clip.get("limit", np.inf)
        found.append(changed(case.rule, options, w - decay * w, np.clip(g, -limit, limit), state))
    return found


def stepped(case, device, values, grads, states, decays):
    values = [device.asarray(value.copy()) for value in values]
    states = [[device.asarray(array.copy()) for array in state] for state in states]
    case.step(device, values, [device.asarray(grad.copy()) for grad in grads], states, decays)
    return [
        (device.to_numpy(value), [device.to_numpy(array) for array in state])
        for value, state in zip(values, states)
    ]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_floats(case, kernel_device, dtype):
    drawn = draw(case, dtype, whole=False)
    for device in (kernel_device, arrays.CPU):
        for (w, state), (exact_w, exact_state) in zip(stepped(case, device, *drawn), expected(case, *drawn)):
            assert w.dtype == dtype
            assert_close(w, exact_w, terms=12, magnitude=12.0)
            for array, exact in zip(state, exact_state, strict=True):
                assert_close(array, exact, terms=8, magnitude=12.0)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_blocks_on_the_cpu(case, monkeypatch):
    """Large variables are changed block by block, on threads: the numbers are those of whole variables."""
    drawn = draw(case, np.dtype(np.float32), whole=False)
    whole = stepped(case, arrays.CPU, *drawn)
    monkeypatch.setattr(reference, "BLOCK", 1000)
    monkeypatch.setattr(threads, "num_threads", lambda: 2)
    in_blocks = stepped(case, arrays.CPU, *drawn)
    for (w, state), (other_w, other_state) in zip(whole, in_blocks):
        assert_close(other_w, w, terms=12, magnitude=12.0)
        for array, other in zip(state, other_state, strict=True):
            assert_close(other, array, terms=8, magnitude=12.0)


EXACT = [case for case in CASES if case.rule in ("sgd", "lion")]  # without quotients and roots


@pytest.mark.parametrize("case", EXACT, ids=lambda case: case.name)
def test_whole_numbers_are_exact(case, kernel_device, dtype):
    drawn = draw(case, dtype, whole=True)
    for device in (kernel_device, arrays.CPU):
        found = stepped(case, device, *drawn)
        for (w, state), (exact_w, exact_state) in zip(found, expected(case, *drawn)):
            assert_exact(w, exact_w)
            for array, exact in zip(state, exact_state, strict=True):
                assert_exact(array, exact)


@pytest.mark.parametrize("case", [case for case in CASES if case not in EXACT], ids=lambda case: case.name)
def test_states_of_whole_numbers_are_exact(case, kernel_device):
    drawn = draw(case, np.dtype(np.float32), whole=True)
    through_quotients = {"adadelta": 1, "rmsprop": 1, "ftrl": 1, "schedule_free": 0}.get(case.rule, 9)
    for (_, state), (_, exact_state) in zip(stepped(case, kernel_device, *drawn), expected(case, *drawn)):
        for array, exact in list(zip(state, exact_state, strict=True))[:through_quotients]:
            assert_exact(array, exact)


def test_arrays_that_are_not_aligned(kernel_device):
    """Views that begin in the middle of a vector."""
    buffers = [kernel_device.asarray(np.arange(100, dtype=np.float32) * (i + 1)) for i in range(3)]
    value, grad, moment = (buffer[start:97] for buffer, start in zip(buffers, (1, 0, 2)))
    value, grad, moment = value[:90], grad[:90], moment[:90]
    ops.sgd_step([value], [grad], [[moment]], [0.0], rate=0.5, momentum=0.5)
    i = np.arange(90)
    assert_exact(kernel_device.to_numpy(value), (i + 1) + 0.5 * 3 * (i + 2) - 0.5 * 2 * i)


def test_a_clipped_nan_stays(kernel_device):
    for device in (kernel_device, arrays.CPU):
        value = device.zeros((3,), np.float32)
        grad = device.asarray(np.array([np.nan, np.inf, 9.0], np.float32))
        ops.sgd_step([value], [grad], [[]], [0.0], rate=1.0, clip=ops.Clip(limit=2.0))
        np.testing.assert_array_equal(device.to_numpy(value), [np.nan, -2, -2])


@pytest.mark.parametrize("together", [False, True])
def test_clip_factors(together, kernel_device, dtype):
    generator = np.random.default_rng(0)
    grads = [np.asarray(generator.standard_normal(shape)).astype(dtype) for shape in SHAPES]
    squares = [
        (0.5 * np.asarray(grad, np.float64)).ravel() @ (0.5 * np.asarray(grad, np.float64)).ravel()
        for grad in grads
    ]
    norms = np.sqrt([sum(squares)] if together else squares)
    for device in (kernel_device, arrays.CPU):
        lists = [device.asarray(grad) for grad in grads]
        for limit in (0.25, 3.0, 1e3):
            factors = device.to_numpy(ops.clip_factors(lists, limit, together=together, scale=0.5))
            assert factors.dtype == arrays.accumulation_dtype(dtype)
            assert_close(factors, limit / np.maximum(norms, limit), terms=64)


def test_clip_factors_of_whole_numbers_are_exact(kernel_device, dtype):
    grads = [np.array([3.0, 4.0], dtype), np.zeros(5000, dtype), np.full(2048 * 2, 2.0, dtype)]
    lists = [kernel_device.asarray(grad) for grad in grads]
    found = kernel_device.to_numpy(ops.clip_factors(lists, 2.5))
    assert_exact(found, [0.5, 1.0, 2.5 / 128])
    grads = [np.array([0.0, 3.0], dtype), np.full(4, 2.0, dtype)]
    lists = [kernel_device.asarray(grad) for grad in grads]
    assert_exact(kernel_device.to_numpy(ops.clip_factors(lists, 2.5, together=True)), [0.5])
    nothing = [kernel_device.zeros((0,), dtype)]
    for together in (False, True):
        assert_exact(kernel_device.to_numpy(ops.clip_factors(nothing, 1.0, together=together)), [1.0])


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_norms_that_are_not_finite(bad, kernel_device):
    grads = [np.ones(3000, np.float32), np.ones(3, np.float32)]
    grads[0][2500] = bad
    for device in (kernel_device, arrays.CPU):
        lists = [device.asarray(grad) for grad in grads]
        each = device.to_numpy(ops.clip_factors(lists, 1.0))
        assert (np.isnan(each[0]) if np.isnan(bad) else each[0] == 0) and each[1] == np.float32(1 / 3**0.5)
        assert np.isnan(device.to_numpy(ops.clip_factors(lists, 1.0, together=True))).all()


@pytest.mark.parametrize("at", [0, 2047, 2048, 4096])
@pytest.mark.parametrize("bad", [None, np.inf, -np.inf, np.nan])
def test_all_finite(bad, at, kernel_device, dtype):
    grads = [np.ones((3, 5), dtype), np.full(4097, 6e4, dtype), np.zeros((0,), dtype)]
    if bad is not None:
        grads[1][at] = bad
    for device in (kernel_device, arrays.CPU):
        assert ops.all_finite([device.asarray(grad) for grad in grads]) == (bad is None)


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("keep, share", [(0.0, 0.25), (0.75, 0.25), (1.0, 1.0), (0.5, 0.0), (0.0, 0.0)])
def test_blend(keep, share, overwrite, kernel_device, dtype):
    generator = np.random.default_rng(0)
    wide = arrays.accumulation_dtype(dtype)
    start = [np.asarray(generator.integers(-9, 9, shape) * 4).astype(dtype) for shape in SHAPES]
    # What has the factor 0 is not read: NaN there must not come through.
    old = [np.full(x.shape, 8.0 if keep else np.nan, wide) for x in start]
    if share == 0:
        start = [np.full(x.shape, np.nan, dtype) for x in start]
    for device in (kernel_device, arrays.CPU):
        sources, targets = [device.asarray(x.copy()) for x in start], [device.asarray(y.copy()) for y in old]
        ops.blend(sources, targets, keep=keep, share=share, overwrite=overwrite)
        for x, source, target in zip(start, sources, targets):
            exact = (share * x.astype(np.float64) if share else np.zeros(x.shape)) + keep * 8.0
            assert_exact(device.to_numpy(target), exact)
            assert_exact(device.to_numpy(source), exact if overwrite else x)


RULES = ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta", "Nadam", "Adamax", "Lion", "Ftrl"]
RULES += ["ScheduleFreeAdamW"]


def launches_of(optimizer, device, steps, dtypes=(np.float32, np.float32, np.float32), bad=None):
    """The kernels launched by each step; the variables after them."""
    shapes = ((3, 4), (5,), (2, 2))
    variables = [Variable(device.zeros(shape, dtype), "w") for shape, dtype in zip(shapes, dtypes)]
    found = []
    for number in range(steps):
        grads = [np.ones(variable.shape, variable.dtype) for variable in variables]
        if number == bad:
            grads[0][0, 0] = np.inf
        before = len(device.launches)
        optimizer.apply([device.asarray(grad) for grad in grads], variables)
        found.append([launch.expression.partition("<")[0] for launch in device.launches[before:]])
    return found, variables


@pytest.mark.parametrize("name", RULES)
def test_one_launch_a_step(name, emulated):
    found, variables = launches_of(getattr(optimizers, name)(0.1, weight_decay=0.1), emulated, 2)
    assert [len(step) for step in found] == [1, 1] and found[0][0].endswith("_multi_tensor_step")
    assert all((np.asarray(variable.value) < 0).all() for variable in variables)


def test_launches_of_options(emulated):
    step, norms = ["sgd_multi_tensor_step"], ["gradient_norm_partials", "gradient_norm_factors"]
    assert launches_of(optimizers.SGD(clipvalue=0.5, loss_scale_factor=4.0), emulated, 1)[0] == [step]
    assert launches_of(optimizers.SGD(clipnorm=0.5), emulated, 1)[0] == [norms + step]
    assert launches_of(optimizers.SGD(global_clipnorm=0.5), emulated, 1)[0] == [norms + step]
    average = optimizers.SGD(use_ema=True, ema_overwrite_frequency=2)
    assert launches_of(average, emulated, 3)[0] == [step + ["variable_blend"]] * 3
    sums = optimizers.SGD(gradient_accumulation_steps=3)
    once = ["variable_blend"]
    assert launches_of(sums, emulated, 4)[0] == [once, once, once + step + once, once]
    scaled = optimizers.LossScaleOptimizer(optimizers.SGD())
    check = ["gradient_finite_check"]
    assert launches_of(scaled, emulated, 3, bad=1)[0] == [check + step, check, check + step]


def test_variables_of_two_types_take_a_launch_each(emulated):
    optimizer = optimizers.Adam(0.1, global_clipnorm=1.0)
    found, variables = launches_of(optimizer, emulated, 1, (np.float32, np.float16, np.float32))
    assert found[0][-2:] == ["adam_multi_tensor_step"] * 2 and len(found[0]) == 4
    assert all((np.asarray(variable.value) < 0).all() for variable in variables)


@pytest.mark.parametrize(
    "options",
    [
        {"clipnorm": 0.5},
        {"global_clipnorm": 0.5},
        {"use_ema": True, "ema_overwrite_frequency": 2, "ema_momentum": 0.75},
        {"gradient_accumulation_steps": 2, "clipvalue": 0.75},
        {"loss_scale_factor": 4.0, "clipnorm": 0.5},
    ],
)
@pytest.mark.parametrize("name", ["Adam", "RMSprop"])
def test_options_on_the_kernels_device_and_on_the_cpu(name, options, kernel_device, dtype):
    found = []
    for device in (kernel_device, arrays.CPU):
        generator = np.random.default_rng(0)
        optimizer = getattr(optimizers, name)(0.1, weight_decay=0.1, **options)
        variables = [
            Variable(device.asarray(np.asarray(generator.standard_normal(shape)).astype(dtype)), "w")
            for shape in SHAPES
        ]
        for _ in range(3):
            grads = [np.asarray(generator.standard_normal(shape)).astype(dtype) for shape in SHAPES]
            optimizer.apply([device.asarray(grad) for grad in grads], variables)
        optimizer.finalize_variable_values(variables)
        found.append([device.to_numpy(variable.value) for variable in variables])
    for ours, reference in zip(*found):
        assert_close(ours, reference.astype(np.float64), terms=24, magnitude=4.0)


def test_the_choice_is_explained(kernel_device):
    single = np.dtype(np.float32)
    problem = ops.StepProblem("adam", (3,), single, single, (False,))
    assert "-> adam_multi_tensor_step" in ops.STEP.explain(problem, kernel_device)
    scattered = ops.StepProblem("sgd", (3,), single, single, (False, False), contiguous=False)
    assert "contiguous arrays only" in ops.STEP.explain(scattered, kernel_device)
    assert ops.STEP.choose(scattered, kernel_device).name == "array_module.step"
    assert problem.bytes_moved() == 3 * 4 * 7 and problem.flops() == 42
    assert ops.BLEND.choose(ops.GradientProblem((3,), single), kernel_device).name == "blend"


@pytest.mark.parametrize(
    "call, error",
    [
        (lambda: ops.sgd_step([np.ones(2)], [np.ones(3)], [[]], [0.0], rate=1.0), ValueError),
        (lambda: ops.sgd_step([np.ones(2)], [np.ones(2)], [[np.ones(2)]], [0.0], rate=1.0), ValueError),
        (lambda: ops.sgd_step([np.ones(2, np.float32)], [np.ones(2)], [[]], [0.0], rate=1.0), TypeError),
        (lambda: ops.sgd_step([np.ones(2, int)], [np.ones(2)], [[]], [0.0], rate=1.0), TypeError),
        (lambda: ops.clip_factors([np.ones(2, int)], 1.0), TypeError),
        (lambda: ops.clip_factors([np.ones(2), np.ones(2, np.float32)], 1.0), TypeError),
        (lambda: ops.blend([np.ones(2)], [np.ones(3)], keep=0.5, share=0.5), ValueError),
    ],
)
def test_errors(call, error):
    with pytest.raises(error, match="Received: "):
        call()
