"""Ground truth: measured cells, importers of the official files, and the protocols of evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nassurrogate.benchmarks.table import LABEL, TEST, Benchmark, Column, Measurement, is_paid
from nassurrogate.errors import require_name, unknown_choice

if TYPE_CHECKING:
    from nassurrogate.benchmarks.evaluation import evaluate
    from nassurrogate.benchmarks.layers import Tables

__all__ = [
    "LABEL",
    "TEST",
    "Benchmark",
    "Column",
    "Measurement",
    "dataset_names",
    "evaluate",
    "is_paid",
    "load_benchmark",
]


def tables_of(space: str) -> Tables:
    """Where the tables of a space come from. Raises `InputError` for a space without a benchmark."""
    require_name("space", space)
    if space == "nb201":
        from nassurrogate.benchmarks.nb201 import NB201

        return NB201
    if space == "nb101":
        from nassurrogate.benchmarks.nb101 import NB101

        return NB101
    raise unknown_choice("space", space, ["nb201", "nb101"])


def dataset_names(space: str) -> list[str]:
    """Data sets of a space that can be loaded on this machine; none where a table must be imported first."""
    return tables_of(space).loadable()


def load_benchmark(space: str, dataset: str, *, table: str | None = None) -> Benchmark:
    """Ground truth of one space on one data set, imported tables included.

    Args:
        table: the import whose columns come before all others, or `"embedded"` for the package's own table alone.

    Raises `InputError` for unknown names, and for a space whose table must be imported first: it says how.

    >>> load_benchmark("nb201", "cifar10").free_metrics()
    ['flops_m', 'latency_ms', 'params_m', 'table_params_m']
    """
    require_name("data set", dataset)
    if table is not None:
        require_name("table", table)
    return tables_of(space).load(dataset, table=table)


def __getattr__(name: str) -> Any:
    # Imported on first use: a table needs no predictors.
    if name == "evaluate":
        from nassurrogate.benchmarks.evaluation import evaluate

        return evaluate
    raise AttributeError(f"module 'nassurrogate.benchmarks' has no attribute {name!r}")
