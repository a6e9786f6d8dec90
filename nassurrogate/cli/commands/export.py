"""`nassurrogate export`: a network as PyTorch source, a program of `torch.export`, or ONNX."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nassurrogate.cli.console import Console
from nassurrogate.cli.options import Subparsers, add_command, whole_number
from nassurrogate.cli.output_file import check_writable

if TYPE_CHECKING:
    from nassurrogate.cli.chosen_network import ChosenNetwork
    from nassurrogate.export import Exported

_DESCRIPTION = """\
Write the best network of a search, or any other, to a file:

  model.py    plain PyTorch source without this package, to train and to change
  model.pt2   a program for torch.export.load, with weights, for inference
  model.onnx  for inference elsewhere, with weights

Every file is checked: its outputs are those of the network itself, to 1e-5. The
names of the weights are those of the network, so what you trained loads into
the source, and the other way round. All forms take batches of any size.

Weights are random (--seed), or come from a file (--weights). For a search of a
problem of your own, the problem file is run: it is your own code.
"""
_EXAMPLES = """\
examples:
  nassurrogate export runs/nb201-cifar10-0-20261128-101500 --to model.py
  nassurrogate export runs/mine --to model.onnx --weights trained.pt
  nassurrogate export --arch 1462 --space nb201 --to model.py --classes 100 --width 32 --cells-per-stage 3
  nassurrogate export --arch "kernel=3 width=32" --problem problem.py --to model.pt2
"""


def add_to(commands: Subparsers) -> None:
    """Declare the command."""
    parser = add_command(commands, "export", "write a network to a file", description=_DESCRIPTION, examples=_EXAMPLES)
    parser.add_argument("run_dir", nargs="?", metavar="RUN_DIR", help="run folder of a search; its best is written")
    parser.add_argument("--to", required=True, metavar="FILE", help="file to write: .py, .pt2 or .onnx")
    parser.add_argument("--arch", help="an architecture, instead of the best of a run")
    parser.add_argument("--space", help="its search space (default: nb201)")
    parser.add_argument("--problem", metavar="FILE", help="problem file that declares the space")
    parser.add_argument("--dataset", help="data set of a built-in network (default: that of the run, or cifar10)")
    parser.add_argument(
        "--classes",
        type=whole_number,
        metavar="N",
        help="classes of a built-in network (default: those of its data set)",
    )
    parser.add_argument(
        "--width", type=whole_number, metavar="N",
        help="channels of its stem (default: as published: nb201 16, nb101 128, macro 32)",
    )  # fmt: skip
    parser.add_argument(
        "--cells-per-stage", type=whole_number, metavar="N",
        help="cells of each of its three stages (default: as published: nb201 5, nb101 3)",
    )  # fmt: skip
    weights = parser.add_mutually_exclusive_group()
    weights.add_argument("--seed", type=whole_number, default=0, metavar="N", help="seed of the weights (default: 0)")
    weights.add_argument(
        "--weights", metavar="FILE", help="weights: .safetensors, or what torch.save wrote of a state dict"
    )
    parser.add_argument(
        "--with-weights", action="store_true", help="also write the weights of a .py, as .safetensors beside it"
    )
    parser.add_argument(
        "--accept-changes", action="store_true", help="even if the problem file has changed since the run began"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Run the command."""
    from nassurrogate.cli.chosen_network import chosen_network
    from nassurrogate.export import export_network, load_weights
    from nassurrogate.export.network import checked_target
    from nassurrogate.seed import checked_seed

    target = checked_target(args.to, with_weights=args.with_weights)
    check_writable(target, "the network")
    seed = checked_seed(args.seed)
    chosen = chosen_network(args)
    for note in chosen.notes:
        console.note(note)
    module = chosen.build(seed)
    origin = f"random, seed {seed}"
    if args.weights is not None:
        load_weights(module, Path(args.weights))
        origin = f"from {Path(args.weights).name}"
    holds_weights = target.suffix.casefold() != ".py" or args.with_weights
    about = {**chosen.facts(), **({"weights": origin} if holds_weights else {})}
    written = export_network(module, chosen.input_shape, target, about=about, with_weights=args.with_weights)
    if args.weights is not None and written.weights is None and not holds_weights:
        console.note("note: a .py file holds no weights; add --with-weights to write them beside it")
    console.result(_described(written, chosen, origin), _fields(written, chosen, origin))
    return 0


def _described(written: Exported, chosen: ChosenNetwork, origin: str) -> str:
    from nassurrogate.export import FORMS

    rows = [
        ("architecture", chosen.arch.string),
        ("parameters", f"{written.params:,}"),
        ("multiply-accumulates", "unknown" if written.macs is None else f"{written.macs:,}"),
        ("input", f"(B, {', '.join(map(str, chosen.input_shape))})"),
        ("checked", f"outputs differ by at most {written.difference:.1g} from the network's"),
    ]
    if written.weights is not None:
        rows.append(("weights", f"{written.weights} ({origin})"))
    elif written.path.suffix.casefold() != ".py":
        rows.append(("weights", origin))
    width = max(len(name) for name, _ in rows) + 2
    lines = [f"{name:<{width}}{text}" for name, text in rows]
    return "\n".join([f"{written.path}: {FORMS[written.path.suffix.casefold()]}", *lines])


def _fields(written: Exported, chosen: ChosenNetwork, origin: str) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "path": str(written.path),
        "weights_path": None if written.weights is None else str(written.weights),
        "weights": origin,
        "space": chosen.arch.space.name,
        "dataset": chosen.dataset or None,
        "arch": chosen.arch.string,
        "choices": chosen.choices(),
        "params": written.params,
        "macs": written.macs,
        "input_shape": list(chosen.input_shape),
        "difference": written.difference,
    }
