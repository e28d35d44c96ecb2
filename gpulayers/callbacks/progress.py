"""Progress on the terminal: a bar where there is one, plain lines otherwise."""

import sys
import time

from .callback import Callback

_REFRESH_SECONDS = 0.1


def is_terminal():
    """Whether output goes to a terminal that can redraw a line."""
    return sys.stdout.isatty()


class ProgressBar(Callback):
    """Shows the running of `fit`, `evaluate` and `predict`.

    What `params["verbose"]` asks for: 0 nothing; 1 a bar in a terminal, else a line an epoch; 2 a line an
    epoch; "auto" 1 in a terminal, else 2.
    """

    def __init__(self):
        self.verbose = 1
        self._bar = self._task = None
        self._next_refresh = 0.0
        self._seen = 0  # batches of the pass
        self._fitting = self._paused = False  # in `fit`; in an evaluation within it

    def set_params(self, params):
        super().set_params(params)
        verbose = params["verbose"]
        self.verbose = (1 if is_terminal() else 2) if verbose == "auto" else int(verbose)

    def due(self, batch):
        """Whether a batch should be shown: rarely enough that reading its logs costs nothing."""
        if self._bar is None or self._paused:
            return False
        return time.monotonic() >= self._next_refresh or batch + 1 == self.params["steps"]

    def close(self):
        """Gives the terminal back."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _begin(self, title):
        self._seen = 0
        self._started = time.monotonic()
        if self.verbose == 1 and is_terminal():
            from rich import progress
            from rich.table import Column

            columns = (  # in a narrow terminal the text is wrapped, not the bar
                progress.BarColumn(bar_width=20, table_column=Column(no_wrap=True)),
                progress.MofNCompleteColumn(table_column=Column(no_wrap=True)),
                progress.TimeElapsedColumn(table_column=Column(no_wrap=True)),
                progress.TextColumn("{task.description}", table_column=Column()),
            )
            self._bar = progress.Progress(*columns, auto_refresh=False)
            self._bar.start()
            self._task = self._bar.add_task(title, total=self.params["steps"])

    def _count(self, batch, logs=None):
        if not self._paused:
            self._seen = batch + 1

    on_train_batch_begin = on_test_batch_begin = on_predict_batch_begin = _count

    def _advance(self, batch, logs):
        self._next_refresh = time.monotonic() + _REFRESH_SECONDS
        self._bar.update(self._task, completed=batch + 1, description=_formatted(logs), refresh=True)

    def _end(self, logs):
        if not self.verbose:
            return
        if self._bar is not None:
            steps = self.params["steps"] or self._seen
            self._bar.update(
                self._task, completed=steps, total=steps, description=_formatted(logs), refresh=True
            )
            self.close()
            return
        elapsed, steps = time.monotonic() - self._started, max(1, self.params["steps"] or self._seen)
        parts = [f"{steps}/{steps}", f"{elapsed:.1f}s", f"{1000 * elapsed / steps:.0f}ms/step"]
        print(" - ".join(parts + ([_formatted(logs)] if logs else [])), flush=True)

    def on_train_begin(self, logs=None):
        self._fitting = True

    def on_train_end(self, logs=None):
        self._fitting = False

    def on_epoch_begin(self, epoch, logs=None):
        if self.verbose and self.params["epochs"] > 1:
            print(f"Epoch {epoch + 1}/{self.params['epochs']}", flush=True)
        self._begin("")

    def on_epoch_end(self, epoch, logs=None):
        self._end(logs)

    def on_train_batch_end(self, batch, logs=None):
        self._advance(batch, logs)

    def on_test_begin(self, logs=None):
        self._paused = self._fitting
        if not self._paused:
            self._begin("")

    def on_test_end(self, logs=None):
        if not self._paused:
            self._end(logs)
        self._paused = False

    def on_test_batch_end(self, batch, logs=None):
        self._advance(batch, logs)

    def on_predict_begin(self, logs=None):
        self._begin("")

    def on_predict_end(self, logs=None):
        self._end(None)

    def on_predict_batch_end(self, batch, logs=None):
        self._advance(batch, None)


def _formatted(logs):
    def number(value):
        if not isinstance(value, float):
            return str(value)
        return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e5 else f"{value:.4e}"

    return " - ".join(f"{name}: {number(value)}" for name, value in (logs or {}).items())
