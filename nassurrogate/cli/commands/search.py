"""`nassurrogate search`: find the best architecture under constraints, within a budget of queries."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nassurrogate.cli.console import Console, Progress, aligned
from nassurrogate.cli.durations import duration_s
from nassurrogate.cli.options import (
    Parser,
    Subparsers,
    add_command,
    add_direction,
    add_old_name,
    add_space,
    add_table,
    assignments,
    whole_number,
)
from nassurrogate.cli.table_options import add_table_options, refuse_table_options, table_options
from nassurrogate.errors import InputError, unknown_choice

if TYPE_CHECKING:
    from nassurrogate.search import Event
    from nassurrogate.tables import TableOptions

LABEL_KINDS = ("mean", "single")

_DESCRIPTION = """\
Search a space for the best architecture. Every evaluation of the objective
costs one query of the budget. The first queries go to random architectures;
then, one after the other, to those with the largest expected improvement under
the surrogate; and the last one to the predicted best. If a query is a single
training, the last queries train the best architectures again. Predictions are
free. The ledger of all queries, a summary and plots go to a run folder.
"""
_EXAMPLES = """\
examples:
  nassurrogate search --space nb201 --budget 30
  nassurrogate search --budget 100 --seed 0 --constraint "latency_ms<=14.28" --json
  nassurrogate search --budget 50 --dataset cifar100 --searcher evolution
  nassurrogate search --space macro --budget 30
  nassurrogate search --budget 100 --predictor none --searcher random      # baseline
  nassurrogate search --budget 20 --surrogate model.safetensors
  nassurrogate search --budget 100 --predictor nar-former-v2:paper --label-kind single
  nassurrogate search --help-settings                                      # settings for --set
  nassurrogate search --problem problem.py --budget 30 --workers 2         # your own training
  nassurrogate search --resume runs/digits-own-0-20261128-101500           # go on where it stopped

