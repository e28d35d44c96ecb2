"""Depthwise blocks."""

import keras
import numpy as np
from keras import layers

from tests.parity.same_weights import same_weights


def relu6(x):
    return layers.ReLU(6.0)(x)


def conv_block(inputs, filters, kernel=(3, 3), strides=(1, 1)):
    x = layers.Conv2D(filters, kernel, padding="same", use_bias=False, strides=strides, name="conv1")(inputs)
    x = layers.BatchNormalization(axis=-1, name="conv1_bn")(x)
    return layers.ReLU(6.0, name="conv1_relu")(x)


def depthwise_block(inputs, pointwise, depth_multiplier=1, strides=(1, 1), block_id=1):
    if strides == (1, 1):
        x = inputs
    else:
        x = layers.ZeroPadding2D(((0, 1), (0, 1)), name="conv_pad_%d" % block_id)(inputs)
    x = layers.DepthwiseConv2D(
        (3, 3),
        padding="same" if strides == (1, 1) else "valid",
        depth_multiplier=depth_multiplier,
        strides=strides,
        use_bias=False,
        name="conv_dw_%d" % block_id,
    )(x)
    x = layers.BatchNormalization(axis=-1, name="conv_dw_%d_bn" % block_id)(x)
    x = layers.ReLU(6.0, name="conv_dw_%d_relu" % block_id)(x)
    x = layers.Conv2D(
        pointwise, (1, 1), padding="same", use_bias=False, strides=(1, 1), name="conv_pw_%d" % block_id
    )(x)
    x = layers.BatchNormalization(axis=-1, name="conv_pw_%d_bn" % block_id)(x)
    return layers.ReLU(6.0, name="conv_pw_%d_relu" % block_id)(x)


img_input = layers.Input(shape=(16, 16, 3))
x = conv_block(img_input, 8, strides=(2, 2))
x = depthwise_block(x, 8, block_id=1)
x = depthwise_block(x, 16, strides=(2, 2), block_id=2)
x = layers.GlobalAveragePooling2D(keepdims=True)(x)
x = layers.Dropout(0.0, name="dropout")(x)
x = layers.Conv2D(5, (1, 1), padding="same", name="conv_preds")(x)
x = layers.Reshape((5,), name="reshape_2")(x)
x = layers.Activation(activation="softmax", name="predictions")(x)
model = keras.Model(img_input, x, name="mobilenet_small")
same_weights(model)
model.summary()
model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
rng = np.random.default_rng(0)
x = rng.random((16, 16, 16, 3)).astype("float32")
y = rng.integers(0, 5, 16)
h = model.fit(x, y, epochs=2, batch_size=8, shuffle=False, verbose=0)
results = [
    h.history,
    model.predict(x, verbose=0),
    model.get_layer("conv_dw_1").output.shape,
    model.get_weights(),
]
