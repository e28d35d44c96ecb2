"""The base class of callbacks, and the list of those of a run."""

import os

from ..ops import arrays
from ..ops.spatial import integer

_STAGES = ("train", "test", "predict")
HOOKS = (
    *(f"on_{stage}_{when}" for stage in _STAGES for when in ("begin", "end")),
    *(f"on_{stage}_batch_{when}" for stage in _STAGES for when in ("begin", "end")),
    *("on_epoch_begin", "on_epoch_end", "on_batch_begin", "on_batch_end"),
)


class Callback:
    """Hooks of a run; override some of them.

    `logs` is a dict of numbers, sorted by name. on_batch_begin and on_batch_end are those of a training's
    batches under other names.

    Attributes:
        model: the model that runs; setting `model.stop_training = True` ends `fit` after the batch, as
            stop_evaluating and stop_predicting end `evaluate` and `predict`.
        params: {"verbose", "epochs", "steps"}.
    """

    model, params = None, None

    def set_model(self, model):
        self.model = model

    def set_params(self, params):
        self.params = params

    def on_train_begin(self, logs=None):
        pass

    def on_train_end(self, logs=None):
        pass

    def on_test_begin(self, logs=None):
        pass

    def on_test_end(self, logs=None):
        pass

    def on_predict_begin(self, logs=None):
        pass

    def on_predict_end(self, logs=None):
        pass

    def on_epoch_begin(self, epoch, logs=None):
        pass

    def on_epoch_end(self, epoch, logs=None):
        pass

    def on_batch_begin(self, batch, logs=None):
        pass

    def on_batch_end(self, batch, logs=None):
        pass

    def on_train_batch_begin(self, batch, logs=None):
        self.on_batch_begin(batch, logs=logs)

    def on_train_batch_end(self, batch, logs=None):
        self.on_batch_end(batch, logs=logs)

    def on_test_batch_begin(self, batch, logs=None):
        pass

    def on_test_batch_end(self, batch, logs=None):
        pass

    def on_predict_batch_begin(self, batch, logs=None):
        pass

    def on_predict_batch_end(self, batch, logs=None):
        pass


class LambdaCallback(Callback):
    """Functions as hooks: `LambdaCallback(on_epoch_end=lambda epoch, logs: ...)`.

    Args:
        **hooks: further hooks, such as on_test_begin.

    Raises:
        TypeError: no hook of that name, or not callable.
    """

    def __init__(
        self,
        on_epoch_begin=None,
        on_epoch_end=None,
        on_train_begin=None,
        on_train_end=None,
        on_train_batch_begin=None,
        on_train_batch_end=None,
        **hooks,
    ):
        hooks |= {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
        }
        for name, function in hooks.items():
            if name not in HOOKS or not (function is None or callable(function)):
                raise TypeError(
                    f"Hooks are functions named one of {', '.join(HOOKS)}. Received: {name}={function!r}"
                )
            if function is not None:
                setattr(self, name, function)


