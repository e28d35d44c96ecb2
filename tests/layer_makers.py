"""Layers that compute with arrays alone, in some configurations: name -> (make(**arguments), input shape)."""

from gpulayers import layers

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
