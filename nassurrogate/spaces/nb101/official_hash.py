"""The official name of a NAS-Bench-101 cell: a hash of its graph that does not depend on the order of its vertices.

Every vertex starts with the hash of (edges out, edges in, operation). As many times as there are vertices, it is hashed
again together with the hashes of its inputs and outputs; the sorted final hashes make the name
(`graph_util.hash_module` of the official package; Ying et al., arXiv 1902.09635, section 2.1).
"""

from __future__ import annotations

import hashlib

import numpy as np

from nassurrogate.spaces.nb101.cell_codes import CellCodes, adjacency_of
from nassurrogate.spaces.nb101.md5_rows import md5_rows

_INPUT, _OUTPUT = -1, -2
_CELLS = 1 << 15
"""Cells per batch: bounds the memory."""


def cell_hash(adjacency: list[list[int]], ops: list[int]) -> str:
    """The name of one cell, 32 hexadecimal digits.

    Args:
        adjacency: (V, V), entry (x, y) says whether x feeds y; any order of the inner vertices.
        ops: (V − 2) operations of the inner vertices, as numbers.

    >>> cell_hash([[0, 1, 1], [0, 0, 1], [0, 0, 0]], [0])
    'd32d0b26d534203b48d866facd98cc3e'
    """
    vertices = range(len(adjacency))
    feeding = [[x for x in vertices if adjacency[x][y]] for y in vertices]
    fed = [[y for y in vertices if adjacency[x][y]] for x in vertices]
    sums = [
        _md5(str((len(fed[vertex]), len(feeding[vertex]), op)))
        for vertex, op in zip(vertices, (_INPUT, *ops, _OUTPUT), strict=True)
    ]
    for _ in vertices:
        sums = [
            _md5(
                "".join(sorted(sums[x] for x in feeding[vertex]))
                + "|"
                + "".join(sorted(sums[y] for y in fed[vertex]))
                + "|"
                + sums[vertex]
            )
            for vertex in vertices
        ]
    return _md5(str(sorted(sums)))


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def cell_hashes(cells: CellCodes) -> np.ndarray:
    """(C, 16) uint8: `cell_hash` of many cells, as bytes."""
    adjacency = adjacency_of(cells.edge_bits, cells.n_vertices)
    parts = range(0, len(adjacency), _CELLS)
    hashed = [_hashes(adjacency[part : part + _CELLS], cells.ops[part : part + _CELLS]) for part in parts]
    return np.concatenate(hashed)


def _hashes(adjacency: np.ndarray, ops: np.ndarray) -> np.ndarray:
    n, n_vertices = adjacency.shape[:2]
    n_in, n_out = adjacency.sum(axis=1), adjacency.sum(axis=2)
    labels = np.concatenate([np.full((n, 1), _INPUT), ops, np.full((n, 1), _OUTPUT)], axis=1)
    sums = _first_sums(n_out, n_in, labels)
    # In these orders, the inputs of a vertex, or its outputs, come first.
    feeding = np.argsort(~adjacency.transpose(0, 2, 1), axis=2, kind="stable")
    fed = np.argsort(~adjacency, axis=2, kind="stable")
    degrees = n_in * n_vertices + n_out
    groups = [(*np.nonzero(degrees == degree), *divmod(int(degree), n_vertices)) for degree in np.unique(degrees)]
    for _ in range(n_vertices):
        names = _Names(sums)
        sums = np.empty_like(sums)
        for cell, vertex, reads, feeds in groups:
            message = np.full((len(cell), 32 * (reads + feeds + 1) + 2), ord("|"), dtype=np.uint8)
            middle = 32 * reads
            message[:, :middle] = names.ascending(cell, feeding[cell, vertex, :reads])
            message[:, middle + 1 : -33] = names.ascending(cell, fed[cell, vertex, :feeds])
            message[:, -32:] = names.ascending(cell, vertex[:, None])
            sums[cell, vertex] = md5_rows(message)
    ordered = _Names(sums).ascending(np.arange(n), np.tile(np.arange(n_vertices), (n, 1)))
    return md5_rows(_as_printed_list(ordered.reshape(n, n_vertices, 32)))


class _Names:
    """The hashes of all vertices, (C, V, 16) bytes, as text.

    They are sorted by their first half, which differs for all hashes that occur here: a test compares every resulting
    name with the official one.
    """

    def __init__(self, sums: np.ndarray) -> None:
        self._n_vertices = sums.shape[1]
        self._rank = np.ascontiguousarray(sums[..., :8]).view(">u8").astype(np.uint64).ravel()
        self._text = _hex(sums).view("V32").ravel()

    def ascending(self, cell: np.ndarray, vertices: np.ndarray) -> np.ndarray:
        """(B, 32 K): the hashes of K vertices of B cells, concatenated in ascending order."""
        place = cell[:, None] * self._n_vertices + vertices
        if place.shape[1] > 1:
            place = np.take_along_axis(place, np.argsort(self._rank[place], axis=1), axis=1)
        return np.asarray(self._text[place].view(np.uint8).reshape(len(cell), -1))


def _first_sums(n_out: np.ndarray, n_in: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(C, V, 16): MD5 of each vertex's printed triple; only a few different ones occur."""
    codes, place = np.unique((n_out * 100 + n_in) * 100 + labels - _OUTPUT, return_inverse=True)
    triples = [(code // 10_000, code // 100 % 100, code % 100 + _OUTPUT) for code in codes.tolist()]
    sums = b"".join(hashlib.md5(str(triple).encode(), usedforsecurity=False).digest() for triple in triples)
    return np.frombuffer(sums, np.uint8).reshape(-1, 16)[place.reshape(labels.shape)]


def _hex(digests: np.ndarray) -> np.ndarray:
    """(…, 16) bytes → (…, 32) hexadecimal digits in ASCII; both digits of a byte are computed as one number."""
    digits = digests.astype("<u2")
    digits = (digits >> 4) | ((digits & 15) << 8)
    over_nine = ((digits + 0x0606) >> 4) & 0x0101
    return (digits + 0x3030 + over_nine * 39).view(np.uint8)


def _as_printed_list(sums: np.ndarray) -> np.ndarray:
    """(C, V, 32) → (C, L): the list of these strings as Python prints it, in ASCII."""
    n, n_vertices = sums.shape[:2]
    parts = np.full((n, n_vertices, 36), ord(" "), dtype=np.uint8)
    parts[:, :, 0] = parts[:, :, 33] = ord("'")
    parts[:, :, 1:33] = sums
    parts[:, :, 34] = ord(",")
    opening = np.full((n, 1), ord("["), dtype=np.uint8)
    closing = np.full((n, 1), ord("]"), dtype=np.uint8)
    return np.concatenate([opening, parts.reshape(n, -1)[:, :-2], closing], axis=1)
