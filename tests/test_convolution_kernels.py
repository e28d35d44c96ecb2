"""The convolution kernels, run by their own launchers: numbers, determinism, choice of tiles, traffic."""

import numpy as np
import pytest

from gpulayers import ops
from gpulayers.ops import arrays, convolution
from gpulayers.ops.convolution import kernels
from gpulayers.ops.convolution.problem import ConvolutionProblem
from gpulayers.ops.recording import RecordingDevice
from tests.cases.convolution import CASES, FORMATS, Case
from tests.convolution_loops import Data, computed
from tests.tolerances import assert_close, assert_exact

cases = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
formats = pytest.mark.parametrize("data_format", FORMATS)
NARROW_TYPES = [dtype for dtype in arrays.FLOAT_DTYPES if dtype != np.float32]


def check(case, dtype, device, data_format):
    """Every function: exact on small integers, within the bound on random numbers, in the same bits twice."""
    for integers in (True, False):
        data = Data(case, dtype, integers)
        results = computed(data, device, data_format)
        for name, result in results.items():
            expected, magnitude = getattr(data, name)
            assert result.dtype == dtype
            if integers and not (name == "y" and case.activation in ("tanh", "sigmoid")):
                assert_exact(result, expected, name)
            else:
                assert_close(result, expected, data.terms[name], magnitude, what=name)
    for name, again in computed(data, device, data_format).items():
        assert again.tobytes() == results[name].tobytes(), f"{name}: two runs differ in bits"


@cases
@formats
def test_kernels_in_float32(case, data_format, kernel_device):
    check(case, np.dtype(np.float32), kernel_device, data_format)


@pytest.mark.parametrize("dtype", NARROW_TYPES, ids=str)
@pytest.mark.parametrize(
    "name, data_format", [("first layer", "channels_first"), ("grouped", "channels_last")]
)
def test_kernels_in_other_types(name, data_format, dtype, kernel_device):
    check(next(case for case in CASES if case.name == name), dtype, kernel_device, data_format)


@pytest.mark.parametrize("name", ["small tiles, several", "same strided 1d", "large tiles"])
def test_every_tile_in_float64(name, kernel_device):
    """Twice the registers and twice the shared memory."""
    check(
        next(case for case in CASES if case.name == name),
        np.dtype(np.float64),
        kernel_device,
        "channels_last",
    )


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
def test_activations_at_the_extremes(activation, kernel_device):
    values = np.array([-np.inf, -1e4, -90, -0.5, 0, 0.5, 90, 1e4, np.inf, np.nan], np.float32).reshape(
        1, -1, 1
    )
    weight = np.ones((1, 1, 1), np.float32)
    result = ops.conv(kernel_device.asarray(values), kernel_device.asarray(weight), activation=activation)
    expected = ops.conv(values, weight, activation=activation)
    assert_close(kernel_device.to_numpy(result), expected.astype(np.float64), magnitude=1.0)


@formats
def test_bias_gradient_over_several_blocks(data_format, kernel_device):
    shape = (3, 3500, 3) if data_format == "channels_last" else (3, 3, 3500)
    grad_output = np.random.default_rng(0).integers(-3, 4, shape).astype(np.float32)
    result = ops.conv_backward_bias(kernel_device.asarray(grad_output), data_format=data_format)
    axes = (0, 1) if data_format == "channels_last" else (0, 2)
    assert_exact(kernel_device.to_numpy(result), grad_output.sum(axis=axes, dtype=np.float64))


def resolve(*arguments, **options):
    return ConvolutionProblem.resolve(*arguments, np.float32, **options)


def test_tiles_follow_the_problem():
    device = RecordingDevice("sm_90", multiprocessors=132)
    large = resolve((32, 56, 56, 64), (3, 3, 64, 64), padding="same")
    assert kernels.forward_config(large, device) == kernels.LARGE
    assert kernels.backward_input_config(large, device) == kernels.LARGE
    assert kernels.forward_config(resolve((1, 14, 14, 64), (3, 3, 64, 64)), device) == kernels.SMALL
    assert kernels.forward_config(resolve((1, 14, 14, 64), (3, 3, 64, 32)), device) == kernels.NARROW
    assert (
        kernels.forward_config(resolve((32, 56, 56, 64), (3, 3, 16, 64), groups=4), device)
        == kernels.NARROWEST
    )
    assert (
        kernels.backward_input_config(resolve((32, 224, 224, 3), (7, 7, 3, 64), strides=2), device)
        == kernels.NARROWEST
    )


