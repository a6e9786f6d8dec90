"""`nassurrogate predict-latency`: latencies of ONNX models on devices for which there is a model."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nassurrogate.cli.console import Console, aligned
from nassurrogate.cli.options import Subparsers, add_command, whole_number
from nassurrogate.cli.output_file import check_writable
from nassurrogate.errors import InputError

if TYPE_CHECKING:
    from nassurrogate.devices.latency_prediction import KernelTime, PredictedLatency
    from nassurrogate.graphs.operator_graph import OperatorGraph
    from nassurrogate.surrogate import Surrogate

SOME_FAILED = 1
"""The exit code if some of the models could not be read."""
_MOST_UNFAMILIAR = 0.1
"""A larger share of the time in operators unlike those in the training data gives a warning."""
_WIDE = 1.5
"""If the upper end of an interval is above the prediction by more than this factor, there is a warning."""
_NAMED = 4
"""How many operators a warning names."""

_DESCRIPTION = """\
Predict the latency of ONNX models without running them. Weights are not read
and may be missing; an open batch size is 1. The interval holds the true latency
in 9 of 10 cases for networks like those that the device's model was trained on;
a warning says when a network is unlike them.

A device is one of cortexA76_cpu and adreno640_gpu (TensorFlow Lite 2.1 on
phones, batch size 1), or a file that `nassurrogate train-latency` wrote for a
device of your own. The two shipped models were trained on the measurements of
nn-Meter (MIT licence, (c) Microsoft).

