"""SwapEMAWeights."""

from ..arguments import flag
from .callback import Callback


class SwapEMAWeights(Callback):
    """Puts the optimizer's moving averages in place of the weights while the model is evaluated or predicts.

    Args:
        swap_on_epoch: also at the end of each epoch, until the next begins, so that other callbacks see (and
            write) the averages; at the end of the last epoch for good.

    Raises:
        ValueError: the optimizer keeps none.
    """

    def __init__(self, swap_on_epoch=False):
        self.swap_on_epoch, self._averages_in_model = flag(swap_on_epoch, "swap_on_epoch"), False

    @property
    def _optimizer(self):
        optimizer = getattr(self.model.optimizer, "inner_optimizer", self.model.optimizer)
        if optimizer is None or not optimizer.use_ema:
            raise ValueError(f"An optimizer with use_ema=True is needed. Received: {optimizer!r}")
        return optimizer

    def _swap(self, averages):
        if self._averages_in_model == averages:
            return
        self._averages_in_model = averages
        for variable, average in self._optimizer.averages.items():
            kept = variable.value.copy()
            variable.value[...] = average.value
            average.value[...] = kept

    def on_epoch_begin(self, epoch, logs=None):
        if self.swap_on_epoch:
            self._swap(False)

    def on_epoch_end(self, epoch, logs=None):
        if self.swap_on_epoch:
            self._swap(True)
            if epoch == self.params["epochs"] - 1:
                for variable, average in self._optimizer.averages.items():
                    average.value[...] = variable.value

    def on_test_begin(self, logs=None):
        self._swap(True)

    def on_test_end(self, logs=None):
        self._swap(False)

    on_predict_begin, on_predict_end = on_test_begin, on_test_end
