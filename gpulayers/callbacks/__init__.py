"""Callbacks: what a training run tells others, by Keras's names."""

from .callback import Callback, CallbackList, LambdaCallback
from .history import History
from .monitoring import EarlyStopping, ModelCheckpoint, MonitorCallback, ReduceLROnPlateau, TerminateOnNaN
from .progress import ProgressBar
from .rates_and_logs import CSVLogger, LearningRateScheduler

ProgbarLogger = ProgressBar

__all__ = [
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "MonitorCallback",
    "ProgbarLogger",
    "ProgressBar",
    "ReduceLROnPlateau",
    "TerminateOnNaN",
]
