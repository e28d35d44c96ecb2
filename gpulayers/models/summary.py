"""The table of a model's layers."""

import io
import sys


def _bytes(variables):
    size = sum(variable.size * variable.dtype.itemsize for variable in variables)
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1024 or unit == "GB":
            return f"{size:.2f} {unit}"
        size /= 1024


def _shape_text(shape):
    if isinstance(shape, list):
        return "\n".join(map(_shape_text, shape))
    return "(" + ", ".join(str(size) for size in shape) + ("," if len(shape) == 1 else "") + ")"


def print_summary(model, line_length=None, print_fn=None):
    """Prints the table, or hands its text to `print_fn`."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(show_lines=False)
    table.add_column("Layer (type)", overflow="fold")
    table.add_column("Output Shape", overflow="fold")
    table.add_column("Param #", justify="right", overflow="fold")
    rows = list(model.layer_rows())
    connected = any(reads is not None for _, _, reads in rows)
    if connected:
        table.add_column("Connected to", overflow="fold")
    for layer, shape, reads in rows:
        name = escape(f"{layer.name} ({type(layer).__name__})")
        cells = [name, _shape_text(shape), f"{layer.count_params():,}"]
        table.add_row(*cells, *([escape("\n".join(reads) or "-")] if connected else []))
    width = line_length or (80 if print_fn is not None or not sys.stdout.isatty() else None)
    if line_length:
        table.width = line_length
    text = io.StringIO()
    console = Console(file=text if print_fn is not None else None, width=width, highlight=False)
    console.print(f"[bold]Model: {escape(chr(34) + model.name + chr(34))}[/bold]")
    console.print(table)
    for title, variables in (
        ("Total params", model.weights),
        ("Trainable params", model.trainable_weights),
        ("Non-trainable params", model.non_trainable_weights),
    ):
        count = sum(variable.size for variable in variables)
        console.print(f" {title}: {count:,} ({_bytes(variables)})")
    if print_fn is not None:
        print_fn(text.getvalue().rstrip("\n"))
