"""The NAS-Bench-201 benchmark: the embedded table, plus what the user has imported."""

from __future__ import annotations

from nassurrogate.benchmarks.embedded import FILES, embedded_columns
from nassurrogate.benchmarks.table import Benchmark, Column
from nassurrogate.errors import unknown_choice
from nassurrogate.spaces import get_space

EMBEDDED_DATASETS = tuple(FILES)


def nb201_datasets() -> list[str]:
    """Data sets that can be loaded: the embedded three, then imported ones."""
    return [*EMBEDDED_DATASETS]


def load_nb201(dataset: str) -> Benchmark:
    """The table of one data set; costs that follow from the string (`params_m`, `flops_m`) are exact."""
    if dataset not in nb201_datasets():
        raise unknown_choice("data set", dataset, nb201_datasets(), place=" of nb201")
    space = get_space("nb201")
    columns = {name: Column(values, "computed from the string") for name, values in space.free_metrics(dataset).items()}
    if dataset in EMBEDDED_DATASETS:
        columns |= embedded_columns(dataset)
    sources = tuple(dict.fromkeys(column.source for column in columns.values()))
    return Benchmark(space, dataset, columns, sources)
