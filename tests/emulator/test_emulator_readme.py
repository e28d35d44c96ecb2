"""The snippets of this folder's README run, one after the other, and print what it says."""

import re
from pathlib import Path

import numpy as np
import pytest

from tests.emulator.instructions import table
from tests.emulator.plugin import emulator_problem

README = (Path(__file__).parent / "README.md").read_text()


@pytest.mark.skipif(bool(emulator_problem()), reason=str(emulator_problem()))
def test_snippets_run_and_print_what_is_written(capsys, monkeypatch):
    monkeypatch.setattr(table, "_TABLE", dict(table._TABLE))
    blocks = re.findall(r"^```python\n(.*?)^```\n(?:```text\n(.*?)^```)?", README, re.DOTALL | re.MULTILINE)
    assert len(blocks) == 5 and sum(bool(printed) for _, printed in blocks) == 2
    names = {}
    for number, (snippet, printed) in enumerate(blocks):
        exec(compile(snippet, f"README.md, snippet {number}", "exec"), names)
        output = capsys.readouterr().out
        assert output == printed or not printed
    assert np.asarray(names["rows"]).tolist() == [[6, 7, 8], [0, 1, 2], [6, 7, 8]]


def test_every_file_is_listed():
    listed = set(re.findall(r"`([\w/]+(?:\.py|/))`", README.partition("## The parts")[2]))
    folder = Path(__file__).parent
    files = {path.name for path in folder.glob("*.py") if not path.name.startswith(("test_", "__"))}
    assert files - {"errors.py"} <= listed and all((folder / name).exists() for name in listed)
