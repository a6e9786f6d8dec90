"""`nassurrogate measure`: latencies of ONNX models on this machine."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nassurrogate.cli.console import Console, aligned
from nassurrogate.cli.options import Subparsers, add_command, whole_number
from nassurrogate.cli.output_file import check_writable
from nassurrogate.errors import InputError, brief

if TYPE_CHECKING:
    from nassurrogate.devices import LatencyRun, Measurement

SOME_FAILED = 1
"""The exit code if some of the models could not be measured."""
_MOST_WAITED_PCT = 2.0
"""If other programs take a larger share of the core, a warning is printed."""
_MOST_SPREAD_PCT = 10.0
"""If an inter-quartile range is larger, relative to the median, a warning is printed."""

_DESCRIPTION = """\
Time ONNX models on this machine's CPU with ONNX Runtime. Models take turns in
random order, so that a change in the machine's speed affects all of them alike.
The latency is the median over all timed runs; IQR is the inter-quartile range.

Threads are pinned to cores where the system allows it. Inputs are random, and
an open batch size is 1. Weights are needed. A model that cannot be measured is
reported and skipped; the exit code is then 1.

The CSV has a row per model: device, model (relative to the CSV's folder, if it
is in it), latency_ms, iqr_ms, p25_ms, p75_ms, n_repeats and threads. It is
rewritten after every round, so Ctrl-C keeps what has been measured.
"""
_EXAMPLES = """\
examples:
  nassurrogate measure resnet50.onnx mobilenetv2.onnx
  nassurrogate measure models/*.onnx --out models/latencies.csv
  nassurrogate measure models/*.onnx --threads 4 --repeats 50 --device-name my_laptop_4threads --out laptop.csv
  nassurrogate measure bert.onnx --input-shape input_ids=1x128 --input-shape attention_mask=1x128 --json
"""


def add_to(commands: Subparsers) -> None:
    """Declare the command."""
    parser = add_command(
        commands, "measure", "time ONNX models on this machine", description=_DESCRIPTION, examples=_EXAMPLES
    )
    parser.add_argument("models", nargs="+", metavar="MODEL", help="ONNX file")
    parser.add_argument("--out", metavar="FILE", help="CSV file to write; an existing one is replaced")
    parser.add_argument(
        "--repeats", type=whole_number, default=20, metavar="N",
        help="rounds, in each of which every model is timed once, or for 20 ms if it is faster (default: 20)",
    )  # fmt: skip
    parser.add_argument(
        "--warmup", type=whole_number, default=3, metavar="N", help="runs of a model before any is timed (default: 3)"
    )
    parser.add_argument(
        "--threads", type=whole_number, default=1, metavar="N", help="threads per operator (default: 1)"
    )
    parser.add_argument(
        "--input-shape", action="append", default=[], metavar="[NAME=]SHAPE",
        help="shape of an input with open sizes, such as image=1x3x224x224; repeatable",
    )  # fmt: skip
    parser.add_argument(
        "--device-name", metavar="NAME", help="name of this machine in the CSV (default: processor and ONNX Runtime)"
    )
    parser.add_argument(
        "--seed", type=whole_number, default=0, metavar="N", help="seed of the order and the inputs (default: 0)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Run the command."""
    from nassurrogate.devices import LatencyRun
    from nassurrogate.devices.input_shapes import parse_input_shapes
    from nassurrogate.devices.measurement_table import write_measurements
    from nassurrogate.devices.this_machine import device_name

    out = None if args.out is None else Path(args.out)
    if out is not None:
        check_writable(out, "the latencies")
    if args.device_name is not None and not args.device_name.strip():
        raise InputError("--device-name is empty; give a name, or leave it out")
    if args.device_name is not None and not args.device_name.strip().isprintable():
        raise InputError(f"--device-name is {brief(args.device_name)}; expected a name in one line")
    measuring = LatencyRun(
        args.models,
        threads=args.threads,
        repeats=args.repeats,
        warmup=args.warmup,
        input_shapes=parse_input_shapes(args.input_shape),
        seed=args.seed,
    )
    device = device_name(args.threads) if args.device_name is None else args.device_name.strip()

    def store() -> None:
        if out is not None and any(each.status == "ok" for each in measuring.measurements()):
            write_measurements(out, measuring.measurements(), device)

    with console.progress() as progress:
        try:
            measuring.measure(lambda done, total: progress.update("measure", done, total), store)
        except KeyboardInterrupt:
            store()
            _report(measuring, device, args, console, complete=False)
            raise KeyboardInterrupt(_kept(measuring, out)) from None
    _report(measuring, device, args, console, complete=True)
    return SOME_FAILED if any(each.status == "failed" for each in measuring.measurements()) else 0


def _kept(measuring: LatencyRun, out: Path | None) -> str:
    n_measured = sum(each.status == "ok" for each in measuring.measurements())
    if not n_measured:
        return "before anything was measured"
    kept = f"{measuring.rounds_done} of {measuring.repeats} rounds are complete"
    return kept if out is None else f"{kept}; what was measured is in {out}"


def _report(measuring: LatencyRun, device: str, args: argparse.Namespace, console: Console, *, complete: bool) -> None:
    """Print everything that is known: notes and failures to stderr, latencies to stdout."""
    found = measuring.measurements()
    for note in [*_notes(found), *_disturbed(measuring)]:
        console.note(note)
    for each in found:
        if each.status == "failed":
            console.error(f"{each.model}: {each.reason}")
    measured = [each for each in found if each.status == "ok"]
    if not measured and not (complete and console.as_json):
        return
    fields = {
        "schema_version": 1,
        "device": device,
        "threads": args.threads,
        "seed": args.seed,
        "rounds": measuring.rounds_done,
        "waited_pct": measuring.waited_pct,
        "complete": complete,
        "out": args.out if measured else None,
        "models": [_fields(each) for each in found],
    }
    header = ("model", "median ms", "IQR ms", "IQR %", "runs")
    rows = [
        (
            str(each.model),
            f"{each.latency_ms:.4g}",
            f"{each.iqr_ms:.2g}",
            f"{_spread_pct(each):.1f}",
            f"{each.n_repeats}",
        )
        for each in measured
    ]
    table = aligned(header, rows, numeric=header[1:])
    threads = "1 thread" if args.threads == 1 else f"{args.threads} threads"
    console.result(f"{device}, {threads}\n\n{table}", fields)


def _spread_pct(measured: Measurement) -> float:
    return 100 * measured.iqr_ms / measured.latency_ms if measured.latency_ms else 0.0


def _fields(each: Measurement) -> dict[str, Any]:
    return {
        "model": str(each.model),
        "status": each.status,
        "reason": each.reason,
        "latency_ms": each.latency_ms,
        "iqr_ms": each.iqr_ms,
        "p25_ms": each.p25_ms,
        "p75_ms": each.p75_ms,
        "n_repeats": each.n_repeats,
        "notes": list(each.notes),
    }


def _notes(found: Sequence[Measurement]) -> list[str]:
    """What was assumed, each assumption once, with the models it holds for."""
    models: dict[str, list[str]] = {}
    for each in found:
        for note in each.notes:
            models.setdefault(note, []).append(str(each.model))
    return [
        f"note: {first}{f' and {len(others)} more' if others else ''}: {note}"
        for note, (first, *others) in models.items()
    ]


def _disturbed(measuring: LatencyRun) -> list[str]:
    """Warnings of other programs that ran at the same time."""
    found, notes = measuring.measurements(), []
    if measuring.waited_pct > _MOST_WAITED_PCT:
        notes.append(
            f"warning: other programs took the core {measuring.waited_pct:.0f} % of the time, so latencies are too "
            "large; end them and measure again"
        )
    noisy = [str(each.model) for each in found if each.status == "ok" and _spread_pct(each) > _MOST_SPREAD_PCT]
    if noisy:
        notes.append(
            f"warning: the runs of {len(noisy)} of {len(found)} models spread by more than {_MOST_SPREAD_PCT:.0f} % "
            f"({', '.join(noisy[:3])}{', ...' if len(noisy) > 3 else ''})"
        )
    return notes
