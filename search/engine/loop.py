"""One search from end to end: check what was asked for, search, choose, report."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from nassurrogate.benchmarks import TEST, Benchmark, Evaluate, TabularBenchmark
from nassurrogate.benchmarks.oracle import ORACLE
from nassurrogate.constraints import Constraint
from nassurrogate.errors import InputError, one_line
from nassurrogate.files.given_path import as_path
from nassurrogate.metric import MetricLike
from nassurrogate.predictors import PredictorLike
from nassurrogate.runtime.versions import package_versions
from nassurrogate.search.candidates.feasibility import find_feasible
from nassurrogate.search.candidates.feasible_set import FeasibleSet
from nassurrogate.search.engine.budgeted_search import Spending
from nassurrogate.search.engine.evaluator import Account, Event, LabelKind, Listener
from nassurrogate.search.engine.interruption import SearchInterrupted
from nassurrogate.search.engine.result import COSTS, Outcome, metric_sources, spent
from nassurrogate.search.engine.selection import is_noisy
from nassurrogate.search.engine.start_notes import start_line, start_notes
from nassurrogate.search.engine.surrogates import BlendedSurrogate, LearningSurrogate, OracleSurrogate, SearchSurrogate
from nassurrogate.search.record.ledger import LedgerError
from nassurrogate.search.record.run_folder import LEDGER, default_folders, open_run, write_summary
from nassurrogate.search.searchers.base import DEFAULT_SEARCHER, Searcher, SearcherLike, resolve_searcher
from nassurrogate.search.settings.arguments import (
    check_budget,
    check_kinds,
    checked_settings,
    chosen_objective,
    ground_truth,
    loaded_surrogate,
    parsed_constraints,
    unfitted_surrogate,
)
from nassurrogate.search.settings.schedule import SearchSettings
from nassurrogate.search.surrogates.continued import ContinuedSurrogate
from nassurrogate.search.surrogates.known_labels import KnownLabels, why_not_learned
from nassurrogate.seed import given_or_drawn_seed
from nassurrogate.spaces import CellSpace, SpaceLike
from nassurrogate.surrogate import Surrogate

SCHEMA_VERSION = 1
_REFERENCE = 512
"""Architectures over which the posteriors of two surrogates are standardised."""


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
    """Search a space for the best architecture under constraints, and say what it cost.

    Args:
        space: the search space or its name; None: the benchmark's, or `"nb201"`.
        dataset: name of the data set whose table is the ground truth; None: the benchmark's or the space's own.
        budget: number of ground-truth queries; on a table, at most the number of different functions in the space, or
            with `allow_equivalent` the number of architectures.
        searcher: one of `searcher_names()`, or a class.
        predictor: registered name, `name:preset` or class; `"none"`: no surrogate, every proposal is evaluated;
            `"oracle"`: predictions are the true values, an upper bound. None: the saved surrogate's, or what
            `default_predictor` says of the space and the objective.
        seed: of everything random; None draws one.
        constraints: one or several, such as `"latency_ms<=12"` or `"10<=latency_ms<=12 and params_m<1"`, on metrics
            that cost no query.
        labels: a query returns the `"mean"` of the training seeds or a `"single"` one; then the last queries train the
            best architectures again.
        surrogate: a saved model, or its path, that guides the search from the first query (no initial sample). If its
            labels are known to be of the run's data set, every fit learns them together with the run's own
            (`ContinuedSurrogate`); otherwise they guide it beside what the run learns (`BlendedSurrogate`).
        run_dir: where the ledger, the summary and the plots go; None: `runs/<space>-<dataset>-<seed>-<time>`.
        settings: the strategy.
        predictor_config: hyper-parameters that replace the preset's.
        listener: called with every `Event`.
        table: name of an import whose columns stand before the embedded ones, or `"embedded"` for these alone.
        benchmark: ground truth in place of a named table.
        evaluate: ground truth by one's own training: `evaluate(arch)` or `evaluate(arch, seed, fidelity)`, which
            returns the objective, or a dict of values by metric. An exception counts as a failed evaluation.
        objective: the metric to optimise, or its name; None: the benchmark's own, `val_accuracy_pct` where there
            is one.
        fidelity: of every query, such as a number of epochs; None: the full training.
        write: False keeps everything in memory.
        plots: whether plots are drawn into the run folder.
        device: of the predictor.
        requery_known: whether architectures that the saved surrogate has labels for may be queried. By default they are
            not; a note says if the best of these labels is better than everything found.
        allow_equivalent: once every feasible function is evaluated, spend the rest of the budget on equivalent
            architectures that cost less in the first constrained metric (without constraints: latency, parameters or
            FLOPs): the cheapest of each function, best functions first.

    Returns the fields that `--json` prints. `best` is always feasible. A summary or plots that cannot be written do not
    lose the result: they become a note. Raises `InputError` for unusable input, before the first query, and if all
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
    settings = checked_settings(settings)
    truth = ground_truth(space, dataset, table, benchmark, evaluate, objective)
    goal = chosen_objective(objective, truth)
    check_kinds(
        labels=labels,
        device=device,
        listener=listener,
        fidelity=fidelity,
        write=write,
        plots=plots,
        requery_known=requery_known,
        allow_equivalent=allow_equivalent,
    )
    check_budget(budget, truth, goal, allow_equivalent=bool(allow_equivalent))
    kept_as = truth.at_fidelity(goal.name, fidelity)  # an unknown one raises now
    searcher_cls = resolve_searcher(searcher)
    seed = given_or_drawn_seed(seed)
    folder = as_path(run_dir, "run_dir") if run_dir is not None else None
    saved = loaded_surrogate(surrogate, truth, goal, device)
    unfitted = unfitted_surrogate(predictor, predictor_config, saved, truth, goal, device)
    name = str(predictor) if unfitted is None else f"{unfitted.predictor.name}:{unfitted.predictor.preset}"
    bounds = parsed_constraints(constraints)
    rngs = dict(zip(("members", "search", "labels", "fits"), np.random.default_rng(seed).spawn(4), strict=True))
    prefer = None
    if name == ORACLE and isinstance(truth, TabularBenchmark):
        prefer = goal.sign * truth.column(kept_as).mean
    feasible = find_feasible(truth, goal, bounds, rngs["members"], fidelity=fidelity, prefer=prefer)
    # A model does not say which fidelity its labels are of: those of another one are not known.
    of_saved = KnownLabels.of(saved if fidelity is None else None, feasible, truth.dataset)
    known = KnownLabels() if requery_known else of_saved
    if feasible.n_classes == len(known.keys):
        raise InputError(
            f"the surrogate has labels for all {feasible.n_classes:,} feasible functions; requery_known=True "
            "(--requery-known) evaluates them again"
        )
    search_surrogate: SearchSurrogate | None = None
    if name == ORACLE and isinstance(truth, TabularBenchmark):
        search_surrogate = OracleSurrogate(truth, goal, fidelity=fidelity)
    elif unfitted is not None:
        apart = saved is None or why_not_learned(saved, unfitted, truth.dataset, fidelity)
        search_surrogate = _learning(unfitted, rngs["fits"], saved, feasible, None if apart else of_saved)
    _try_out(searcher_cls, feasible)
    bounded = [bound.metric for bound in bounds]
    asked: dict[str, Any] = {
        "space": truth.space.name,
        "dataset": truth.dataset,
        "searcher": searcher_cls.name,
        "predictor": name,
        "oracle": name == ORACLE,
        "budget": int(budget),
        "seed": seed,
        "labels": labels,
        "constraints": [str(bound) for bound in bounds],
        "n_space": feasible.n_space,
        "n_feasible": feasible.n_feasible,
        "n_feasible_classes": feasible.n_classes,
        "n_unknown": feasible.n_unknown,
        "surrogate_labels": search_surrogate.saved_labels if search_surrogate is not None else 0,
        "n_known": len(known.keys),
        "objective": goal.as_dict(),
        "fidelity": fidelity,
        "is_table": isinstance(truth, TabularBenchmark),
        "feasible_share": feasible.feasible_share,
        "feasible_share_is_estimate": feasible.is_estimate,
        "metric_sources": metric_sources(truth, (kept_as, *bounded, *COSTS)),
    }
    header = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "config": {
            **asked,
            "predictor_config": unfitted.predictor.config_dict() if unfitted is not None else None,
            "surrogate_labels_sha256": saved.labels_sha256 if saved is not None else None,
            "surrogate": str(surrogate) if surrogate is not None and surrogate is not saved else None,
            "requery_known": bool(requery_known),
            "allow_equivalent": bool(allow_equivalent),
            "table": table,
            "settings": asdict(settings),
            "device": device,
        },
        "packages": package_versions(),
        "table_sha256": truth.sha256,
        "table_sources": list(truth.sources),
    }
    place = folder if folder is not None else default_folders(truth.space.name, truth.dataset, seed)
    with open_run(place, header) if write else nullcontext() as writer:
        folder = writer.path.parent if writer is not None else None
        account = Account(
            truth,
            feasible,
            goal,
            budget=budget,
            kind=labels,
            rng=rngs["labels"],
            fidelity=fidelity,
            writer=writer,
            listener=listener,
            known=known.keys,
        )
        n_learned = search_surrogate.saved_labels if isinstance(search_surrogate, ContinuedSurrogate) else 0
        line = start_line(feasible, known, seed, n_learned=n_learned)
        account.emit(Event("start", 0, budget, line, run_dir="" if folder is None else str(folder)))
        for note in start_notes(
            truth,
            goal,
            feasible,
            settings,
            limit=account.limit,
            predictor=name,
            device=device,
            fidelity=fidelity,
            saved=saved,
            learning=unfitted,
            requery_known=bool(requery_known),
        ):
            account.note(note)
        search = Spending(account, feasible, search_surrogate, searcher_cls, settings, rngs["search"], known)
        search.run(truth, bounds, allow_equivalent=bool(allow_equivalent))
        if not len(search.order):
            raise InputError(
                f"all {len(account.queries)} evaluations failed; the last failure: {account.queries[-1].reason}"
            )
        queries = account.labelled
        outcome = Outcome(truth, feasible, goal, queries, account.archs, bounded)
        summary = outcome.summary(search.order, top=settings.top)
        if better := known.better_note(goal, summary["best"]["value"]):
            account.note(better)
        result = {
            "schema_version": SCHEMA_VERSION,
            "kind": "cell" if isinstance(truth.space, CellSpace) else "architecture",
            **asked,
            "labels": "single" if is_noisy(queries) else labels if goal.needs_training else "mean",
            **search.counts(),
            **spent(account.queries),
            **summary,
            "stop_reason": search.stop_reason,
            "notes": account.notes,
            "wall_s": round(time.monotonic() - began, 3),
            "run_dir": None if folder is None else str(folder),
        }
        if TEST in truth.metrics and isinstance(truth, TabularBenchmark):  # not earlier: a search never sees its column
            result["metric_sources"] = {**asked["metric_sources"], **metric_sources(truth, [TEST])}
        if folder is not None:
            _keep_summary(result, folder, account)
        try:
            account.emit(Event("result", len(account.queries), budget, result=result))
        finally:  # a reader that went away loses nothing that is on disk
            if folder is not None and plots:
                _keep_plots(folder, truth, account)
    if isinstance(search.interrupted, LedgerError):
        raise search.interrupted
    if search.interrupted is not None:
        ledger = "not on disk, as write is False" if folder is None else f"in {folder / LEDGER}"
        message = f"the {len(account.queries)} queries so far are {ledger}"
        raise SearchInterrupted(message, result) from search.interrupted
    return result


