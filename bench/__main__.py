"""The command: python -m bench [--device cpu|gpu] [--only WORD ...] [--quick] [--compare FILE] [--base REV]
python -m bench report | gpu-check | counters | overhead | memory | list"""

import argparse
import sys
from pathlib import Path


def _progress(total):
    """A rich progress bar on a terminal, else nothing."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    progress = Progress(*columns, transient=True)
    return progress, progress.add_task("", total=total)


def _device(name):
    from gpulayers.ops import arrays

    if name == "gpu" and arrays.gpu_problem():
        raise SystemExit(f"The rows for the GPU cannot be measured: {arrays.gpu_problem()}.")
    if name == "cpu" or arrays.gpu_problem():
        return arrays.CPU
    return arrays.cuda_device()


def measure(arguments):
    """Measures the rows, prints them and writes them to bench/results/."""
    from . import baselines, ceilings, comparison, records, report, runner, timing, workloads
    from .environment import environment

    device = _device(arguments.device)
    rows = workloads.all_rows(device.name, arguments.only, arguments.quick)
    if not rows:
        raise SystemExit(f"No row of the {device.name} contains {' and '.join(map(repr, arguments.only))}.")
    fields = environment(device)
    output = None if arguments.output == "-" else arguments.output or records.default_path(fields)
    recorder = records.Recorder(output, fields)
    print(
        f"{len(rows)} rows on {fields['device']}, {fields['commit']}"
        + (f"; results: {output}" if output else "")
    )
    timer = timing.timer(device, arguments.least)
    ceiling = ceilings.measure(device, timer)
    recorder.write("ceiling", copy=ceiling.copy, products=ceiling.products)
    if not arguments.no_baselines:
        for name, reason in baselines.unavailable(device).items():
            print(f"Without the baseline {name}: {reason}.")
            recorder.write("absent", baseline=name, reason=reason)
    run = runner.Runner(
        device,
        ceiling,
        arguments.seconds,
        with_baselines=not arguments.no_baselines,
        compiled=arguments.torch_compile,
        least=arguments.least,
        timer=timer,
    )
    progress, task = _progress(len(rows))
    with progress:
        for row in rows:
            progress.update(task, description=row.key)
            line = recorder.write("row", **run.measure(row))
            progress.console.print(report.one_line(line), highlight=False, markup=False, soft_wrap=True)
            progress.advance(task)
    report.print_tables(recorder.lines)
    if arguments.compare:
        comparison.print_comparison(records.read(arguments.compare), recorder.lines)
    if arguments.base:
        options = ["--seconds", str(arguments.seconds)]
        options += [f"--{name}" for name in ("quick", "least") if getattr(arguments, name)]
        options += ["--only", *arguments.only] if arguments.only else []
        comparison.print_comparison(*comparison.against(arguments.base, device.name, options))
    return 1 if any(line.get("status") in ("wrong", "error") for line in recorder.lines) else 0


def list_rows(arguments):
    """Prints the rows' keys, in the order in which they are measured."""
    from . import workloads

    for row in workloads.all_rows(arguments.device or "cpu", arguments.only, arguments.quick):
        print(row.importance, row.key)
    return 0


def make_report(arguments):
    """Tables and plots of a results file, into bench/results/ and the README."""
    from . import records, report

    path = Path(arguments.file) if arguments.file else records.newest()
    if path is None:
        raise SystemExit("There are no results yet: python -m bench measures.")
    for written in report.write(path):
        print(written)
    return 0


def gpu_check(arguments):
    """All that a machine with a GPU can tell within a few minutes."""
    from .gpu_check import main

    return main(arguments)


def counters(arguments):
    """What every kernel moves, counted by the emulator."""
    from .counters import main

    return main(arguments)


def overhead(arguments):
    """Import time, wheel size, time from an operation to its launch."""
    from .overhead import main

    return main(arguments)


def memory(arguments):
    """Peak memory of the rows on the CPU, against PyTorch's."""
    from .memory import main

    return main(arguments)


def _row_options(parser, seconds):
    parser.add_argument("--device", choices=("cpu", "gpu"), help="default: the GPU where there is one")
    parser.add_argument(
        "--only", nargs="+", default=(), metavar="WORD", help="rows whose key contains every word"
    )
    parser.add_argument("--quick", action="store_true", help="only the most important rows")
    parser.add_argument(
        "--seconds", type=float, default=seconds, help="for the turns of one row (default %(default)s)"
    )
    parser.add_argument(
        "--output", metavar="FILE", help='results file (default: a new one in bench/results/; "-": none)'
    )


def _parser():
    parser = argparse.ArgumentParser(prog="python -m bench", description=measure.__doc__)
    _row_options(parser, 3.0)
    parser.add_argument("--no-baselines", action="store_true", help="only this library")
    parser.add_argument(
        "--least", action="store_true", help="the fastest turn counts: where others use the machine"
    )
    parser.add_argument("--torch-compile", action="store_true", help="torch.compile too; takes seconds a row")
    parser.add_argument("--compare", metavar="FILE", help="also print what moved against earlier results")
    parser.add_argument("--base", metavar="REV", help="also measure that revision, in turns with this one")
    parser.set_defaults(function=measure)
    return parser


def _subparser(name):
    functions = {
        "report": make_report,
        "gpu-check": gpu_check,
        "counters": counters,
        "overhead": overhead,
        "memory": memory,
        "list": list_rows,
    }
    function = functions[name]
    parser = argparse.ArgumentParser(prog=f"python -m bench {name}", description=function.__doc__)
    parser.set_defaults(function=function)
    if name == "report":
        parser.add_argument("file", nargs="?", help="default: the newest in bench/results/")
    elif name in ("list", "memory"):
        _row_options(parser, 3.0)
    elif name == "gpu-check":
        parser.add_argument(
            "--minutes", type=float, default=9.0, help="time for everything (default %(default)s)"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="everything but the launches; needs no GPU"
        )
        parser.add_argument("--output", metavar="FILE", help="results file")
    elif name == "counters":
        parser.add_argument(
            "--only", nargs="+", default=(), metavar="WORD", help="rows whose key contains every word"
        )
        parser.add_argument("--architecture", default="sm_90", help="(default %(default)s)")
        parser.add_argument("--precision", default="float32", choices=("float32", "bfloat16", "float16"))
    elif name == "overhead":
        parser.add_argument("--output", metavar="FILE", default="-", help='results file (default "-": none)')
    return parser


COMMANDS = ("report", "gpu-check", "counters", "overhead", "memory", "list")


def main(arguments=None):
    """Runs the command; returns its exit code."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if arguments and arguments[0] in COMMANDS:
        parser, arguments = _subparser(arguments[0]), arguments[1:]
    else:
        parser = _parser()
    parsed = parser.parse_args(arguments)
    return parsed.function(parsed)


if __name__ == "__main__":
    sys.exit(main())
