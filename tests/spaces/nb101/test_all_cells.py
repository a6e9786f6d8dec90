"""The enumeration of nb101 against the published table: every cell, its hash, its wiring and its parameters."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from nassurrogate.graphs.canonical import canonical_graph
from nassurrogate.spaces import get_space
from nassurrogate.spaces.nb101 import all_cells as tables
from nassurrogate.spaces.nb101.cell_codes import adjacency_of, bits_of
from nassurrogate.spaces.nb101.official_hash import cell_hash
from nassurrogate.spaces.nb101.space import NB101

SAMPLE = np.random.default_rng(101).choice(tables.SIZE, 2_000, replace=False)


@pytest.fixture(scope="module")
def space() -> NB101:
    found = get_space("nb101")
    assert isinstance(found, NB101)
    return found


def test_every_row_of_the_published_table(space: NB101, nb101_table: Mapping[str, np.ndarray]) -> None:
    for column in ("hash", "n_vertices", "edge_bits", "ops", "params"):
        assert np.array_equal(space.cells[column], nb101_table[column]), column
    assert np.array_equal(space.free_metrics("cifar10")["params_m"], nb101_table["params"] / 1e6)


@pytest.mark.slow
def test_computed_from_nothing_it_is_the_published_table(nb101_table: Mapping[str, np.ndarray]) -> None:
    cells = tables.compute_cells()
    for column in ("hash", "n_vertices", "edge_bits", "ops", "params"):
        assert np.array_equal(cells[column], nb101_table[column]), column


def _check_hash_and_order(space: NB101, indices: np.ndarray) -> None:
    for index in indices.tolist():
        arch = space.parse(index)
        assert space.to_spec(arch).hash() == arch.string
        raw = space.graph(arch, canonical=False)
        assert space.graph(arch) == canonical_graph(raw)
        assert raw.n_nodes == space.cells["n_vertices"][index]


def test_hash_and_canonical_order_are_those_found_cell_by_cell(space: NB101) -> None:
    _check_hash_and_order(space, SAMPLE)


@pytest.mark.slow
def test_hash_and_canonical_order_of_every_tenth_cell(space: NB101) -> None:
    _check_hash_and_order(space, np.arange(0, space.size, 10))


@pytest.mark.slow
def test_no_two_cells_are_isomorphic(space: NB101) -> None:
    # Equal canonical forms are isomorphic cells, and isomorphic cells have equal canonical forms.
    forms = {
        (int(bits), ops.tobytes())
        for bits, ops in zip(space.cells["canonical_edge_bits"], space.cells["canonical_ops"], strict=True)
    }
    assert len(forms) == space.size


def test_hash_does_not_depend_on_the_order_of_vertices() -> None:
    adjacency = np.zeros((5, 5), dtype=int)
    for x, y in ((0, 1), (0, 2), (1, 3), (2, 4), (3, 4)):
        adjacency[x, y] = 1
    expected = cell_hash(adjacency.tolist(), [0, 1, 2])
    for order in ([1, 2, 3], [2, 1, 3], [3, 2, 1], [2, 3, 1]):
        every = [0, *order, 4]
        moved = adjacency[np.ix_(every, every)]
        assert cell_hash(moved.tolist(), [[0, 1, 2][vertex - 1] for vertex in order]) == expected


def test_bits_of_wirings() -> None:
    bits = np.arange(1 << 15, dtype=np.uint32)
    assert np.array_equal(bits_of(adjacency_of(bits, 6)), bits)
    assert adjacency_of(np.array(1 << 3, np.uint32), 4)[0, 3]


def test_the_cache_holds_what_is_computed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, space: NB101) -> None:
    computed: list[int] = []

    def compute() -> np.ndarray:
        computed.append(1)
        return space.cells.copy()

    monkeypatch.setenv("NASSURROGATE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(tables, "compute_cells", compute)
    first = tables.load_cells()
    (path,) = (tmp_path / "cache" / "spaces").glob("nb101-*")
    assert len(computed) == 1
    assert np.array_equal(tables.load_cells(), first)
    assert len(computed) == 1
    for damaged in (b"", path.read_bytes()[:-1], b"\0" * path.stat().st_size):
        path.write_bytes(damaged)
        assert np.array_equal(tables.load_cells(), first)
        assert path.stat().st_size == first.nbytes
    assert len(computed) == 4
    assert not first.flags.writeable
    assert {entry.name for entry in path.parent.iterdir()} <= {path.name, ".lock"}


def test_without_a_cache_it_works_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, space: NB101, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    monkeypatch.setenv("NASSURROGATE_CACHE", str(blocked))
    monkeypatch.setattr(tables, "compute_cells", lambda: space.cells.copy())
    with caplog.at_level(logging.WARNING):
        assert len(tables.load_cells()) == space.size
    assert "cannot write" in caplog.text


def test_another_result_is_never_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MAX_VERTICES", 4)
    with pytest.raises(RuntimeError, match="has an unexpected checksum"):
        tables.compute_cells()
