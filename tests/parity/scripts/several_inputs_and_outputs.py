"""A functional model with several inputs and outputs, named."""

import keras
import numpy as np
from keras import layers

from tests.parity.same_weights import same_weights

num_tags, num_words, num_departments = 12, 100, 4
title_input = keras.Input(shape=(None,), name="title")
body_input = keras.Input(shape=(None,), name="body")
tags_input = keras.Input(shape=(num_tags,), name="tags")
title_features = layers.Embedding(num_words, 16)(title_input)
body_features = layers.Embedding(num_words, 16)(body_input)
title_features = layers.LSTM(12)(title_features)
body_features = layers.LSTM(8)(body_features)
x = layers.concatenate([title_features, body_features, tags_input])
priority_pred = layers.Dense(1, name="priority")(x)
department_pred = layers.Dense(num_departments, name="department")(x)
model = keras.Model(
    inputs=[title_input, body_input, tags_input],
    outputs={"priority": priority_pred, "department": department_pred},
)
same_weights(model)
model.summary()
model.compile(
    optimizer=keras.optimizers.RMSprop(1e-3),
    loss={
        "priority": keras.losses.BinaryCrossentropy(from_logits=True),
        "department": keras.losses.CategoricalCrossentropy(from_logits=True),
    },
    loss_weights={"priority": 1.0, "department": 0.2},
)
rng = np.random.default_rng(0)
title_data = rng.integers(0, num_words, size=(40, 10))
body_data = rng.integers(0, num_words, size=(40, 20))
tags_data = rng.integers(0, 2, size=(40, num_tags)).astype("float32")
priority_targets = rng.random(size=(40, 1))
dept_targets = np.eye(4)[rng.integers(0, 4, 40)]
h = model.fit(
    {"title": title_data, "body": body_data, "tags": tags_data},
    {"priority": priority_targets, "department": dept_targets},
    epochs=2,
    batch_size=8,
    shuffle=False,
    verbose=0,
)
p = model.predict({"title": title_data, "body": body_data, "tags": tags_data}, verbose=0)
results = [h.history, p["priority"], p["department"], model.count_params()]
