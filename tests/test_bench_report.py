"""The benchmarks' tables, plots, comparisons and command."""

import subprocess

import pytest

from bench import __main__ as command
from bench import comparison, records, report

ENVIRONMENT = {
    "date": "2026-01-02T03:04:05+00:00",
    "commit": "abc",
    "device": "A chip",
    "threads": 2,
    "versions": {"numpy": "2"},
}


def row(name, seconds=0.002, ratio=None, direction="forward", **fields):
    baselines = {"torch": {"status": "ok", "median": seconds, "ratio": ratio}} if ratio else {}
    return {
        **{
            "kind": "row",
            "key": f"convolution/{name}/{direction}/float32",
            "family": "convolution",
            "name": name,
        },
        **{"direction": direction, "precision": "float32", "batch": 8, "importance": 0, "status": "ok"},
        **{
            "implementation": "direct_forward",
            "seconds": seconds,
            "p10": seconds * 0.9,
            "p90": seconds * 1.1,
        },
        **{
            "turns": 5,
            "host": None,
            "flops": 10**9,
            "bytes": 10**6,
            "tflops": 1e-3 / seconds,
            "gbps": 1e-3 / seconds,
        },
        **{"bound": 0.001, "percent_of_bound": 50.0, "baselines": baselines, "other_cores": 0.25},
        **fields,
        **ENVIRONMENT,
    }


LINES = [
    {"kind": "ceiling", "copy": 2e10, "products": {"float32": 1e11}, **ENVIRONMENT},
    {"kind": "absent", "baseline": "cupy", "reason": "no GPU", **ENVIRONMENT},
    {"kind": "micro", "name": "grid barrier", "value": 1.234567, "unit": "us", "note": "", **ENVIRONMENT},
    row("a n8", ratio=2.0),
    row("b n8", ratio=0.5),
    row("c n8", ratio=4.0, direction="forward+backward"),
    {**row("d n8"), "status": "wrong", "reason": "output is off"},
]


@pytest.mark.parametrize(
    "value, text",
    [(2.0, "2 s"), (0.0123, "12.3 ms"), (4.5e-5, "45 us"), (2e-7, "0.2 us"), (None, ""), (1234.0, "1234 s")],
)
def test_seconds(value, text):
    assert report.seconds(value) == text


def test_summary_has_the_geometric_mean():
    _, cells = report.summary(report.rows_of(LINES))
    assert cells == [
        ("convolution", "forward", "torch", 2, "1.00", "0.50", "2.00"),
        ("convolution", "forward+backward", "torch", 1, "4.00", "4.00", "4.00"),
    ]


def test_markdown_shows_everything():
    text = report.markdown(LINES)
    for part in (
        "A chip, 2 threads",
        "copy 20 GB/s",
        "Without cupy: no GPU",
        "wrong: output is off",
        "1.235",
        "0.25 cores",
    ):
        assert part in text, part
    table = [line for line in text.splitlines() if line.startswith("| a n8, forward, float32")]
    assert table == [
        "| a n8, forward, float32 | 2 ms | 1.8 ms - 2.2 ms | 0.5 | 0.5 | 50 % |  | direct_forward | 2.00 |"
    ]


def test_one_line_names_what_is_wrong():
    assert report.one_line(LINES[-1]) == "convolution/d n8/forward/float32: WRONG: output is off"
    assert "2.00x torch" in report.one_line(LINES[3]) and "50 % of the bound" in report.one_line(LINES[3])


def test_a_row_measured_twice_counts_once():
    rows = report.rows_of([row("a n8", seconds=1.0), row("a n8", seconds=2.0)])
    assert [line["seconds"] for line in rows] == [2.0]


def test_readme_gets_the_table_between_its_marks(tmp_path):
    readme = tmp_path / "README.md"
    assert not report.into_readme("table", readme), "there is no file"
    readme.write_text("before\n")
    assert not report.into_readme("table", readme) and readme.read_text() == "before\n"
    readme.write_text("before\n<!-- benchmarks: begin -->\nold\n<!-- benchmarks: end -->\nafter\n")
    assert report.into_readme("table", readme)
    expected = "before\n<!-- benchmarks: begin -->\ntable\n<!-- benchmarks: end -->\nafter\n"
    assert readme.read_text() == expected
    assert report.into_readme("table", readme) and readme.read_text() == expected


