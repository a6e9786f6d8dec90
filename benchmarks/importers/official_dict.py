"""The dictionary in official files of any container: every cell is added to the table as soon as it has been read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from nassurrogate.benchmarks.importers.trials import TrialTable, shrink
from nassurrogate.benchmarks.pickles.stream import RefersBackError
from nassurrogate.errors import InputError, brief

SCHEDULES: Final = {"less": "12", "full": "200", "01": "01", "12": "12", "90": "90", "200": "200"}
"""The file's name of a training schedule → its epochs; `less` and `full` are of NAS-Bench-201, others of NATS-Bench."""


class _InTable:
    """Replaces a cell's results once they are in the table."""

    def __init__(self, arch: str) -> None:
        self.arch = arch


class CellCollector:
    """Give `on_dict` to a `StreamUnpickler`, then what it read to `finish`.

    Args:
        source: name of the file, for the columns and for messages.
    """

    def __init__(self, source: str) -> None:
        self.table = TrialTable(source)
        self._source = source

    def on_dict(self, value: dict[Any, Any]) -> Any:
        """Shrinks a training record; adds the complete results of a cell to the table."""
        shrunk = shrink(value)
        if shrunk is value and len(value) > 1 and value.keys() <= SCHEDULES.keys():
            return self._add_results(value)
        return shrunk

    def _add_results(self, results: dict[Any, Any]) -> Any:
        first = next(iter(results.values()))
        arch = first.get("arch_str") if isinstance(first, dict) else None
        if not isinstance(arch, str):
            return results
        self.table.add(arch, {SCHEDULES[name]: value for name, value in results.items()})
        return _InTable(arch)

    def add(self, arch: str, results: Any) -> None:
        """Adds a cell: its results, or what `on_dict` left of them. Raises `InputError` for results of another cell."""
        if isinstance(results, dict) and results.keys() <= SCHEDULES.keys():
            results = self._add_results(results)
        if not isinstance(results, _InTable):
            raise InputError(
                f"{self._source} has {brief(results)} for cell {brief(arch, 120)}; expected its training records"
            )
        if results.arch != arch:
            raise InputError(
                f"{self._source} has the results of {brief(results.arch, 120)} in the place of {brief(arch, 120)}"
            )

    def finish(self, content: Any) -> None:
        """Checks the whole content: {"meta_archs": strings, "arch2infos": {index: results}, …}."""
        archs = cell_strings(content, self._source)
        infos = content.get("arch2infos")
        if not isinstance(infos, dict) or not infos:
            raise InputError(f"{self._source} lacks 'arch2infos': not a NAS-Bench-201 file")
        for index, results in infos.items():
            if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < len(archs):
                raise InputError(f"{self._source} has results for cell {brief(index)}, but lists {len(archs)} cells")
            self.add(archs[index], results)
        if len(self.table.cells) != len(infos):
            raise InputError(f"{self._source} holds results of cells that it does not list")


def cell_strings(content: Any, source: str) -> list[str]:
    """The official strings that a file lists under `meta_archs`; position is the file's index."""
    archs = content.get("meta_archs") if isinstance(content, dict) else None
    if not isinstance(archs, list) or not archs or not all(isinstance(arch, str) for arch in archs):
        raise InputError(f"{source} lacks 'meta_archs', the list of its cells: not a NAS-Bench-201 or NATS-Bench file")
    return archs


def read_twice(read: Callable[[frozenset[int]], CellCollector], source: str) -> CellCollector:
    """`read(keep)`, repeated once if the file refers back to forgotten objects: see `StreamUnpickler`."""
    try:
        return read(frozenset())
    except RefersBackError as error:
        keep = error.ids
    try:
        return read(keep)
    except RefersBackError as error:
        raise InputError(f"{source} changed while it was read, or is damaged") from error
