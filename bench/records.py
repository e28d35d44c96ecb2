"""Results: one JSON object a line, written as soon as it is known."""

import json
import re
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "results"


class Recorder:
    """Appends lines to a file; each carries the environment's fields and survives a cut-off of what follows.

    Args:
        path: of the file, or None to write nowhere.
        environment: fields of every line.
    """

    def __init__(self, path, environment):
        self.path, self.environment, self.lines = path and Path(path), environment, []
        if self.path:
            self.path.parent.mkdir(parents=True, exist_ok=True)

    def write(self, kind, **fields):
        """Adds a line of that kind ("row", "ceiling", "micro", ...) and returns it."""
        line = {"kind": kind, **fields, **self.environment}
        self.lines.append(line)
        if self.path:
            with self.path.open("a") as file:
                file.write(json.dumps(line) + "\n")
        return line


def read(path):
    """The lines of a results file; a last line that was cut off is left out."""
    texts = Path(path).read_text().splitlines()
    lines = []
    for number, text in enumerate(texts, 1):
        try:
            lines.append(json.loads(text))
        except json.JSONDecodeError:
            if number < len(texts):
                raise ValueError(f"{path}, line {number}, is not JSON. Received: {text[:80]!r}") from None
    return lines


def default_path(environment, what=""):
    """bench/results/<date>-<device>[-what].jsonl; a number is added to the name of a file that exists."""
    device = re.sub(r"[^a-z0-9]+", "-", environment["device"].lower()).strip("-")
    stem = "-".join(filter(None, (environment["date"][:10], device, what)))
    paths = (FOLDER / f"{stem}{'' if number == 1 else f'-{number}'}.jsonl" for number in range(1, 10**6))
    return next(path for path in paths if not path.exists())


def newest(folder=FOLDER):
    """The results file with the latest measurement, or None."""
    dated = [
        (max(line["date"] for line in lines), path)
        for path in Path(folder).glob("*.jsonl")
        if (lines := read(path))
    ]
    return max(dated)[1] if dated else None
