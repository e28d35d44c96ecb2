"""Tables and headings in the terminal; plain aligned text where the output is not one."""

import functools


@functools.cache
def _console():
    from rich.console import Console

    return Console(highlight=False)


@functools.cache
def error_console():
    """rich's console on the error stream, for progress that must not mix with results."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def _plain(title, columns, rows):
    lines = [[str(cell) for cell in row] for row in ([columns] if columns else []) + list(rows)]
    widths = [max(map(len, column)) for column in zip(*lines)]
    yield title
    for line in lines:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip()
    yield ""


def print_table(title, columns, rows):
    """Prints a table.

    Args:
        title: above it.
        columns: the headings, or () for none.
        rows: sequences of as many cells; anything that `str` takes.
    """
    console = _console()
    if not console.is_terminal:
        print("\n".join(_plain(title, columns, rows)), flush=True)
        return
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(title), title_justify="left", show_header=bool(columns))
    for name in columns or [""] * max(map(len, rows), default=0):
        table.add_column(name)
    for row in rows:
        table.add_row(*(escape(str(cell)) for cell in row))
    console.print(table)
