"""What a run says before its first query."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from nassurrogate.benchmarks import LABEL, TabularBenchmark
from nassurrogate.search.candidates.feasible_set import FeasibleSet
from nassurrogate.search.candidates.unknown_values import unknown_note
from nassurrogate.search.queries.evaluator import Evaluator
from nassurrogate.search.queries.events import Event
from nassurrogate.search.settings.arguments import NO_PREDICTOR
from nassurrogate.search.settings.ignored import ignored_without_predictor
from nassurrogate.search.settings.request import SearchRequest
from nassurrogate.search.surrogates import ContinuedSurrogate, SearchSurrogate
from nassurrogate.search.surrogates.known_labels import KnownLabels, is_of_another, why_not_learned
from nassurrogate.surrogate import Surrogate


def announce(
    evaluator: Evaluator,
    request: SearchRequest,
    feasible: FeasibleSet,
    surrogate: SearchSurrogate | None,
    known: KnownLabels,
    folder: Path | None,
    *,
    n_recorded: int = 0,
) -> None:
    """Emit the start event, then the notes of `start_notes`.

    Args:
        evaluator: emits them.
        request: what was asked for.
        feasible: what may be proposed.
        surrogate: what guides the search.
        known: labels that are not queried again.
        folder: the run folder; None if nothing is written.
        n_recorded: number of queries in the ledger of a run that goes on.
    """
    n_learned = surrogate.saved_labels if isinstance(surrogate, ContinuedSurrogate) else 0
    line = start_line(feasible, known, request.seed, n_learned=n_learned)
    if n_recorded:
        line += f"; goes on after {n_recorded} of {request.budget} queries"
    evaluator.emit(Event("start", n_recorded, request.budget, line, run_dir="" if folder is None else str(folder)))
    for note in start_notes(request, feasible, limit=evaluator.limit):
        evaluator.note(note)


def start_line(feasible: FeasibleSet, known: KnownLabels, seed: int, *, n_learned: int) -> str:
    """What is searched, in one line.

    Args:
        feasible: what may be proposed.
        known: labels that are not queried again.
        seed: of the run.
        n_learned: number of a saved surrogate's labels that are learned together with those of the run.
    """
    parts = [feasible.describe()]
    if n_learned:
        whose = "the known results" if known.are_of_file else "the surrogate's labels"
        parts.append(f"{whose} ({n_learned:,}) are learned together with those of this run")
    if known.keys and known.are_of_file:
        parts.append(f"{len(known.keys):,} of these functions are not queried again")
    elif known.keys:
        example = "" if n_learned else ", for example if its labels are of another data set"
        parts.append(
            f"the surrogate has labels for {len(known.keys):,} of these functions, which are not queried again "
            f"(--requery-known queries them too{example})"
        )
    return "; ".join([*parts, f"seed {seed}"])


def start_notes(request: SearchRequest, feasible: FeasibleSet, *, limit: int) -> Iterator[str]:
    """Notes on everything that differs from what was asked for, or that a reader of the result might not expect.

    Args:
        request: what was asked for.
        feasible: what may be proposed.
        limit: number of possible queries.
    """
    benchmark, objective, saved = request.benchmark, request.objective, request.saved
    if objective.is_of_test:
        only = f", the only accuracy of {benchmark.space.name}" if LABEL not in benchmark.metrics else ""
        yield f"the objective is {objective.name}{only}: the search sees test accuracy"
    if isinstance(benchmark, TabularBenchmark):
        yield from (
            f"without the columns of a damaged import: {damage}" for damage in set(benchmark.unreadable.values())
        )
    unknown = unknown_note(feasible)
    if unknown is not None:
        yield unknown
    if request.unfitted is None and request.device != "auto":
        yield f"device {request.device!r} has no effect: predictor {request.predictor!r} computes nothing"
    if request.predictor == NO_PREDICTOR:
        yield from ignored_without_predictor(request.settings, limit)
    if saved is None:
        if request.requery_known:
            yield "requery_known has no effect without a saved surrogate"
        return
    reason = why_not_learned(saved, request.unfitted, benchmark.dataset, request.fidelity)
    if saved.is_of_other_space and saved.metric != objective.name:
        yield f"the saved surrogate learned {saved.metric}; its order stands for that by {objective.name}"
    if reason is not None:
        yield f"{reason}{_consequence(saved, benchmark.dataset, requery_known=request.requery_known)}"


def _consequence(saved: Surrogate, dataset: str, *, requery_known: bool) -> str:
    """What follows if a saved surrogate's labels are not learned together with those of the run."""
    guides = "; they guide the search, but are not learned again"
    if saved.is_of_other_space:
        return guides
    if saved.labels is None:
        lost = "they cannot be learned again" if requery_known else "architectures it learned from may be queried again"
        return f", so {lost}; a newly trained one keeps its labels"
    if is_of_another(saved, dataset):
        return f"{guides}, and none of them counts as known"
    if saved.dataset is None:
        return f"{guides}; if it is {dataset}, train the surrogate with dataset={dataset!r} (--dataset {dataset})"
    return guides
