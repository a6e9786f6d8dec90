"""`evaluate`: checks the request, makes the missing fits, and measures their predictions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any

import numpy as np

from nassurrogate.benchmarks.base import LABEL, Benchmark
from nassurrogate.benchmarks.evaluation.contenders import Contender, Predictors, resolve_contenders
from nassurrogate.benchmarks.evaluation.finished_fits import Progress, finish_fits
from nassurrogate.benchmarks.evaluation.fit import Fit, Prediction
from nassurrogate.benchmarks.evaluation.measures import SplitResult
from nassurrogate.benchmarks.evaluation.plan import GeneralPlan, Plan, Request, TablePlan
from nassurrogate.benchmarks.evaluation.prediction_store import PredictionStore
from nassurrogate.benchmarks.evaluation.protocols import MOST_RANKED, Protocol, get_protocol
from nassurrogate.benchmarks.evaluation.queries import OnQuery, Queries
from nassurrogate.benchmarks.evaluation.random_splits import QueriedSplits, RandomSplits, TableSplits
from nassurrogate.benchmarks.evaluation.report import ProtocolResult, make_row, optional
from nassurrogate.benchmarks.registry import load_benchmark
from nassurrogate.benchmarks.tabular.table import TabularBenchmark
from nassurrogate.errors import InputError, brief, one_line, unknown_choice
from nassurrogate.metric import Metric, MetricLike, as_metric, known_metric
from nassurrogate.seed import LARGEST_SEED, checked_seed
from nassurrogate.spaces import Space, SpaceLike, get_space, space_names

DEFAULT_FOLDER = Path("runs") / "evaluate"
"""Shared by all protocols: A1, A3 and A4 on one data set measure the same fits."""


def evaluate(
    protocol: str = "A4",
    *,
    dataset: str | None = None,
    labels: int | Sequence[int] | None = None,
    splits: int = 10,
    predictors: Predictors = None,
    config: Mapping[str, Mapping[str, Any]] | None = None,
    seed: int = 0,
    jobs: int = 1,
    run_dir: str | Path | None = None,
    write: bool = True,
    table: str | None = None,
    benchmark: Benchmark | None = None,
    device: str = "auto",
    progress: Progress | None = None,
    space: SpaceLike | None = None,
    objective: MetricLike | None = None,
    test_size: int | None = None,
    on_query: OnQuery | None = None,
) -> ProtocolResult:
    """Measure predictors by a protocol: fit them on N labels, rank other architectures, compare with the truth.

    A fit sees its N labels and the unlabelled space, nothing else. It is stored and never repeated: another protocol on
    the same labels, or the same call after a crash, reads it from the folder. If a predictor's code changes within one
    release, use another folder.

    Where the benchmark is not a table, every label and every target of protocol G is a query. Their number is logged
    before the first one. Answers, failures too, are kept in the folder, and no architecture is queried twice while the
    function stays the same. Changes of its globals or files go unnoticed: use another folder after those.

    Args:
        protocol: one of `nassurrogate.benchmarks.evaluation.protocols.PROTOCOLS`.
        dataset: name of the data set; None: the protocol's first, or the space's own.
        labels: one N or several; None: the protocol's.
        splits: number of random splits; of the protocol `published`, which has only one, number of seeds of the fit.
        predictors: a registered name, `name:preset` or a class, several, or `"all"` that are registered and can read
            the space; None: the default one of the space and the metric.
        config: hyper-parameters that replace the preset's, by predictor as named in `predictors`.
        seed: split s of A1 to A6, and its fit, are seeded by `seed + s`, so that seed 0's split 1 is seed 1's split 0;
            `seed + splits - 1` must be a valid seed too. Splits of G come from `SeedSequence([seed, s])`: two
            seeds share nothing.
        jobs: processes; several have one thread each, and a script then needs `if __name__ == "__main__":`.
        run_dir: folder of the fits; None: `runs/evaluate`. Several processes may share a folder.
        write: False neither reads nor writes any folder.
        table: name of an import whose columns come before the embedded ones, or `"embedded"` for these alone.
        benchmark: ground truth in place of the named table.
        device: of the predictors.
        progress: see `Progress`.
        space: of protocol G: a name, or a space; None: the benchmark's.
        objective: of protocol G, label and target: a name, or a `Metric` if its direction is not known; None: the
            benchmark's own.
        test_size: of protocol G: maximum size of the test set, 2 to 10,000; None: 10,000, or 200 if each target is
            a query.
        on_query: called with (queries made, queries planned, the architecture).

    Raises `InputError` for unusable input, before the first fit, and if a predictor refuses its labels;
    `RuntimeError` if a predictor fails or a process dies. Finished fits are kept.

    >>> found = evaluate("A4", labels=50, splits=1, predictors="gradient-boosting", write=False)
    >>> found.rows[0].kendall_tau_mean > 0.5
    True
    """
    chosen = get_protocol(protocol)
    if not chosen.general:
        _refuse_generality(chosen, space, objective, test_size)
    elif test_size is not None:
        _check_whole("test_size", test_size, 2, MOST_RANKED)
    sizes = _sizes(labels if labels is not None else chosen.sizes)
    for name, number in (("splits", splits), ("jobs", jobs)):
        _check_whole(name, number, 1)
    seed = _split_seed(seed, 1 if chosen.general else splits)
    if run_dir is not None and not str(run_dir):
        raise InputError("run_dir is empty; give the folder's name, or '.' for the current one")
    folder = (Path(run_dir) if run_dir is not None else DEFAULT_FOLDER) if write else None
    store = PredictionStore(folder)
    plan: Plan
    queries: Queries | None = None
    if chosen.general:
        truth = _any_ground_truth(space, dataset, table, benchmark)
        metric = _objective(truth, objective)
        chosen = chosen.on(truth.space.name, metric)
        known_as = _as_given(truth.space)
        contenders, notes = resolve_contenders(known_as, metric, predictors, config or {}, device)
        random_splits = _random_splits(truth, metric, seed, test_size, folder)
        notes = [*_test_accuracy_notes(truth, metric), *notes]
        queries = random_splits.queries
        request = Request(contenders, sizes, splits, seed, device)
        plan = GeneralPlan(chosen, truth, request, space=known_as, objective=metric, splits=random_splits)
        _check_sendable(known_as, contenders, jobs)
        random_splits.prepare(sizes, splits, on_query)
    else:
        truth = _table(chosen, dataset, table, benchmark)
        metric = truth.metrics[chosen.target]
        for size in sizes:
            chosen.split(truth, size, 0, seed=seed)
        contenders, notes = resolve_contenders(chosen.space, chosen.label, predictors, config or {}, device)
        plan = TablePlan(chosen, truth, Request(contenders, sizes, splits, seed, device))
    store.open()
    results = _results(plan, store, jobs, progress)
    reference, of_classes = plan.references()
    return ProtocolResult(
        protocol=chosen,
        dataset=truth.dataset,
        seed=seed,
        reference_tau=optional(reference),
        reference_tau_classes=optional(of_classes),
        rows=tuple(
            make_row(contender.name, contender.preset, [results[contender.name, size, s] for s in range(splits)])
            for contender in contenders
            for size in sizes
        ),
        splits=tuple(results[key] for key in sorted(results)),
        run_dir=str(folder) if folder is not None else None,
        table_sha256=truth.sha256,
        metric=metric,
        other_notes=tuple(notes),
        queries=queries.made if queries is not None else 0,
        queries_read=queries.read if queries is not None else 0,
        failed=queries.failed if queries is not None else 0,
    )


def _results(
    plan: Plan, store: PredictionStore, jobs: int, progress: Progress | None
) -> dict[tuple[str, int, int], SplitResult]:
    """(predictor, labels, split) → result."""
    results: dict[tuple[str, int, int], SplitResult] = {}
    request = plan.request
    total = len(request.contenders) * len(request.sizes) * request.splits
    names: dict[str, str] = {}

    def fits() -> Iterator[Fit]:
        for name, fit in plan.fits():
            names[fit.predictor] = name
            yield fit

    def keep(fit: Fit, prediction: Prediction) -> None:
        name = names[fit.predictor]
        result = plan.result(name, fit, prediction)
        results[name, result.labels, result.split] = result

    finish_fits(fits(), total, store, jobs, keep, progress)
    return results


# --- the request -------------------------------------------------------------------------------------------------


def _table(protocol: Protocol, dataset: str | None, table: str | None, benchmark: Benchmark | None) -> TabularBenchmark:
    name = benchmark.dataset if benchmark is not None else dataset if dataset is not None else protocol.default_dataset
    if benchmark is None:
        protocol.check_dataset(name)
        benchmark = load_benchmark(protocol.space, name, table=table)
    elif benchmark.space.name != protocol.space:
        raise InputError(f"protocol {protocol.id} is on {protocol.space}, got a benchmark of {benchmark.space.name}")
    if not isinstance(benchmark, TabularBenchmark):
        raise InputError(f"protocol {protocol.id} needs a table, got {type(benchmark).__name__}; protocol G takes any")
    for column in (protocol.label, protocol.target):
        if column not in benchmark.columns or not np.isfinite(benchmark.column(column).mean).any():
            raise InputError(
                f"protocol {protocol.id} needs {column} of {protocol.space}/{name}, which no table here has; import "
                f"one: nassurrogate data import {protocol.space} FILE (an official file, or a CSV with the columns "
                f"index and {name}_{column})"
            )
    return benchmark


def _refuse_generality(
    protocol: Protocol, space: SpaceLike | None, objective: MetricLike | None, test_size: int | None
) -> None:
    if space is not None and get_space(space).name != protocol.space:
        name = get_space(space).name
        raise InputError(f"protocol {protocol.id} is on {protocol.space}, got the space {name!r}; protocol G is on any")
    for name, given in (("objective", objective), ("test_size", test_size)):
        if given is not None:
            raise InputError(
                f"{name} applies to protocol G only, got {brief(given)}: {protocol.id} learns {protocol.label}, its "
                f"target is {protocol.target}"
            )


def _any_ground_truth(
    space: SpaceLike | None, dataset: str | None, table: str | None, benchmark: Benchmark | None
) -> Benchmark:
    if benchmark is not None:
        if not isinstance(benchmark, Benchmark):
            raise InputError(f"benchmark must be a Benchmark such as CallableBenchmark, got {brief(benchmark)}")
        if space is not None and get_space(space) != benchmark.space:
            raise InputError(
                f"the benchmark is of space {benchmark.space.name!r}, got the space {get_space(space).name!r}"
            )
        return benchmark
    if space is None:
        raise InputError("protocol G needs a space: name one with --space (in Python: space=… or benchmark=…)")
    known_as = _as_given(get_space(space))
    if isinstance(known_as, Space):
        raise InputError(
            f"space {known_as.name!r} has no ground truth here; give benchmark=CallableBenchmark(space, evaluate)"
        )
    return load_benchmark(known_as, dataset, table=table)


def _as_given(space: Space) -> SpaceLike:
    """The name of a registered space, else the space itself."""
    return space.name if space.name in space_names() and get_space(space.name) == space else space


def _objective(benchmark: Benchmark, objective: MetricLike | None) -> Metric:
    """The metric that is learned and ranked by. Raises `InputError` if its direction is unknown."""
    if objective is None:
        found = benchmark.objective
    else:
        name = objective.name if isinstance(objective, Metric) else objective
        if name not in benchmark.metrics:
            place = f" of {benchmark.space.name}/{benchmark.dataset}"
            raise unknown_choice("metric", name, benchmark.metrics, place=place)
        direction = objective.direction if isinstance(objective, Metric) else None
        found = as_metric(benchmark.metrics[name], direction)
        if isinstance(objective, Metric) and replace(objective, direction=None) != replace(
            known_metric(name), direction=None
        ):  # it states more than the direction
            found = replace(objective, direction=found.direction)
    _ = found.sign  # raises if the direction is unknown
    return found


def _random_splits(
    truth: Benchmark, metric: Metric, seed: int, test_size: int | None, folder: Path | None
) -> RandomSplits:
    if isinstance(truth, TabularBenchmark):
        return TableSplits(truth, metric, seed, test_size)
    return QueriedSplits(truth, metric, seed, test_size, folder)


def _test_accuracy_notes(truth: Benchmark, metric: Metric) -> list[str]:
    if not metric.is_of_test:
        return []
    only = LABEL not in truth.metrics
    return [f"{truth.space.name} has test accuracy only: labels are test accuracies" if only
            else "labels are test accuracies, which no search may see"]  # fmt: skip


def _check_sendable(space: SpaceLike, contenders: Sequence[Contender], jobs: int) -> None:
    """Raise `InputError`, before any query, for what cannot be sent to other processes."""
    if jobs == 1:
        return
    for what, value in [("the space", space), *((c.full_name, c.given_class) for c in contenders)]:
        try:
            ForkingPickler.dumps(value)
        except InputError:
            raise
        except Exception as error:  # pickle raises whatever the value's parts raise
            raise InputError(
                f"{what} cannot be sent to another process ({one_line(error)}); define it at module level, or use one "
                "process (jobs=1)"
            ) from error


def _sizes(labels: int | Sequence[int]) -> list[int]:
    sizes = list(labels) if isinstance(labels, Iterable) else [labels]
    for size in sizes:
        _check_whole("labels", size, 1)
    if not sizes or len(set(sizes)) < len(sizes):
        raise InputError(f"labels must be different numbers, at least one, got {brief(labels)}")
    return [int(size) for size in sizes]


def _split_seed(seed: object, splits: int) -> int:
    """The seed of the first split; the last split must have a valid seed too."""
    found = checked_seed(seed)
    if found + splits - 1 > LARGEST_SEED:
        raise InputError(f"seed {found} is too large for {splits} splits, which use consecutive seeds up to 2^63 - 1")
    return found


def _check_whole(name: str, number: object, low: int, high: int | None = None) -> None:
    whole = not isinstance(number, bool) and isinstance(number, int | np.integer)
    if not whole or number < low or (high is not None and number > high):  # type: ignore[operator]
        most = "" if high is None else f" to {high}"
        raise InputError(f"{name} must be a whole number from {low}{most}, got {brief(number)}")
