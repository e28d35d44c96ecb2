"""A tower of layers shared by two inputs, and their distance; recommendations from two embeddings."""

import keras
import numpy as np
from keras import layers

from tests.parity.same_weights import same_weights

rng = np.random.default_rng(0)
image = layers.Input((12, 12, 1))
x = layers.BatchNormalization()(image)
x = layers.Conv2D(4, (5, 5), activation="tanh")(x)
x = layers.AveragePooling2D(pool_size=(2, 2))(x)
x = layers.Flatten()(x)
x = layers.BatchNormalization()(x)
tower = keras.Model(image, layers.Dense(6, activation="tanh")(x), name="tower")
left, right = layers.Input((12, 12, 1), name="left"), layers.Input((12, 12, 1), name="right")
difference = layers.Subtract()([tower(left), tower(right)])
distance = layers.Dot(axes=1)([difference, difference])
merged = layers.BatchNormalization()(distance)
siamese = keras.Model(inputs=[left, right], outputs=layers.Dense(1, activation="sigmoid")(merged))
same_weights(siamese)
siamese.compile(loss="binary_crossentropy", optimizer=keras.optimizers.RMSprop(0.01), metrics=["accuracy"])
siamese.summary(expand_nested=True)
pairs = rng.random((2, 40, 12, 12, 1), np.float32)
labels = rng.integers(0, 2, 40).astype("float32")
pairs[1, labels == 0] = pairs[0, labels == 0] + 0.1
history = siamese.fit(
    [pairs[0], pairs[1]], labels, batch_size=16, epochs=2, shuffle=False, verbose=0, validation_split=0.2
)
results = [
    history.history,
    siamese.predict([pairs[0], pairs[1]], verbose=0),
    tower.predict(pairs[0], verbose=0),
]
results.append([layer.name for layer in siamese.layers] == [layer.name for layer in siamese.layers])
results.append([siamese.get_layer("tower").output_shape, len(siamese.trainable_weights)])
extractor = keras.Model(tower.input, tower.get_layer(index=3).output)
results.append(extractor.predict(pairs[0][:3], verbose=0))

user, movie = keras.Input((), name="user", dtype="int32"), keras.Input((), name="movie", dtype="int32")
settings = dict(embeddings_initializer="he_normal", embeddings_regularizer=keras.regularizers.l2(1e-3))
user_vector = layers.Embedding(9, 5, **settings)(user)
user_bias = layers.Embedding(9, 1)(user)
movie_vector = layers.Embedding(7, 5, **settings)(movie)
movie_bias = layers.Embedding(7, 1)(movie)
match = layers.Dot(axes=1, normalize=True)([user_vector, movie_vector])
rating = layers.Activation("sigmoid")(match + user_bias + movie_bias)
recommender = keras.Model({"user": user, "movie": movie}, rating)
same_weights(recommender)
recommender.compile(
    loss=keras.losses.BinaryCrossentropy(),
    optimizer=keras.optimizers.Adam(learning_rate=0.01),
    metrics=[keras.metrics.MeanAbsoluteError(name="mae"), keras.metrics.RootMeanSquaredError()],
)
ids = {"user": rng.integers(0, 9, 60), "movie": rng.integers(0, 7, 60)}
ratings = rng.random((60, 1), np.float32)
history = recommender.fit(ids, ratings, batch_size=16, epochs=2, verbose=0, shuffle=False)
results += [
    history.history,
    recommender.predict(ids, verbose=0),
    recommender.evaluate(ids, ratings, verbose=0),
]
