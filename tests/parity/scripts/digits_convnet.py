"""A convolutional network for digits."""

import keras
import numpy as np
from keras import layers

from tests.parity.same_weights import same_weights

num_classes = 10
input_shape = (28, 28, 1)
rng = np.random.default_rng(0)
x_train = rng.integers(0, 256, (96, 28, 28)).astype("uint8")
y_train = rng.integers(0, 10, 96)
x_train = x_train.astype("float32") / 255
x_train = np.expand_dims(x_train, -1)
y_train = keras.utils.to_categorical(y_train, num_classes)
model = keras.Sequential(
    [
        keras.Input(shape=input_shape),
        layers.Conv2D(8, kernel_size=(3, 3), activation="relu"),
        layers.MaxPooling2D(pool_size=(2, 2)),
        layers.Conv2D(16, kernel_size=(3, 3), activation="relu"),
        layers.MaxPooling2D(pool_size=(2, 2)),
        layers.Flatten(),
        layers.Dropout(0.0),
        layers.Dense(num_classes, activation="softmax"),
    ]
)
same_weights(model)
model.summary()
model.compile(loss="categorical_crossentropy", optimizer="sgd", metrics=["accuracy"])
h = model.fit(x_train, y_train, batch_size=32, epochs=2, validation_split=0.25, shuffle=False, verbose=0)
score = model.evaluate(x_train, y_train, verbose=0)
results = [h.history, score, model.predict(x_train[:5], verbose=0), model.get_weights()]