GMACs are billions of multiply-accumulates. A model that cannot be read is
reported and skipped; the exit code is then 1.
"""
_EXAMPLES = """\
examples:
  nassurrogate predict-latency resnet50.onnx --on cortexA76_cpu
  nassurrogate predict-latency models/*.onnx --on cortexA76_cpu --on adreno640_gpu --json
  nassurrogate predict-latency resnet50.onnx --on laptop.safetensors --breakdown --plot time.png
  nassurrogate predict-latency bert.onnx --on laptop.safetensors --input-shape input_ids=1x128
"""


def add_to(commands: Subparsers) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "predict-latency",
        "predict the latency of ONNX models",
        description=_DESCRIPTION,
        examples=_EXAMPLES,
    )
    parser.add_argument("models", nargs="+", metavar="MODEL", help="ONNX file")
    parser.add_argument(
        "--on", action="append", required=True, metavar="DEVICE",
        help="cortexA76_cpu, adreno640_gpu, or a file of train-latency; repeatable",
    )  # fmt: skip
    parser.add_argument(
        "--input-shape", action="append", default=[], metavar="[NAME=]SHAPE",
        help="shape of an input with open sizes, such as image=1x3x224x224; repeatable",
    )  # fmt: skip
    parser.add_argument(
        "--breakdown", action="store_true", help="also print the time of each kind of operator, and the slowest ones"
    )
    parser.add_argument(
        "--slowest", type=whole_number, default=10, metavar="N",
        help="how many single operators --breakdown lists (default: 10)",
    )  # fmt: skip
    parser.add_argument("--plot", metavar="FILE", help="plot where the time goes: .png, .svg or .pdf")
    parser.add_argument("--device", default="auto", help="where to compute: auto (default), cpu, cuda, ...")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Run the command."""
    if args.slowest < 0:
        raise InputError(f"--slowest must be a whole number from 0, got {args.slowest}")
    from nassurrogate.devices.input_shapes import parse_input_shapes
    from nassurrogate.devices.latency_models import latency_predictor
    from nassurrogate.devices.latency_prediction import predicted_latencies, require_kernel_times
    from nassurrogate.devices.model_files import read_model_files

    models, given = list(dict.fromkeys(args.models)), list(dict.fromkeys(args.on))
    kind = None if args.plot is None else _plot_format(Path(args.plot), len(models) * len(given))
    shapes = parse_input_shapes(args.input_shape)
    surrogates = [latency_predictor(name, device=args.device) for name in given]
    for surrogate in surrogates:
        for option, is_given in (("--breakdown", args.breakdown), ("--plot", args.plot is not None)):
            if is_given:
                require_kernel_times(surrogate, option)
    with console.progress() as progress:
        found = read_model_files(
            models, shapes, progress=lambda done, total: progress.update("read", done, total, minor=True)
        )
    read: dict[str, OperatorGraph] = {}
    for model, graph in zip(models, found, strict=True):
        if isinstance(graph, InputError):
            console.error(str(graph))
        else:
            read[model] = graph
    names = _device_names(given, surrogates)
    predictions = {
        (model, device): prediction
        for device, surrogate in zip(names, surrogates, strict=True)
        for model, prediction in zip(read, predicted_latencies(surrogate, list(read.values())), strict=True)
    }
    ordered = {(model, device): predictions[model, device] for model in read for device in names}
    for note in _warnings(ordered):
        console.note(note)
    no_plot: InputError | None = None
    if args.plot is not None and ordered:
        from nassurrogate.devices.latency_plot import draw_breakdown

        assert kind is not None
        titles = [f"{model} on {device}" for model, device in ordered]
        try:
            draw_breakdown(list(ordered.values()), titles, Path(args.plot), kind)
        except InputError as error:  # the predictions are sound, and printed all the same
            no_plot = error
        else:
            console.note(f"the plot is in {args.plot}")
    if ordered or console.as_json:
        fields = _fields(ordered, dict(zip(models, found, strict=True)), args)
        console.result(_text(ordered, args), fields if no_plot is None else {**fields, "plot": None})
    if no_plot is not None:
        raise no_plot
    return SOME_FAILED if len(read) < len(models) else 0


def _plot_format(path: Path, n: int) -> str:
    from nassurrogate.benchmarks.evaluation.plot import plot_format
    from nassurrogate.devices.latency_plot import check_panels

    check_writable(path, "the plot")
    check_panels(n)
    return plot_format(path)


def _device_names(given: Sequence[str], surrogates: Sequence[Surrogate]) -> list[str]:
    """What to call each device: its name, or the file if two files are of one device."""
    from nassurrogate.devices.latency_models import device_of

    names = [device_of(surrogate) for surrogate in surrogates]
    return [name if names.count(name) == 1 else text for name, text in zip(names, given, strict=True)]


# --- warnings --------------------------------------------------------------------------------------------------------


def _warnings(predictions: dict[tuple[str, str], PredictedLatency]) -> list[str]:
    """One line for each prediction that should not be trusted, with the reasons."""
    lines = []
    for (model, device), each in predictions.items():
        reasons = []
        if each.unknown_share > _MOST_UNFAMILIAR:
            unknown = [kernel for kernel in each.kernels if kernel.is_unknown]
            reasons.append(
                f"{100 * each.unknown_share:.0f} % of the time is in operators that no network in the training data "
                f"has ({_operators(unknown)})"
            )
        if each.beyond_share > _MOST_UNFAMILIAR:
            beyond = [kernel for kernel in each.kernels if kernel.is_beyond]
            reasons.append(
                f"{100 * each.beyond_share:.0f} % of the time is in operators more than twice as large as any in the "
                f"training data ({_operators(beyond)})"
            )
        if each.high_ms > _WIDE * each.latency_ms:
            reasons.append(f"the interval is wide, up to {_ms(each.high_ms / each.latency_ms)} times the prediction")
        if reasons:
            lines.append(f"warning: {model} on {device}: {'; '.join(reasons)}")
    if lines:
        lines.append("note: a few measurements of such networks help: see `measure` and `train-latency --from`")
    return lines


def _operators(kernels: Sequence[KernelTime]) -> str:
    """The names of the operators, those with most time first."""
    time: dict[str, float] = {}
    for kernel in kernels:
        name = kernel.kind.partition(" ")[0]
        time[name] = time.get(name, 0.0) + kernel.latency_ms
    names = sorted(time, key=lambda name: -time[name])
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")


# --- output ----------------------------------------------------------------------------------------------------------


def _text(predictions: dict[tuple[str, str], PredictedLatency], args: argparse.Namespace) -> str:
    header = ("model", "device", "ms", "90 % interval", "GMACs", "Mparams")
    rows = [
        (
            model,
            device,
            _ms(each.latency_ms),
            f"{_ms(each.low_ms)} to {_ms(each.high_ms)}",
            f"{each.graph.flops / 2e9:.3g}",
            f"{each.graph.params / 1e6:.3g}",
        )
        for (model, device), each in predictions.items()
    ]
    parts = [aligned(header, rows, numeric=header[2:])]
    if args.breakdown:
        parts += [_breakdown(f"{model} on {device}", each, args) for (model, device), each in predictions.items()]
    return "\n\n".join(parts)


def _breakdown(title: str, prediction: PredictedLatency, args: argparse.Namespace) -> str:
    total = prediction.latency_ms
    header = ("kind", "count", "ms", "%", "role")
    rows = [
        (row.kind, str(row.n_kernels), _ms(row.latency_ms), f"{100 * row.latency_ms / total:.1f}", row.role)
        for row in prediction.by_kind()
    ]
    rows.append(("all", str(len(prediction.kernels)), _ms(total), "100.0", ""))
    parts = [f"{title}: {_ms(total)} ms\n\n{aligned(header, rows, numeric=('count', 'ms', '%'))}"]
    if args.slowest:
        header = ("slowest", "ms", "%", "place", "output")
        slow = [
            (
                row.kind,
                _ms(row.latency_ms),
                f"{100 * row.latency_ms / total:.1f}",
                str(row.position),
                "x".join(map(str, row.shape)),
            )
            for row in prediction.slowest(args.slowest)
        ]
        parts.append(aligned(header, slow, numeric=("ms", "%", "place")))
    return "\n\n".join(parts)


def _ms(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def _fields(
    predictions: dict[tuple[str, str], PredictedLatency],
    found: dict[str, OperatorGraph | InputError],
    args: argparse.Namespace,
) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "plot": args.plot if predictions else None,
        "models": [
            {
                "model": model,
                "status": "failed" if isinstance(graph, InputError) else "ok",
                "reason": str(graph) if isinstance(graph, InputError) else "",
            }
            for model, graph in found.items()
        ],
        "predictions": [
            {
                "model": model,
                "device": device,
                "latency_ms": each.latency_ms,
                "low_ms": each.low_ms,
                "high_ms": each.high_ms,
                "flops_m": each.graph.flops / 2e6,
                "params_m": each.graph.params / 1e6,
                "unknown_share": each.unknown_share,
                "beyond_share": each.beyond_share,
                **(_breakdown_fields(each, args) if args.breakdown else {}),
            }
            for (model, device), each in predictions.items()
        ],
    }


def _breakdown_fields(prediction: PredictedLatency, args: argparse.Namespace) -> dict[str, Any]:
    return {
        "kinds": [row._asdict() for row in prediction.by_kind()],
        "slowest": [row._asdict() for row in prediction.slowest(args.slowest)],
    }
