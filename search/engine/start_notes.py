"""The notes before the first query of a run."""

from __future__ import annotations

from collections.abc import Iterator

from nassurrogate.benchmarks import LABEL, Benchmark, TabularBenchmark
from nassurrogate.benchmarks.oracle import ORACLE
from nassurrogate.metric import Metric
from nassurrogate.search.candidates.feasibility import unknown_note
from nassurrogate.search.candidates.feasible_set import FeasibleSet
from nassurrogate.search.settings.arguments import NO_PREDICTOR
from nassurrogate.search.settings.ignored import idle_without_predictor
from nassurrogate.search.settings.schedule import SearchSettings
from nassurrogate.search.surrogates.known_labels import KnownLabels, is_of_another, why_not_learned
from nassurrogate.surrogate import Surrogate


def start_line(feasible: FeasibleSet, known: KnownLabels, seed: int, *, n_learned: int) -> str:
    """What is searched, in one line.

    Args:
        feasible: what may be proposed.
        known: labels of what is not queried again.
        seed: of the run.
        n_learned: number of a saved surrogate's labels that are learned together with those of the run.
    """
    parts = [feasible.describe()]
    if n_learned:
        parts.append(f"the surrogate's labels ({n_learned:,}) are learned together with those of this run")
    if known.keys:
        example = "" if n_learned else ", for example if its labels are of another data set"
        parts.append(
            f"the surrogate has labels for {len(known.keys):,} of these functions, which are not queried again "
            f"(--requery-known queries them too{example})"
        )
    return "; ".join([*parts, f"seed {seed}"])


def start_notes(
    benchmark: Benchmark,
    objective: Metric,
    feasible: FeasibleSet,
    settings: SearchSettings,
    *,
    limit: int,
    predictor: str,
    device: str,
    fidelity: int | None,
    saved: Surrogate | None,
    learning: Surrogate | None,
    requery_known: bool,
) -> Iterator[str]:
    """Notes on everything that differs from what was asked for, or that a reader of the result might not expect.

    Args:
        benchmark: the ground truth.
        objective: what the search improves.
        feasible: what may be proposed.
        settings: the strategy.
        limit: number of possible queries.
        predictor: its name.
        device: the device that was asked for.
        fidelity: of every query; None: the full training.
        saved: the surrogate that the run starts from.
        learning: the one that learns.
        requery_known: whether architectures with known labels may be queried.
    """
    if objective.is_of_test:
        only = f", the only accuracy of {benchmark.space.name}" if LABEL not in benchmark.metrics else ""
        yield f"the objective is {objective.name}{only}: the search sees test accuracy"
    if isinstance(benchmark, TabularBenchmark):
        yield from (f"without what a damaged import holds: {damage}" for damage in set(benchmark.unreadable.values()))
    if unknown := unknown_note(feasible):
        yield unknown
    if predictor in (NO_PREDICTOR, ORACLE) and device != "auto":
        yield f"device {device!r} has no effect: predictor {predictor!r} computes nothing"
    if predictor == NO_PREDICTOR:
        yield from idle_without_predictor(settings, limit)
    if requery_known and saved is None:
        yield "requery_known has no effect without a saved surrogate"
    if saved is not None and (reason := why_not_learned(saved, learning, benchmark.dataset, fidelity)):
        yield f"{reason}{_consequence(saved, benchmark.dataset, requery_known=requery_known)}"


def _consequence(saved: Surrogate, dataset: str, *, requery_known: bool) -> str:
    """What follows where a saved surrogate's labels are not learned together with those of the run."""
    if saved.labels is None:
        lost = "they cannot be learned again" if requery_known else "architectures it learned from may be queried again"
        return f", so {lost}; a newly trained one keeps its labels"
    guides = "; they guide the search, but are not learned again"
    if is_of_another(saved, dataset):
        return f"{guides}, and none of them counts as known"
    if saved.dataset is None:
        return f"{guides}; if it is {dataset}, train the surrogate with dataset={dataset!r} (--dataset {dataset})"
    return guides
