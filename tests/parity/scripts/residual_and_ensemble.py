"""The functional guide: a residual network, models in models, an ensemble, shared embeddings."""

import keras
import numpy as np
from keras import layers

from tests.parity.same_weights import same_weights

rng = np.random.default_rng(2)


def block(x, filters, strides=1):
    shortcut = x
    y = layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)(x)
    y = layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(y)
    y = layers.ReLU(max_value=6.0)(y)
    y = layers.Conv2D(filters, 3, padding="same", use_bias=False)(y)
    y = layers.BatchNormalization(momentum=0.9)(y)
    if strides != 1 or shortcut.shape[-1] != filters:
        shortcut = layers.Conv2D(filters, 1, strides=strides, padding="same")(shortcut)
        shortcut = layers.BatchNormalization()(shortcut)
    return layers.Activation("relu")(layers.add([y, shortcut]))


inputs = keras.Input(shape=(16, 16, 3), name="img")
x = layers.ZeroPadding2D(1)(inputs)
x = layers.Conv2D(4, 3, activation="relu")(x)
x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
x = block(x, 4)
x = block(x, 8, 2)
x = layers.GlobalAveragePooling2D()(x)
outputs = layers.Dense(5)(x)
resnet = keras.Model(inputs, outputs, name="toy_resnet")
same_weights(resnet)
resnet.summary()
images, labels = rng.random((24, 16, 16, 3), np.float32), rng.integers(0, 5, (24, 1))
resnet.compile(
    optimizer=keras.optimizers.SGD(0.02, momentum=0.9, weight_decay=1e-3),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["acc", keras.metrics.SparseTopKCategoricalAccuracy(2, name="top2")],
)
run = dict(batch_size=8, verbose=0, shuffle=False)
history = resnet.fit(images, labels, epochs=2, validation_split=0.25, **run)
results = [history.history, resnet.predict(images, verbose=0), resnet.evaluate(images, labels, verbose=0)]

encoder_input = keras.Input(shape=(12, 12, 1), name="img")
x = layers.Conv2D(4, 3, activation="relu")(encoder_input)
x = layers.Conv2D(6, 3, activation="relu")(x)
x = layers.MaxPooling2D(2)(x)
encoder = keras.Model(encoder_input, layers.GlobalMaxPooling2D()(x), name="encoder")
decoder_input = keras.Input(shape=(6,), name="encoded_img")
x = layers.Dense(32)(decoder_input)
x = layers.Reshape((4, 4, 2))(x)  # PyTorch without oneDNN cannot differentiate what follows of one channel
x = layers.Conv2DTranspose(6, 3, activation="relu")(x)
x = layers.UpSampling2D(2)(x)
decoder = keras.Model(decoder_input, layers.Conv2D(1, 1)(x), name="decoder")
autoencoder_input = keras.Input(shape=(12, 12, 1), name="img")
autoencoder = keras.Model(autoencoder_input, decoder(encoder(autoencoder_input)), name="autoencoder")
same_weights(autoencoder)
autoencoder.summary()
autoencoder.compile("adam", "mse")
pictures = rng.random((16, 12, 12, 1), np.float32)
results += [
    autoencoder.fit(pictures, pictures, epochs=2, **run).history,
    encoder.predict(pictures, verbose=0),
]


def get_model():
    inputs = keras.Input(shape=(10,))
    return keras.Model(inputs, layers.Dense(1)(inputs))


members = [get_model() for _ in range(3)]
inputs = keras.Input(shape=(10,))
ensemble = keras.Model(inputs=inputs, outputs=layers.average([model(inputs) for model in members]))
same_weights(ensemble)
ensemble.compile("rmsprop", "mae")
x = rng.random((20, 10), np.float32)
results += [ensemble.fit(x, x[:, :1], epochs=2, **run).history, [m.predict(x, verbose=0) for m in members]]

shared = layers.Embedding(30, 4)
first, second = keras.Input(shape=(None,), dtype="int32"), keras.Input(shape=(None,), dtype="int32")
pooled = [layers.GlobalAveragePooling1D()(shared(ids)) for ids in (first, second)]
outputs = layers.Dense(2, activation="softmax")(layers.concatenate(pooled))
texts = keras.Model([first, second], outputs)
same_weights(texts)
texts.compile(keras.optimizers.Adagrad(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])
ids = [rng.integers(0, 30, (20, 7)), rng.integers(0, 30, (20, 5))]
results += [texts.fit(ids, rng.integers(0, 2, 20), epochs=3, **run).history, shared.get_weights()]
results += [[tuple(node.shape) for node in texts.inputs], tuple(texts.output.shape)]
frozen = keras.Sequential([resnet, layers.Dense(2, activation="tanh", name="head")])
resnet.trainable = False
frozen.compile("sgd", "mse")
before = resnet.get_weights()
results += [len(frozen.trainable_weights), len(frozen.non_trainable_weights)]
frozen.layers[-1].set_weights([np.ones((5, 2), np.float32), np.zeros(2, np.float32)])
results += [frozen.fit(images, np.ones((24, 2)), epochs=2, **run).history]
results.append(all(np.array_equal(*pair) for pair in zip(before, resnet.get_weights())))
