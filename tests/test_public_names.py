"""What `gpulayers.` offers, and that it is imported only when used."""

import importlib
import subprocess
import sys

import pytest

import gpulayers
from gpulayers.ops import arrays


@pytest.mark.parametrize("name", [name for name in dir(gpulayers) if not name.startswith("_")])
def test_every_listed_name_exists(name):
    assert getattr(gpulayers, name) is not None


@pytest.mark.parametrize(
    "module, name",
    [
        ("gpulayers.layers", "Dense"),
        ("gpulayers.models", "Sequential"),
        ("gpulayers.optimizers", "Adam"),
        ("gpulayers.losses", "CategoricalCrossentropy"),
        ("gpulayers.metrics", "SparseCategoricalAccuracy"),
        ("gpulayers.callbacks", "Callback"),
        ("gpulayers.initializers", "HeNormal"),
        ("gpulayers.regularizers", "L2"),
        ("gpulayers.constraints", "MaxNorm"),
        ("gpulayers.activations", "relu"),
        ("gpulayers.utils", "set_random_seed"),
        ("gpulayers.utils", "clear_session"),
    ],
)
def test_keras_paths(module, name):
    assert hasattr(importlib.import_module(module), name)


def test_device():
    assert gpulayers.device() == arrays.default_device().name


def test_an_unknown_name():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        gpulayers.nothing  # noqa: B018


def test_the_parts_are_imported_when_used():
    program = (
        "import sys, gpulayers\n"
        "loaded = {name for name in sys.modules if name.startswith('gpulayers.')}\n"
        "assert loaded == {'gpulayers.config'}, loaded\n"
        "gpulayers.Sequential([gpulayers.Input((2,)), gpulayers.layers.Dense(1)])\n"
        "assert 'gpulayers.layers' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
