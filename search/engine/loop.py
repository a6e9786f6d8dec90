"""One search from end to end: check what was asked for, search, choose, report."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from nassurrogate.benchmarks import TEST, Benchmark, Evaluate, TabularBenchmark
from nassurrogate.constraints import Constraint
from nassurrogate.errors import InputError, one_line
from nassurrogate.metric import MetricLike
from nassurrogate.predictors import PredictorLike
from nassurrogate.search.candidates.feasibility import find_feasible
from nassurrogate.search.candidates.feasible_set import FeasibleSet
from nassurrogate.search.engine.budgeted_search import BudgetedSearch
from nassurrogate.search.engine.evaluator import Evaluator
from nassurrogate.search.engine.events import Event, Listener, SearchInterrupted
from nassurrogate.search.engine.finish import keep_plots, keep_summary
from nassurrogate.search.engine.header import ledger_header, shared_fields
from nassurrogate.search.engine.result import Outcome, metric_sources, spent
from nassurrogate.search.engine.selection import is_noisy
from nassurrogate.search.engine.start_notes import announce
from nassurrogate.search.record.ledger import LabelKind, LedgerError, LedgerWriter
from nassurrogate.search.record.run_folder import LEDGER, default_folders, open_run
from nassurrogate.search.searchers.base import DEFAULT_SEARCHER, Searcher, SearcherLike
from nassurrogate.search.settings.request import SearchRequest, checked_request
from nassurrogate.search.settings.schedule import SearchSettings
from nassurrogate.search.surrogates.chosen_surrogate import choose_surrogate
from nassurrogate.search.surrogates.known_labels import KnownLabels
from nassurrogate.spaces import CellSpace, SpaceLike
from nassurrogate.surrogate import Surrogate

SCHEMA_VERSION = 1


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
    began = time.monotonic()
    request = checked_request(
        space=space,
        dataset=dataset,
        budget=budget,
        searcher=searcher,
        predictor=predictor,
        seed=seed,
        constraints=constraints,
        labels=labels,
        surrogate=surrogate,
        run_dir=run_dir,
        settings=settings,
        predictor_config=predictor_config,
        table=table,
        benchmark=benchmark,
        evaluate=evaluate,
        objective=objective,
        fidelity=fidelity,
        device=device,
        requery_known=requery_known,
        allow_equivalent=allow_equivalent,
        listener=listener,
        write=write,
        plots=plots,
    )
    member_rng, search_rng, label_rng, fit_rng = np.random.default_rng(request.seed).spawn(4)
    feasible = _feasible_set(request, member_rng)
    saved_labels = _saved_labels(request, feasible)
    known = KnownLabels() if request.requery_known else saved_labels
    _require_unknown(feasible, known)
    search_surrogate = choose_surrogate(request, feasible, saved_labels, fit_rng)
    _require_working(request.searcher, feasible)
    shared = shared_fields(request, feasible, search_surrogate, known)
    with _open_run(request, shared) if write else nullcontext() as writer:
        folder = writer.path.parent if writer is not None else None
        evaluator = Evaluator(
            request.benchmark,
            feasible,
            request.objective,
            budget=request.budget,
            kind=request.labels,
            rng=label_rng,
            fidelity=request.fidelity,
            writer=writer,
            listener=listener,
            known=known.keys,
        )
        announce(evaluator, request, feasible, search_surrogate, known, folder)
        search = BudgetedSearch(
            evaluator, feasible, search_surrogate, request.searcher, request.settings, search_rng, known
        )
        search.run(request.benchmark, request.constraints, allow_equivalent=request.allow_equivalent)
        result = _result(request, shared, feasible, known, evaluator, search)
        result["wall_s"] = round(time.monotonic() - began, 3)
        result["run_dir"] = None if folder is None else str(folder)
        if folder is not None:
            keep_summary(folder, result, evaluator)
        try:
            evaluator.emit(Event("result", len(evaluator.queries), request.budget, result=result))
        finally:  # a listener that raises loses nothing that is on disk
            if folder is not None and plots:
                keep_plots(folder, request.benchmark, evaluator)
    if search.interrupted is not None:
        _raise_interruption(search.interrupted, result, folder)
    return result


def _feasible_set(request: SearchRequest, rng: np.random.Generator) -> FeasibleSet:
    truth, prefer = request.benchmark, None
    if request.is_oracle and isinstance(truth, TabularBenchmark):
        prefer = request.objective.sign * truth.column(request.column).mean
    return find_feasible(truth, request.objective, request.constraints, rng, fidelity=request.fidelity, prefer=prefer)


def _saved_labels(request: SearchRequest, feasible: FeasibleSet) -> KnownLabels:
    # A model does not say which fidelity its labels are of, so they are known only for the full training.
    saved = request.saved if request.fidelity is None else None
    return KnownLabels.of(saved, feasible, request.benchmark.dataset)


def _require_unknown(feasible: FeasibleSet, known: KnownLabels) -> None:
    """Raise `InputError` if nothing is left to query."""
    if feasible.n_classes == len(known.keys):
        raise InputError(
            f"the surrogate has labels for all {feasible.n_classes:,} feasible functions; requery_known=True "
            "(--requery-known) evaluates them again"
        )


def _require_working(searcher: type[Searcher], feasible: FeasibleSet) -> None:
    """Make a searcher, so that a space that it cannot search, or its own fault, is reported before the first query."""
    try:
        searcher(feasible, np.random.default_rng(0))
    except InputError:
        raise
    except Exception as error:  # whatever the constructor of a plug-in raises
        raise InputError(f"searcher {searcher.name!r} cannot be made ({one_line(error)})") from error


def _open_run(request: SearchRequest, shared: dict[str, Any]) -> AbstractContextManager[LedgerWriter]:
    truth = request.benchmark
    place = request.run_dir or default_folders(truth.space.name, truth.dataset, request.seed)
    return open_run(place, ledger_header(request, shared))


def _result(
    request: SearchRequest,
    shared: dict[str, Any],
    feasible: FeasibleSet,
    known: KnownLabels,
    evaluator: Evaluator,
    search: BudgetedSearch,
) -> dict[str, Any]:
    """The fields that a run returns. Raises `InputError` if all evaluations failed."""
    if not len(search.order):
        raise InputError(
            f"all {len(evaluator.queries)} evaluations failed; the last failure: {evaluator.queries[-1].reason}"
        )
    truth, objective, queries = request.benchmark, request.objective, evaluator.labelled
    outcome = Outcome(truth, feasible, objective, queries, evaluator.archs, request.constrained)
    summary = outcome.summary(search.order, top=request.settings.top)
    better = known.better_note(objective, summary["best"]["value"])
    if better is not None:
        evaluator.note(better)
    result = {
        "schema_version": SCHEMA_VERSION,
        "kind": "cell" if isinstance(truth.space, CellSpace) else "architecture",
        **shared,
        "labels": "single" if is_noisy(queries) else request.labels if objective.needs_training else "mean",
        **search.counts(),
        **spent(evaluator.queries),
        **summary,
        "stop_reason": search.stop_reason,
        "notes": evaluator.notes,
    }
    if TEST in truth.metrics and isinstance(truth, TabularBenchmark):  # not earlier: a search never sees its column
        result["metric_sources"] = {**shared["metric_sources"], **metric_sources(truth, [TEST])}
    return result


def _raise_interruption(
    interruption: KeyboardInterrupt | LedgerError, result: dict[str, Any], folder: Path | None
) -> NoReturn:
    if isinstance(interruption, LedgerError):
        raise interruption
    ledger = "not on disk, as write is False" if folder is None else f"in {folder / LEDGER}"
    message = f"the {result['queries']} queries so far are {ledger}"
    raise SearchInterrupted(message, result) from interruption