def _keep_summary(result: Mapping[str, Any], folder: Path, account: Account) -> None:
    """Write the summary. A failure becomes a note: the result is known already."""
    try:
        write_summary(folder, result)
    except InputError as error:
        account.note(str(error))


def _keep_plots(folder: Path, truth: Benchmark, account: Account) -> None:
    """Draw the plots. A failure becomes a note."""
    try:
        from nassurrogate.search.record.plots import draw_plots

        draw_plots(folder, truth)
    except InputError as error:
        account.note(str(error))  # it names what could not be drawn; the other plots are written
    except Exception as error:  # whatever matplotlib raises
        account.note(f"no plots: {one_line(error)}")


def _try_out(searcher_cls: type[Searcher], feasible: FeasibleSet) -> None:
    """Make one, so that a space that it cannot search, or a fault of a plug-in, is reported before the first query."""
    try:
        searcher_cls(feasible, np.random.default_rng(0))
    except InputError:
        raise
    except Exception as error:  # whatever somebody else's constructor raises
        raise InputError(f"searcher {searcher_cls.name!r} cannot be made ({one_line(error)})") from error


def _learning(
    unfitted: Surrogate,
    rng: np.random.Generator,
    saved: Surrogate | None,
    feasible: FeasibleSet,
    learned: KnownLabels | None,
) -> SearchSurrogate:
    """What learns; `learned` are the saved labels that it learns too, as far as they are feasible, or None."""
    if saved is None:
        return LearningSurrogate(unfitted, rng)
    if learned is not None:
        return ContinuedSurrogate(unfitted, rng, saved, learned.labels)
    learning = LearningSurrogate(unfitted, rng, is_part=True)
    return BlendedSurrogate(saved, learning, feasible.draw(_REFERENCE, np.random.default_rng(0)))
