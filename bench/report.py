"""Results as tables and plots."""

import statistics
from pathlib import Path

from gpulayers.tables import print_table

from . import records
from .environment import ROOT

_MARKS = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"


def seconds(value):
    """0.0123 -> "12.3 ms"."""
    if value is None:
        return ""
    for unit, factor in (("s", 1), ("ms", 1e3), ("us", 1e6)):
        if value * factor >= 1 or unit == "us":
            return f"{value * factor:.3g} {unit}" if value * factor < 1000 else f"{value * factor:.0f} {unit}"


def _rate(line):
    return (
        f"{line['tflops']:.3g} TFLOP/s"
        if line["tflops"] >= line["gbps"] * 1e-2
        else f"{line['gbps']:.0f} GB/s"
    )


def _percent(value):
    return "" if value is None else f"{value:.0f} %"


def one_line(line):
    """A row as it appears while rows are measured."""
    if line["status"] != "ok":
        return f"{line['key']}: {line['status'].upper()}: {line['reason']}"
    parts = [f"{seconds(line['seconds'])}", _rate(line), f"{_percent(line['percent_of_bound'])} of the bound"]
    for name, other in line["baselines"].items():
        parts.append(
            f"{other['ratio']:.2f}x {name}" if other["status"] == "ok" else f"{name}: {other['reason'][:60]}"
        )
    return f"{line['key']}: " + ", ".join(parts)


def rows_of(lines):
    """The lines of rows; of a row measured more than once the last."""
    return list({line["key"]: line for line in lines if line["kind"] == "row"}.values())


def baseline_names(rows):
    """The baselines that some row has, in order of first appearance."""
    return list(dict.fromkeys(name for line in rows for name in line.get("baselines", ())))


def ratios(rows, name):
    """The ratios to a baseline, of the rows that have it."""
    others = (line.get("baselines", {}).get(name, {}) for line in rows)
    return [other["ratio"] for other in others if other.get("status") == "ok"]


def _ratio_cell(line, name):
    other = line["baselines"].get(name)
    if other is None:
        return "-"
    return f"{other['ratio']:.2f}" if other["status"] == "ok" else "fails"


COLUMNS = ("row", "time", "p10 - p90", "TFLOP/s", "GB/s", "of bound", "host", "implementation")


def table(rows, names):
    """(headings, cells) of rows; a ratio is the baseline's time over this library's: above 1 is faster."""
    cells = []
    for line in rows:
        label = f"{line['name']}, {line['direction']}, {line['precision']}"
        if line["status"] != "ok":
            cells.append(
                (label, f"{line['status']}: {line['reason']}", *("",) * (len(COLUMNS) - 2 + len(names)))
            )
            continue
        cells.append(
            (
                *(label, seconds(line["seconds"]), f"{seconds(line['p10'])} - {seconds(line['p90'])}"),
                *(f"{line['tflops']:.3g}", f"{line['gbps']:.3g}", _percent(line["percent_of_bound"])),
                *(seconds(line["host"]), line["implementation"]),
                *(_ratio_cell(line, name) for name in names),
            )
        )
    return (*COLUMNS, *(f"vs {name}" for name in names)), cells


def summary(rows):
    """(headings, cells): by family, direction and baseline the geometric mean and extremes of the ratios."""
    cells = []
    for family in dict.fromkeys(line["family"] for line in rows):
        for direction in dict.fromkeys(line["direction"] for line in rows if line["family"] == family):
            chosen = [line for line in rows if (line["family"], line["direction"]) == (family, direction)]
            for name in baseline_names(chosen):
                found = ratios(chosen, name)
                if found:
                    figures = (statistics.geometric_mean(found), min(found), max(found))
                    cells.append(
                        (family, direction, name, len(found), *(f"{figure:.2f}" for figure in figures))
                    )
    return ("family", "direction", "against", "rows", "geometric mean", "least", "most"), cells


