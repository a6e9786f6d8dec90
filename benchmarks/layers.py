"""A table put together from layers: what is computed, what comes with the package, what the user has imported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nassurrogate.benchmarks import store
from nassurrogate.benchmarks.table import Column, TabularBenchmark
from nassurrogate.errors import InputError, unknown_choice
from nassurrogate.spaces import EnumerableSpace, get_space

EMBEDDED = "embedded"
"""The name of the table that comes with the package, where a table is chosen."""
COMPUTED = "computed from the string"


@dataclass(frozen=True)
class Tables:
    """Where the tables of one space come from.

    Args:
        space_name: the space.
        datasets: the data sets of the published benchmark.
        how_to_get: what to do where nothing is imported and nothing embedded.
        embedded_metrics: what the package brings for each of these data sets; none: nothing is embedded.
        embedded_columns: reads it for one data set.
        objective: what a search improves, where that is not `val_accuracy_pct`.
    """

    space_name: str
    datasets: tuple[str, ...]
    how_to_get: str
    embedded_metrics: tuple[str, ...] = ()
    embedded_columns: Callable[[str], dict[str, Column]] = lambda dataset: {}
    objective: str | None = None

    @property
    def space(self) -> EnumerableSpace:
        """The space."""
        space = get_space(self.space_name)
        assert isinstance(space, EnumerableSpace), f"a table of {self.space_name} has no order of rows"
        return space

    @property
    def embedded_names(self) -> list[str]:
        """`["embedded"]` if the package brings a table, else nothing."""
        return [EMBEDDED] if self.embedded_metrics else []

    def loadable(self, *, imports: bool = True) -> list[str]:
        """Data sets that can be loaded: the embedded ones, then imported ones, oldest import first."""
        infos = store.list_imports(self.space_name) if imports else []
        found = [dataset for info in infos for dataset in info.columns if dataset != store.ANY_DATASET]
        return list(dict.fromkeys([*(self.datasets if self.embedded_metrics else ()), *found]))

    def base_columns(self, dataset: str) -> dict[str, Column]:
        """What is there without any import: computed and embedded columns."""
        columns = {name: Column(values, COMPUTED) for name, values in self.space.free_metrics(dataset).items()}
        embedded = self.embedded_columns(dataset) if self.embedded_metrics and dataset in self.datasets else {}
        return columns | {metric: column for metric, column in embedded.items() if metric not in columns}

    def load(self, dataset: str, *, table: str | None = None) -> TabularBenchmark:
        """The table of one data set: the base columns, then those that imports add, oldest import first.

        Where several tables give a metric, the first one's column is taken whole; columns are never mixed cell by cell.
        Costs that follow from the string (`params_m`, `flops_m`) are always computed.

        Args:
            table: the name of an import whose columns come before all others but the computed ones; `"embedded"` leaves
                all imports out.

        Raises `InputError` for an unknown data set or table, and if an import that may belong to the data set is
        damaged: were it left out, a run would silently lack what the user imported.
        """
        infos = [] if table == EMBEDDED else store.list_imports(self.space_name)
        choices = [*self.embedded_names, *(info.name for info in infos)]
        if table is not None and table not in choices:
            raise unknown_choice("table", table, choices, place=f" of {self.space_name}")
        known = self.loadable(imports=table != EMBEDDED)
        if dataset not in known:
            damage = next((info.damage for info in infos if info.damage), "")
            if damage and not known:
                raise InputError(damage)
            if not known:
                raise InputError(f"there is no table of {self.space_name} yet: {self.how_to_get}")
            raise unknown_choice("data set", dataset, known, place=f" of {self.space_name}")
        imported = {info.name: self._imported_columns(info, dataset) for info in infos}
        first = imported.pop(table, {}) if table is not None else {}
        base = self.base_columns(dataset)
        columns = {metric: column for metric, column in base.items() if column.source == COMPUTED}
        for layer in (first, base, *imported.values()):
            columns |= {metric: column for metric, column in layer.items() if metric not in columns}
        sources = tuple(dict.fromkeys(column.source for column in columns.values()))
        return TabularBenchmark(self.space, dataset, columns, sources, self.objective)

    def column_owners(self) -> dict[tuple[str, str], str]:
        """(data set or `"*"`, metric) → the table it is taken from unless another is chosen as the base."""
        owners = {(dataset, metric): EMBEDDED for dataset in self.datasets for metric in self.embedded_metrics}
        owners |= {
            (dataset, metric): COMPUTED for dataset in self.datasets for metric in self.space.free_metrics(dataset)
        }
        for info in store.list_imports(self.space_name):
            for dataset, metrics in info.columns.items():
                for metric in metrics:
                    owners.setdefault((dataset, metric), info.name)
        return owners

    def _imported_columns(self, info: store.ImportInfo, dataset: str) -> dict[str, Column]:
        if info.damage:
            without = f"; or leave imports out with the table {EMBEDDED!r}" if self.embedded_metrics else ""
            raise InputError(f"{info.damage}{without}")
        if dataset not in info.columns and store.ANY_DATASET not in info.columns:
            return {}
        loaded = store.load_import(info.name, self.space_name, dataset=dataset).columns
        # A column of this very data set comes before one of every data set.
        columns = {metric: column for (home, metric), column in loaded.items() if home == store.ANY_DATASET}
        columns |= {metric: column for (home, metric), column in loaded.items() if home == dataset}
        size = self.space.size
        wrong = [metric for metric, column in columns.items() if len(column.values) != size]
        if wrong:
            raise InputError(f"{info.path}: the column {wrong[0]!r} has not one row for each of the {size} cells")
        return columns
