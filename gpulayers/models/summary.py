"""The table of a model's layers."""

import io
import re
import sys

from ..arguments import flag, real
from ..ops.spatial import integer

UNKNOWN = "?"  # in place of the shape of a layer that was never called


def _bytes(variables):
    size = sum(variable.size * variable.dtype.itemsize for variable in variables)
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1024 or unit == "GB":
            return f"{size:.2f} {unit}"
        size /= 1024


def shape_text(shape):
    """The text of a shape, of a list of shapes, or of None for an unknown one."""
    if shape is None:
        return UNKNOWN
    if isinstance(shape, list):
        return "[" + ", ".join(map(shape_text, shape)) + "]"
    return "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"


def print_summary(
    model,
    line_length=None,
    positions=None,
    print_fn=None,
    expand_nested=False,
    show_trainable=False,
    layer_range=None,
):
    """Prints the table, or hands its text to `print_fn`; the arguments are those of `Model.summary`."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    expand_nested = flag(expand_nested, "expand_nested")
    show_trainable = flag(show_trainable, "show_trainable")
    if print_fn is not None and not callable(print_fn):
        raise TypeError(f"print_fn must be a function of the text. Received: {print_fn!r}")
    rows = list(model.layer_rows())
    first, last = _range(layer_range, [layer.name for layer, *_ in rows])
    connected = not _is_chain(rows)
    headings = ["Layer (type)", "Output Shape", "Param #"]
    headings += ["Connected to"] * connected + ["Trainable"] * show_trainable
    widths = _widths(positions, line_length, len(headings))
    table = Table(show_lines=False)
    for heading, width in zip(headings, widths):
        justify = {"Param #": "right", "Trainable": "center"}.get(heading, "left")
        table.add_column(heading, justify=justify, overflow="fold", width=width)
    for cells in _cells(rows[first:last], connected, show_trainable, expand_nested):
        table.add_row(*map(escape, cells))
    width = line_length or (80 if print_fn is not None or not sys.stdout.isatty() else None)
    if line_length:
        table.width = line_length
    text = io.StringIO()
    console = Console(file=text if print_fn is not None else None, width=width, highlight=False)
    console.print(f"[bold]Model: {escape(chr(34) + model.name + chr(34))}[/bold]")
    console.print(table)
    optimizer = model.optimizer
    states = optimizer.variables if optimizer is not None and optimizer.built else []
    counted = [
        ("Total params", [*model.weights, *states]),
        ("Trainable params", model.trainable_weights),
        ("Non-trainable params", model.non_trainable_weights),
    ]
    for title, variables in counted + [("Optimizer params", states)] * bool(states):
        count = sum(variable.size for variable in variables)
        console.print(f" {title}: {count:,} ({_bytes(variables)})")
    if print_fn is not None:
        print_fn(text.getvalue().rstrip("\n"))


def _cells(rows, connected, show_trainable, expand_nested, level=0):
    """The texts of each row, those of nested models behind theirs."""
    for layer, shape, reads in rows:
        name = "   " * level + "└ " * bool(level) + f"{layer.name} ({type(layer).__name__})"
        count = f"{layer.count_params():,}" if layer.built else "0 (unbuilt)"
        cells = [name, shape_text(shape), count]
        if connected:
            places = (f"{t.layer.name}[{t.layer.calls.index(t.call)}][{t.index}]" for t in reads or ())
            cells.append("\n".join(places) or "-")
        if show_trainable:
            cells.append("-" if not layer.weights else "Y" if layer.trainable else "N")
        yield cells
        if expand_nested and hasattr(layer, "layer_rows"):
            inner = [(*row[:2], None) for row in layer.layer_rows()]
            yield from _cells(inner, connected, show_trainable, True, level + 1)


def _is_chain(rows):
    """Whether each layer is called once, on the output of the layer before it."""
    for number, (_, _, reads) in enumerate(rows):
        if reads is None:  # of a Sequential
            return True
        before = [rows[number - 1][0]] if number else []
        if [tensor.layer for tensor in reads] != before:
            return False
    return True


def _range(layer_range, names):
    """[first, stop) of the rows from a layer that the first pattern matches to one that the second does."""
    if layer_range is None:
        return 0, len(names)
    if (
        not isinstance(layer_range, (list, tuple))
        or len(layer_range) != 2
        or not all(isinstance(pattern, str) for pattern in layer_range)
    ):
        raise ValueError(f"layer_range must be two names or patterns. Received: {layer_range!r}")
    found = [
        [number for number, name in enumerate(names) if re.match(pattern, name)] for pattern in layer_range
    ]
    if not all(found):
        raise ValueError(f"layer_range must match layers among {names}. Received: {layer_range!r}")
    starts, ends = found
    if min(starts) > max(ends):
        starts, ends = ends, starts
    return min(starts), max(ends) + 1


def _widths(positions, line_length, columns):
    """Widths of the columns that end at `positions`, shares of the line or characters; None: free."""
    if line_length is not None:
        integer(line_length, "line_length", least=8 * columns)
    if positions is None:
        return [None] * columns
    if not isinstance(positions, (list, tuple)) or len(positions) != columns:
        raise ValueError(f"positions must be a list of {columns} numbers. Received: {positions!r}")
    positions = [real(position, "positions") for position in positions]
    scale = (line_length or 80) if max(positions) <= 1 else 1
    ends = [int(position * scale) for position in positions]
    widths = [end - start - 3 for start, end in zip([0, *ends], ends)]  # less the lines and spaces between
    if min(widths) < 1:
        raise ValueError(f"positions must leave at least 4 characters a column. Received: {positions!r}")
    return widths
