"""Small things at Keras's paths."""

import keras
import numpy as np
from keras import activations, constraints, initializers, layers, regularizers
from keras import backend as K
from keras.layers import Activation, Dense
from keras.models import Model, Sequential, clone_model
from keras.utils import normalize, to_categorical

from tests.parity.same_weights import same_weights

keras.utils.set_random_seed(812)
K.clear_session()
keras.backend.clear_session()
results = [
    K.floatx(),
    K.epsilon(),
    K.image_data_format(),
    keras.config.floatx(),
    keras.config.epsilon(),
    keras.config.image_data_format(),
]
K.set_floatx("float32")
K.set_epsilon(1e-7)
K.set_image_data_format("channels_last")
results.append(normalize(np.arange(6.0).reshape(2, 3)))
m = Sequential(
    [
        layers.Input((4,)),
        Dense(
            3,
            kernel_regularizer=regularizers.l2(0.01),
            kernel_constraint=constraints.max_norm(3),
            kernel_initializer=initializers.RandomNormal(stddev=0.01),
        ),
        Activation(activations.relu),
        Dense(2, activation=activations.softmax),
    ]
)
same_weights(m)
c = clone_model(m)
results.append([w.shape for w in c.get_weights()])
same_weights(c)
x = np.ones((3, 4), "float32")
results.append(c.predict(x, verbose=0))
results.append([layer.name for layer in c.layers] == [layer.name for layer in m.layers])
js = m.to_json()
m2 = keras.models.model_from_json(js)
same_weights(m2)
results.append(m2.predict(x, verbose=0))
m3 = Model.from_config(Model(m.inputs, m.outputs).get_config())
same_weights(m3)
results.append(m3.predict(x, verbose=0))
feat = keras.Model(inputs=m.inputs, outputs=[layer.output for layer in m.layers])
results.append([np.asarray(t) for t in feat.predict(x, verbose=0)])
ex = keras.Model(inputs=m.inputs, outputs=m.get_layer(index=0).output)
results.append(ex.predict(x, verbose=0))
results.append(
    [
        m.input_shape,
        m.output_shape,
        [tuple(i.shape) for i in m.inputs],
        [tuple(i.shape) for i in m.outputs],
        len(m.weights),
        m.count_params(),
        m.built,
        m.layers[0].units,
    ]
)
for layer in m.layers:
    results.append(
        [
            layer.name.split("_")[0],
            tuple(layer.output.shape),
            layer.trainable,
            layer.built,
            len(layer.get_weights()),
        ]
    )
m.pop()
m.add(Dense(5))
same_weights(m)
results.append(m.predict(x, verbose=0))
results.append(keras.Layer is layers.Layer)
results.append(
    [
        isinstance(m, keras.Layer),
        isinstance(m, keras.Model),
        isinstance(m, keras.Sequential),
        isinstance(keras.optimizers.Adam(), keras.Optimizer),
        isinstance(keras.losses.MeanSquaredError(), keras.Loss),
        isinstance(keras.metrics.Mean(), keras.Metric),
        isinstance(keras.initializers.Zeros(), keras.Initializer),
        isinstance(regularizers.l2(0.1), keras.Regularizer),
    ]
)
results.append(keras.activations.relu(np.array([-1.0, 2.0], "float32")))
results.append(keras.activations.get("tanh") is not None)
results.append(to_categorical([1, 0, 2]))
w = m.layers[0].kernel
results.append([w.name, w.path.split("/")[-1], tuple(w.shape), w.dtype == "float32", w.trainable])
w.assign(np.zeros(w.shape))
results.append(w.numpy())
