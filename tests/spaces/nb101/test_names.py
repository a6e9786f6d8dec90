"""nb101 cells by name: hash, spec, key and index, and what is said of names that are none."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError
from nassurrogate.graphs.cell_graph import CellGraph
from nassurrogate.spaces import get_space, space_names
from nassurrogate.spaces.nb101.space import NB101, OPS

SIZE = 423_624
indices = st.integers(0, SIZE - 1)
DIAMOND = [[0, 1, 1, 0], [0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 0]]
DIAMOND_OPS = ["input", OPS[0], OPS[1], "output"]


@pytest.fixture(scope="module")
def space() -> NB101:
    found = get_space("nb101")
    assert isinstance(found, NB101)
    return found


def test_the_space_is_known(space: NB101) -> None:
    assert "nb101" in space_names()
    assert get_space("nb101") is space
    assert len(space) == space.size == space.n_classes == len(space.all()) == SIZE
    assert (space.class_ids() == np.arange(SIZE)).all()


@given(picked=st.lists(indices, max_size=5))
def test_a_batch_is_its_cells(space: NB101, picked: list[int]) -> None:
    cells = [space.parse(index) for index in picked]
    other = [Architecture(get_space("nb101"), space.to_spec(cell).to_json()) for cell in cells]
    assert space.parse_many(cells) == space.parse_many(other) == space.parse_many(picked) == cells
    for archs in (cells, other):
        found = space.indices(archs)
        assert found.dtype == np.int64
        assert found.tolist() == picked


@pytest.mark.parametrize(
    "other", [Architecture(get_space("nb201"), "0" * 32), Architecture(get_space("nb101"), "0" * 32), "0" * 32, None]
)
def test_a_batch_with_what_is_no_cell(space: NB101, other: object) -> None:
    with pytest.raises(InputError):
        space.parse_many([space.parse(5), other])


@given(index=indices)
def test_every_form_names_the_same_cell(space: NB101, index: int) -> None:
    arch = space.parse(index)
    spec = space.to_spec(arch)
    forms = [
        arch,
        np.int64(index),
        arch.string,
        f" {arch.string.upper()}\n",
        spec.to_json(),
        json.dumps([spec.matrix, spec.ops], indent=1),
        arch.key,
        Architecture(get_space("nb101"), spec.to_json()),
    ]
    assert [space.parse(form) for form in forms] == [arch] * len(forms)
    assert {space.index(space.parse(form)) for form in forms} == {index}
    assert space.index(Architecture(get_space("nb101"), spec.to_json())) == index
    assert space.from_spec(np.array(spec.matrix), spec.ops) == arch
    assert spec.hash() == arch.string == str(arch)
    for canonical in (True, False):
        assert space.from_graph(space.graph(arch, canonical=canonical)) == arch
    assert space.from_networkx(space.to_networkx(arch)) == arch
    assert space.all()[index] == arch


def test_all_is_a_sequence(space: NB101) -> None:
    every = space.all()
    assert every[-1] == space.parse(SIZE - 1)
    assert every[5:1:-2] == [space.parse(5), space.parse(3)]
    assert space.parse(7) in every[:10]
    with pytest.raises(IndexError):
        every[SIZE]


def test_many_hashes_are_found_at_once(space: NB101) -> None:
    rows = np.array([0, SIZE - 1, 7, 7])
    hashes = space.cells["hash"][rows]
    assert space.find(hashes).tolist() == rows.tolist()
    changed = hashes.copy()
    changed[:, 15] ^= 1
    wild = np.array([[0] * 16, [255] * 16], np.uint8)
    assert (space.find(np.concatenate([changed, wild])) == -1).all()
    assert space.find(np.empty((0, 16), np.uint8)).shape == (0,)


def test_batches(space: NB101) -> None:
    assert space.parse_many(range(3)) == space.all()[:3]
    with pytest.raises(InputError, match="batch of nb101"):
        space.parse_many(space.parse(0).string)


def test_the_order_of_vertices_does_not_matter(space: NB101) -> None:
    swapped = ["input", OPS[1], OPS[0], "output"]
    assert space.from_spec(DIAMOND, DIAMOND_OPS) == space.from_spec(DIAMOND, swapped)
    networkx_graph = CellGraph(DIAMOND_OPS, DIAMOND).to_networkx()
    renamed = {0: "in", 1: "a", 2: "b", 3: "out"}
    import networkx as nx

    assert space.from_networkx(nx.relabel_nodes(networkx_graph, renamed)) == space.from_spec(DIAMOND, DIAMOND_OPS)


def test_vertices_off_every_way_are_cut_away(space: NB101) -> None:
    matrix = np.zeros((9, 9), dtype=np.int64)
    matrix[0, 1] = matrix[1, 8] = 1
    matrix[0, 2] = matrix[0, 3] = 1  # lead nowhere
    matrix[4, 5] = matrix[5, 8] = matrix[6, 8] = matrix[7, 8] = 1  # come from nowhere
    ops = ["input", OPS[2], *[OPS[0]] * 6, "output"]
    cell = space.from_spec(matrix, ops)
    assert space.to_spec(cell).ops == ["input", OPS[2], "output"]
    assert cell == space.from_spec([[0, 1, 0], [0, 0, 1], [0, 0, 0]], ["input", OPS[2], "output"])


NO_PATH = [[0, 1, 0], [0, 0, 0], [0, 0, 0]]
CHAIN = ["input", OPS[0], "output"]


@pytest.mark.parametrize(
    ("matrix", "ops", "message"),
    [
        (NO_PATH, CHAIN, "no path from input to output"),
        (np.triu(np.ones((7, 7), int), 1), ["input", *[OPS[0]] * 5, "output"], "21 edges on paths .* at most 9"),
        (np.eye(8, k=1), ["input", *[OPS[0]] * 6, "output"], "8 vertices on paths .* at most 7"),
        ([[0, 1, 0], [0, 0, 1], [1, 0, 0]], CHAIN, "from lower to higher vertices, got one from 2 to 0"),
        ([[0, 2, 0], [0, 0, 1], [0, 0, 0]], CHAIN, "0 and 1 only"),
        ([[0, 0.5, 0], [0, 0, 1], [0, 0, 0]], CHAIN, "0 and 1 only"),
        ([[0, float("nan"), 0], [0, 0, 1], [0, 0, 0]], CHAIN, "0 and 1 only"),
        ([[0, 1], [0, 0]], CHAIN, "3 ops need a 3x3 matrix"),
        ([[0, 1], [0]], CHAIN, "3 ops need a 3x3 matrix"),
        ("matrix", CHAIN, "3 ops need a 3x3 matrix"),
        (None, CHAIN, "3 ops need a 3x3 matrix"),
        ([[0, 10**40, 0]] * 3, CHAIN, "3x3 matrix|0 and 1"),
        (NO_PATH, ["input", "conv3x3", "output"], "unknown op 'conv3x3' at vertex 1 .* did you mean 'conv3x3-bn-relu'"),
        (NO_PATH, ["input", OPS[0]], "'input', operations and 'output'"),
        (NO_PATH, ["input"] * 2 + ["output"], "unknown op 'input' at vertex 1"),
        (NO_PATH, "input", "list of names"),
        (NO_PATH, [0, 1, 2], "list of names"),
        (NO_PATH, None, "list of names"),
        (np.zeros((65, 65)), ["input", *[OPS[0]] * 63, "output"], "at most 64"),
    ],
)
def test_specs_that_are_none(space: NB101, matrix: Any, ops: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        space.from_spec(matrix, ops)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        (SIZE, "index 423624 is outside nb101; indices run from 0 to 423623"),
        (-1, "index -1 is outside"),
        (True, "expected an nb101 cell"),
        (1.5, "expected an nb101 cell"),
        (None, "expected an nb101 cell"),
        (b"00", "expected an nb101 cell"),
        ("", "malformed nb101 cell ''"),
        ("conv", "malformed nb101 cell 'conv'; expected its official hash"),
        ("0" * 32, "no nb101 cell has the hash 0000"),
        ("0" * 31, "malformed"),
        ("[", "malformed nb101 cell '\\['; expected JSON"),
        ("[" * 100_000, "malformed"),
        ("{}", 'malformed .* expected {"matrix"'),
        ("[1, 2, 3]", "malformed"),
        ("[[[0, 1], [0, 0]], null]", "list of names"),
        ('{"matrix": [[0, 0], [0, 0]], "ops": ["input", "output"]}', "no path from"),
        ("nor_conv_3x3(0) output(1)", "unknown op 'nor_conv_3x3'"),
        ("maxpool3x3(0) output(2*1)", "0 and 1 only"),
        (Architecture(get_space("nb201"), "x"), "expected an nb101 cell, got 'x' of space 'nb201'"),
    ],
)
def test_names_that_are_none(space: NB101, given_: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        space.parse(given_)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 400
