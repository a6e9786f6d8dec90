"""One search from end to end: check what was asked for, evaluate what is proposed, report."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, NoReturn

from nassurrogate.benchmarks import Benchmark, Evaluate, Problem
from nassurrogate.constraints import Constraint
from nassurrogate.errors import InputError
from nassurrogate.metric import MetricLike
from nassurrogate.predictors import PredictorLike
from nassurrogate.search.engine.header import ledger_header
from nassurrogate.search.engine.resume import Resumed, open_resumed
from nassurrogate.search.engine.session import SearchSession
from nassurrogate.search.execution.driver import Driver
from nassurrogate.search.execution.executors import Workers, open_workers
from nassurrogate.search.queries.events import Event, Listener, SearchInterrupted
from nassurrogate.search.record.ledger import LabelKind, LedgerError, LedgerWriter
from nassurrogate.search.record.run_folder import LEDGER, default_folders, open_run
from nassurrogate.search.searchers.base import DEFAULT_SEARCHER, SearcherLike
from nassurrogate.search.settings.request import SearchRequest, checked_request
from nassurrogate.search.settings.schedule import SearchSettings
from nassurrogate.spaces import SpaceLike
from nassurrogate.surrogate import Surrogate
from nassurrogate.tables import TableOptions

_OF_THIS_PROCESS = (
    "listener",
    "write",
    "run_dir",
    "resume",
    "accept_changes",
    "time_limit_s",
    "plots",
    "executor",
    "dask",
)
"""Arguments that a resumed run does not take over from its ledger."""


def run(
    space: SpaceLike | None = None,
    dataset: str | None = None,
    budget: int = 100,
    searcher: SearcherLike = DEFAULT_SEARCHER,
    predictor: PredictorLike | None = None,
    seed: int | None = None,
    constraints: Sequence[Constraint | str] | Constraint | str = (),
    labels: LabelKind = "mean",
    surrogate: str | Path | Surrogate | None = None,
    run_dir: str | Path | None = None,
    *,
    settings: SearchSettings | None = None,
    predictor_config: Mapping[str, Any] | None = None,
    listener: Listener | None = None,
    table: str | None = None,
    benchmark: Benchmark | None = None,
    evaluate: Evaluate | None = None,
    objective: MetricLike | None = None,
    fidelity: int | None = None,
    write: bool = True,
    plots: bool = True,
    device: str = "auto",
    requery_known: bool = False,
    allow_equivalent: bool = False,
    problem: str | Path | Problem | None = None,
    known: str | Path | None = None,
    known_options: TableOptions | None = None,
    workers: int | None = None,
    unordered: bool = False,
    executor: Executor | None = None,
    dask: str | None = None,
    time_limit_s: float | None = None,
    evaluation_limit_s: float | None = None,
    resume: str | Path | None = None,
    accept_changes: bool = False,
) -> dict[str, Any]:
    """Search a space for the best architecture under constraints, and report its cost.

    Args:
        space: the search space or its name; None: the benchmark's, or `"nb201"`.
        dataset: name of the data set whose table is the ground truth; None: the benchmark's or the space's own.
        budget: number of ground-truth queries; on a table, at most the number of different functions in the space, or
            with `allow_equivalent` the number of architectures.
        searcher: one of `searcher_names()`, or a class.
        predictor: registered name, `name:preset` or class; `"none"`: no surrogate, every proposal is evaluated;
            `"oracle"`: predictions are the true values, an upper bound. None: the saved surrogate's, or what
            `default_predictor` chooses for the space and the objective.
        seed: of everything random; None: a random one.
        constraints: one or several, such as `"latency_ms<=12"` or `"10<=latency_ms<=12 and params_m<1"`, on metrics
            that cost no query.
        labels: a query returns the `"mean"` over the training seeds, or a `"single"` one; the last queries then train
            the best architectures again.
        surrogate: a saved model, or its path, that guides the search from the first query (no initial sample). If its
            labels are known to be of the run's data set, every fit learns them together with the run's own
            (`ContinuedSurrogate`); otherwise its predictions are averaged with what the run learns
            (`BlendedSurrogate`).
        run_dir: where the ledger, the summary and the plots go; None: `runs/<space>-<dataset>-<seed>-<time>`.
        settings: the strategy.
        predictor_config: hyper-parameters that replace the preset's.
        listener: called with every `Event`.
        table: name of an import, whose columns take precedence over the embedded ones, or `"embedded"` for these alone.
        benchmark: ground truth in place of a named table.
        evaluate: ground truth from your own training: `evaluate(arch)` or `evaluate(arch, seed, fidelity)`, which
            returns the objective, or a dict of values by metric. An exception counts as a failed evaluation.
        objective: the metric to optimise, or its name; None: the benchmark's own, `val_accuracy_pct` where there
            is one.
        fidelity: of every query, such as a number of epochs; None: the full training.
        write: False keeps everything in memory.
        plots: whether plots are drawn into the run folder.
        device: of the predictor.
        requery_known: whether architectures that the saved surrogate has labels for may be queried. By default they are
            not; a note says if the best of these labels is better than everything that was found.
        allow_equivalent: once every feasible function is evaluated, spend the rest of the budget on equivalent
            architectures that cost less in the first constrained metric (without constraints: latency, parameters or
            FLOPs): the cheapest of each function, best functions first.
        problem: a Python file that defines the space and the training (see `load_problem`), in place of `space` and
            `evaluate`. It is your own code and is run as such, its evaluations in processes of their own.
        known: a table of earlier results of the objective. They are learned from the first query on, at no budget, and
            are not queried again.
        known_options: how that table is read: its columns, units, marks of missing values.
        workers: number of evaluations that run at once, in processes of this machine unless an executor is given. At
            most twice as many are pending, and their answers are used in the order of the queries, so that the run can
            be repeated and resumed. None: 1.
        unordered: use answers as they come, for trainings of very unequal length; at most `workers` are pending.
        executor: runs the evaluations, for example `dask.distributed.Client(…).get_executor()` or submitit's.
        dask: address of a Dask scheduler that runs the evaluations.
        time_limit_s: seconds after which no evaluation starts; those that run are finished.
        evaluation_limit_s: seconds after which an evaluation of a problem file is ended, and has failed.
        resume: folder of an earlier run that goes on, with the arguments recorded in its ledger; objects that no file
            can hold, such as `evaluate`, are given again. Of a finished run the result is returned.
        accept_changes: resume even if the ground truth or the package has changed: the search starts again, and knows
            the labels so far.

    Returns the fields that `--json` prints. `best` is always feasible. If the summary or the plots cannot be written,
    the result has a note about it. Raises `InputError` for unusable input, before the first query, and if all
    evaluations, or the first five, fail. Ctrl-C after the first label raises `SearchInterrupted`, a `KeyboardInterrupt`
    with the result so far, once summary and plots are written; a second Ctrl-C ends at once.

    >>> result = run(budget=4, seed=0, predictor="gradient-boosting", constraints=["latency_ms<=12"], write=False)
    >>> result["queries"], result["best"]["latency_ms"] <= 12
    (4, True)
    >>> from nassurrogate.spaces import CategoricalSpace
    >>> mine = CategoricalSpace("mine", {"kernel": [3, 5], "width": [16, 32, 64]})
    >>> result = run(space=mine, evaluate=lambda arch: 90 + arch.choices["width"] / 64, budget=6, seed=0, write=False)
    >>> result["best"]["choices"]["width"], result["regret_points"]
    (64, None)
    """
    given = {name: value for name, value in locals().items() if name not in _OF_THIS_PROCESS}
    here: dict[str, Any] = {
        "listener": listener,
        "plots": plots,
        "executor": executor,
        "dask": dask,
        "time_limit_s": time_limit_s,
    }
    if resume is not None:
        objects = {
            name: value for name, value in given.items() if value is not None and value != _DEFAULTS[name].default
        }
        with open_resumed(resume, objects, here, accept_changes=accept_changes) as resumed:
            if resumed.request is None:
                return _finished_result(resumed, listener)
            with open_workers(resumed.request) as opened:
                return _evaluated_result(resumed.opened(), opened)
    if accept_changes:
        raise InputError("accept_changes needs resume=RUN_DIR, the run that goes on")
    request = checked_request(**given, **here, write=write, run_dir=run_dir, arguments=given)
    session = SearchSession(request)
    with (
        open_workers(request) as opened,  # first: without them, no folder is made
        open_ledger(request, session.shared) if write else nullcontext() as writer,
    ):
        session.open(writer, writer.path.parent if writer is not None else None, listener)
        return _evaluated_result(session, opened)


_DEFAULTS = inspect.signature(run).parameters


def _finished_result(resumed: Resumed, listener: Listener | None) -> dict[str, Any]:
    """The result of a run that was finished already."""
    assert resumed.result is not None
    if listener is not None:
        n_queries, budget = resumed.result["queries"], resumed.result["budget"]
        listener(Event("result", n_queries, budget, result=resumed.result))
    return resumed.result


def _evaluated_result(session: SearchSession, workers: Workers | None) -> dict[str, Any]:
    """Evaluate what the search proposes until it ends, and report it. Raises what `run` raises."""
    request, search = session.request, session.search
    driver = Driver(
        session.steps,
        session.evaluator,
        session.ground_truth,
        workers=workers,
        n_workers=request.workers,
        deadline=None if request.time_limit_s is None else session.began + request.time_limit_s,
        fidelity=request.fidelity,
    )
    search.run(driver.run)
    result = session.finish()
    if search.interrupted is not None:
        _raise_interruption(search.interrupted, result, session.folder)
    return result


def open_ledger(request: SearchRequest, shared: dict[str, Any]) -> AbstractContextManager[LedgerWriter]:
    """The ledger of a new run, in a new folder or the one that was given."""
    truth = request.benchmark
    place = request.run_dir or default_folders(truth.space.name, truth.dataset, request.seed)
    return open_run(place, ledger_header(request, shared))


def _raise_interruption(
    interruption: KeyboardInterrupt | LedgerError, result: dict[str, Any], folder: Path | None
) -> NoReturn:
    if isinstance(interruption, LedgerError):
        raise interruption
    ledger = "not on disk, as write is False" if folder is None else f"in {folder / LEDGER}"
    message = f"the {result['queries']} queries so far are {ledger}"
    raise SearchInterrupted(message, result) from interruption
