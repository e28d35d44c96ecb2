"""Pictures of models: the text for Graphviz, and how its program is called."""

import sys
import types

import pytest

from gpulayers import Input, Model, Sequential, layers
from gpulayers.models.plotting import model_to_dot
from gpulayers.utils import plot_model


def branched():
    a = Input((3,), name="a")
    shared = layers.Dense(3, name="d|1")
    return Model(a, shared(shared(a)))


def test_text():
    text = model_to_dot(branched(), show_shapes=True, show_layer_names=True, rankdir="LR")
    assert text.startswith("digraph model {\n  rankdir=LR;") and text.endswith("}")
    assert '"a" [label="{InputLayer|a|(None, 3)}"];' in text and '"a" -> "d\\|1";' in text
    assert '"d\\|1" -> "d\\|1";' in text
    chain = model_to_dot(Sequential([Input((2,)), layers.Dense(2, name="x"), layers.Dense(1, name="y")]))
    assert '"x" -> "y";' in chain and chain.count("->") == 1 and '[label="{Dense}"]' in chain


def test_files(tmp_path, monkeypatch):
    drawn = []

    class Source:
        def __init__(self, text):
            drawn.append(text)

        def pipe(self, format):
            return format.encode()

    monkeypatch.setitem(sys.modules, "graphviz", types.SimpleNamespace(Source=Source))
    plot_model(branched(), tmp_path / "model.svg", dpi=99)
    assert (tmp_path / "model.svg").read_bytes() == b"svg" and "graph [dpi=99];" in drawn[0]


def test_errors(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "graphviz", None)
    with pytest.raises(ImportError, match=r"pip install 'gpulayers\[plot\]'"):
        plot_model(branched(), tmp_path / "model.png")
    for call in (
        lambda: plot_model(branched(), "model.gif"),
        lambda: model_to_dot(branched(), rankdir="down"),
        lambda: model_to_dot(Sequential([layers.Dense(1)])),
    ):
        with pytest.raises(ValueError, match="Received: "):
            call()
