"""Compiles the kernels of a table of cases together for the emulator: far faster than one by one."""

import importlib

from gpulayers.ops.recording import RecordingDevice

_done = set()


def preload(device, family, dtype):
    """Once a process: what the family's launchers ask for in that dtype. Does nothing on a GPU."""
    key = (family, dtype, getattr(device, "architecture", None))
    if not hasattr(device, "load") or key in _done:
        return
    module, recorder = importlib.import_module(f"tests.cases.{family}"), RecordingDevice(device.architecture)
    for case in module.CASES:
        module.run(case, recorder, dtype)
    groups = {}
    for file, expression, feature in recorder.instances:
        groups.setdefault((file, feature), []).append(expression)
    for (file, feature), expressions in sorted(groups.items()):
        device.load(file, sorted(expressions), feature)
    _done.add(key)
