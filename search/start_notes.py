"""The notes before the first query of a run."""

from __future__ import annotations

from collections.abc import Iterator

from nassurrogate.benchmarks import LABEL, Benchmark
from nassurrogate.benchmarks.oracle import ORACLE
from nassurrogate.metric import Metric
from nassurrogate.search.arguments import NO_PREDICTOR
from nassurrogate.search.candidates import unknown_note
from nassurrogate.search.feasible_set import FeasibleSet
from nassurrogate.search.idle_settings import idle_without_predictor
from nassurrogate.search.known_labels import KnownLabels, is_of_another
from nassurrogate.search.schedule import SearchSettings
from nassurrogate.surrogate import Surrogate


def start_line(feasible: FeasibleSet, known: KnownLabels, seed: int) -> str:
    """What is searched, in one line."""
    excluded = (
        f"; the surrogate has labels for {len(known.keys):,} of these functions, which are not queried again "
        "(--requery-known queries them too, for example if its labels are of another data set)"
    )
    return f"{feasible.describe()}{excluded if known.keys else ''}; seed {seed}"


def start_notes(
    benchmark: Benchmark,
    objective: Metric,
    feasible: FeasibleSet,
    settings: SearchSettings,
    *,
    limit: int,
    predictor: str,
    device: str,
    saved: Surrogate | None,
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
        saved: the surrogate that the run starts from.
        requery_known: whether architectures with known labels may be queried.
    """
    if objective.is_of_test:
        only = f", the only accuracy of {benchmark.space.name}" if LABEL not in benchmark.metrics else ""
        yield f"the objective is {objective.name}{only}: the search sees test accuracy"
    if unknown := unknown_note(feasible):
        yield unknown
    if predictor in (NO_PREDICTOR, ORACLE) and device != "auto":
        yield f"device {device!r} has no effect: predictor {predictor!r} computes nothing"
    if predictor == NO_PREDICTOR:
        yield from idle_without_predictor(settings, limit)
    if requery_known and saved is None:
        yield "requery_known has no effect without a saved surrogate"
    if saved is not None and is_of_another(saved, benchmark.dataset):
        yield (
            f"the surrogate learned labels of {saved.dataset}, but this search is on {benchmark.dataset}: none of them "
            "counts as known"
        )
    elif saved is not None and saved.labels is None and not requery_known:
        yield (
            "the surrogate's file is in an old format without labels, so architectures it learned from may be queried "
            "again; a newly trained one keeps its labels"
        )
