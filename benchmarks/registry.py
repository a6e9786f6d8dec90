"""Finds the ground truth of a space: the built-in tables, and benchmarks of other packages.

A third party adds a benchmark by an entry point: group `nassurrogate.benchmarks`, value = a `Benchmark` or a function
without arguments that returns one. It is found by its space and data set.
"""

from __future__ import annotations

import importlib
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING

from nassurrogate.benchmarks.base import Benchmark
from nassurrogate.errors import InputError, require_name, unknown_choice
from nassurrogate.runtime.plug_ins import load_plug_in, place_of, plug_ins

if TYPE_CHECKING:
    from nassurrogate.benchmarks.tabular.layers import Tables

ENTRY_POINT_GROUP = "nassurrogate.benchmarks"
_TABLES = {
    "nb201": "nassurrogate.benchmarks.tabular.nb201:NB201",
    "nb101": "nassurrogate.benchmarks.tabular.nb101:NB101",
    "macro": "nassurrogate.benchmarks.tabular.macro:MACRO",
}


def tables_of(space: str) -> Tables:
    """The tables of a space. Raises `InputError` for a space without tables."""
    require_name("space", space)
    if space not in _TABLES:
        raise unknown_choice("space", space, _TABLES)
    module, _, attribute = _TABLES[space].partition(":")
    tables: Tables = getattr(importlib.import_module(module), attribute)
    return tables


def has_tables(space: str) -> bool:
    """Whether a space has built-in tables, imported or not."""
    return space in _TABLES


def dataset_names(space: str) -> list[str]:
    """Data sets of a space that can be loaded now; none if a table must be imported first."""
    require_name("space", space)
    tabled = tables_of(space).loadable() if space in _TABLES else []
    return list(dict.fromkeys([*tabled, *_plugged(space)[0]]))


def load_benchmark(space: str, dataset: str | None = None, *, table: str | None = None) -> Benchmark:
    """Ground truth of one space on one data set, imported tables included.

    Args:
        space: name of the space.
        dataset: None: `cifar10` of the built-in spaces, the only one of others.
        table: the import whose columns come before all others, or `"embedded"` for the package's own table alone.

    Raises `InputError` for unknown names, and for a space whose table must be imported first, with the command.

    >>> load_benchmark("nb201", "cifar10").free_metrics()
    ['flops_m', 'latency_ms', 'params_m', 'table_params_m']
    """
    require_name("space", space)
    if dataset is not None:
        require_name("data set", dataset)
    if table is not None:
        require_name("table", table)
    if space in _TABLES:
        tables = tables_of(space)
        if dataset is None or dataset in tables.loadable() or dataset not in _plugged(space)[0]:
            return tables.load(tables.datasets[0] if dataset is None else dataset, table=table)
    return _plugged_in(space, dataset, table)


def _plugged_in(space: str, dataset: str | None, table: str | None) -> Benchmark:
    found, broken = _plugged(space)
    if not found:
        from nassurrogate.spaces import get_space

        get_space(space)  # an unknown name raises first
        raise InputError(
            f"space {space!r} has no ground truth: give the training as run(space=…, evaluate=…), or register a "
            f"benchmark under the entry point {ENTRY_POINT_GROUP}" + "".join(f"; {error}" for error in broken)
        )
    if dataset is None and len(found) > 1:
        raise InputError(f"space {space!r} has several data sets; name one of {', '.join(found)}")
    name = next(iter(found)) if dataset is None else dataset
    if name not in found:
        raise unknown_choice("data set", name, found, place=f" of {space}")
    if table is not None:
        raise InputError(f"{space}/{name} is not a table, so there is no import {table!r} of it; leave --table out")
    return found[name]


def broken_plug_ins() -> list[InputError]:
    """The errors of other packages' benchmarks that do not load."""
    return _plugged("")[1]


def _plugged(space: str) -> tuple[dict[str, Benchmark], list[InputError]]:
    """Data set → plug-in of a space, and the errors of plug-ins that do not load, which must not hide the others."""
    found: dict[str, Benchmark] = {}
    broken = []
    for point in plug_ins(ENTRY_POINT_GROUP):
        try:
            benchmark = _loaded(point)
        except InputError as error:
            broken.append(error)
            continue
        if benchmark.space.name == space:
            found[benchmark.dataset] = benchmark
    return found, broken


def _loaded(point: EntryPoint) -> Benchmark:
    benchmark = load_plug_in("benchmark", point, made=Benchmark)
    if not isinstance(benchmark, Benchmark):
        raise InputError(f"{place_of('benchmark', point)}, which is not a Benchmark")
    return benchmark
