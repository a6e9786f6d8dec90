"""Tables in layers: columns that are computed, embedded, or imported by the user."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from nassurrogate.benchmarks.tabular import store
from nassurrogate.benchmarks.tabular.store import EMBEDDED as EMBEDDED
from nassurrogate.benchmarks.tabular.table import Column, TabularBenchmark
from nassurrogate.errors import InputError, unknown_choice
from nassurrogate.spaces import EnumerableSpace, get_space
from nassurrogate.tables.naming import Names, known_dataset

COMPUTED = "computed from the string"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Tables:
    """The tables of one space, and how to load them.

    Args:
        space_name: the space.
        datasets: the data sets of the published benchmark.
        how_to_get: what to do if nothing is embedded or imported.
        embedded_metrics: metrics of the embedded table for each of these data sets; none: nothing is embedded.
        embedded_columns: reads the embedded table of one data set.
        objective: the default objective, if that is not `val_accuracy_pct`.
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
        """`["embedded"]` if there is an embedded table, else empty."""
        return [EMBEDDED] if self.embedded_metrics else []

    def loadable(self, *, imports: bool = True) -> list[str]:
        """Data sets that can be loaded: embedded ones, then imported ones, oldest import first."""
        infos = store.list_imports(self.space_name) if imports else []
        found = [dataset for info in infos for dataset in info.columns if dataset != store.ANY_DATASET]
        return list(dict.fromkeys([*(self.datasets if self.embedded_metrics else ()), *found]))

    def known_datasets(self) -> list[str]:
        """Names of data sets, loadable or not: published ones, then those of imports."""
        return list(dict.fromkeys([*self.datasets, *self.loadable()]))

    def known_names(self) -> Names:
        """What a table's columns may refer to: data sets, and computed, embedded and imported metrics."""
        infos = store.list_imports(self.space_name)
        imported = [metric for info in infos for metrics in info.columns.values() for metric in metrics]
        computed = self.space.free_metrics(self.datasets[0])
        return Names(self.known_datasets(), list(dict.fromkeys([*computed, *self.embedded_metrics, *imported])))

    def base_columns(self, dataset: str) -> dict[str, Column]:
        """Columns available without any import: computed and embedded ones."""
        columns = {name: Column(values, COMPUTED) for name, values in self.space.free_metrics(dataset).items()}
        embedded = self.embedded_columns(dataset) if self.embedded_metrics and dataset in self.datasets else {}
        return columns | {
            metric: replace(column, table=EMBEDDED) for metric, column in embedded.items() if metric not in columns
        }

    def load(self, dataset: str, *, table: str | None = None) -> TabularBenchmark:
        """The table of one data set, with each metric taken from one table.

        Costs that follow from the string (`params_m`, `flops_m`) are always computed. If several tables have a metric,
        the one that covers the most architectures is used; in a tie, the user's own table (the latest), then the
        embedded one, then official files (the earliest). Columns are never mixed architecture by architecture.

        Args:
            dataset: its name; case and hyphens do not matter.
            table: the name of an import whose columns come before all others but the computed ones; `"embedded"` leaves
                all imports out.

        Raises `InputError` for an unknown data set or table, and for a damaged table that is named. Metrics of other
        damaged imports are left out with a warning; querying them raises.
        """
        infos = [] if table == EMBEDDED else store.list_imports(self.space_name)
        choices = [*self.embedded_names, *(info.name for info in infos)]
        if table is not None and table not in choices:
            raise unknown_choice("table", table, choices, place=f" of {self.space_name}")
        known = self.loadable(imports=table != EMBEDDED)
        damage = next((info.damage for info in infos if info.damage), "")
        found = known_dataset(dataset, known)
        if found is None:
            if damage and not known:
                raise InputError(damage)
            if not known:
                raise InputError(f"no table of {self.space_name} yet: {self.how_to_get}")
            raise unknown_choice("data set", dataset, known, place=f" of {self.space_name}")
        return self._layered(found, infos, table)

    def _layered(self, dataset: str, infos: Sequence[store.ImportInfo], table: str | None) -> TabularBenchmark:
        columns = self.base_columns(dataset)
        unreadable: dict[str, str] = {}
        for info in infos:
            if info.damage:
                if info.name == table:
                    raise InputError(info.damage)
                _log.warning("%s; the run continues without it", info.damage)
                unreadable[""] = info.damage
        owners = self._owners(dataset, infos, table)
        for info in infos:
            owned = {metric for metric, owner in owners.items() if owner == info.name}
            if not owned:
                continue
            try:
                imported = self._imported_columns(info, dataset)
            except InputError as error:
                if info.name == table:
                    raise
                _log.warning("%s; without it, no values of %s", error, ", ".join(sorted(owned)))
                columns = {metric: column for metric, column in columns.items() if metric not in owned}
                unreadable |= dict.fromkeys(owned, str(error))
                continue
            columns |= {metric: column for metric, column in imported.items() if metric in owned}
        sources = tuple(dict.fromkeys(column.source for column in columns.values()))
        if unreadable and set(sources) <= {COMPUTED}:  # no measured column is left
            raise InputError(next(iter(unreadable.values())))
        return TabularBenchmark(self.space, dataset, columns, sources, self.objective, unreadable)

    def column_owners(self) -> dict[tuple[str, str], str]:
        """(data set or `"*"`, metric) → the table it is taken from, unless another one is chosen as the base.

        A column for every data set belongs to its import if that is used for at least one data set.
        """
        infos = store.list_imports(self.space_name)
        of_one = {dataset: self._owners(dataset, infos, None) for dataset in self.known_datasets()}
        owners = {(dataset, metric): owner for dataset, found in of_one.items() for metric, owner in found.items()}
        for info in infos:
            for metric in info.columns.get(store.ANY_DATASET, ()):
                taken = [found[metric] for found in of_one.values() if metric in found]
                first = taken[0] if taken else info.name
                owners.setdefault((store.ANY_DATASET, metric), first)
                if info.name in taken:
                    owners[store.ANY_DATASET, metric] = info.name
        return owners

    def _owners(self, dataset: str, infos: Sequence[store.ImportInfo], table: str | None) -> dict[str, str]:
        """Metric → the table it is taken from, for one data set."""
        computed = self.space.free_metrics(dataset)
        claims: dict[str, list[_Claim]] = {}
        if dataset in self.datasets:
            for metric in self.embedded_metrics:
                claims.setdefault(metric, []).append(_Claim(False, self.space.size, 0, EMBEDDED))
        for age, info in enumerate(infos):  # oldest first
            order = age + 1 if info.kind == store.OWN_TABLE else -age - 1
            for metric in dict.fromkeys([*info.columns.get(dataset, ()), *info.columns.get(store.ANY_DATASET, ())]):
                n_known = info.n_known.get((_home(info, dataset, metric), metric), -1)
                claims.setdefault(metric, []).append(_Claim(info.name == table, n_known, order, info.name))
        owners = {metric: max(found).table for metric, found in claims.items()}
        return owners | dict.fromkeys(computed, COMPUTED)

    def _imported_columns(self, info: store.ImportInfo, dataset: str) -> dict[str, Column]:
        loaded = store.load_import(info.name, self.space_name, dataset=dataset).columns
        columns = {metric: c for (home, metric), c in loaded.items() if home == _home(info, dataset, metric)}
        size = self.space.size
        wrong = [metric for metric, column in columns.items() if len(column.values) != size]
        if wrong:
            raise InputError(f"{info.path}: the column {wrong[0]!r} does not have one row for each of the {size} cells")
        return columns


def _home(info: store.ImportInfo, dataset: str, metric: str) -> str:
    """Where an import has a metric: under this data set or `"*"`, whichever covers more architectures."""
    own, every = (info.n_known.get((home, metric), -2) for home in (dataset, store.ANY_DATASET))
    return store.ANY_DATASET if every > own else dataset


class _Claim(NamedTuple):
    """A table that has a metric; the largest claim wins.

    `order` breaks ties: the user's own tables come first, then the embedded one, then official files.
    """

    is_chosen: bool
    n_known: int
    order: int
    table: str
