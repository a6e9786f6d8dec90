"""Reads a folder of measured networks: a table of latencies, and ONNX files or nn-Meter's lists of nodes."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from nassurrogate.benchmarks.networks.measured import MeasuredNetworks
from nassurrogate.benchmarks.networks.measurements import Measurement, of_device, read_measurements
from nassurrogate.benchmarks.networks.onnx_files import OnnxFile, Progress, log_unread, read_onnx_files
from nassurrogate.errors import InputError, brief
from nassurrogate.files.given_path import as_path
from nassurrogate.graphs.operator_graph import OperatorGraph
from nassurrogate.graphs.readers.node_list import read_node_lists
from nassurrogate.tables.faults import Faults

TABLE = "measured.csv"
GRAPHS = "graphs"
"""The folder of node lists, one file for each family."""
_NODE_LISTS = (".json.gz", ".json")


def read_measured(
    folder: str | Path, device: str | None = None, *, jobs: int = 1, progress: Progress | None = None
) -> MeasuredNetworks:
    """The networks of a folder that were measured on one device.

    The table is `measured.csv`, or the only other CSV in the folder, with the columns model and latency_ms, and if it
    has them family, std_ms and device. A model is the path of an ONNX file, relative to the table; `.onnx` may be left
    out. Without a column family, it is the name of the folder that the file is in. If the folder has node lists, in
    `graphs/FAMILY.json.gz`, a model is a name in the list of its family.

    Args:
        folder: the folder, or the table in it.
        device: its name in the table; None: the only one.
        jobs: number of processes that read ONNX files.
        progress: called with (networks read, networks in total).

    Networks that cannot be read are logged and left out (`unread`).

    Raises `InputError` for a table with faults (see `read_measurements`), for missing files, and if no network can be
    read.
    """
    table = _table(as_path(folder, "the folder of measured networks"))
    rows, name = of_device(read_measurements(table), device, str(table))
    lists = _node_lists(table.parent / GRAPHS)
    if lists:
        return _of_node_lists(rows, name, lists, table, progress)
    return _of_onnx_files(rows, name, table, jobs, progress)


def _table(given: Path) -> Path:
    if given.is_file():
        return given
    if not given.is_dir():
        raise InputError(f"no folder at {given}; expected one with {TABLE} and ONNX files")
    if (given / TABLE).is_file():
        return given / TABLE
    tables = sorted(given.glob("*.csv"))
    if len(tables) != 1:
        found = ", ".join(table.name for table in tables) or "none"
        raise InputError(f"{given} needs a table {TABLE}, or one other CSV; found {found}")
    return tables[0]


def _node_lists(folder: Path) -> dict[str, Path]:
    """Family → its file."""
    found: dict[str, Path] = {}
    for suffix in _NODE_LISTS:
        for path in sorted(folder.glob(f"*{suffix}")):
            found.setdefault(path.name.removesuffix(suffix), path)
    return found


def _of_node_lists(
    rows: list[Measurement], device: str, lists: Mapping[str, Path], table: Path, progress: Progress | None
) -> MeasuredNetworks:
    faults = Faults(str(table))
    read: dict[str, dict[str, OperatorGraph]] = {}
    graphs: list[OperatorGraph] = []
    per_family, n_read = Counter(row.family or "" for row in rows), 0
    for row in rows:
        family = row.family or ""
        if family not in read:
            if family not in lists:
                faults.add(f"{row.place}: family is {family!r}; expected one of {', '.join(lists)}")
                break
            read[family] = read_node_lists(lists[family])
            n_read += per_family[family]
            if progress is not None:  # the reading takes long, not what follows
                progress(n_read, len(rows))
        graph = read[family].get(row.model)
        if graph is None:
            faults.add(f"{row.place}: {lists[family].name} has no network {row.model!r}")
        else:
            graphs.append(graph)
    faults.raise_any()
    return _made(rows, device, graphs, [row.family or "" for row in rows], [row.model for row in rows], [])


def _of_onnx_files(
    rows: list[Measurement], device: str, table: Path, jobs: int, progress: Progress | None
) -> MeasuredNetworks:
    faults = Faults(str(table))
    paths = {row.model: _onnx_path(table.parent, row.model) for row in rows}
    seen: dict[str, Measurement] = {}
    for row in rows:
        first = seen.setdefault(os.path.normpath(paths[row.model]), row)
        if not paths[row.model].is_file():
            faults.add(f"{row.place}: no file at {paths[row.model]}")
        elif first is not row:
            faults.add(f"{row.place}: {brief(row.model)} is the file of {first.place} again; keep one of them")
    faults.raise_any()
    found = read_onnx_files([OnnxFile(paths[row.model]) for row in rows], jobs=jobs, progress=progress)
    kept: list[Measurement] = []
    graphs: list[OperatorGraph] = []
    unread: list[str] = []
    for row in rows:
        graph = found[OnnxFile(paths[row.model])]
        if isinstance(graph, InputError):
            unread.append(str(graph))
        else:
            kept.append(row)
            graphs.append(graph)
    log_unread(unread, len(rows))
    families = [row.family or paths[row.model].parent.name for row in kept]
    return _made(kept, device, graphs, families, [row.model for row in kept], unread)


def _onnx_path(folder: Path, model: str) -> Path:
    path = folder / as_path(model, "a model")
    with_suffix = path.with_name(path.name + ".onnx")  # not `with_suffix`: a name such as resnet50_v1.5 has a dot
    return with_suffix if not path.is_file() and (with_suffix.is_file() or not path.suffix) else path


def _made(
    rows: list[Measurement],
    device: str,
    graphs: list[OperatorGraph],
    families: list[str],
    names: list[str],
    unread: list[str],
) -> MeasuredNetworks:
    latencies, deviations = (np.array([getattr(row, name) for row in rows]) for name in ("latency_ms", "std_ms"))
    return MeasuredNetworks(device, graphs, names, families, latencies, deviations, unread=unread)
