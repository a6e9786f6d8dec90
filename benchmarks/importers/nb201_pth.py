"""`NAS-Bench-201-v1_1-096897.pth`, the official file of NAS-Bench-201 (Dong & Yang, arXiv 2001.00326).

Both serialisations of torch are read: the zip archive, and the bare pickles of before torch 1.6, the year of the
official file. Only the pickled dictionary is read, as a stream; the tensors (network weights) that a file may carry are
never loaded. Memory: some 100 MB for the results and for about a quarter of a million recent objects, however large the
file. Time: every byte of the pickle is looked at by Python code, minutes for the official file of several GB.

Bare pickles have no checksum: damage that still reads as numbers in range goes unnoticed.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from nassurrogate.benchmarks.importers.official_dict import CellCollector, read_twice
from nassurrogate.benchmarks.pickles.stream import StreamUnpickler
from nassurrogate.benchmarks.tabular.table import Column
from nassurrogate.errors import InputError, brief

LEGACY_MAGIC: Final = 0x1950A86A20F9469CFC6C
LEGACY_PROTOCOL: Final = 1001

Progress = Callable[[int, int], None]
"""Called with the bytes done and the bytes in all."""


def read_pth(path: Path, *, progress: Progress | None = None) -> tuple[dict[tuple[str, str], Column], int]:
    """((data set, metric) → column, number of cells) of an official `.pth` file.

    Raises `InputError` for a damaged or foreign file, and for one with anything but plain data and tensors.
    """
    source = path.name

    def read(keep: frozenset[int]) -> CellCollector:
        collector = CellCollector(source)
        with _pickle_bytes(path) as (read_bytes, total, is_legacy):
            done = 0

            def count(size: int) -> None:
                nonlocal done
                done += size
                if progress is not None:
                    progress(min(done, total), total)

            unpickler = StreamUnpickler(
                read_bytes, name=source, on_dict=collector.on_dict, keep=keep, outside=True, on_chunk=count
            )
            if is_legacy:
                _read_legacy_head(unpickler, source)
            collector.finish(unpickler.load())
            if not is_legacy:
                while read_bytes(1 << 20):  # to the end, where the archive's checksum is compared
                    pass
        return collector

    collector = read_twice(read, source)
    return collector.table.columns(), len(collector.table.cells)


def _read_legacy_head(unpickler: StreamUnpickler, source: str) -> None:
    magic = unpickler.load()
    if magic != LEGACY_MAGIC:
        raise InputError(f"{source} starts with {brief(magic)}; expected the magic number of a torch file")
    protocol, system = unpickler.load(), unpickler.load()
    if protocol != LEGACY_PROTOCOL or not isinstance(system, dict):
        raise InputError(f"{source} is of torch's serialisation protocol {brief(protocol)}; known: {LEGACY_PROTOCOL}")


@contextmanager
def _pickle_bytes(path: Path) -> Iterator[tuple[Callable[[int], bytes], int, bool]]:
    """(read function, total bytes, whether legacy) of the file's pickle."""
    if not zipfile.is_zipfile(path) or path.open("rb").read(2) != b"PK":
        with path.open("rb") as file:
            yield file.read, path.stat().st_size, True
        return
    try:
        with zipfile.ZipFile(path) as archive:
            members = [info for info in archive.infolist() if info.filename.endswith("/data.pkl")]
            if len(members) != 1:
                raise InputError(f"{path.name} is a zip archive without torch's data.pkl: not a NAS-Bench-201 file")
            if members[0].compress_type != zipfile.ZIP_STORED:
                raise InputError(f"{path.name} is a compressed archive; torch writes uncompressed ones: refused")
            with archive.open(members[0]) as file:
                yield file.read, members[0].file_size, False
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise InputError(f"{path.name} is a damaged or truncated archive ({error})") from error
