"""Pictures of models, drawn by Graphviz."""

import os

from ..arguments import flag
from ..ops.spatial import integer
from .model import Model
from .summary import shape_text

_SPLINES = ("ortho", "curved", "polyline", "spline", "line")


def model_to_dot(
    model,
    show_shapes=False,
    show_dtype=False,
    show_layer_names=True,
    rankdir="TB",
    expand_nested=False,
    dpi=200,
    subgraph=False,
    show_layer_activations=False,
    show_trainable=False,
    splines="ortho",
):
    """The model's graph as text in Graphviz's language DOT (Keras returns an object of pydot).

    Args:
        model: a built model.
        show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable: what stands beside
            each layer's class: shapes of input and output, type of the output, and so on.
        rankdir: "TB", downwards, "LR", "BT" or "RL".
        expand_nested: whether models within the model are frames around their own layers.
        dpi: dots an inch of a PNG.
        subgraph: whether the text is a frame to be put into another graph.
        splines: the form of lines: "ortho", "curved", "polyline", "spline" or "line".

    Raises:
        TypeError: no model.
        ValueError: a model that is not built, another direction or form of lines.
    """
    if not isinstance(model, Model):
        raise TypeError(f"A model is expected. Received: {model!r}")
    if not isinstance(rankdir, str) or rankdir not in ("TB", "LR", "BT", "RL"):
        raise ValueError(f"rankdir must be 'TB', 'LR', 'BT' or 'RL'. Received: {rankdir!r}")
    if not isinstance(splines, str) or splines not in _SPLINES:
        raise ValueError(f"splines must be one of {_SPLINES}. Received: {splines!r}")
    if not model.built:
        raise ValueError(f"{model.name} is not built and has no graph. Received: {model!r}")
    shown = dict(
        shapes=flag(show_shapes, "show_shapes"),
        dtype=flag(show_dtype, "show_dtype"),
        names=flag(show_layer_names, "show_layer_names"),
        activations=flag(show_layer_activations, "show_layer_activations"),
        trainable=flag(show_trainable, "show_trainable"),
    )
    expand_nested, subgraph = flag(expand_nested, "expand_nested"), flag(subgraph, "subgraph")
    lines, edges = _drawn(model, shown, expand_nested, "")
    lines += [f'"{_escaped(source)}" -> "{_escaped(target)}";' for source, target in edges]
    if subgraph:
        return _frame(model.name, model.name, lines)
    head = [f"rankdir={rankdir};", f"graph [dpi={integer(dpi, 'dpi', 1)}, splines={splines}];"]
    return "\n".join(
        ["digraph model {", *("  " + line for line in [*head, "node [shape=record];", *lines]), "}"]
    )


def plot_model(
    model,
    to_file="model.png",
    show_shapes=False,
    show_dtype=False,
    show_layer_names=False,
    rankdir="TB",
    expand_nested=False,
    dpi=200,
    show_layer_activations=False,
    show_trainable=False,
    splines="ortho",
):
    """Draws the model into a file; its ending, ".png", ".svg" or ".pdf", says how.

    Args:
        model, show_shapes ... splines: as of `model_to_dot`.
        to_file: the file.

    Raises:
        ImportError: the package graphviz is not installed.
        TypeError, ValueError: another ending, or as `model_to_dot`.
    """
    kind = os.path.splitext(os.fspath(to_file))[1].lstrip(".").lower()
    if kind not in ("png", "svg", "pdf"):
        raise ValueError(f"to_file must end in .png, .svg or .pdf. Received: {to_file!r}")
    text = model_to_dot(
        model,
        show_shapes,
        show_dtype,
        show_layer_names,
        rankdir,
        expand_nested,
        dpi,
        False,
        show_layer_activations,
        show_trainable,
        splines,
    )
    try:
        import graphviz
    except ImportError:
        raise ImportError(
            "plot_model needs Graphviz and its package: pip install 'gpulayers[plot]'"
        ) from None
    picture = graphviz.Source(text).pipe(format=kind)
    with open(to_file, "wb") as file:
        file.write(picture)


def _drawn(model, shown, expand_nested, path):
    """(lines of the nodes, edges); names of layers stand behind those of the models around."""
    lines, edges, before = [], [], None
    for layer, shape, reads in model.layer_rows():
        name = path + layer.name
        if expand_nested and hasattr(layer, "layer_rows"):
            inner, inner_edges = _drawn(layer, shown, True, name + "/")
            lines += _frame(name, layer.name, inner).split("\n")
            edges += inner_edges
        else:
            lines.append(f'"{_escaped(name)}" [label="{{{_label(layer, shape, shown)}}}"];')
        if reads is None:
            sources = [] if before is None else [_end(before, path, expand_nested)]
            targets = [_start(layer, 0, path, expand_nested)] * len(sources)
        else:
            sources = [_end(t.layer, path, expand_nested, t.index) for t in reads]
            targets = [_start(layer, number, path, expand_nested) for number in range(len(reads))]
        edges += dict.fromkeys(zip(sources, targets))
        before = layer
    return lines, edges


def _end(layer, path, expand_nested, index=0):
    """The node that makes an output of a layer."""
    while expand_nested and hasattr(layer, "layer_rows"):
        path += layer.name + "/"
        tensor = layer.outputs[index]
        layer, index = tensor.layer, tensor.index
    return path + layer.name


def _start(layer, number, path, expand_nested):
    """The node that takes an input of a layer."""
    while expand_nested and hasattr(layer, "layer_rows"):
        path += layer.name + "/"
        own = [row[0] for row in layer.layer_rows()]
        source = layer.inputs[number % len(layer.inputs)].layer
        layer, number = (source, 0) if source in own else (own[0], 0)
    return path + layer.name


def _label(layer, shape, shown):
    parts = [type(layer).__name__] + [layer.name] * shown["names"]
    activation = getattr(layer, "activation", None)
    if shown["activations"] and activation is not None:
        parts.append(f"Activation: {activation.name}")
    if shown["shapes"]:
        given = [tensor.shape for tensor in layer.calls[0].inputs] if layer.calls else []
        if given:
            parts.append(f"Input: {shape_text(given[0] if len(given) == 1 else given)}")
        parts.append(f"Output: {shape_text(shape)}")
    if shown["dtype"] and layer.calls:
        parts.append(", ".join(dict.fromkeys(tensor.dtype for tensor in layer.calls[0].outputs)))
    if shown["trainable"] and layer.weights:
        parts.append("Trainable" if layer.trainable else "Non-trainable")
    return "|".join(map(_escaped, parts))


def _frame(name, title, lines):
    head = f'subgraph "cluster_{_escaped(name)}" {{'
    return "\n".join(
        [head, f'  label="{_escaped(title)}"; style=dashed;', *("  " + line for line in lines), "}"]
    )


def _escaped(text):
    return "".join("\\" + letter if letter in '\\"{}|<>' else letter for letter in text)
