"""`nassurrogate train-latency`: fit a predictor to measured networks, or adapt one to a few of them."""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nassurrogate.cli.console import Console
from nassurrogate.cli.options import Subparsers, add_command, whole_number
from nassurrogate.cli.output_file import check_writable
from nassurrogate.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nassurrogate.benchmarks.evaluation.networks.held_out import HeldOutError
    from nassurrogate.benchmarks.networks import MeasuredNetworks
    from nassurrogate.predictors.base import Progress
    from nassurrogate.surrogate import Surrogate

SOME_LEFT_OUT = 1
"""The exit code if some of the networks could not be read."""
_FEW, _FEW_TO_ADAPT = 100, 20
"""With fewer networks, a note says what helps."""
_LISTED = 20
"""How many networks that could not be read are named."""

_DESCRIPTION = """\
Learn the latency of whole networks on one device, and save a file for
`nassurrogate predict-latency --on FILE`. DIR is one of

  a folder with ONNX files and the CSV that `nassurrogate measure --out` wrote
    (columns model, latency_ms and, if there are several, device), or that CSV
  a folder with measured.csv and graphs/FAMILY.json.gz, in nn-Meter's form
  a part of NNLQP, with gt_stage.txt or gt.txt

With --from, a model of another device is adapted: some 20 networks suffice. The
two that ship, cortexA76_cpu and adreno640_gpu, were trained on the measurements
of nn-Meter (MIT licence, (c) Microsoft).

The error to expect is measured on networks that a fit has not seen: by 5-fold
cross-validation or, above 500 networks, on a random tenth. It holds for
networks like the given ones; on other families it can be larger.

The file predicts the metric DEVICE.latency_ms; in the device's name, everything
but letters, digits, _, - and . becomes _. A network that cannot be read is
reported and left out; the exit code is then 1.
"""
_EXAMPLES = """\
examples:
  nassurrogate measure models/*.onnx --out models/latencies.csv
  nassurrogate train-latency --data models --from cortexA76_cpu --out laptop.safetensors
  nassurrogate predict-latency new.onnx --on laptop.safetensors

  nassurrogate train-latency --data phones.csv --on pixel4 --out pixel4.safetensors --jobs 4
  nassurrogate train-latency --data dataset/multi_platform --on gpu-T4-trt7.1-fp32 --out t4.safetensors
"""


