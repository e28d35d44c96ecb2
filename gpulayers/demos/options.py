"""The options that the demos share."""

import argparse

import gpulayers
from gpulayers.ops import arrays


def parser(name, description, epochs, seed=1):
    """A parser with --epochs, --seed and --device."""
    found = argparse.ArgumentParser(prog=f"gpulayers demo {name}", description=description)
    found.add_argument(
        "--epochs", type=int, default=epochs, help="passes over the training data (default %(default)s)"
    )
    found.add_argument(
        "--seed", type=int, default=seed, help="of the split and the weights (default %(default)s)"
    )
    found.add_argument("--device", choices=("cpu", "gpu"), help="default: the GPU if there is one")
    return found


def start(options):
    """Chooses the device, says which, and seeds; returns the Device.

    Raises:
        RuntimeError: the GPU was asked for and cannot be used.
    """
    if options.device:
        gpulayers.set_device(options.device)
    device = arrays.default_device()
    gpulayers.set_random_seed(options.seed)
    print(f"Device: {device!r}", flush=True)
    return device
