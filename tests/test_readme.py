"""The README's snippets run, one after the other, as a reader would type them."""

import re
from pathlib import Path

README = (Path(__file__).parent.parent / "README.md").read_text()
COMMANDS = [
    'python -m pip install ".[demo]" && python -m gpulayers demo digits',
    'python -m pip install -e ".[test]" && python -m pytest',
]


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def test_the_commands():
    assert [block.strip() for block in blocks("sh")] == COMMANDS


def test_snippets_run(capsys):
    names = {}
    for snippet in blocks("python"):
        exec(compile(snippet, "README.md", "exec"), names)
    first, last = map(float, re.search(r"([\d.]+) -> ([\d.]+)", capsys.readouterr().out).groups())
    assert last < 0.5 * first
    assert names["grad_x"].shape == names["x"].shape
    assert names["rows"].tolist() == [[6, 7, 8], [0, 1, 2], [6, 7, 8]]
    assert names["grad_table"].tolist() == [[1, 1, 1], [0, 0, 0], [2, 2, 2], [0, 0, 0]]
    assert names["pooled"].shape == (1, 3, 3, 3)
    assert names["report"].ok and len(names["report"].errors) == 2
