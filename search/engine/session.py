"""One search from its checked request to its result, however its evaluations are run."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nassurrogate.benchmarks import TEST, Benchmark, Problem, TabularBenchmark, has_tables
from nassurrogate.errors import InputError, one_line
from nassurrogate.search.candidates.feasibility import find_feasible
from nassurrogate.search.candidates.feasible_set import FeasibleSet
from nassurrogate.search.engine.finish import keep_plots, keep_summary
from nassurrogate.search.engine.header import shared_fields
from nassurrogate.search.engine.result import Outcome, metric_sources, spent
from nassurrogate.search.engine.start_notes import announce
from nassurrogate.search.execution.steps import Steps
from nassurrogate.search.queries.evaluator import Evaluator
from nassurrogate.search.queries.events import Event, Listener
from nassurrogate.search.record.ledger import LedgerWriter, Query
from nassurrogate.search.record.run_folder import EVALUATIONS, FINISHED, FITS
from nassurrogate.search.searchers.base import Searcher
from nassurrogate.search.settings.request import SearchRequest
from nassurrogate.search.strategy.budgeted_search import BudgetedSearch
from nassurrogate.search.strategy.selection import is_noisy
from nassurrogate.search.surrogates.chosen_surrogate import choose_surrogate
from nassurrogate.search.surrogates.known_labels import KnownLabels
from nassurrogate.spaces import CellSpace

SCHEMA_VERSION = 1


class SearchSession:
    """What is searched, what guides the search, and after `open` its queries.

    Args:
        request: what was asked for.
        restart: how often the run was continued from its labels alone.

    Raises `InputError` if nothing is feasible, or nothing is left to query.

    Attributes:
        began: when, as a value of `time.monotonic()`.
        shared: the fields that the ledger's header and the result have in common.
        evaluator: keeps the queries, from `open` on.
        search: proposes them, from `open` on.
        steps: gives them one after the other, from `open` on.
        ground_truth: evaluates; with what it prints in the run folder.
    """

    evaluator: Evaluator
    search: BudgetedSearch
    steps: Steps
    ground_truth: Benchmark
    folder: Path | None

    def __init__(self, request: SearchRequest, *, restart: int = 0) -> None:
        self.began = time.monotonic()
        self.request = request
        seeds = np.random.SeedSequence([request.seed, restart] if restart else request.seed)
        member_rng, self._search_rng, self._label_rng, fit_rng = np.random.default_rng(seeds).spawn(4)
        self._feasible = _feasible_set(request, member_rng)
        saved_labels = _saved_labels(request, self._feasible)
        self._known = KnownLabels() if request.requery_known else saved_labels
        _require_unknown(self._feasible, self._known)
        self._surrogate = choose_surrogate(request, self._feasible, saved_labels, fit_rng)
        _require_working(request.searcher, self._feasible)
        space = request.benchmark.space
        self._network_notes = [] if has_tables(space.name) else space.network_notes(np.random.default_rng(0))
        self.shared = shared_fields(request, self._feasible, self._surrogate, self._known)

    def open(
        self,
        writer: LedgerWriter | None,
        folder: Path | None,
        listener: Listener | None,
        earlier: Sequence[Query] = (),
        *,
        n_recorded: int = 0,
    ) -> None:
        """Start the search.

        Args:
            writer: the ledger; None: nothing is written.
            folder: the run folder.
            listener: called with every event.
            earlier: queries that count as made, and whose answers are known.
            n_recorded: number of queries in the ledger of a run that goes on.
        """
        request = self.request
        self.folder = folder
        truth = request.benchmark
        if isinstance(truth, Problem) and folder is not None:
            truth = truth.with_options(time_limit_s=request.evaluation_limit_s, log_dir=folder.absolute() / EVALUATIONS)
        self.ground_truth = truth
        if folder is not None and self._surrogate is not None:
            self._surrogate.keep_fits(folder / FITS)
        self.evaluator = Evaluator(
            request.benchmark,
            self._feasible,
            request.objective,
            budget=request.budget,
            kind=request.labels,
            rng=self._label_rng,
            fidelity=request.fidelity,
            writer=writer,
            listener=listener,
            known=self._known.keys,
            unordered=request.unordered,
        )
        announce(self.evaluator, request, self._feasible, self._surrogate, self._known, folder, n_recorded=n_recorded)
        for note in self._network_notes:
            self.evaluator.note(note)
        self.evaluator.restore(earlier)
        self.search = BudgetedSearch(
            self.evaluator,
            self._feasible,
            self._surrogate,
            request.searcher,
            request.settings,
            self._search_rng,
            self._known,
            request.workers,
        )
        proposals = self.search.proposals(
            request.benchmark, request.constraints, allow_equivalent=request.allow_equivalent
        )
        self.steps = Steps(proposals, self.evaluator)

    def finish(self) -> dict[str, Any]:
        """The result, once the search has ranked what was evaluated; summary and plots are written."""
        result = self.result()
        folder = self.folder
        if folder is not None:
            keep_summary(folder, result, self.evaluator)
            if self.search.stop_reason in FINISHED:
                shutil.rmtree(folder / FITS, ignore_errors=True)
        try:
            self.evaluator.emit(Event("result", len(self.evaluator.queries), self.request.budget, result=result))
        finally:  # a listener that raises loses nothing that is on disk
            if folder is not None and self.request.plots:
                keep_plots(folder, self.request.benchmark, self.evaluator)
        return result

    def result(self) -> dict[str, Any]:
        """The fields that a run returns. Raises `InputError` if all evaluations failed."""
        evaluator, search, request = self.evaluator, self.search, self.request
        if not len(search.order):
            raise InputError(
                f"all {len(evaluator.queries)} evaluations failed; the last failure: {evaluator.queries[-1].reason}"
            )
        truth, objective, queries = request.benchmark, request.objective, evaluator.labelled
        outcome = Outcome(truth, self._feasible, objective, queries, evaluator.archs, request.constrained)
        summary = outcome.summary(search.order, top=request.settings.top)
        better = self._known.better_note(objective, summary["best"]["value"])
        if better is not None:
            evaluator.note(better)
        result = {
            "schema_version": SCHEMA_VERSION,
            "kind": "cell" if isinstance(truth.space, CellSpace) else "architecture",
            **self.shared,
            "labels": "single" if is_noisy(queries) else request.labels if objective.needs_training else "mean",
            **search.counts(),
            **spent(evaluator.queries),
            **summary,
            "stop_reason": search.stop_reason,
            "notes": evaluator.notes,
        }
        if TEST in truth.metrics and isinstance(truth, TabularBenchmark):  # not earlier: a search never sees its column
            result["metric_sources"] = {**self.shared["metric_sources"], **metric_sources(truth, [TEST])}
        result["wall_s"] = round(time.monotonic() - self.began, 3)
        result["run_dir"] = None if self.folder is None else str(self.folder)
        return result


def _feasible_set(request: SearchRequest, rng: np.random.Generator) -> FeasibleSet:
    truth, prefer = request.benchmark, None
    if request.is_oracle and isinstance(truth, TabularBenchmark):
        prefer = request.objective.sign * truth.column(request.column).mean
    return find_feasible(truth, request.objective, request.constraints, rng, fidelity=request.fidelity, prefer=prefer)


def _saved_labels(request: SearchRequest, feasible: FeasibleSet) -> KnownLabels:
    # A model does not say which fidelity its labels are of, so they are known only for the full training.
    saved = request.saved if request.fidelity is None else None
    return KnownLabels.of(saved, feasible, request.benchmark.dataset, are_of_file=request.has_known_file)


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
