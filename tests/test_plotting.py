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
    text = model_to_dot(branched(), show_shapes=True, rankdir="LR")
    assert text.startswith("digraph model {\n  rankdir=LR;") and text.endswith("}")
    assert '"a" [label="{InputLayer|a|Output: (None, 3)}"];' in text and '"a" -> "d\\|1";' in text
    assert '"d\\|1" -> "d\\|1";' in text
    chain = Sequential([Input((2,)), layers.Dense(2, name="x"), layers.Dense(1, name="y")])
    text = model_to_dot(chain, show_layer_names=False)
    assert '"x" -> "y";' in text and text.count("->") == 1 and '[label="{Dense}"]' in text


def test_nested_models():
    chain = Sequential([layers.Dense(2, "relu", name="x"), layers.Dense(3, name="y")], name="chain")
    a = Input((3,), name="a")
    pair = Model(a, [layers.Dense(3, name="p", trainable=False)(a), a], name="pair")
    first, second = pair(chain(a))
    model = Model(a, layers.Add(name="sum")([first, second]))
    text = model_to_dot(
        model, show_dtype=True, expand_nested=True, show_layer_activations=True, show_trainable=True
    )
    for part in (
        'subgraph "cluster_chain" {',
        '"chain/x" [label="{Dense|x|Activation: relu|float32|Trainable}"];',
        '"pair/p" [label="{Dense|p|Activation: linear|float32|Non-trainable}"];',
        '"a" -> "chain/x";',
        '"chain/x" -> "chain/y";',
        '"chain/y" -> "pair/a";',
        '"pair/p" -> "sum";',
        '"pair/a" -> "sum";',
    ):
        assert part in text, part
    assert text.count("->") == 6
    assert model_to_dot(chain, subgraph=True).startswith('subgraph "cluster_chain" {')
    assert '"chain" -> "pair"' in model_to_dot(model)


def test_files(tmp_path, monkeypatch):
    drawn = []

    class Source:
        def __init__(self, text):
            drawn.append(text)

        def pipe(self, format):
            return format.encode()

    monkeypatch.setitem(sys.modules, "graphviz", types.SimpleNamespace(Source=Source))
    plot_model(branched(), tmp_path / "model.svg", dpi=99)
    assert (tmp_path / "model.svg").read_bytes() == b"svg" and "dpi=99" in drawn[0]


def test_errors(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "graphviz", None)
    with pytest.raises(ImportError, match=r"pip install 'gpulayers\[plot\]'"):
        plot_model(branched(), tmp_path / "model.png")
    for call in (
        lambda: plot_model(branched(), "model.gif"),
        lambda: model_to_dot(branched(), rankdir="down"),
        lambda: model_to_dot(branched(), splines="wavy"),
        lambda: model_to_dot(Sequential([layers.Dense(1)])),
    ):
        with pytest.raises(ValueError, match="Received: "):
            call()
