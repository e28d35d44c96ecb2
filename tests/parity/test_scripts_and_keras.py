"""Typical Keras scripts, run under Keras and, with `keras` changed to `gpulayers` in their imports, here.

A script leaves its findings in `results`, and the layers' counts in what `model.summary()` prints.
"""

import os
import re
from pathlib import Path

import numpy as np
import pytest

import gpulayers

torch = pytest.importorskip("torch", reason="the extra `parity` (torch) is not installed")
os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras", reason="the extra `parity` (keras) is not installed")

# Keras meets new deprecations of NumPy.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:keras"),
    pytest.mark.filterwarnings("ignore:Do not pass an `input_shape`"),
]
SCRIPTS = sorted((Path(__file__).parent / "scripts").glob("*.py"))
COUNT = re.compile(r"(Total|Trainable|Non-trainable) params: ([\d,]+ \([\d.]+ \w+\))")


def run(script, library, capsys):
    """(results, the numbers of its summaries)"""
    text = script.read_text()
    if library is gpulayers:
        text = re.sub(r"^import keras$", "import gpulayers as keras", text, flags=re.MULTILINE)
        text = re.sub(r"^from keras\b", "from gpulayers", text, flags=re.MULTILINE)
        assert "import keras\n" not in text and "from keras" not in text
    library.utils.clear_session()
    names = {}
    exec(compile(text, script.name, "exec"), names)
    return names["results"], COUNT.findall(capsys.readouterr().out)


def compare(expected, found, where):
    if isinstance(expected, dict):
        assert set(found) == set(expected), where
        for key in expected:
            compare(expected[key], found[key], f"{where}[{key!r}]")
    elif isinstance(expected, (list, tuple)):
        assert len(found) == len(expected), where
        for number, (first, second) in enumerate(zip(expected, found)):
            compare(first, second, f"{where}[{number}]")
    elif isinstance(expected, (str, bool, int, type(None))):
        assert found == expected, where
    else:
        expected = expected.numpy(force=True) if isinstance(expected, torch.Tensor) else expected
        # A few steps of training in float32, whose sums are formed in different orders.
        np.testing.assert_allclose(found, expected, rtol=2e-4, atol=1e-5, err_msg=where)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_script(script, capsys):
    expected, their_counts = run(script, keras, capsys)
    found, our_counts = run(script, gpulayers, capsys)
    compare(expected, found, script.stem)
    assert our_counts == their_counts


def test_the_scripts_are_there():
    assert len(SCRIPTS) >= 14
