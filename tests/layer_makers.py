"""Layers in some configurations: name -> (make(**arguments), input shape)."""

import numpy as np

from gpulayers import layers

# Layers that compute with arrays alone.
MAKERS = {
    "ReLU": (lambda **k: layers.ReLU(0.8, 0.1, 0.2, **k), (2, 3)),
    "LeakyReLU": (lambda **k: layers.LeakyReLU(0.2, **k), (2, 3)),
    "PReLU": (lambda **k: layers.PReLU("uniform", shared_axes=[1], **k), (2, 3, 4)),
    "ELU": (lambda **k: layers.ELU(0.5, **k), (2, 3)),
    "Softmax": (lambda **k: layers.Softmax(1, **k), (2, 3, 4)),
    "Softmax, two axes": (lambda **k: layers.Softmax([1, -1], **k), (2, 3, 4)),
    "Identity": (lambda **k: layers.Identity(**k), (2, 3)),
    "Masking": (lambda **k: layers.Masking(0.0, **k), (2, 3, 4)),
    "Rescaling": (lambda **k: layers.Rescaling(0.5, [1, 2, 3], **k), (2, 3)),
    "Permute": (lambda **k: layers.Permute((3, 1, 2), **k), (2, 3, 4, 5)),
    "RepeatVector": (lambda **k: layers.RepeatVector(3, **k), (2, 4)),
    "ZeroPadding1D": (lambda **k: layers.ZeroPadding1D((2, 1), **k), (2, 3, 4)),
    "ZeroPadding2D": (lambda **k: layers.ZeroPadding2D(((1, 0), (2, 3)), **k), (2, 3, 4, 2)),
    "ZeroPadding3D": (lambda **k: layers.ZeroPadding3D((1, 0, 2), "channels_first", **k), (2, 2, 3, 1, 2)),
    "Cropping1D": (lambda **k: layers.Cropping1D((2, 1), **k), (2, 5, 4)),
    "Cropping2D": (lambda **k: layers.Cropping2D(((1, 0), (2, 0)), **k), (2, 3, 4, 2)),
    "Cropping3D": (lambda **k: layers.Cropping3D(1, "channels_first", **k), (2, 2, 3, 4, 3)),
    "UpSampling1D": (lambda **k: layers.UpSampling1D(3, **k), (2, 3, 4)),
    "UpSampling2D": (lambda **k: layers.UpSampling2D((2, 3), **k), (2, 3, 4, 2)),
    "UpSampling2D, bilinear": (
        lambda **k: layers.UpSampling2D((2, 3), "channels_first", "bilinear", **k),
        (2, 2, 3, 4),
    ),
    "UpSampling2D, bicubic": (lambda **k: layers.UpSampling2D(2, None, "bicubic", **k), (2, 3, 4, 2)),
    "UpSampling3D": (lambda **k: layers.UpSampling3D((1, 2, 2), **k), (2, 2, 3, 2, 2)),
    "BatchNormalization": (lambda **k: layers.BatchNormalization(momentum=0.9, **k), (4, 3, 5)),
    "BatchNormalization, renorm": (
        lambda **k: layers.BatchNormalization(1, renorm=True, renorm_clipping={"rmax": 3.0}, **k),
        (4, 3, 5),
    ),
    "LayerNormalization": (lambda **k: layers.LayerNormalization(**k), (2, 3, 5)),
    "LayerNormalization, two axes": (lambda **k: layers.LayerNormalization([1, -1], **k), (2, 3, 4, 5)),
    "GroupNormalization": (lambda **k: layers.GroupNormalization(2, **k), (2, 3, 4)),
    "GroupNormalization, first": (lambda **k: layers.GroupNormalization(-1, 1, **k), (2, 3, 4)),
    "RMSNormalization": (lambda **k: layers.RMSNormalization([-2, -1], **k), (2, 3, 4)),
    "UnitNormalization": (lambda **k: layers.UnitNormalization(1, **k), (2, 3, 4)),
    "AdaptiveAveragePooling1D": (lambda **k: layers.AdaptiveAveragePooling1D(3, **k), (2, 7, 3)),
    "AdaptiveAveragePooling2D": (
        lambda **k: layers.AdaptiveAveragePooling2D((2, 3), "channels_first", **k),
        (2, 3, 5, 4),
    ),
    "AdaptiveAveragePooling3D": (lambda **k: layers.AdaptiveAveragePooling3D(2, **k), (2, 3, 4, 5, 2)),
    "AdaptiveMaxPooling1D": (lambda **k: layers.AdaptiveMaxPooling1D(3, **k), (2, 7, 3)),
    "AdaptiveMaxPooling2D": (lambda **k: layers.AdaptiveMaxPooling2D((2, 3), **k), (2, 5, 4, 3)),
    "AdaptiveMaxPooling3D": (
        lambda **k: layers.AdaptiveMaxPooling3D(2, "channels_first", **k),
        (2, 2, 3, 4, 5),
    ),
    "MaxPooling2D, ceil_mode": (lambda **k: layers.MaxPooling2D(2, ceil_mode=True, **k), (2, 5, 5, 2)),
}
# In training they draw anew at each call.
RANDOM = {
    "SpatialDropout1D": (lambda **k: layers.SpatialDropout1D(0.5, 3, **k), (2, 3, 4)),
    "SpatialDropout2D": (lambda **k: layers.SpatialDropout2D(0.5, "channels_first", **k), (2, 3, 4, 2)),
    "SpatialDropout3D": (lambda **k: layers.SpatialDropout3D(0.5, **k), (2, 3, 4, 2, 3)),
    "GaussianNoise": (lambda **k: layers.GaussianNoise(0.5, seed=3, **k), (2, 3)),
    "GaussianDropout": (lambda **k: layers.GaussianDropout(0.5, **k), (2, 3)),
    "AlphaDropout": (lambda **k: layers.AlphaDropout(0.5, (None, 1), **k), (2, 3)),
}
MERGES = {
    "Add": (lambda **k: layers.Add(**k), [(2, 3, 4), (2, 1, 4), (2, 4)]),
    "Subtract": (lambda **k: layers.Subtract(**k), [(2, 3, 4), (2, 3, 1)]),
    "Multiply": (lambda **k: layers.Multiply(**k), [(2, 3, 4), (2, 1, 4), (2, 4)]),
    "Average": (lambda **k: layers.Average(**k), [(2, 3), (2, 3), (2, 3)]),
    "Maximum": (lambda **k: layers.Maximum(**k), [(2, 3, 4), (2, 1, 4), (2, 4)]),
    "Minimum": (lambda **k: layers.Minimum(**k), [(2, 3), (2, 3), (2, 3)]),
    "Concatenate": (lambda **k: layers.Concatenate(1, **k), [(2, 3, 4), (2, 1, 4)]),
    "Dot": (lambda **k: layers.Dot((1, 2), **k), [(2, 3, 4, 2), (2, 5, 3)]),
    "Dot of vectors": (lambda **k: layers.Dot(-1, True, **k), [(2, 3), (2, 3)]),
}
INTEGERS = {  # layers of integer ids: name -> (make, inputs)
    "Embedding": (lambda **k: layers.Embedding(9, 4, **k), np.array([[1, 3, 1], [8, 0, 3]])),
    "EmbeddingBag": (
        lambda **k: layers.EmbeddingBag(9, 4, "sum", **k),
        [np.array([1, 3, 1, 8]), np.array([0, 3])],
    ),
}
RECURRENT = {
    "LSTM": (lambda **k: layers.LSTM(3, return_sequences=True, **k), (2, 4, 5)),
    "LSTM, variant": (lambda **k: layers.LSTM(3, layer_normalization=True, peepholes=True, **k), (2, 4, 5)),
    "GRU": (lambda **k: layers.GRU(3, go_backwards=True, **k), (2, 4, 5)),
    "SimpleRNN": (lambda **k: layers.SimpleRNN(3, return_state=True, **k), (2, 4, 5)),
    "RNN": (lambda **k: layers.RNN(layers.GRUCell(3, **k), **k), (2, 4, 5)),
    "RNN of cells": (
        lambda **k: layers.RNN([layers.LSTMCell(3, **k), layers.SimpleRNNCell(2, **k)], **k),
        (2, 4, 5),
    ),
    "Bidirectional": (lambda **k: layers.Bidirectional(layers.GRU(3, **k), "ave", **k), (2, 4, 5)),
    "TimeDistributed": (lambda **k: layers.TimeDistributed(layers.Dense(3, **k), **k), (2, 4, 5)),
}
PLAIN = {
    "Dense": (lambda **k: layers.Dense(4, "tanh", **k), (3, 5)),
    "Activation": (lambda **k: layers.Activation("gelu", **k), (2, 3)),
    "Dropout": (lambda **k: layers.Dropout(0.5, seed=3, **k), (2, 3)),
    "ActivityRegularization": (lambda **k: layers.ActivityRegularization(0.5, 0.25, **k), (2, 3)),
    "Flatten": (lambda **k: layers.Flatten(**k), (2, 3, 4)),
    "Reshape": (lambda **k: layers.Reshape((4, 3), **k), (2, 3, 4)),
    "Conv1D": (lambda **k: layers.Conv1D(4, 3, padding="causal", **k), (2, 7, 3)),
    "Conv2D": (lambda **k: layers.Conv2D(4, 3, activation="relu", **k), (2, 7, 6, 3)),
    "Conv3D": (lambda **k: layers.Conv3D(2, 2, padding="same", use_bias=False, **k), (2, 3, 4, 5, 3)),
    "Conv1DTranspose": (lambda **k: layers.Conv1DTranspose(4, 3, 2, **k), (2, 4, 3)),
    "Conv2DTranspose": (lambda **k: layers.Conv2DTranspose(2, 3, activation="selu", **k), (2, 4, 3, 2)),
    "Conv3DTranspose": (lambda **k: layers.Conv3DTranspose(2, 2, **k), (2, 2, 3, 2, 2)),
    "DepthwiseConv1D": (lambda **k: layers.DepthwiseConv1D(3, depth_multiplier=2, **k), (2, 6, 3)),
    "DepthwiseConv2D": (lambda **k: layers.DepthwiseConv2D(2, activation="relu", **k), (2, 4, 5, 3)),
    "SeparableConv1D": (lambda **k: layers.SeparableConv1D(4, 3, **k), (2, 6, 3)),
    "SeparableConv2D": (lambda **k: layers.SeparableConv2D(4, 2, activation="tanh", **k), (2, 4, 5, 3)),
    "MaxPooling1D": (lambda **k: layers.MaxPooling1D(3, **k), (2, 7, 3)),
    "MaxPooling2D": (lambda **k: layers.MaxPooling2D(**k), (2, 7, 6, 3)),
    "MaxPooling3D": (lambda **k: layers.MaxPooling3D(padding="same", **k), (2, 3, 4, 5, 3)),
    "AveragePooling1D": (lambda **k: layers.AveragePooling1D(2, **k), (2, 7, 3)),
    "AveragePooling2D": (lambda **k: layers.AveragePooling2D((2, 3), 1, **k), (2, 7, 6, 3)),
    "AveragePooling3D": (lambda **k: layers.AveragePooling3D(2, **k), (2, 3, 4, 5, 3)),
    "GlobalMaxPooling1D": (lambda **k: layers.GlobalMaxPooling1D(**k), (2, 7, 3)),
    "GlobalMaxPooling2D": (lambda **k: layers.GlobalMaxPooling2D(keepdims=True, **k), (2, 7, 6, 3)),
    "GlobalMaxPooling3D": (lambda **k: layers.GlobalMaxPooling3D(**k), (2, 3, 4, 5, 3)),
    "GlobalAveragePooling1D": (lambda **k: layers.GlobalAveragePooling1D(**k), (2, 7, 3)),
    "GlobalAveragePooling2D": (lambda **k: layers.GlobalAveragePooling2D(**k), (2, 7, 6, 3)),
    "GlobalAveragePooling3D": (lambda **k: layers.GlobalAveragePooling3D(**k), (2, 3, 4, 5, 3)),
}
