"""What a search was asked for, checked before the first query: wrong types, unknown names, contradictions."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nassurrogate.benchmarks import LABEL, Benchmark, load_benchmark
from nassurrogate.benchmarks.oracle import ORACLE
from nassurrogate.constraints import Constraint
from nassurrogate.errors import InputError, brief, unknown_choice
from nassurrogate.predictors import SEARCH_PREDICTOR, PredictorLike, predictor_names, split_preset
from nassurrogate.search.account import LABEL_KINDS
from nassurrogate.search.schedule import SearchSettings
from nassurrogate.surrogate import Surrogate

DEFAULT_SPACE, DEFAULT_DATASET = "nb201", "cifar10"
NO_PREDICTOR = "none"


def ground_truth(space: str | None, dataset: str | None, table: str | None, benchmark: Benchmark | None) -> Benchmark:
    """The given benchmark, or the named table. Raises `InputError` where the names contradict the benchmark."""
    for name, value in (("space", space), ("dataset", dataset), ("table", table)):
        if value is not None:
            _require("a name", name, value, str)
    if benchmark is None:
        space = DEFAULT_SPACE if space is None else space
        return load_benchmark(space, DEFAULT_DATASET if dataset is None else dataset, table=table)
    _require("a Benchmark", "benchmark", benchmark, Benchmark)
    there = {"space": benchmark.space.name, "dataset": benchmark.dataset}
    for name, value in (("space", space), ("dataset", dataset)):
        if value is not None and value != there[name]:
            raise InputError(
                f"{name} {brief(value)} contradicts the given benchmark, whose {name} is {there[name]!r}; leave one out"
            )
    if table is not None:
        raise InputError(
            f"table {brief(table)} contradicts the given benchmark, which is a table itself; leave one out"
        )
    return benchmark


def check_budget(budget: object, benchmark: Benchmark) -> None:
    """Raise `InputError` for what is no number of queries that could be paid."""
    most = benchmark.space.n_classes
    if isinstance(budget, bool) or not isinstance(budget, int | np.integer) or not 1 <= budget <= most:
        raise InputError(
            f"budget must be a whole number from 1 to {most} (the different functions in {benchmark.space.name}), "
            f"got {brief(budget)}"
        )


def checked_seed(seed: object) -> int:
    """The seed; a drawn one for None."""
    if seed is None:
        return secrets.randbelow(2**31)
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise InputError(f"seed must be a whole number from 0, got {brief(seed)}")
    return int(seed)


def check_kinds(
    *, searcher: object, labels: object, device: object, listener: object, write: object, plots: object
) -> None:
    """Raise `InputError` for an argument of a type that is not its own."""
    for name, value in (("searcher", searcher), ("labels", labels), ("device", device)):
        _require("a name", name, value, str)
    for name, value in (("write", write), ("plots", plots)):
        _require("True or False", name, value, bool | np.bool_)
    if labels not in LABEL_KINDS:
        raise unknown_choice("kind of labels", labels, LABEL_KINDS)
    if listener is not None and not callable(listener):
        raise InputError(f"listener must be a function of one event, got {brief(listener)}")


def checked_settings(settings: SearchSettings | None) -> SearchSettings:
    """The settings; the defaults for None."""
    if settings is not None:
        _require("SearchSettings(…)", "settings", settings, SearchSettings)
    return settings if settings is not None else SearchSettings()


def parsed_constraints(constraints: Sequence[Constraint | str] | Constraint | str) -> list[Constraint]:
    """One or several constraints, as text or not."""
    given: Iterable[Any] = [constraints] if isinstance(constraints, str | Constraint) else constraints
    try:
        listed = None if isinstance(given, bytes | bytearray | Mapping) else list(given)
    except TypeError:
        listed = None
    if listed is None:
        raise InputError(f"constraints are texts such as 'latency_ms<=12', got {brief(given)}")
    return [bound if isinstance(bound, Constraint) else Constraint.parse(bound) for bound in listed]


def loaded_surrogate(surrogate: str | Path | Surrogate | None, benchmark: Benchmark, device: str) -> Surrogate | None:
    """The saved surrogate that a search starts from, if it can guide one on this benchmark."""
    if surrogate is None:
        return None
    saved = surrogate if isinstance(surrogate, Surrogate) else Surrogate.load(surrogate, device=device)
    place = "the surrogate" if isinstance(surrogate, Surrogate) else str(surrogate)
    if saved.space.name != benchmark.space.name:
        raise InputError(f"{place} scores cells of {saved.space.name}, expected one for {benchmark.space.name}")
    if saved.metric != LABEL:  # one that learned test accuracy would let it into the search
        raise InputError(f"{place} predicts {saved.metric}, expected one that predicts {LABEL}")
    if not saved.n_labels:
        raise InputError("the surrogate has no labels yet; call fit(archs, targets) first, or load a saved one")
    return saved


def unfitted_surrogate(
    predictor: PredictorLike | None,
    changes: Mapping[str, Any] | None,
    saved: Surrogate | None,
    benchmark: Benchmark,
    device: str,
) -> Surrogate | None:
    """A surrogate of the predictor, preset and hyper-parameters that were asked for; None for `none` and `oracle`."""
    if changes is not None:
        _require("a mapping of hyper-parameters to values", "predictor_config", changes, Mapping)
    if isinstance(predictor, str) and predictor in (NO_PREDICTOR, ORACLE):
        if saved is not None:
            raise InputError(f"predictor {predictor!r} makes no use of a saved surrogate; leave one of the two out")
        if changes:
            raise InputError(f"predictor {predictor!r} has no hyper-parameters, got {brief(dict(changes))}")
        return None
    preset: str | None = None
    if predictor is None and saved is not None:
        predictor, preset = type(saved.predictor), saved.predictor.preset
        changes = {**saved.predictor.config_dict(), **(changes or {})}
    predictor = SEARCH_PREDICTOR if predictor is None else predictor
    if not isinstance(predictor, type) and (
        not isinstance(predictor, str) or split_preset(predictor)[0] not in predictor_names()
    ):
        raise unknown_choice("predictor", predictor, [*predictor_names(), NO_PREDICTOR, ORACLE])
    return Surrogate(benchmark.space.name, predictor=predictor, preset=preset, config=changes, device=device)


def _require(expected: str, name: str, value: object, kind: Any) -> None:
    if not isinstance(value, kind):
        raise InputError(f"{name} must be {expected}, got {brief(value)}")