class CallbackList(Callback):
    """Calls every hook of several callbacks.

    As a context manager it closes callbacks that have a method `close`, however the run ends. The logs of a
    batch may be given as a function, which is called, and so waits for the device, only if somebody wants
    them: a callback that overrides the hook, and, where it has a method `due`, whose `due(batch)` is true.

    Args:
        callbacks: a Callback or lists of them.
        add_history, add_progbar: whether a History and a ProgressBar are added where there is none.
        model: that of the callbacks.
        **params: those of the callbacks: verbose, epochs, steps.

    Raises:
        TypeError: something that is not a Callback.
    """

    def __init__(self, callbacks=None, add_history=False, add_progbar=False, model=None, **params):
        from .history import History
        from .progress import ProgressBar

        self.callbacks = list(_flat(callbacks))
        for callback in self.callbacks:
            if not isinstance(callback, Callback):
                raise TypeError(f"callbacks must be Callback objects. Received: {type(callback).__name__}")
        for add, kind in ((add_history, History), (add_progbar, ProgressBar)):
            if add and not any(isinstance(callback, kind) for callback in self.callbacks):
                self.callbacks.append(kind())
        self.history = next((c for c in self.callbacks if isinstance(c, History)), None)
        self._overriding = {hook: [c for c in self.callbacks if _overrides(c, hook)] for hook in HOOKS}
        self.set_params(params)
        if model is not None:
            self.set_model(model)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for callback in self.callbacks:
            if hasattr(callback, "close"):
                callback.close()

    def set_model(self, model):
        self.model = model
        if self.history is not None:
            model.history = self.history
        for callback in self.callbacks:
            callback.set_model(model)

    def set_params(self, params):
        self.params = params
        for callback in self.callbacks if params else ():
            callback.set_params(params)

    def _call(self, hook, *arguments, logs=None):
        logs = numbers_of(logs)
        for callback in self._overriding[hook]:
            getattr(callback, hook)(*arguments, logs)

    def _batch_end(self, hook, batch, logs):
        found = None
        for callback in self._overriding[hook]:
            if not hasattr(callback, "due") or callback.due(batch):
                found = numbers_of(logs() if callable(logs) else logs) if found is None else found
                getattr(callback, hook)(batch, found)

    def on_train_begin(self, logs=None):
        self._call("on_train_begin", logs=logs)

    def on_train_end(self, logs=None):
        self._call("on_train_end", logs=logs)

    def on_test_begin(self, logs=None):
        self._call("on_test_begin", logs=logs)

    def on_test_end(self, logs=None):
        self._call("on_test_end", logs=logs)

    def on_predict_begin(self, logs=None):
        self._call("on_predict_begin", logs=logs)

    def on_predict_end(self, logs=None):
        self._call("on_predict_end", logs=logs)

    def on_epoch_begin(self, epoch, logs=None):
        self._call("on_epoch_begin", epoch, logs=logs)

    def on_epoch_end(self, epoch, logs=None):
        self._call("on_epoch_end", epoch, logs=logs)

    def on_batch_begin(self, batch, logs=None):
        self._call("on_batch_begin", batch, logs=logs)

    def on_batch_end(self, batch, logs=None):
        self._batch_end("on_batch_end", batch, logs)

    def on_train_batch_begin(self, batch, logs=None):
        self._call("on_train_batch_begin", batch, logs=logs)

    def on_train_batch_end(self, batch, logs=None):
        self._batch_end("on_train_batch_end", batch, logs)

    def on_test_batch_begin(self, batch, logs=None):
        self._call("on_test_batch_begin", batch, logs=logs)

    def on_test_batch_end(self, batch, logs=None):
        self._batch_end("on_test_batch_end", batch, logs)

    def on_predict_batch_begin(self, batch, logs=None):
        self._call("on_predict_batch_begin", batch, logs=logs)

    def on_predict_batch_end(self, batch, logs=None):
        self._batch_end("on_predict_batch_end", batch, logs)


def numbers_of(logs):
    """Logs sorted by name, those within logs among them, numbers as Python's; as in Keras."""
    found = {}
    for name, value in sorted((logs or {}).items()):
        found |= numbers_of(value) if isinstance(value, dict) else {name: _plain(value)}
    return found


def _plain(value):
    if isinstance(value, (list, tuple, str)) or value is None:
        return value
    if arrays.is_array(value) and value.ndim:
        return arrays.to_numpy(value)
    return float(value)


def _flat(callbacks):
    if callbacks is None:
        return
    if isinstance(callbacks, (list, tuple)):
        for part in callbacks:
            yield from _flat(part)
    else:
        yield callbacks


def _overrides(callback, hook):
    hooks = [hook]
    if hook.startswith("on_train_batch"):
        hooks.append(hook.replace("train_", ""))
    return any(
        name in vars(callback) or getattr(type(callback), name) is not getattr(Callback, name)
        for name in hooks
    )


def checked_path(path, name):
    """The path as a string.

    Raises:
        TypeError, ValueError: no path, or an empty one.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"{name} must be a path. Received: {path!r}")
    path = os.fspath(path)
    if not isinstance(path, str) or not path or "\0" in path:
        raise ValueError(f"{name} must be a path that is not empty. Received: {path!r}")
    return path


def checked_verbose(verbose):
    """The amount of what is printed: 0 for nothing, or a TypeError or ValueError."""
    return int(verbose) if isinstance(verbose, bool) else integer(verbose, "verbose")
