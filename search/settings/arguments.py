"""Checks the arguments of a search before its first query: types, names, contradictions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nassurrogate.benchmarks import (
    LABEL,
    Benchmark,
    CallableBenchmark,
    Evaluate,
    Problem,
    TabularBenchmark,
    load_benchmark,
)
from nassurrogate.benchmarks.oracle import ORACLE
from nassurrogate.constraints import Constraint
from nassurrogate.errors import InputError, brief, unknown_choice
from nassurrogate.metric import Metric, MetricLike, as_metric
from nassurrogate.predictors import (
    PredictorLike,
    default_predictor,
    predictor_names,
    split_preset,
    who_scores_without_labels,
)
from nassurrogate.search.record.ledger import LABEL_KINDS
from nassurrogate.search.settings.schedule import SearchSettings
from nassurrogate.spaces import Space, SpaceLike, get_space, space_names
from nassurrogate.surrogate import Surrogate

DEFAULT_SPACE = "nb201"
NO_PREDICTOR = "none"


def ground_truth(
    space: SpaceLike | None,
    dataset: str | None,
    table: str | None,
    benchmark: Benchmark | None,
    evaluate: Evaluate | None = None,
    objective: MetricLike | None = None,
) -> Benchmark:
    """The given benchmark, a training function as one, or the named table.

    Raises `InputError` if the arguments contradict each other.
    """
    for name, value in (("dataset", dataset), ("table", table)):
        if value is not None:
            _require("a name", name, value, str)
    if space is not None:
        _require("a name or a Space", "space", space, str | Space)
        if not (asked := get_space(space)).can_sample:
            raise InputError(f"space {asked.name!r} cannot be searched: it only scores architectures that you give it")
    if evaluate is not None:
        if benchmark is not None or table is not None:
            raise InputError("evaluate is the ground truth; leave benchmark and table out")
        if space is None:
            raise InputError("evaluate needs the space whose architectures it trains: run(space=…, evaluate=…)")
        metric = LABEL if objective is None else objective
        return CallableBenchmark(space, evaluate, metric, dataset=dataset)
    if benchmark is None:
        named = DEFAULT_SPACE if space is None else space
        if isinstance(named, Space):
            if get_space(named).name not in space_names() or get_space(named.name) is not named:
                raise InputError(
                    f"space {named.name!r} is not registered, so it has no table; pass its ground truth: "
                    "run(space=…, evaluate=…) or run(benchmark=…)"
                )
            named = named.name
        return load_benchmark(named, dataset, table=table)
    _require("a Benchmark", "benchmark", benchmark, Benchmark)
    if space is not None and get_space(space) != benchmark.space:
        name = space.name if isinstance(space, Space) else space
        other = " (another one of that name)" if name == benchmark.space.name else ""
        raise InputError(
            f"space {brief(name)} contradicts the given benchmark, whose space is {benchmark.space.name!r}{other}; "
            "leave one out"
        )
    if dataset is not None and dataset != benchmark.dataset:
        raise InputError(
            f"dataset {brief(dataset)} contradicts the given benchmark, whose dataset is {benchmark.dataset!r}; "
            "leave one out"
        )
    if table is not None:
        raise InputError(f"table {brief(table)} contradicts the given benchmark; leave one out")
    return benchmark


def chosen_objective(objective: MetricLike | None, benchmark: Benchmark) -> Metric:
    """The metric to optimise. Raises `InputError` for one that the benchmark lacks, or of unknown direction."""
    if objective is None:
        found = benchmark.objective
    else:
        given = as_metric(objective)
        if given.name not in benchmark.metrics:
            unknown = benchmark.no_such_metric(given.name, "objective")
            if isinstance(benchmark, Problem):
                raise InputError(
                    f"{unknown} (if evaluate returns it, add metrics = [{given.name!r}] to the problem file)"
                )
            raise unknown
        known = benchmark.metrics[given.name]
        found = given if known.direction is None else as_metric(known, given.direction)
    if found.is_of_test and not benchmark.objective.is_of_test:
        raise InputError(
            f"a search never sees {found.name}: it is looked up once, for the final architecture; the objective of "
            f"{benchmark.space.name}/{benchmark.dataset} is {benchmark.objective.name}"
        )
    _ = found.larger_is_better  # an unknown direction raises now
    return found


def check_budget(budget: object, benchmark: Benchmark, objective: Metric, *, allow_equivalent: bool = False) -> None:
    """Raise `InputError` for more queries than possible; equivalent architectures count once unless allowed."""
    is_number = not isinstance(budget, bool) and isinstance(budget, int | np.integer)
    if not isinstance(benchmark, TabularBenchmark):
        if not is_number or budget < 1:  # type: ignore[operator]
            raise InputError(f"budget must be a whole number from 1, got {brief(budget)}")
        return
    by_function = objective.belongs_to == "function" and not allow_equivalent
    most = benchmark.space.n_classes if by_function else benchmark.space.size
    what = "different functions" if by_function else "architectures"
    if not is_number or not 1 <= budget <= most:  # type: ignore[operator]
        raise InputError(
            f"budget must be a whole number from 1 to {most} (the {what} in {benchmark.space.name}), "
            f"got {brief(budget)}"
        )


def check_kinds(
    *, labels: object, device: object, listener: object, fidelity: object = None, **switches: object
) -> None:
    """Raise `InputError` for an argument of the wrong type; `switches` must be True or False."""
    for name, value in (("labels", labels), ("device", device)):
        _require("a name", name, value, str)
    for name, value in switches.items():
        _require("True or False", name, value, bool | np.bool_)
    if labels not in LABEL_KINDS:
        raise unknown_choice("kind of labels", labels, LABEL_KINDS)
    if fidelity is not None and (isinstance(fidelity, bool) or not isinstance(fidelity, int) or fidelity < 1):
        raise InputError(f"fidelity must be a whole number from 1, such as epochs, got {brief(fidelity)}")
    if listener is not None and not callable(listener):
        raise InputError(f"listener must be a function of one event, got {brief(listener)}")


def checked_settings(settings: SearchSettings | None) -> SearchSettings:
    """The settings; the defaults for None."""
    if settings is not None:
        _require("SearchSettings(…)", "settings", settings, SearchSettings)
    return settings if settings is not None else SearchSettings()


def parsed_constraints(constraints: Sequence[Constraint | str] | Constraint | str) -> list[Constraint]:
    """One or several constraints, as text or objects; a text may hold several."""
    given: Iterable[Any] = [constraints] if isinstance(constraints, str | Constraint) else constraints
    try:
        listed = None if isinstance(given, bytes | bytearray | Mapping) else list(given)
    except TypeError:
        listed = None
    if listed is None:
        raise InputError(f"constraints are texts such as 'latency_ms<=12', got {brief(given)}")
    return [
        each for bound in listed for each in ([bound] if isinstance(bound, Constraint) else Constraint.parse_all(bound))
    ]


def loaded_surrogate(
    surrogate: str | Path | Surrogate | None, benchmark: Benchmark, objective: Metric, device: str
) -> Surrogate | None:
    """The saved surrogate that the search starts from. Raises `InputError` if it cannot guide one on this benchmark."""
    if surrogate is None:
        return None
    if isinstance(surrogate, Surrogate):
        saved, place = surrogate, "the surrogate"
    else:
        saved, place = Surrogate.load(surrogate, device=device, space=benchmark.space), str(surrogate)
    if saved.space != benchmark.space:
        raise InputError(f"{place} scores architectures of {saved.space.name}, expected one for {benchmark.space.name}")
    if saved.is_of_other_space and ranks_alike(saved.about_metric, objective):
        return saved  # only its order counts, and no label of this space can leak from another
    if saved.metric != objective.name:  # learned test accuracy would leak into the search
        raise InputError(f"{place} predicts {saved.metric}, expected one that predicts {objective.name}")
    if not saved.n_labels:
        raise InputError("the surrogate has no labels yet; call fit(archs, targets) first, or load a saved one")
    low, high = (saved.label_stats.get(name, math.nan) for name in ("min", "max"))
    # An error below 1 % is plausible; an accuracy below 1 % is not.
    if objective.is_percent and objective.larger_is_better and low >= 0.0 and 0.0 < high <= 1.0:
        raise InputError(
            f"{place} learned labels from {low:.4g} to {high:.4g}, which look like fractions, but {objective.name} is "
            "in percent; train it again with `nassurrogate train … --unit fraction`, or on values multiplied by 100"
        )
    return saved


def ranks_alike(learned: Metric, objective: Metric) -> bool:
    """Whether the order by one metric may stand for that by the other: both of functions, better in one direction."""
    return learned.belongs_to == objective.belongs_to == "function" and learned.direction == objective.direction


def unfitted_surrogate(
    predictor: PredictorLike | None,
    changes: Mapping[str, Any] | None,
    saved: Surrogate | None,
    benchmark: Benchmark,
    objective: Metric,
    device: str,
) -> Surrogate | None:
    """A surrogate of the requested predictor, preset and hyper-parameters; None for `none` and `oracle`."""
    if changes is not None:
        _require("a mapping of hyper-parameters to values", "predictor_config", changes, Mapping)
    if isinstance(predictor, str) and predictor in (NO_PREDICTOR, ORACLE):
        if saved is not None:
            raise InputError(f"predictor {predictor!r} makes no use of a saved surrogate; leave one of the two out")
        if changes:
            raise InputError(f"predictor {predictor!r} has no hyper-parameters, got {brief(dict(changes))}")
        if predictor == ORACLE and not isinstance(benchmark, TabularBenchmark):
            raise InputError(f"predictor {ORACLE!r} needs a table of true values; this benchmark has none")
        return None
    preset: str | None = None
    if predictor is None and saved is not None and not saved.is_of_other_space:
        predictor, preset = type(saved.predictor), saved.predictor.preset
        changes = {**saved.predictor.config_dict(), **(changes or {})}
    if predictor is None:
        predictor = default_predictor(benchmark.space, objective, search=True)
    if not isinstance(predictor, type) and (
        not isinstance(predictor, str) or split_preset(predictor)[0] not in predictor_names()
    ):
        raise unknown_choice("predictor", predictor, [*predictor_names(), NO_PREDICTOR, ORACLE])
    return Surrogate(
        benchmark.space, predictor=predictor, metric=objective, preset=preset, config=changes, device=device
    )


def check_start(settings: SearchSettings, unfitted: Surrogate | None, saved: Surrogate | None) -> None:
    """Raise `InputError` if nothing can choose the first query: no random one is wanted, and there are no scores."""
    if settings.n_init != 0 or unfitted is None or saved is not None or unfitted.scores_without_labels:
        return
    name = unfitted.predictor.name
    raise InputError(
        f"n_init=0 starts from scores without labels, but predictor {name!r} has none; "
        f"{who_scores_without_labels(unfitted.space, besides=name)}"
    )


def _require(expected: str, name: str, value: object, kind: Any) -> None:
    if not isinstance(value, kind):
        raise InputError(f"{name} must be {expected}, got {brief(value)}")
