"""Callbacks: what a training run tells others, by Keras's names."""

from .averages import SwapEMAWeights
from .callback import Callback, CallbackList, LambdaCallback
from .checkpoint import ModelCheckpoint
from .history import History
from .monitoring import EarlyStopping, MonitorCallback, ReduceLROnPlateau, TerminateOnNaN
from .progress import ProgressBar
from .rates_and_logs import CSVLogger, LearningRateScheduler
from .tensorboard import TensorBoard

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
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
]
