"""Branches of convolutions that are concatenated; names by star import."""

import numpy as np
from keras.layers import *  # noqa: F403
from keras.models import Model

from tests.parity.same_weights import same_weights


def conv2d_bn(x, filters, num_row, num_col, padding="same", strides=(1, 1), name=None):
    bn_name, conv_name = (name + "_bn", name + "_conv") if name is not None else (None, None)
    x = Conv2D(filters, (num_row, num_col), strides=strides, padding=padding, use_bias=False, name=conv_name)(
        x
    )
    x = BatchNormalization(axis=3, scale=False, name=bn_name)(x)
    return Activation("relu", name=name)(x)


img = Input(shape=(15, 15, 3))
x = conv2d_bn(img, 4, 3, 3, strides=(2, 2), padding="valid")
x = MaxPooling2D((3, 3), strides=(2, 2))(x)
b1 = conv2d_bn(x, 4, 1, 1)
b5 = conv2d_bn(conv2d_bn(x, 3, 1, 1), 4, 5, 5)
b7 = conv2d_bn(conv2d_bn(x, 3, 1, 7), 4, 7, 1)
bp = AveragePooling2D((3, 3), strides=(1, 1), padding="same")(x)
bp = conv2d_bn(bp, 2, 1, 1)
x = concatenate([b1, b5, b7, bp], axis=3, name="mixed0")
x = GlobalAveragePooling2D(name="avg_pool")(x)
x = Dense(4, activation="softmax", name="predictions")(x)
model = Model(img, x, name="inception")
same_weights(model)
model.summary()
model.compile(
    optimizer="sgd",
    loss="sparse_categorical_crossentropy",
    metrics=["accuracy", "sparse_categorical_crossentropy"],
)
rng = np.random.default_rng(0)
X = rng.random((12, 15, 15, 3)).astype("float32")
Y = rng.integers(0, 4, 12)
h = model.fit(X, Y, epochs=2, batch_size=6, shuffle=False, verbose=0)
results = [h.history, model.predict(X, verbose=0), [layer.name for layer in model.layers]]
