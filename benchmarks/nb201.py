"""The NAS-Bench-201 benchmark: the embedded table, plus what the user has imported."""

from __future__ import annotations

from nassurrogate.benchmarks import store
from nassurrogate.benchmarks.embedded import FILES, METRICS, embedded_columns
from nassurrogate.benchmarks.table import Benchmark, Column
from nassurrogate.errors import InputError, unknown_choice
from nassurrogate.spaces import get_space

EMBEDDED_DATASETS = tuple(FILES)
EMBEDDED = "embedded"
"""The name of the table that comes with the package, where a table is chosen."""
COMPUTED = "computed from the string"


def nb201_datasets() -> list[str]:
    """Data sets that can be loaded: the embedded three, then imported ones, oldest import first."""
    imported = [
        dataset for info in store.list_imports("nb201") for dataset in info.columns if dataset != store.ANY_DATASET
    ]
    return list(dict.fromkeys([*EMBEDDED_DATASETS, *imported]))


def load_nb201(dataset: str, *, table: str | None = None) -> Benchmark:
    """The table of one data set: the embedded columns, then those that imports add, oldest import first.

    Where several tables give a metric, the first one's column is taken whole; columns are never mixed cell by cell.
    Costs that follow from the string (`params_m`, `flops_m`) are always computed.

    Args:
        table: the name of an import whose columns come before all others; `"embedded"` leaves all imports out.

    Raises `InputError` for an unknown data set or table, and if an import that may belong to the data set is damaged:
    were it left out, a run would silently lack what the user imported.
    """
    infos = [] if table == EMBEDDED else store.list_imports("nb201")
    if table not in (None, EMBEDDED, *(info.name for info in infos)):
        raise unknown_choice("table", table, [EMBEDDED, *(info.name for info in infos)], place=" of nb201")
    known = list(EMBEDDED_DATASETS) if table == EMBEDDED else nb201_datasets()
    if dataset not in known:
        raise unknown_choice("data set", dataset, known, place=" of nb201")
    space = get_space("nb201")
    columns = {name: Column(values, COMPUTED) for name, values in space.free_metrics(dataset).items()}
    embedded = embedded_columns(dataset) if dataset in EMBEDDED_DATASETS else {}
    imported = {info.name: _imported_columns(info, dataset, space.size) for info in infos}
    first = imported.pop(table, {}) if table is not None else {}
    for layer in (first, embedded, *imported.values()):
        columns |= {metric: column for metric, column in layer.items() if metric not in columns}
    sources = tuple(dict.fromkeys(column.source for column in columns.values()))
    return Benchmark(space, dataset, columns, sources)


def column_owners() -> dict[tuple[str, str], str]:
    """(data set or `"*"`, metric) → the table it is taken from unless another is chosen as the base."""
    owners = {(dataset, metric): EMBEDDED for dataset in EMBEDDED_DATASETS for metric in METRICS}
    owners |= {(dataset, metric): COMPUTED for dataset in EMBEDDED_DATASETS for metric in ("params_m", "flops_m")}
    for info in store.list_imports("nb201"):
        for dataset, metrics in info.columns.items():
            for metric in metrics:
                owners.setdefault((dataset, metric), info.name)
    return owners


def _imported_columns(info: store.ImportInfo, dataset: str, size: int) -> dict[str, Column]:
    if info.damage:
        raise InputError(f"{info.damage}; or leave imports out with the table {EMBEDDED!r}")
    if dataset not in info.columns and store.ANY_DATASET not in info.columns:
        return {}
    loaded = store.load_import(info.name, dataset=dataset).columns
    # A column of this very data set comes before one of every data set.
    columns = {metric: column for (home, metric), column in loaded.items() if home == store.ANY_DATASET}
    columns |= {metric: column for (home, metric), column in loaded.items() if home == dataset}
    wrong = [metric for metric, column in columns.items() if len(column.values) != size]
    if wrong:
        raise InputError(f"{info.path}: the column {wrong[0]!r} has not one row for each of the {size} cells")
    return columns
