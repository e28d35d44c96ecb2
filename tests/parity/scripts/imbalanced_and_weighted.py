"""Rare positives: class weights, many metrics, sample weights, batches by hand."""

import keras
import numpy as np

from tests.parity.same_weights import same_weights

rng = np.random.default_rng(1)
features = rng.standard_normal((120, 9)).astype("float32")
targets = (features[:, :1] + 0.3 * rng.standard_normal((120, 1)) > 0.9).astype("uint8")
counts = np.bincount(targets[:, 0])
weights = {0: 1.0 / counts[0], 1: 1.0 / counts[1]}
model = keras.Sequential(
    [
        keras.Input(shape=features.shape[1:]),
        keras.layers.Dense(16, activation="relu"),
        keras.layers.Dense(16, activation="relu", activity_regularizer=keras.regularizers.L2(1e-4)),
        keras.layers.Dense(1, activation="sigmoid"),
    ]
)
same_weights(model)
model.summary()
metrics = [
    keras.metrics.Precision(name="precision"),
    keras.metrics.Recall(name="recall"),
    keras.metrics.AUC(name="auc"),
    keras.metrics.AUC(name="prc", curve="PR"),
    keras.metrics.BinaryAccuracy(threshold=0.4),
    keras.metrics.F1Score(threshold=0.5, average="micro"),
    "cosine_similarity",
]
model.compile(optimizer=keras.optimizers.Adam(1e-2), loss="binary_crossentropy", metrics=metrics)
run = dict(verbose=0, shuffle=False)
history = model.fit(
    features[:90],
    targets[:90],
    batch_size=32,
    epochs=4,
    validation_data=(features[90:], targets[90:]),
    class_weight=weights,
    **run,
)
results = [history.history, model.predict(features, batch_size=64, verbose=0)]
results.append(model.evaluate(features, targets, verbose=0, return_dict=True))

counted = [getattr(keras.metrics, name)() for name in ("FalseNegatives", "TruePositives", "TrueNegatives")]
model.compile(
    "sgd", "binary_crossentropy", metrics=counted
)  # apart: Keras on PyTorch mixes epochs and validation
results.append(model.fit(features, targets, epochs=2, **run).history)

sample_weight = np.where(targets[:, 0] == 1, 5.0, 0.5).astype("float32")
model = keras.Sequential(
    [keras.Input((9,)), keras.layers.BatchNormalization(), keras.layers.Dense(3, activation="softmax")]
)
same_weights(model)
classes = rng.integers(0, 3, 120)
model.compile(
    optimizer=keras.optimizers.Nadam(0.01),
    loss=keras.losses.SparseCategoricalCrossentropy(),
    metrics=["accuracy", keras.metrics.SparseTopKCategoricalAccuracy(k=2)],
    weighted_metrics=["accuracy", "sparse_categorical_crossentropy"],
)
history = model.fit(
    features, classes, sample_weight=sample_weight, validation_split=0.25, epochs=3, batch_size=25, **run
)
results.append(history.history)
for start in range(0, 90, 30):
    batch = slice(start, start + 30)
    logs = model.train_on_batch(features[batch], classes[batch], sample_weight[batch], return_dict=True)
    results.append({name: float(value) for name, value in logs.items()})
results += [model.test_on_batch(features[:40], classes[:40]), model.predict_on_batch(features[:5])]
results.append(model.evaluate(features, classes, sample_weight=sample_weight, batch_size=50, verbose=0))
one_hot = keras.utils.to_categorical(classes, 3)
for loss in (keras.losses.CategoricalFocalCrossentropy(), "kl_divergence", "hinge", keras.losses.Dice()):
    same_weights(model)
    model.compile(keras.optimizers.SGD(0.05), loss, metrics=["categorical_accuracy"])
    results.append(
        model.fit(features, one_hot, epochs=2, batch_size=50, class_weight={1: 3.0}, **run).history
    )