def test_chunks_fill_the_device_and_cover_the_pixels():
    device = RecordingDevice("sm_90", multiprocessors=132)
    for shape, weight in [
        ((32, 56, 56, 64), (3, 3, 64, 64)),
        ((1, 5, 5, 3), (3, 3, 3, 8)),
        ((8, 9, 9, 512), (3, 3, 512, 512)),
    ]:
        problem = resolve(shape, weight)
        config = kernels.backward_weight_config(problem, device)
        chunks = -(-problem.output_pixels // config.chunk_pixels)
        assert config.chunk_pixels % config.tile.depth == 0
        rows = 9 * weight[2]
        blocks = chunks * np.prod(config.tile.tiles(rows, weight[3]))
        assert chunks == 1 or blocks <= 4 * 132
        assert (chunks - 1) * config.chunk_pixels < problem.output_pixels
    assert (
        kernels.backward_weight_config(resolve((32, 56, 56, 64), (3, 3, 64, 64)), device).chunk_pixels < 2000
    )


def test_sizes_that_do_not_fit_are_refused_in_words():
    device = RecordingDevice("sm_90")
    problem = resolve((1, 2**29, 8), (3, 8, 8))
    assert list(convolution.FORWARD.reasons(problem, device))[0] == (kernels.direct_forward, None)
    far = resolve((1, 9, 8), (2, 8, 8), dilation_rate=2**30, padding="same")
    for operation in (convolution.FORWARD, convolution.BACKWARD_INPUT, convolution.BACKWARD_WEIGHT):
        with pytest.raises(ValueError, match="the reach of the window"):
            operation.choose(far, device)
    many = resolve((2**24, 2**15, 1), (1, 1, 1), strides=1)
    with pytest.raises(ValueError, match="more than 2147483647 blocks"):
        convolution.FORWARD.choose(many, device)


# ---- traffic: channels in multiples of eight, so that a row of pixels is whole 32-byte sectors

SQUARE = Case("square", (2, 8, 8, 16), (3, 3), 64, padding="same", bias=False)


@pytest.fixture
def launches(emulated):
    """Runs every function of SQUARE once; {kernel: counters}."""

    def run(data_format):
        emulated.count = True
        computed(Data(SQUARE, np.float32, integers=True), emulated, data_format)
        return {launch.expression.split("<")[0]: launch.report.counters for launch in emulated.launches}

    return run


@formats
def test_outputs_are_written_once_in_whole_sectors(data_format, launches):
    found = launches(data_format)
    outputs = {
        "convolution_direct_forward": ("y", 2 * 8 * 8 * 64),
        "convolution_direct_backward_input": ("dx", 2 * 8 * 8 * 16),
        "convolution_direct_backward_weight": ("partials", 9 * 16 * 64),
    }
    for kernel, (name, elements) in outputs.items():
        traffic = found[kernel][name]
        assert traffic.bytes[1] == 4 * elements, kernel
        assert traffic.store_efficiency == 1, kernel


@formats
def test_inputs_are_read_in_whole_sectors(data_format, launches):
    found = launches(data_format)
    # Along a row of channels_first the taps of a padded 8-pixel row begin off the sectors' edges.
    allowed = 1.0 if data_format == "channels_last" else 1.7
    assert found["convolution_direct_forward"]["x"].load_efficiency <= allowed
    assert found["convolution_direct_forward"]["w"].load_efficiency == 1
    assert found["convolution_direct_backward_input"]["dy"].load_efficiency <= allowed
    assert found["convolution_direct_backward_input"]["w"].load_efficiency == 1
    assert found["convolution_direct_backward_weight"]["dy"].load_efficiency == 1
    assert found["convolution_direct_backward_weight"]["x"].load_efficiency <= allowed


def test_each_block_reads_its_operands_once(launches):
    """The forward of SQUARE has 4 tiles of 32 pixels and all filters: each reads w, and x once a tap."""
    found = launches("channels_last")["convolution_direct_forward"]
    assert found["w"].reread_factor == 4
    inside = 22 * 22  # of the 8 * 3 row taps and of the 8 * 3 column taps, 22 meet the input
    assert found["x"].bytes[0] == 4 * 16 * 2 * inside


@formats
def test_bank_conflicts_are_few(data_format, launches):
    for kernel, counters in launches(data_format).items():
        if kernel.startswith("convolution_direct"):
            shared = counters.shared
            assert shared.extra_wavefronts <= 0.25 * sum(shared.ideal_wavefronts), kernel