def test_report_writes_tables_and_plots(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(report, "ROOT", tmp_path)
    readme = tmp_path / "README.md"
    readme.write_text("<!-- benchmarks: begin -->\n<!-- benchmarks: end -->\n")
    recorder = records.Recorder(tmp_path / "r.jsonl", ENVIRONMENT)
    scaling = [row(f"a n{batch}", seconds=batch * 1e-3, ratio=1.0, batch=batch) for batch in (1, 4, 16)]
    for line in (*LINES, *scaling):
        recorder.write(**line)
    names = {path.name for path in report.write(recorder.path)}
    assert {"r.md", "r-ratios-convolution.svg", "r-roofline.svg", "r-batch.svg"} <= names
    assert (tmp_path / "r-roofline.svg").stat().st_size > 1000
    assert "| convolution | forward | torch | 5 |" in readme.read_text()


def test_moved_tells_noise_from_change():
    before = [row("a", seconds=0.002), row("b", seconds=0.002), row("gone")]
    after = [
        row("a", seconds=0.001),
        row("b", seconds=0.0021),
        {**row("gone"), "status": "error", "reason": ""},
    ]
    found = list(comparison.moved(before, after))
    assert found == [
        ("convolution/a/forward/float32", pytest.approx(2.0), True),
        ("convolution/b/forward/float32", pytest.approx(0.952, abs=1e-3), False),
    ]


def test_comparison_of_different_devices_says_so(capsys):
    comparison.print_comparison([row("a") | {"device": "Another chip"}], [row("a")])
    assert "DIFFERENT DEVICES: A chip, Another chip" in capsys.readouterr().out


def test_base_revision_is_measured_in_turns(monkeypatch, tmp_path):
    folders = []

    def measured(folder, device_name, options, output):
        folders.append(folder)
        seconds = 0.004 if folder != comparison.ROOT else 0.002
        return [row("a", seconds=seconds * (1 + 0.1 * len(folders)))]

    monkeypatch.setattr(comparison, "check_out", lambda revision, folder: None)
    monkeypatch.setattr(comparison, "_measured", measured)
    before, now = comparison.against("HEAD~1", "cpu")
    assert [folder == comparison.ROOT for folder in folders] == [False, True, False, True]
    ((key, ratio, _),) = comparison.moved(before, now)
    assert ratio == pytest.approx(0.004 * 1.2 / (0.002 * 1.3))


def test_check_out_has_the_old_library_and_todays_benchmarks(tmp_path):
    if subprocess.run(("git", "rev-parse", "HEAD"), cwd=comparison.ROOT, capture_output=True).returncode:
        pytest.skip("not a git checkout")
    comparison.check_out("HEAD", tmp_path)
    assert (tmp_path / "gpulayers" / "__init__.py").is_file() and (tmp_path / "cuda").is_dir()
    assert (tmp_path / "bench" / "timing.py").read_text() == (
        comparison.ROOT / "bench" / "timing.py"
    ).read_text()
    assert not (tmp_path / "bench" / "results").exists()


def test_command_measures_compares_and_reports(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(report, "ROOT", tmp_path)
    marks = "<!-- benchmarks: begin -->\nold\n<!-- benchmarks: end -->\n"
    (tmp_path / "README.md").write_text(marks)
    output = tmp_path / "r.jsonl"
    arguments = [
        "--device",
        "cpu",
        "--only",
        "embedding/characters",
        "forward/",
        "--no-baselines",
        "--seconds",
        "0",
    ]
    assert command.main([*arguments, "--output", str(output)]) == 0
    assert command.main([*arguments, "--output", "-", "--compare", str(output)]) == 0
    out = capsys.readouterr().out
    assert "embedding/characters 96 x 64, 64 x 100/forward/float32" in out and "geometric mean" in out
    assert command.main(["report", str(output)]) == 0
    assert str(output.with_suffix(".md")) in capsys.readouterr().out
    assert (tmp_path / "README.md").read_text() == marks, "results without baselines replaced others"


def test_command_refuses_what_it_does_not_have(monkeypatch):
    with pytest.raises(SystemExit, match="No row of the cpu contains 'nothing like it'"):
        command.main(["--device", "cpu", "--only", "nothing like it"])
    monkeypatch.setattr("gpulayers.ops.arrays.gpu_problem", lambda: "there is none")
    with pytest.raises(SystemExit, match="there is none"):
        command.main(["--device", "gpu"])


def test_list_prints_rows_in_order(capsys):
    assert command.main(["list", "--device", "gpu", "--quick"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 20 and all(line.startswith("0 ") for line in lines)
