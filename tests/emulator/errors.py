"""What the emulator raises."""


class EmulatorError(AssertionError):
    """A kernel is launched wrongly or breaks a rule of the machine. The text holds every finding."""


class Unsupported(EmulatorError):
    """A kernel uses something that the emulator does not know. The text names the instruction and place."""
