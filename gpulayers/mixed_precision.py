"""Mixed precision at Keras's former path: see `gpulayers.config.set_dtype_policy` and `DTypePolicy`."""

from .config import dtype_policy, set_dtype_policy
from .dtype_policies import DTypePolicy
from .optimizers import LossScaleOptimizer

Policy = DTypePolicy
global_policy, set_global_policy = dtype_policy, set_dtype_policy

__all__ = [
    "DTypePolicy",
    "LossScaleOptimizer",
    "Policy",
    "dtype_policy",
    "global_policy",
    "set_dtype_policy",
    "set_global_policy",
]
