"""`nassurrogate search`: find the most accurate cell under constraints, within a budget of queries."""

from __future__ import annotations

import argparse
import secrets
from typing import TYPE_CHECKING, Any

from nassurrogate.commands.options import (
    Subparsers,
    add_command,
    add_direction,
    add_space,
    add_table,
    assignments,
    whole_number,
)
from nassurrogate.console import Console, Progress
from nassurrogate.errors import InputError, unknown_choice

if TYPE_CHECKING:
    from nassurrogate.search import Event

SETTINGS = (
    "n_init", "n_confirm", "batch_size", "acquisition", "beta", "pool_size", "inner_proposals", "label_noise_pct",
    "top",
)  # fmt: skip
"""The fields of `SearchSettings`, which is not imported for `--help`."""

_DESCRIPTION = """\
Search a space for the best architecture. Every evaluation of the objective
costs one query of the budget: the random ones at the start, those where the
surrogate expects the largest improvement, one after the other, and the last
one, which confirms its best. Where a query is a single training, the last ones
train the best again. Predictions are free. The ledger of all queries, a summary
and plots go to a run folder.
"""
_EXAMPLES = """\
examples:
  nassurrogate search --space nb201 --budget 30
  nassurrogate search --budget 100 --seed 0 --constraint "latency_ms<=14.28" --json
  nassurrogate search --budget 50 --dataset cifar100 --searcher evolution
  nassurrogate search --space macro --budget 30
  nassurrogate search --budget 100 --predictor none --searcher random      # baseline
  nassurrogate search --budget 20 --surrogate model.safetensors
  nassurrogate search --budget 100 --predictor nar-former-v2:paper --labels single

After Ctrl-C (exit code 130) the ledger holds every query so far.
"""


