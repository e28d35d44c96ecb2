"""Pictures of models, drawn by Graphviz."""

import os


def model_to_dot(model, show_shapes=False, show_layer_names=False, rankdir="TB"):
    """The model's graph as text in Graphviz's language DOT.

    Args:
        model: a built model.
        show_shapes, show_layer_names: what stands beside each layer's class.
        rankdir: "TB", downwards, or "LR".

    Raises:
        ValueError: a model that is not built, or another direction.
    """
    if rankdir not in ("TB", "LR", "BT", "RL"):
        raise ValueError(f"rankdir must be 'TB', 'LR', 'BT' or 'RL'. Received: {rankdir!r}")
    if not model.built:
        raise ValueError(f"{model.name} is not built and has no graph. Received: {model!r}")
    lines = ["digraph model {", f"  rankdir={rankdir};", "  node [shape=record];"]
    before = None
    for layer, shape, reads in model.layer_rows():
        parts = [type(layer).__name__] + ([layer.name] if show_layer_names else [])
        parts += [str(shape)] if show_shapes else []
        lines.append(f'  "{_escaped(layer.name)}" [label="{{{"|".join(map(_escaped, parts))}}}"];')
        sources = [read.split("[")[0] for read in reads] if reads is not None else [before] if before else []
        lines += [f'  "{_escaped(source)}" -> "{_escaped(layer.name)}";' for source in sources]
        before = layer.name
    return "\n".join([*lines, "}"])


def plot_model(model, to_file="model.png", show_shapes=False, show_layer_names=False, rankdir="TB", dpi=200):
    """Draws the model into a file; its ending, ".png" or ".svg", says how.

    Args:
        model, show_shapes, show_layer_names, rankdir: as of `model_to_dot`.
        to_file: the file; dpi: dots an inch of a PNG.

    Raises:
        ImportError: the package graphviz is not installed.
        ValueError: another ending, or as `model_to_dot`.
    """
    kind = os.path.splitext(os.fspath(to_file))[1].lstrip(".").lower()
    if kind not in ("png", "svg", "pdf"):
        raise ValueError(f"to_file must end in .png, .svg or .pdf. Received: {to_file!r}")
    text = model_to_dot(model, show_shapes, show_layer_names, rankdir)
    try:
        import graphviz
    except ImportError:
        raise ImportError(
            "plot_model needs Graphviz and its package: pip install 'gpulayers[plot]'"
        ) from None
    picture = graphviz.Source(text.replace("{\n", f"{{\n  graph [dpi={int(dpi)}];\n", 1)).pipe(format=kind)
    with open(to_file, "wb") as file:
        file.write(picture)


def _escaped(text):
    return "".join("\\" + letter if letter in '\\"{}|<>' else letter for letter in text)