Ctrl-C ends the search early: the best architecture so far is printed, the
ledger, summary and plots are written, and the exit code is 130.
--resume goes on from there, as after a crash.
"""


def add_to(commands: Subparsers) -> None:
    """Declare the command."""
    parser = add_command(
        commands, "search", "find the best architecture within a budget", description=_DESCRIPTION, examples=_EXAMPLES
    )
    add_space(parser)
    parser.set_defaults(space=None)  # so that --problem can tell whether a space was given
    add_table(parser)
    _add_problem(parser)
    parser.add_argument(
        "--budget", type=whole_number, default=100, metavar="N",
        help="ground-truth queries in total (default: 100)",
    )  # fmt: skip
    parser.add_argument(
        "--constraint", action="append", default=[], metavar="TEXT", dest="constraints",
        help="bound on a metric that costs no query, such as 'latency_ms<=12' or '10<=latency_ms<=12 and params_m<1'; "
        "repeatable",
    )  # fmt: skip
    parser.add_argument(
        "--objective", metavar="METRIC",
        help="metric to optimise (default: the benchmark's objective, such as val_accuracy_pct)",
    )  # fmt: skip
    add_direction(parser)
    parser.add_argument(
        "--fidelity",
        type=whole_number,
        metavar="N",
        help="fidelity of every query, such as a number of epochs (default: full training)",
    )
    parser.add_argument(
        "--searcher", default="exhaustive", metavar="NAME",
        help="exhaustive (default), random, evolution, optuna-tpe, optuna-nsga2 or a plug-in; see "
        "`nassurrogate searchers`",
    )  # fmt: skip
    parser.add_argument(
        "--predictor", metavar="NAME[:PRESET]",
        help="proxy-process (default), or space-process if that does not apply; or any other of `nassurrogate "
        "predictors`; none: no surrogate, every proposal is evaluated; oracle: predictions are the true values, an "
        "upper bound",
    )  # fmt: skip
    parser.add_argument(
        "--surrogate", metavar="FILE",
        help="start from a model saved by `nassurrogate train`: without an initial sample, and without queries for "
        "architectures that it has labels for; labels of the same data set (`train --dataset`) are learned together "
        "with the new ones, other labels only guide the search; a model of across-spaces may be of another space",
    )  # fmt: skip
    parser.add_argument(
        "--requery-known", action="store_true",
        help="also query architectures that the model of --surrogate has labels for; they may be of another data set",
    )  # fmt: skip
    parser.add_argument(
        "--allow-equivalent", action="store_true",
        help="once every feasible function is evaluated, spend the rest of the budget on equivalent architectures that "
        "cost less in the first constrained metric (without constraints: latency, parameters or FLOPs): the cheapest "
        "of each function, best functions first",
    )  # fmt: skip
    parser.add_argument(
        "--label-kind", default="mean", metavar="KIND", choices=LABEL_KINDS, dest="label_kind",
        help="mean: a query returns the mean over training seeds; single: one training, as in practice (default: mean)",
    )  # fmt: skip
    add_old_name(parser, "--labels", "--label-kind", choices=LABEL_KINDS)  # a number in all other commands
    parser.add_argument(
        "--seed", type=whole_number, metavar="N", help="random seed (default: chosen at random and printed)"
    )
    _add_running(parser)
    add_table_options(parser)
    parser.add_argument("--run-dir", metavar="DIR", help="run folder (default: runs/<space>-<dataset>-<seed>-<time>)")
    parser.add_argument("--no-plots", action="store_true", help="do not write plots to the run folder")
    parser.add_argument("--device", default="auto", help="device of the predictor: auto (default), cpu, cuda, ...")
    parser.add_argument(
        "--config", action="append", default=[], metavar="NAME=VALUE",
        help="a hyper-parameter of the predictor; repeatable",
    )  # fmt: skip
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", dest="settings",
        help="a setting of the strategy, such as n_init=10; repeatable; see --help-settings",
    )  # fmt: skip
    parser.add_argument(
        "--help-settings", action="store_true", help="list the settings of --set, with defaults and ranges"
    )
    parser.set_defaults(run=run)


def _add_problem(parser: Parser) -> None:
    """`--problem`, `--known` and the time-out of an evaluation."""
    parser.add_argument(
        "--problem", metavar="FILE",
        help="a Python file with your own space and training (`nassurrogate new problem DIR` writes one); it is your "
        "own code and is run as such",
    )  # fmt: skip
    parser.add_argument(
        "--known", metavar="FILE",
        help="a table of earlier results of the objective, as for `train --file`: they are learned at no budget, and "
        "not queried again",
    )  # fmt: skip
    parser.add_argument(
        "--timeout", type=duration_s, metavar="TIME", dest="evaluation_limit_s",
        help="end an evaluation of a problem file that takes longer, such as 90min; it has then failed",
    )  # fmt: skip


def _add_running(parser: Parser) -> None:
    """Where evaluations run, for how long, and how an earlier run goes on."""
    group = parser.add_argument_group("running")
    group.add_argument(
        "--workers", type=whole_number, metavar="N",
        help="evaluations that run at once, in processes of this machine or on Dask (default: 1)",
    )  # fmt: skip
    group.add_argument(
        "--dask", metavar="ADDRESS", help="run the evaluations on this Dask scheduler, such as tcp://10.0.0.1:8786"
    )
    group.add_argument(
        "--unordered", action="store_true",
        help="use results as they come, for trainings of very unequal length; otherwise in the order of the queries",
    )  # fmt: skip
    group.add_argument(
        "--time-limit", type=duration_s, metavar="TIME", dest="time_limit_s",
        help="start no evaluation after this time, such as 8h; what runs is finished",
    )  # fmt: skip
    group.add_argument(
        "--resume", metavar="RUN_DIR", help="go on with an earlier run; its ledger holds everything that it was asked"
    )
    group.add_argument(
        "--accept-changes", action="store_true",
        help="with --resume: go on from the labels alone if the problem file, the table or the package has changed",
    )  # fmt: skip


def run(args: argparse.Namespace, console: Console) -> int:
    """Run the command."""
    from nassurrogate.search.settings.definitions import SETTINGS

    if args.help_settings:
        console.result(settings_help(), {name: setting.as_dict() for name, setting in SETTINGS.items()})
        return 0
    from nassurrogate.search import SearchInterrupted
    from nassurrogate.search import run as run_search
    from nassurrogate.seed import given_or_drawn_seed

    asked = _asked(args)
    here = {"plots": not args.no_plots, "dask": args.dask, "time_limit_s": args.time_limit_s}
    if args.resume is not None:
        here |= {"resume": args.resume, "accept_changes": args.accept_changes}
    elif args.accept_changes:
        raise InputError("--accept-changes needs --resume RUN_DIR")
    else:
        asked |= {"seed": given_or_drawn_seed(args.seed), "run_dir": args.run_dir}
    with ExitStack() as bars:
        printer = _EventPrinter(console, bars.enter_context(console.progress()), bars.close)
        try:
            run_search(**asked, **here, listener=printer)
        except SearchInterrupted as stop:
            raise KeyboardInterrupt(*stop.args) from None
        except KeyboardInterrupt:
            raise KeyboardInterrupt(printer.progress_in_words()) from None
    return 0


def _asked(args: argparse.Namespace) -> dict[str, Any]:
    """The arguments of the search that were given. Raises `InputError` for contradictions."""
    from nassurrogate.metric import as_metric
    from nassurrogate.search import SearchSettings
    from nassurrogate.search.settings.definitions import SETTINGS

    changes = assignments(args.settings, "--set")
    for name in changes:
        if name not in SETTINGS:
            raise unknown_choice("setting", name, SETTINGS)
    if args.run_dir == "":  # an unset variable of a script must not fill the current folder
        raise InputError("--run-dir is empty; give the folder's name, or '.' for the current one")
    if args.direction is not None and args.objective is None:
        raise InputError("--larger-is-better and --smaller-is-better need --objective")
    if args.problem is not None and args.space is not None:
        raise InputError("--problem has its own space; leave --space out")
    if args.resume is not None and (args.seed is not None or args.run_dir is not None):
        raise InputError("--resume takes everything from the run; leave --seed and --run-dir out")
    return {
        "space": args.space,
        "dataset": args.dataset,
        "problem": args.problem,
        "known": args.known,
        "known_options": _known_options(args),
        "evaluation_limit_s": args.evaluation_limit_s,
        "objective": None if args.objective is None else as_metric(args.objective, args.direction),
        "fidelity": args.fidelity,
        "budget": args.budget,
        "searcher": args.searcher,
        "predictor": args.predictor,
        "constraints": tuple(args.constraints),
        "labels": args.label_kind,
        "surrogate": args.surrogate,
        "settings": SearchSettings(**changes) if changes else None,
        "predictor_config": assignments(args.config, "--config") or None,
        "table": args.table,
        "device": args.device,
        "requery_known": args.requery_known,
        "allow_equivalent": args.allow_equivalent,
        "workers": args.workers,
        "unordered": args.unordered,
    }


def _known_options(args: argparse.Namespace) -> TableOptions | None:
    """How the table of `--known` is read; None as it is by default."""
    from nassurrogate.tables import TableOptions

    if args.known is None:
        refuse_table_options(args, "--known FILE")
        return None
    options = replace(table_options(args), dataset=None)
    return None if options == TableOptions() else options


def settings_help() -> str:
    """Every setting with its meaning, range and default."""
    from nassurrogate.search.settings.definitions import SETTINGS

    blocks = [
        f"{name}\n    {setting.meaning}\n    takes    {setting.range}\n    default  {setting.default_text}"
        for name, setting in SETTINGS.items()
    ]
    return "\n".join(["Settings for `nassurrogate search --set NAME=VALUE`:", "", *blocks])


class _EventPrinter:
    """Shows the events of a run, and prints its result as soon as it is known.

    Args:
        console: prints everything.
        progress: the bars.
        close: removes the bars before the result is printed.
    """

    def __init__(self, console: Console, progress: Progress, close: Callable[[], None]) -> None:
        self._console = console
        self._progress = progress
        self._close = close
        self._n_queries = 0
        self._run_dir = ""
        self._is_printed = False

    def __call__(self, event: Event) -> None:
        if event.kind == "start":
            self._console.note(event.message)
            self._run_dir = event.run_dir
        elif event.kind == "fit":
            self._progress.update("fit", event.done, event.total, minor=True)
        elif event.query is not None:
            self._n_queries = event.done
            best = f"best {event.best}" if event.best else "no label yet"
            detail = f"{event.done}/{event.total} {event.query.phase}, {best}"
            self._progress.update("queries", event.done, event.total, detail)
        elif event.result is not None:
            # Printed before plots are drawn or anything else can fail: it is what the user waits for.
            self._close()
            self._console.result(_text(event.result), event.result)
            self._console.flush()
            self._is_printed = True
        # Notes are also logged as warnings, which the console prints.

    def progress_in_words(self) -> str:
        """How far the run got, for a Ctrl-C before the first label or after the result."""
        if not self._n_queries:
            return "before the first query"
        from nassurrogate.search.record.run_folder import LEDGER

        ledger = f"{self._run_dir}/{LEDGER}"
        if self._is_printed:
            return f"after the result was printed; summary and plots may be missing next to {ledger}"
        return f"the {self._n_queries} queries so far are in {ledger}"


def _text(result: Mapping[str, Any]) -> str:
    from nassurrogate.search.record.report import describe_result, top_table

    header, rows = top_table(result)
    title = f"best {len(rows)} of {result['queries']} queries"
    return f"{describe_result(result)}\n\n{title}\n{aligned(header, rows, numeric=header[:-1])}"
