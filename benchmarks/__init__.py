"""Ground truth: measured cells, importers of the official files, and the protocols of evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nassurrogate.benchmarks.table import LABEL, TEST, Benchmark, Column, Measurement, is_paid
from nassurrogate.errors import unknown_choice

if TYPE_CHECKING:
    from nassurrogate.benchmarks.evaluation import evaluate

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


def dataset_names(space: str) -> list[str]:
    """Data sets of a space that can be loaded on this machine."""
    if space == "nb201":
        from nassurrogate.benchmarks.nb201 import nb201_datasets

        return nb201_datasets()
    raise unknown_choice("space", space, ["nb201"])


def load_benchmark(space: str, dataset: str, *, table: str | None = None) -> Benchmark:
    """Ground truth of one space on one data set, imported tables included. Raises `InputError` for unknown names.

    Args:
        table: the import whose columns come before all others, or `"embedded"` for the package's own table alone.

    >>> load_benchmark("nb201", "cifar10").free_metrics()
    ['flops_m', 'latency_ms', 'params_m', 'table_params_m']
    """
    if space == "nb201":
        from nassurrogate.benchmarks.nb201 import load_nb201

        return load_nb201(dataset, table=table)
    raise unknown_choice("space", space, ["nb201"])


def __getattr__(name: str) -> Any:
    # Imported on first use: a table needs no predictors.
    if name == "evaluate":
        from nassurrogate.benchmarks.evaluation import evaluate

        return evaluate
    raise AttributeError(f"module 'nassurrogate.benchmarks' has no attribute {name!r}")
