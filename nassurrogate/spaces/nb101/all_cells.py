"""All NAS-Bench-101 cells in the order of their official hash: computed once, then kept in the user's cache.

Nothing is downloaded. The cells are enumerated, hashed and their costs counted, which takes half a minute; the result
is checked against the checksum in this file whenever it is computed or read.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from nassurrogate.files.atomic_file import write_atomically
from nassurrogate.files.cache_folder import cache_dir
from nassurrogate.spaces.nb101.canonical import in_canonical_order
from nassurrogate.spaces.nb101.cell_codes import MAX_VERTICES, NO_OP, all_cells
from nassurrogate.spaces.nb101.costs import network_costs
from nassurrogate.spaces.nb101.official_hash import cell_hashes

SIZE: Final = 423_624
CELL: Final = np.dtype(
    [
        ("hash", "u1", 16),
        ("n_vertices", "u1"),
        ("edge_bits", "<u4"),
        ("ops", "u1", MAX_VERTICES - 2),
        ("canonical_edge_bits", "<u4"),
        ("canonical_ops", "u1", MAX_VERTICES - 2),
        ("params", "<i8"),
        ("macs", "<i8"),
    ]
)
"""One cell: as it was trained (`edge_bits`, `ops`), in canonical order, and the costs of its network."""
SHA256: Final = "0170c0596aff44a0608538661d77a5bf012457fa6abb38bedbf8739ab0430669"
"""Of all records in order, as stored in memory."""
LOCK_TIMEOUT_S: Final = 600.0

_log = logging.getLogger(__name__)


def load_cells() -> np.ndarray:
    """(423624,) records of `CELL`, ascending by hash, read-only."""
    path = cache_dir() / "spaces" / f"nb101-{SHA256[:16]}.cells"
    cells = _read(path)
    if cells is None:
        with _locked(path.parent):
            cells = _read(path)  # another process may have written it while this one waited
            if cells is None:
                _log.warning("enumerating the %d cells of NAS-Bench-101; this takes half a minute, once", SIZE)
                cells = compute_cells()
                _keep(path, cells)
    cells.flags.writeable = False
    return cells


def compute_cells() -> np.ndarray:
    """`load_cells` without the cache."""
    parts = []
    for n_vertices in range(2, MAX_VERTICES + 1):
        found = all_cells(n_vertices)
        canonical = in_canonical_order(found)
        part = np.zeros(len(found.ops), dtype=CELL)
        part["hash"] = cell_hashes(found)
        part["n_vertices"] = n_vertices
        part["edge_bits"], part["canonical_edge_bits"] = found.edge_bits, canonical.edge_bits
        for name, ops in (("ops", found.ops), ("canonical_ops", canonical.ops)):
            part[name] = NO_OP
            part[name][:, : n_vertices - 2] = ops
        part["params"], part["macs"] = network_costs(found)
        parts.append(part)
    cells = np.concatenate(parts)
    high, low = np.ascontiguousarray(cells["hash"]).view(">u8").T
    cells = cells[np.lexsort((low, high))]
    if _checksum(cells.tobytes()) != SHA256:
        raise RuntimeError("the enumeration of NAS-Bench-101 has an unexpected checksum; the installed numpy is faulty")
    return cells


def _read(path: Path) -> np.ndarray | None:
    try:
        if path.stat().st_size != SIZE * CELL.itemsize:
            return None
        content = path.read_bytes()
    except OSError:
        return None
    return np.frombuffer(content, CELL) if _checksum(content) == SHA256 else None


def _keep(path: Path, cells: np.ndarray) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, lambda file: file.write(cells.tobytes()))
    except OSError as error:
        _log.warning("NAS-Bench-101 will be enumerated again next time: cannot write %s (%s)", path, error.strerror)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let one process compute while the others wait; without a lock, each computes for itself."""
    from filelock import FileLock, Timeout

    lock = FileLock(folder / ".lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=LOCK_TIMEOUT_S)
    except (OSError, Timeout) as error:
        _log.info("no lock on %s (%s)", folder, error)
    try:
        yield
    finally:
        lock.release()


def _checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
