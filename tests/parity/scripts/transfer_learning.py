"""A frozen base model, then fine-tuning."""

import keras
import numpy as np
from keras import layers

from tests.parity.same_weights import same_weights

rng = np.random.default_rng(0)
inputs = keras.Input(shape=(12, 12, 3))
x = layers.Conv2D(6, 3, activation="relu")(inputs)
x = layers.BatchNormalization()(x)
x = layers.Conv2D(8, 3, activation="relu")(x)
x = layers.GlobalAveragePooling2D()(x)
base_model = keras.Model(inputs, x, name="base")
same_weights(base_model)
base_model.trainable = False
inputs = keras.Input(shape=(12, 12, 3))
x = layers.Rescaling(1 / 127.5, offset=-1)(inputs)
x = base_model(x, training=False)
x = layers.Dropout(0.0)(x)
outputs = layers.Dense(1)(x)
model = keras.Model(inputs, outputs)
same_weights(model)
model.summary(show_trainable=True)
model.compile(
    optimizer=keras.optimizers.Adam(),
    loss=keras.losses.BinaryCrossentropy(from_logits=True),
    metrics=[keras.metrics.BinaryAccuracy()],
)
x = (rng.random((16, 12, 12, 3)) * 255).astype("float32")
y = rng.integers(0, 2, 16)
h1 = model.fit(x, y, epochs=2, batch_size=4, shuffle=False, verbose=0, validation_data=(x, y))
n1 = len(model.trainable_weights)
base_model.trainable = True
for layer in base_model.layers[:-2]:
    layer.trainable = False
n2 = len(model.trainable_weights)
model.compile(
    optimizer=keras.optimizers.SGD(1e-3),
    loss=keras.losses.BinaryCrossentropy(from_logits=True),
    metrics=[keras.metrics.BinaryAccuracy()],
)
h2 = model.fit(x, y, epochs=2, batch_size=4, shuffle=False, verbose=0)
results = [h1.history, h2.history, n1, n2, model.get_weights(), [w.path for w in model.trainable_weights]]
