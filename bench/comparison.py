"""What moved: against an earlier results file, or against another revision measured in turns."""

import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from gpulayers.tables import print_table

from . import records
from .environment import ROOT

_ROUNDS = 2


def _times(lines):
    return {line["key"]: line for line in lines if line["kind"] == "row" and line.get("status") == "ok"}


def moved(before, after):
    """Pairs (key, before / after, whether the ranges p10 to p90 are apart) of the rows that both have."""
    old, new = _times(before), _times(after)
    for key in new:
        if key in old:
            apart = new[key]["p90"] < old[key]["p10"] or new[key]["p10"] > old[key]["p90"]
            yield key, old[key]["seconds"] / new[key]["seconds"], apart


def print_comparison(before, after):
    """Prints the speed-up of each row, and their geometric mean."""
    found = sorted(moved(before, after), key=lambda entry: entry[1])
    rows = [(key, f"{ratio:.2f}x", "" if apart else "within the noise") for key, ratio, apart in found]
    if found:
        mean = statistics.geometric_mean(ratio for _, ratio, _ in found)
        rows.append(("geometric mean", f"{mean:.2f}x", ""))
    devices = {line["device"] for line in (*before, *after)}
    title = "Speed now against before" + (
        "" if len(devices) == 1 else f" (DIFFERENT DEVICES: {', '.join(sorted(devices))})"
    )
    print_table(title, ("row", "faster", ""), rows)


def check_out(revision, folder):
    """Writes the library of a revision and today's benchmarks into a folder."""
    archive = Path(folder) / "revision.tar"
    command = ("git", "archive", f"--output={archive}", revision)
    subprocess.run(command, cwd=ROOT, check=True)
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    archive.unlink()
    shutil.rmtree(Path(folder) / "bench", ignore_errors=True)
    shutil.copytree(
        ROOT / "bench", Path(folder) / "bench", ignore=shutil.ignore_patterns("results", "__pycache__")
    )
    # The tolerances that the checks use are today's too.
    shutil.copy(ROOT / "tests" / "tolerances.py", Path(folder) / "tests" / "tolerances.py")


def _measured(folder, device_name, options, output):
    command = [
        sys.executable,
        "-m",
        "bench",
        "--device",
        device_name,
        "--no-baselines",
        "--output",
        str(output),
        *options,
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if not output.exists():
        raise RuntimeError(f"The benchmarks do not run in {folder}: {done.stderr[-2000:]}")
    return records.read(output)


def _merged(runs):
    """One line a row: the medians over the rounds, and the widest range."""
    tables = [_times(lines) for lines in runs]
    for key in set.intersection(*(set(table) for table in tables)):
        lines = [table[key] for table in tables]
        yield {
            **lines[0],
            "seconds": statistics.median(line["seconds"] for line in lines),
            "p10": min(line["p10"] for line in lines),
            "p90": max(line["p90"] for line in lines),
        }


def against(revision, device_name, options=()):
    """Measures a revision and this checkout in alternating processes; returns (lines before, lines now)."""
    with tempfile.TemporaryDirectory() as folder:
        check_out(revision, folder)
        before, now = [], []
        for turn in range(_ROUNDS):
            before.append(_measured(folder, device_name, options, Path(folder) / f"before{turn}.jsonl"))
            now.append(_measured(ROOT, device_name, options, Path(folder) / f"now{turn}.jsonl"))
        return list(_merged(before)), list(_merged(now))
