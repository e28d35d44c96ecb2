"""The PTX instructions, one module a family. To add one, add a function to a module here (see table.py)."""

from . import arithmetic, async_copies, atomics, bits, comparison, control, conversion, mbarriers, memory, synchronisation, tensor_cores, warp
from .table import names_in_table, write

__all__ = ["names_in_table", "write"]
