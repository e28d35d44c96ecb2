"""Plots of results: ratio bars, a roofline scatter, scaling with the batch."""

import re

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

from .report import baseline_names, rows_of  # noqa: E402


def _ok(lines):
    return [line for line in rows_of(lines) if line["status"] == "ok"]


def ratio_bars(lines, family):
    """A bar for each row and baseline of a family; None where no row has a baseline."""
    rows = [line for line in _ok(lines) if line["family"] == family and line["baselines"]]
    names = [name for name in baseline_names(rows)]
    if not rows or not names:
        return None
    figure, axes = plt.subplots(
        figsize=(10, 1.5 + 0.28 * len(rows) * max(1, len(names) / 2)), layout="constrained"
    )
    height = 0.8 / len(names)
    for place, name in enumerate(names):
        pairs = [(at, line["baselines"].get(name, {}).get("ratio")) for at, line in enumerate(rows)]
        pairs = [(at, ratio) for at, ratio in pairs if ratio]
        # Bars begin at 1: right is faster, left is slower.
        heights, widths = [at + place * height for at, _ in pairs], [ratio - 1 for _, ratio in pairs]
        axes.barh(heights, widths, height, left=1, label=name)
    labels = [f"{line['name']}, {line['direction']}, {line['precision']}" for line in rows]
    axes.set_yticks([at + 0.4 - height / 2 for at in range(len(rows))], labels, fontsize=7)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xlabel("time of the baseline / time of gpulayers (right of 1: gpulayers is faster)")
    axes.legend()
    return figure


def roofline(lines):
    """Every row's rate over its arithmetic intensity, under the measured ceilings; None without ceilings."""
    ceilings = [line for line in lines if line["kind"] == "ceiling"]
    rows = [line for line in _ok(lines) if line["flops"]]
    if not ceilings or not rows:
        return None
    figure, axes = plt.subplots(figsize=(9, 6), layout="constrained")
    intensity = [line["flops"] / line["bytes"] for line in rows]
    span = [min(intensity) / 2, max(intensity) * 2]
    for precision, product in ceilings[-1]["products"].items():
        if any(line["precision"] == precision for line in rows):
            corner = product / ceilings[-1]["copy"]
            xs = sorted({*span, min(max(corner, span[0]), span[1])})
            axes.plot(
                xs, [min(product, x * ceilings[-1]["copy"]) * 1e-12 for x in xs], label=f"ceiling {precision}"
            )
    for family in dict.fromkeys(line["family"] for line in rows):
        chosen = [line for line in rows if line["family"] == family]
        axes.scatter(
            [line["flops"] / line["bytes"] for line in chosen],
            [line["tflops"] for line in chosen],
            s=18,
            label=family,
        )
    axes.set(xscale="log", yscale="log", xlabel="operations a byte", ylabel="TFLOP/s")
    axes.legend(fontsize=8)
    return figure


def batch_scaling(lines):
    """Time over the batch of rows that differ in nothing else; None where there are less than three."""
    groups = {}
    for line in _ok(lines):
        name = re.sub(r" n\d+\b", "", line["name"])
        if line["batch"]:
            groups.setdefault((line["family"], name, line["direction"], line["precision"]), []).append(line)
    groups = {
        key: sorted(found, key=lambda line: line["batch"]) for key, found in groups.items() if len(found) > 2
    }
    if not groups:
        return None
    figure, axes = plt.subplots(figsize=(9, 6), layout="constrained")
    for (_, name, direction, precision), found in groups.items():
        label = f"{name}, {direction}, {precision}"
        axes.plot(
            [line["batch"] for line in found],
            [line["seconds"] / line["batch"] * 1e6 for line in found],
            "o-",
            label=label,
        )
    axes.set(xscale="log", yscale="log", xlabel="batch", ylabel="microseconds an image or sequence")
    axes.legend(fontsize=7)
    return figure


def write(path, lines):
    """Writes the plots beside the results file; returns their paths."""
    figures = {
        f"ratios-{family}": ratio_bars(lines, family)
        for family in dict.fromkeys(r["family"] for r in _ok(lines))
    }
    figures |= {"roofline": roofline(lines), "batch": batch_scaling(lines)}
    written = []
    for name, figure in figures.items():
        if figure is not None:
            target = path.with_name(f"{path.stem}-{name}.svg")
            figure.savefig(target)
            plt.close(figure)
            written.append(target)
    return written