def print_tables(lines):
    """Prints every family's table and the summary."""
    rows = rows_of(lines)
    for family in dict.fromkeys(line["family"] for line in rows):
        chosen = [line for line in rows if line["family"] == family]
        print_table(family, *table(chosen, baseline_names(chosen)))
    print_table("Speed against the baselines (above 1: faster than it)", *summary(rows))
    if other_load(rows):
        print(other_load(rows))


def _markdown(headings, cells):
    lines = ["| " + " | ".join(headings) + " |", "|" + "---|" * len(headings)]
    return "\n".join(
        lines + ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in cells]
    )


def other_load(rows):
    """A sentence on what else ran while the rows were measured, or None."""
    cores = [line["other_cores"] for line in rows if line.get("other_cores") is not None]
    if not cores:
        return None
    used = f"{statistics.median(cores):.2f} cores (median), at most {max(cores):.2f}"
    return f"While the rows were measured, other processes used {used}."


def _heading(lines):
    first = lines[0]
    versions = ", ".join(f"{name} {version}" for name, version in first["versions"].items())
    where = first["device"] + (
        f", {first['threads']} threads" if "threads" in first else f", driver {first['driver']}"
    )
    return f"{where}; commit {first['commit']}; {first['date'][:10]}; {versions}"


def markdown(lines):
    """The whole report as Markdown."""
    rows = rows_of(lines)
    parts = ["# Benchmark results", _heading(lines)]
    parts += ["Ratios are a baseline's time over this library's: above 1 this library is faster."]
    if any(line.get("statistic") == "least" for line in rows):
        parts.append("Times and ratios are of the fastest turns, since others used the machine.")
    for line in lines:
        if line["kind"] == "ceiling":
            products = ", ".join(
                f"{name} {rate * 1e-12:.3g} TFLOP/s" for name, rate in line["products"].items()
            )
            parts.append(
                f"Ceilings, of the same run: copy {line['copy'] * 1e-9:.4g} GB/s; products: {products}."
            )
        elif line["kind"] == "absent":
            parts.append(f"Without {line['baseline']}: {line['reason']}.")
    parts += filter(None, [other_load(rows)])
    parts += ["## Summary", _markdown(*summary(rows))]
    for kind, columns in (
        ("micro", ("name", "value", "unit", "note")),
        ("overhead", ("name", "value", "unit", "note")),
    ):
        found = [line for line in lines if line["kind"] == kind]
        if found:
            parts += [
                f"## {kind.capitalize()}",
                _markdown(columns, [[cell(line.get(c)) for c in columns] for line in found]),
            ]
    for family in dict.fromkeys(line["family"] for line in rows):
        chosen = [line for line in rows if line["family"] == family]
        parts += [f"## {family.capitalize()}", _markdown(*table(chosen, baseline_names(chosen)))]
    return "\n\n".join(parts) + "\n"


def cell(value):
    """A value as a table shows it."""
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else value


def short_table(lines):
    """What the README shows: one line for each family and direction against each baseline."""
    return _heading(lines) + "\n\n" + _markdown(*summary(rows_of(lines)))


def into_readme(text, path=None):
    """Puts a text between the README's marks; False where there are none."""
    path = path or ROOT / "README.md"
    if not path.exists() or not all(mark in path.read_text() for mark in _MARKS):
        return False
    before, _, rest = path.read_text().partition(_MARKS[0])
    after = rest.partition(_MARKS[1])[2]
    path.write_text(f"{before}{_MARKS[0]}\n{text}\n{_MARKS[1]}{after}")
    return True


def write(path):
    """Writes the report of a results file beside it, and its plots; returns what was written."""
    path, lines = Path(path), records.read(path)
    report = path.with_suffix(".md")
    report.write_text(markdown(lines))
    written = [report]
    # Rows without a baseline say nothing to a reader who has no other figures of this machine.
    if summary(rows_of(lines))[1] and into_readme(short_table(lines)):
        written.append(ROOT / "README.md")
    try:
        from . import plots
    except ImportError as error:
        print(f"Without plots: {error}. pip install 'gpulayers[bench]'")
        return written
    return written + plots.write(path, lines)
