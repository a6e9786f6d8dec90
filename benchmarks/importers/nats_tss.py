"""`NATS-tss-v1_0-3ffb9-simple`, the official folder of NATS-Bench's topology space (Dong et al., arXiv 2009.00437).

A folder of bz2-compressed pickles: `meta.pickle.pbz2` lists the cells, `000000.pickle.pbz2` … hold the results of
one cell each. The single file `NATS-tss-v1_0-3ffb9.pickle.pbz2` is read too.

Memory: the records of one cell at a time, at most `MAX_CELL_BYTES` after decompression, and the results.
"""

from __future__ import annotations

import bz2
import itertools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from nassurrogate.benchmarks.importers.official_dict import CellCollector, cell_strings, read_twice
from nassurrogate.benchmarks.pickles.stream import StreamUnpickler
from nassurrogate.benchmarks.tabular.table import Column
from nassurrogate.errors import InputError

META: Final = "meta.pickle.pbz2"
MAX_CELL_BYTES: Final = 64 << 20
MAX_META_BYTES: Final = 256 << 20
MAX_WHOLE_BYTES: Final = 64 << 30
_CELL_FILE = re.compile(r"(\d{1,6})\.pickle\.pbz2")

Progress = Callable[[int, int], None]
"""Called with the bytes done and the bytes in all."""


def read_nats_folder(folder: Path, *, progress: Progress | None = None) -> tuple[dict[tuple[str, str], Column], int]:
    """((data set, metric) → column, number of cells) of a NATS-tss folder; cells without a file are missing.

    Raises `InputError` for a damaged or foreign file, a decompression bomb, or anything but plain data.
    """
    archs: list[str] = []

    def read_meta(keep: frozenset[int]) -> CellCollector:
        collector = CellCollector(folder.name)
        archs[:] = cell_strings(_load(folder / META, collector, MAX_META_BYTES, keep), META)
        return collector

    read_twice(read_meta, META)
    files = cell_files(folder)
    collector = CellCollector(folder.name)
    total, done = sum(path.stat().st_size for _, path in files), 0
    for index, path in files:
        if index >= len(archs):
            raise InputError(f"{path.name} is of cell {index}, but {META} lists {len(archs)} cells")
        # One cell is far smaller than a generation, so nothing is forgotten and one reading is enough.
        collector.add(archs[index], _load(path, collector, MAX_CELL_BYTES, frozenset()))
        done += path.stat().st_size
        if progress is not None:
            progress(done, total)
    return collector.table.columns(), len(collector.table.cells)


def read_nats_file(path: Path, *, progress: Progress | None = None) -> tuple[dict[tuple[str, str], Column], int]:
    """((data set, metric) → column, number of cells) of the single file `NATS-tss-….pickle.pbz2`."""

    def read(keep: frozenset[int]) -> CellCollector:
        collector = CellCollector(path.name)
        collector.finish(_load(path, collector, MAX_WHOLE_BYTES, keep, progress))
        return collector

    collector = read_twice(read, path.name)
    return collector.table.columns(), len(collector.table.cells)


def cell_files(folder: Path) -> list[tuple[int, Path]]:
    """(index, path) of every cell's file, sorted. Raises `InputError` if there is none, or two for one cell."""
    files = sorted(
        (int(match.group(1)), path)
        for path in folder.iterdir()
        if (match := _CELL_FILE.fullmatch(path.name)) is not None
    )
    if not files:
        raise InputError(f"{folder} holds no cell files such as 000000.pickle.pbz2")
    for (first, path), (second, other) in itertools.pairwise(files):
        if first == second:
            raise InputError(f"{folder} holds two files of cell {first}: {path.name}, {other.name}")
    return files


def _load(
    path: Path, collector: CellCollector, max_bytes: int, keep: frozenset[int], progress: Progress | None = None
) -> object:
    with path.open("rb") as compressed, bz2.BZ2File(compressed) as file:
        total, read = path.stat().st_size, 0

        def read_bounded(size: int) -> bytes:
            nonlocal read
            data = file.read(size)
            read += len(data)
            if read > max_bytes:
                raise InputError(f"{path.name} unpacks to more than {max_bytes >> 20} MiB; a benchmark's file does not")
            return data

        def count(_: int) -> None:
            if progress is not None:
                progress(min(compressed.tell(), total), total)

        value = StreamUnpickler(
            read_bounded, name=path.name, on_dict=collector.on_dict, keep=keep, on_chunk=count
        ).load()
        try:
            while read_bounded(1 << 20):  # to the end, where the checksums of the compressed blocks are compared
                pass
        except (OSError, EOFError) as error:
            raise InputError(f"{path.name} is damaged or truncated ({error})") from error
        return value