def add_to(commands: Subparsers) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "train-latency",
        "learn the latency of networks on your own device",
        description=_DESCRIPTION,
        examples=_EXAMPLES,
    )
    parser.add_argument("--data", required=True, metavar="DIR", help="measured networks: a folder, or the CSV in it")
    parser.add_argument("--out", required=True, metavar="FILE", help="model file to write; an existing one is replaced")
    parser.add_argument("--on", metavar="DEVICE", help="device in the data (default: the only one)")
    parser.add_argument(
        "--from", dest="base", metavar="DEVICE", help="adapt this model: cortexA76_cpu, adreno640_gpu, or a file"
    )
    parser.add_argument(
        "--predictor", metavar="NAME[:PRESET]", help="one of `nassurrogate predictors` (default: roofline)"
    )
    parser.add_argument(
        "--jobs", type=whole_number, default=1, metavar="N", help="processes that read ONNX files (default: 1)"
    )
    parser.add_argument(
        "--seed", type=whole_number, metavar="N", help="random seed (default: chosen at random and printed)"
    )
    parser.add_argument("--device", default="auto", help="where to compute: auto (default), cpu, cuda, ...")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Run the command."""
    from nassurrogate.benchmarks.evaluation.networks.data import read_data
    from nassurrogate.benchmarks.evaluation.networks.held_out import held_out_error
    from nassurrogate.seed import given_or_drawn_seed

    out = Path(args.out)
    check_writable(out, "the model")
    if args.jobs < 1:
        raise InputError(f"--jobs must be a whole number from 1, got {args.jobs}")
    seed = given_or_drawn_seed(args.seed)
    with console.progress() as progress:
        fit = _fit(args, seed, lambda done, total: progress.update("fit", done, total))
        data = read_data(
            args.data,
            args.on,
            jobs=args.jobs,
            progress=lambda done, total: progress.update("read", done, total, minor=True),
        ).networks
        if len(data) < 2:
            raise InputError(f"{args.data} has one network on {data.device}; expected at least 2, better 20")
        began = time.monotonic()
        model = fit(data)
        fit_s = time.monotonic() - began
        model.save(out)
        try:
            expected = held_out_error(
                data, fit, seed=seed, progress=lambda done, total: progress.update("validate", done, total, minor=True)
            )
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"the model is in {out}; its error was not measured") from None
    fields = {
        "schema_version": 1,
        "model": str(out),
        "metric": model.metric,
        "device": data.device,
        "data": args.data,
        "n_networks": len(data),
        "families": {family: data.families.count(family) for family in data.family_names},
        "predictor": f"{model.predictor.name}:{model.predictor.preset}",
        "adapted_from": args.base,
        "seed": seed,
        "fit_s": round(fit_s, 3),
        "expected_error": None if expected is None else asdict(expected),
        "unread": list(data.unread),
        "notes": _notes(args, data, model),
    }
    console.result(_describe(fields, data, expected), fields)
    _report_unread(data.unread, console)
    return SOME_LEFT_OUT if data.unread else 0


def _report_unread(lines: Sequence[str], console: Console) -> None:
    """Name the networks that could not be read, but for the first few, which were logged as warnings."""
    from nassurrogate.benchmarks.networks.onnx_files import LOGGED

    named = lines[0 if console.quiet else LOGGED : _LISTED]
    for line in named:
        console.error(line)
    if len(lines) > _LISTED:
        console.error(f"{len(lines) - _LISTED} more networks could not be read; --json lists all of them")


def _fit(args: argparse.Namespace, seed: int, progress: Progress) -> Callable[[MeasuredNetworks], Surrogate]:
    """A function that learns measured networks. Raises `InputError` at once for options that it could not use."""
    from nassurrogate.devices.latency_models import adapted_to, latency_metric, latency_predictor
    from nassurrogate.predictors.base import Predictor
    from nassurrogate.surrogate import Surrogate

    if args.base is None:

        def new(device: str) -> Surrogate:
            return Surrogate(
                "networks", predictor=args.predictor, metric=latency_metric(device), seed=seed, device=args.device
            )

        new("any")  # the predictor and the torch device are checked before anything is read
        return lambda data: new(data.device).fit(data.graphs, data.latency_ms, progress=progress)
    if args.predictor is not None:
        raise InputError("--predictor contradicts --from, which keeps the predictor of that model; leave one out")
    base = latency_predictor(args.base, device=args.device)
    if type(base.predictor).adapt is Predictor.adapt:
        raise InputError(f"--from {args.base}: predictor {base.predictor.name!r} does not adapt; leave --from out")
    return lambda data: adapted_to(base, data.device, data.graphs, data.latency_ms)


def _notes(args: argparse.Namespace, data: MeasuredNetworks, model: Surrogate) -> list[str]:
    from nassurrogate.devices.latency_models import device_of, shipped_devices

    notes = []
    if device_of(model) != data.device:
        notes.append(f"the device is called {device_of(model)} in the model")
    shipped = shipped_devices()
    if args.base is None and len(data) < _FEW and shipped:
        notes.append(f"with fewer than {_FEW} networks it is usually better to adapt, for example --from {shipped[-1]}")
    if len(data) < _FEW_TO_ADAPT:
        notes.append(f"{len(data)} networks are few; some {_FEW_TO_ADAPT} of different sizes give a better model")
    if len(data.family_names) == 1:
        notes.append("all networks count as one family, so nothing is known about the error on other families")
    return notes


def _describe(fields: dict[str, Any], data: MeasuredNetworks, expected: HeldOutError | None) -> str:
    families = fields["families"]
    listed = ", ".join(f"{family} {count}" for family, count in families.items())
    how = fields["predictor"] + ("" if fields["adapted_from"] is None else f", adapted from {fields['adapted_from']}")
    left_out = f"; {len(data.unread)} could not be read" if data.unread else ""
    rows = [
        ("model", fields["model"]),
        ("predicts", f"{fields['metric']} of networks on {data.device}"),
        ("networks", f"{len(data)} of {len(families)} famil{'y' if len(families) == 1 else 'ies'}{left_out}"),
        *([("families", listed)] if any(families) else []),  # files in the current folder have none
        ("latency", f"{data.latency_ms.min():.3g} to {data.latency_ms.max():.3g} ms"),
        ("predictor", f"{how}; seed {fields['seed']}"),
        ("fit", f"{fields['fit_s']:.1f} s"),
        ("expected", _expected(expected)),
        *(("note", note) for note in fields["notes"]),
    ]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {text}" for name, text in rows)


def _expected(expected: HeldOutError | None) -> str:
    if expected is None:
        return "error unknown: too few networks, or too few different latencies, to hold some out"
    how = (
        f"{expected.folds}-fold cross-validation"
        if expected.folds > 1
        else f"a random tenth ({expected.n_networks} networks) that another fit did not see"
    )
    rho = "undefined" if expected.spearman != expected.spearman else f"{expected.spearman:.3f}"
    return (
        f"error {expected.mape_pct:.1f} % (MAPE), {expected.within_10_pct:.0f} % of networks within 10 %, Spearman's "
        f"rho {rho}, on networks like these: {how}"
    )
