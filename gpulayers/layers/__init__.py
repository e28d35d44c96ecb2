"""Layers, by Keras's names and with Keras's arguments."""

from ..custom_objects import CustomObjectScope
from ..registry import Registry, serialize_object
from .adaptive_pooling import (
    AdaptiveAveragePooling1D,
    AdaptiveAveragePooling2D,
    AdaptiveAveragePooling3D,
    AdaptiveMaxPooling1D,
    AdaptiveMaxPooling2D,
    AdaptiveMaxPooling3D,
)
from .bidirectional import Bidirectional
from .convolution import Conv1D, Conv2D, Conv3D
from .core import Activation, Dense, Dropout
from .depthwise_convolution import DepthwiseConv1D, DepthwiseConv2D
from .elementary import ActivityRegularization, Identity, Masking, Rescaling
from .embedding import Embedding
from .embedding_bag import EmbeddingBag
from .global_pooling import (
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalAveragePooling3D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    GlobalMaxPooling3D,
)
from .input import Input, InputLayer, SymbolicTensor
from .joining import Concatenate, Dot, add, average, concatenate, dot, maximum, minimum, multiply, subtract
from .layer import Layer
from .length_normalization import RMSNormalization, UnitNormalization
from .merging import Add, Average, Maximum, Minimum, Multiply, Subtract
from .noise import (
    AlphaDropout,
    GaussianDropout,
    GaussianNoise,
    SpatialDropout1D,
    SpatialDropout2D,
    SpatialDropout3D,
)
from .normalization import BatchNormalization
from .padding import Cropping1D, Cropping2D, Cropping3D, ZeroPadding1D, ZeroPadding2D, ZeroPadding3D
from .pooling import (
    AveragePooling1D,
    AveragePooling2D,
    AveragePooling3D,
    MaxPooling1D,
    MaxPooling2D,
    MaxPooling3D,
)
from .rectifiers import ELU, LeakyReLU, PReLU, ReLU, Softmax
from .recurrent import GRU, LSTM, SimpleRNN
from .recurrent_cells import GRUCell, LSTMCell, SimpleRNNCell
from .reshaping import Flatten, Permute, RepeatVector, Reshape
from .rnn import RNN
from .sample_normalization import GroupNormalization, LayerNormalization
from .separable_convolution import SeparableConv1D, SeparableConv2D
from .stacked_cells import StackedRNNCells
from .time_distributed import TimeDistributed
from .transposed_convolution import Conv1DTranspose, Conv2DTranspose, Conv3DTranspose
from .unpooling import MaxUnpooling1D, MaxUnpooling2D, MaxUnpooling3D
from .upsampling import UpSampling1D, UpSampling2D, UpSampling3D

Convolution1D, Convolution2D, Convolution3D = Conv1D, Conv2D, Conv3D
Convolution1DTranspose, Convolution2DTranspose, Convolution3DTranspose = (
    Conv1DTranspose,
    Conv2DTranspose,
    Conv3DTranspose,
)
SeparableConvolution1D, SeparableConvolution2D = SeparableConv1D, SeparableConv2D
MaxPool1D, MaxPool2D, MaxPool3D = MaxPooling1D, MaxPooling2D, MaxPooling3D
AvgPool1D, AvgPool2D, AvgPool3D = AveragePooling1D, AveragePooling2D, AveragePooling3D
GlobalMaxPool1D, GlobalMaxPool2D, GlobalMaxPool3D = GlobalMaxPooling1D, GlobalMaxPooling2D, GlobalMaxPooling3D
GlobalAvgPool1D, GlobalAvgPool2D, GlobalAvgPool3D = (
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalAveragePooling3D,
)

_REGISTRY = Registry(
    "layer",
    Layer,
    [
        value
        for value in list(globals().values())
        if isinstance(value, type) and issubclass(value, Layer) and value is not Layer
    ],
)


def deserialize(config, custom_objects=None):
    """The layer or model of a `serialize`d node, or of any {"class_name", "config"}.

    Args:
        config: the node.
        custom_objects: {name: class} of classes of one's own that are not registered.

    Raises:
        ValueError: an unknown class, or no dict.
    """
    if not isinstance(config, dict):
        raise ValueError(f"A layer's node must be a dict. Received: {config!r}")
    with CustomObjectScope(custom_objects):
        return _REGISTRY.get(config)


def add_classes(classes):
    """Makes models known to `deserialize`: a dict by name."""
    _REGISTRY.add(classes)


serialize = serialize_object

__all__ = [
    "Activation",
    "ActivityRegularization",
    "AdaptiveAveragePooling1D",
    "AdaptiveAveragePooling2D",
    "AdaptiveAveragePooling3D",
    "AdaptiveMaxPooling1D",
    "AdaptiveMaxPooling2D",
    "AdaptiveMaxPooling3D",
    "Add",
    "AlphaDropout",
    "Average",
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
    "AvgPool1D",
    "AvgPool2D",
    "AvgPool3D",
    "BatchNormalization",
    "Bidirectional",
    "Concatenate",
    "Conv1D",
    "Conv1DTranspose",
    "Conv2D",
    "Conv2DTranspose",
    "Conv3D",
    "Conv3DTranspose",
    "Convolution1D",
    "Convolution1DTranspose",
    "Convolution2D",
    "Convolution2DTranspose",
    "Convolution3D",
    "Convolution3DTranspose",
    "Cropping1D",
    "Cropping2D",
    "Cropping3D",
    "Dense",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "Dot",
    "Dropout",
    "ELU",
    "Embedding",
    "EmbeddingBag",
    "Flatten",
    "GRU",
    "GRUCell",
    "GaussianDropout",
    "GaussianNoise",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAveragePooling3D",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "GlobalAvgPool3D",
    "GlobalMaxPool1D",
    "GlobalMaxPool2D",
    "GlobalMaxPool3D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GlobalMaxPooling3D",
    "GroupNormalization",
    "Identity",
    "Input",
    "InputLayer",
    "LSTM",
    "LSTMCell",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "Masking",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPool3D",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
    "MaxUnpooling1D",
    "MaxUnpooling2D",
    "MaxUnpooling3D",
    "Maximum",
    "Minimum",
    "Multiply",
    "PReLU",
    "Permute",
    "RMSNormalization",
    "RNN",
    "ReLU",
    "RepeatVector",
    "Rescaling",
    "Reshape",
    "SeparableConv1D",
    "SeparableConv2D",
    "SeparableConvolution1D",
    "SeparableConvolution2D",
    "SimpleRNN",
    "SimpleRNNCell",
    "Softmax",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
    "StackedRNNCells",
    "Subtract",
    "SymbolicTensor",
    "TimeDistributed",
    "UnitNormalization",
    "UpSampling1D",
    "UpSampling2D",
    "UpSampling3D",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "ZeroPadding3D",
    "add",
    "average",
    "concatenate",
    "deserialize",
    "dot",
    "maximum",
    "minimum",
    "multiply",
    "serialize",
    "subtract",
]
