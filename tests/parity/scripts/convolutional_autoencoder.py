"""An autoencoder of convolutions, pooling and transposed convolutions."""

import numpy as np
from keras import layers
from keras.models import Model

from tests.parity.same_weights import same_weights

rng = np.random.default_rng(0)
train = rng.random((24, 20, 20, 3)).astype("float32")
input = layers.Input(shape=(20, 20, 3))
x = layers.Conv2D(8, (3, 3), activation="relu", padding="same")(input)
x = layers.MaxPooling2D((2, 2), padding="same")(x)
x = layers.Conv2D(8, (3, 3), activation="relu", padding="same")(x)
x = layers.MaxPooling2D((2, 2), padding="same")(x)
x = layers.Conv2DTranspose(8, (3, 3), strides=2, activation="relu", padding="same")(x)
x = layers.Conv2DTranspose(8, (3, 3), strides=2, activation="relu", padding="same")(x)
x = layers.Conv2D(3, (3, 3), activation="sigmoid", padding="same")(x)
autoencoder = Model(input, x)
same_weights(autoencoder)
autoencoder.compile(optimizer="sgd", loss="binary_crossentropy")
autoencoder.summary()
h = autoencoder.fit(
    x=train, y=train, epochs=2, batch_size=8, shuffle=False, validation_data=(train, train), verbose=0
)
results = [h.history, autoencoder.predict(train[:2], verbose=0)]
