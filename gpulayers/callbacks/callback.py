"""The base class of callbacks."""

_STAGES = ("train", "test", "predict")
_HOOKS = (
    [f"on_{stage}_{when}" for stage in _STAGES for when in ("begin", "end")]
    + [f"on_{stage}_batch_{when}" for stage in _STAGES for when in ("begin", "end")]
    + ["on_epoch_begin", "on_epoch_end"]
)


class Callback:
    """Hooks of a run; override some of them.

    Attributes:
        model: the model that runs; setting `model.stop_training = True` ends `fit` after the batch.
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

    def on_train_batch_begin(self, batch, logs=None):
        pass

    def on_train_batch_end(self, batch, logs=None):
        pass

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

    Raises:
        TypeError: no hook of that name, or not callable.
    """

    def __init__(self, **hooks):
        for name, function in hooks.items():
            if name not in _HOOKS or not callable(function):
                raise TypeError(
                    f"Hooks are functions named one of {', '.join(_HOOKS)}. Received: {name}={function!r}"
                )
            setattr(self, name, function)


class CallbackList:
    """Calls every hook of several callbacks.

    As a context manager it closes callbacks that have a method `close`, however the run ends. Logs of batches
    are read from the device only if somebody wants them: a callback that overrides the hook, and, where it
    has a method `due`, whose `due()` is true.
    """

    def __init__(self, callbacks, model, params):
        self.callbacks = list(callbacks)
        for callback in self.callbacks:
            if not isinstance(callback, Callback):
                raise TypeError(f"callbacks must be Callback objects. Received: {type(callback).__name__}")
            callback.set_model(model)
            callback.set_params(params)
        self._overriding = {hook: [c for c in self.callbacks if _overrides(c, hook)] for hook in _HOOKS}

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for callback in self.callbacks:
            if hasattr(callback, "close"):
                callback.close()

    def call(self, hook, *arguments):
        """Calls a hook other than those at the end of a batch."""
        for callback in self._overriding[hook]:
            getattr(callback, hook)(*arguments)

    def batch_end(self, stage, batch, logs):
        """Calls the hooks at the end of a batch; `logs()` gives the logs."""
        hook, found = f"on_{stage}_batch_end", None
        for callback in self._overriding[hook]:
            if not hasattr(callback, "due") or callback.due(batch):
                found = logs() if found is None else found
                getattr(callback, hook)(batch, dict(found))


def _overrides(callback, hook):
    return hook in vars(callback) or getattr(type(callback), hook) is not getattr(Callback, hook)
