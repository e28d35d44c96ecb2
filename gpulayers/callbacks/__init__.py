"""Callbacks: what a training run tells others, by Keras's names."""

from .callback import Callback, CallbackList, LambdaCallback
from .history import History
from .progress import ProgressBar

__all__ = ["Callback", "CallbackList", "History", "LambdaCallback", "ProgressBar"]
