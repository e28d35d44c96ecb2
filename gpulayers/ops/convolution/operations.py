"""The operations of convolution, each with its implementations, best first."""

from ..dispatch import Operation, numpy_implementation
from . import depthwise_kernels, depthwise_reference, kernels, reference
from .problem import ConvolutionProblem, DepthwiseProblem

FORWARD = Operation(
    "convolution.forward",
    ConvolutionProblem,
    [kernels.direct_forward, numpy_implementation(reference.forward)],
)
BACKWARD_INPUT = Operation(
    "convolution.backward_input",
    ConvolutionProblem,
    [kernels.direct_backward_input, numpy_implementation(reference.backward_input)],
)
BACKWARD_WEIGHT = Operation(
    "convolution.backward_weight",
    ConvolutionProblem,
    [kernels.direct_backward_weight, numpy_implementation(reference.backward_weight)],
)
BACKWARD_BIAS = Operation(
    "convolution.backward_bias",
    ConvolutionProblem,
    [kernels.sums_backward_bias, numpy_implementation(reference.backward_bias)],
)
DEPTHWISE_FORWARD = Operation(
    "convolution.depthwise_forward",
    DepthwiseProblem,
    [
        depthwise_kernels.depthwise_forward,
        kernels.direct_forward,
        numpy_implementation(depthwise_reference.depthwise_forward),
    ],
)
DEPTHWISE_BACKWARD_INPUT = Operation(
    "convolution.depthwise_backward_input",
    DepthwiseProblem,
    [
        depthwise_kernels.depthwise_backward_input,
        kernels.direct_backward_input,
        numpy_implementation(depthwise_reference.depthwise_backward_input),
    ],
)
DEPTHWISE_BACKWARD_WEIGHT = Operation(
    "convolution.depthwise_backward_weight",
    DepthwiseProblem,
    [
        depthwise_kernels.depthwise_backward_weight,
        kernels.direct_backward_weight,
        numpy_implementation(depthwise_reference.depthwise_backward_weight),
    ],
)


def forward(problem, device, x, weight, bias=None):
    """activation(conv(x, weight) + bias), by the operation of the problem's kind."""
    operation = DEPTHWISE_FORWARD if isinstance(problem, DepthwiseProblem) else FORWARD
    return operation(problem, device, x, weight, bias)


def backward_input(problem, device, grad_output, weight, bias=None):
    """activation(gradient to the input + bias): with those two, a transposed convolution."""
    operation = DEPTHWISE_BACKWARD_INPUT if isinstance(problem, DepthwiseProblem) else BACKWARD_INPUT
    return operation(problem, device, grad_output, weight, bias)


def backward_weight(problem, device, x, grad_output):
    """The gradient to the weights."""
    operation = DEPTHWISE_BACKWARD_WEIGHT if isinstance(problem, DepthwiseProblem) else BACKWARD_WEIGHT
    return operation(problem, device, x, grad_output)