def add_to(commands: Subparsers) -> None:
    """Declare the command."""
    parser = add_command(
        commands, "search", "find the best cell within a budget", description=_DESCRIPTION, examples=_EXAMPLES
    )
    add_space(parser)
    add_table(parser)
    parser.add_argument(
        "--budget", type=whole_number, default=100, metavar="N",
        help="ground-truth queries, all of them (default: 100)",
    )  # fmt: skip
    parser.add_argument(
        "--constraint", action="append", default=[], metavar="TEXT", dest="constraints",
        help="bound on a metric that costs no query, such as 'latency_ms<=12' or 'params_m<1'; repeatable",
    )  # fmt: skip
    parser.add_argument(
        "--objective", metavar="METRIC",
        help="metric to optimise (default: the benchmark's own, val_accuracy_pct where there is one)",
    )  # fmt: skip
    add_direction(parser)
    parser.add_argument(
        "--fidelity", type=whole_number, metavar="N", help="of every query, such as epochs (default: full training)"
    )
    parser.add_argument(
        "--searcher", default="exhaustive", metavar="NAME",
        help="exhaustive (default), random, evolution, optuna-tpe, optuna-nsga2 or another one of "
        "`nassurrogate searchers`",
    )  # fmt: skip
    parser.add_argument(
        "--predictor", metavar="NAME[:PRESET]",
        help="proxy-process (default); where it does not apply, space-process; or another one of "
        "`nassurrogate predictors`; none: no surrogate, every proposal is evaluated; oracle: predictions are the true "
        "values, an upper bound",
    )  # fmt: skip
    parser.add_argument(
        "--surrogate", metavar="FILE", help="start from a model that `nassurrogate train` saved; no initial sample"
    )
    parser.add_argument(
        "--labels", default="mean", metavar="KIND", choices=("mean", "single"),
        help="a query returns the mean of the training seeds, or a single one as in real life (default: mean)",
    )  # fmt: skip
    parser.add_argument(
        "--seed", type=whole_number, metavar="N", help="of everything random (default: drawn, and printed)"
    )
    parser.add_argument("--run-dir", metavar="DIR", help="run folder (default: runs/<space>-<dataset>-<seed>-<time>)")
    parser.add_argument("--no-plots", action="store_true", help="draw no plots into the run folder")
    parser.add_argument("--device", default="auto", help="of the predictor: auto (default), cpu, cuda, ...")
    parser.add_argument(
        "--config", action="append", default=[], metavar="NAME=VALUE",
        help="a hyper-parameter of the predictor; repeatable",
    )  # fmt: skip
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", dest="settings",
        help=f"a number of the strategy, repeatable: {', '.join(SETTINGS)}",
    )  # fmt: skip
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Run the command."""
    from nassurrogate.metric import as_metric
    from nassurrogate.search import SearchSettings
    from nassurrogate.search import run as run_search
    from nassurrogate.search.report import describe_result
    from nassurrogate.search.run_folder import LEDGER

    changes = assignments(args.settings, "--set")
    for name in changes:
        if name not in SETTINGS:
            raise unknown_choice("setting", name, SETTINGS)
    settings = SearchSettings(**changes)
    if args.seed is not None and args.seed < 0:
        raise InputError(f"seed must be a whole number from 0, got {args.seed}")
    seed = args.seed if args.seed is not None else secrets.randbelow(2**31)
    if args.run_dir == "":  # an unset variable of a script must not fill the current folder
        raise InputError("--run-dir is empty; give the folder's name, or '.' for the current one")
    if args.direction is not None and args.objective is None:
        raise InputError("--larger-is-better and --smaller-is-better need --objective")
    objective = None if args.objective is None else as_metric(args.objective, args.direction)
    with console.progress() as progress:
        watcher = _Watcher(console, progress)
        try:
            result = run_search(
                space=args.space,
                dataset=args.dataset,
                objective=objective,
                fidelity=args.fidelity,
                budget=args.budget,
                searcher=args.searcher,
                predictor=args.predictor,
                seed=seed,
                constraints=args.constraints,
                labels=args.labels,
                surrogate=args.surrogate,
                run_dir=args.run_dir,
                settings=settings,
                predictor_config=assignments(args.config, "--config"),
                listener=watcher,
                table=args.table,
                plots=not args.no_plots,
                device=args.device,
            )
        except KeyboardInterrupt:
            if not watcher.n_queries:
                raise KeyboardInterrupt("before the first query") from None
            ledger = f"{watcher.run_dir}/{LEDGER}"
            raise KeyboardInterrupt(f"the {watcher.n_queries} queries so far are in {ledger}") from None
    console.table(f"best {len(result['top'])} of {result['queries']} queries", *_top(result))
    console.result(describe_result(result), result)
    return 0


class _Watcher:
    """Shows the events of a run."""

    def __init__(self, console: Console, progress: Progress) -> None:
        self._console = console
        self._progress = progress
        self.n_queries = 0
        self.run_dir = ""

    def __call__(self, event: Event) -> None:
        if event.kind == "start":
            self._console.note(event.message)
            self.run_dir = event.run_dir
        elif event.kind == "fit":
            self._progress.update("fit", event.done, event.total, minor=True)
        elif event.query is not None:
            self.n_queries = event.done
            best = f"best {event.best}" if event.best else "no label yet"
            detail = f"{event.done}/{event.total} {event.query.phase}, {best}"
            self._progress.update("queries", event.done, event.total, detail)
        # Notes are logged as warnings as well, and shown as such.


def _top(result: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    percent = result["objective"]["unit"] == "percent"
    name = result["objective"]["name"]
    columns = {
        "index": ("index", "d"),
        "arch": ("arch", "s"),
        "value": ("measured %", ".2f") if percent else (name, ".5g"),
        "predicted_value": ("predicted %" if percent else "predicted", ".2f" if percent else ".5g"),
        "latency_ms": ("latency ms", ".2f"),
        "params_m": ("params M", ".3f"),
        "flops_m": ("FLOPs M", ".1f"),
    }
    if result["top"][0]["index"] is not None and result["top"][0]["choices"] is None:
        del columns["arch"]  # long strings of cells; the index names them
    shown = [name for name in columns if any(cell[name] is not None for cell in result["top"])]
    rows = [
        ["" if cell[name] is None else format(cell[name], columns[name][1]) for name in shown] for cell in result["top"]
    ]
    return [columns[name][0] for name in shown], rows
