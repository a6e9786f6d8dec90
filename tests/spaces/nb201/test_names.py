"""nb201 cells by name: the official string, the official index, and what is said of names that are none."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nas_201_api import NASBench201API
from nats_bench import NATStopology

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError
from nassurrogate.spaces import get_space, space_names
from nassurrogate.spaces.base import is_single
from nassurrogate.spaces.nb201.space import EDGES, NB201, OPS

SPACE = NB201()
CELL = "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|"

indices = st.integers(0, SPACE.size - 1)


def test_strings_in_index_order_have_the_known_checksum() -> None:
    text = "".join(f"{arch.string}\n" for arch in SPACE.all())
    assert (
        hashlib.sha256(text.encode()).hexdigest() == "b24e2a8b6802be1326de041d81d564998ca8aa923055352f3a95c30d59ce7048"
    )
    assert len(set(SPACE.all())) == len(SPACE) == 15_625


def test_index_order_is_that_of_the_official_table(shared_data: Path) -> None:
    with (shared_data / "nb201" / "test_accuracy.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(int(row["index"]), row["arch"]) for row in rows] == list(enumerate(map(str, SPACE.all())))
    assert all(SPACE.parse(row["arch"]).index == int(row["index"]) for row in rows)


@given(indices)
def test_index_string_and_ops_are_one_cell(index: int) -> None:
    arch = SPACE.parse(index)
    assert arch.index == SPACE.index(arch) == index
    assert SPACE.parse(arch) is SPACE.parse(arch.string) is SPACE.parse(np.int64(index)) is arch
    assert SPACE.from_ops(SPACE.to_ops(arch)) is arch
    assert [OPS[code] for code in SPACE.op_codes[index]] == list(SPACE.to_ops(arch))


@pytest.mark.parametrize("api", [NASBench201API, NATStopology])
def test_official_parsers_read_the_same_cell(api: type) -> None:
    for arch in SPACE.all()[::7]:
        expected = dict(zip(EDGES, SPACE.to_ops(arch), strict=True))
        lists = api.str2lists(arch.string)  # type: ignore[attr-defined]
        assert {(source, node): op for node, reads in enumerate(lists, start=1) for op, source in reads} == expected
        matrix = api.str2matrix(arch.string)  # type: ignore[attr-defined]
        assert {(source, node): OPS[int(matrix[node, source])] for source, node in EDGES} == expected


def test_white_space_around_a_string_is_forgiven() -> None:
    assert SPACE.parse(f" {CELL}\n") == SPACE.parse(CELL)
    assert Architecture(get_space("nb201"), f"{CELL} ").index == 1


def test_batches() -> None:
    assert SPACE.parse_many(np.array([CELL, CELL])) == [SPACE.parse(1)] * 2
    assert SPACE.parse_many(i for i in (0, 1)) == list(SPACE.all()[:2])
    assert SPACE.parse_many([]) == []
    for single in (CELL, 1, np.uint8(1), SPACE.parse(1)):
        assert is_single(single)
        with pytest.raises(InputError, match="batch of nb201"):
            SPACE.parse_many(single)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"batch of nb201 architectures, got None"):
        SPACE.parse_many(None)  # type: ignore[arg-type]


def test_one_odd_cell_in_a_batch_is_read_as_alone() -> None:
    known = list(SPACE.all()[:3])
    assert SPACE.parse_many(known) == SPACE.parse_many(tuple(known)) == known
    assert SPACE.parse_many(known) is not known
    assert SPACE.parse_many([*known, Architecture(SPACE, f" {CELL}")]) == [*known, SPACE.parse(CELL)]
    for odd in (Architecture(SPACE, "no cell"), Architecture(get_space("macro"), CELL)):
        with pytest.raises(InputError) as alone:
            SPACE.parse(odd)
        with pytest.raises(InputError) as together:
            SPACE.parse_many([*known, odd])
        assert str(together.value) == str(alone.value)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (15_625, ["15625", "0", "15624"]),
        (-1, ["-1", "0", "15624"]),
        (np.int64(99_999), ["99999", "15624"]),
        (True, ["True", "string or index"]),
        (np.True_, ["True", "string or index"]),
        (1.5, ["1.5", "string or index"]),
        (None, ["None", "string or index"]),
        (b"|none~0|", ["b'|none~0|'", "string or index"]),
        ([CELL], ["[", "string or index"]),
        ("", ["''", "|OP~0|+|OP~0|OP~1|+|OP~0|OP~1|OP~2|", "nor_conv_3x3"]),
        ("conv", ["'conv'", "|OP~0|"]),
        (CELL.removesuffix("skip_connect~2|"), ["malformed", "|OP~0|+|OP~0|OP~1|+|OP~0|OP~1|OP~2|"]),
        (f"{CELL}+|none~0|", ["malformed", "|OP~0|"]),
        (CELL.replace("~1", "~2"), ["malformed", "|OP~0|"]),
        (CELL.replace("nor_conv_3x3~1", "conv5x5~1"), ["'conv5x5'", "edge 5", *OPS]),
        (CELL.replace("nor_conv_3x3~1", "nor_conv_3x33~1"), ["'nor_conv_3x33'", "edge 5", "mean 'nor_conv_3x3'?"]),
        (CELL.replace("avg_pool_3x3", "AVG_POOL_3X3"), ["'AVG_POOL_3X3'", "edge 3", "mean 'avg_pool_3x3'?"]),
        ("x" * 10_000, ["malformed", "…"]),
        (Architecture(get_space("nb101"), CELL), ["nb101", "expected an nb201 cell"]),
        (Architecture(get_space("nb201"), "nonsense"), ["nonsense", "|OP~0|"]),
    ],
)
def test_names_that_are_none(given: object, expected: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        SPACE.parse(given)  # type: ignore[arg-type]
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 400
    assert [part for part in expected if part not in message] == []


@pytest.mark.parametrize("ops", [["none"] * 5, ["none"] * 7, [], "none12", None, 6, {"none": 1}])
def test_not_six_operations(ops: object) -> None:
    with pytest.raises(InputError, match="has 6 operations, got"):
        SPACE.from_ops(ops)  # type: ignore[arg-type]


@pytest.mark.parametrize("op", [None, 3, ["none"], "None", "conv5x5"])
def test_operation_that_is_none(op: object) -> None:
    with pytest.raises(InputError, match=r"unknown op .* on edge 6 of an nb201 cell; known ops: none, skip_connect"):
        SPACE.from_ops([*["none"] * 5, op])  # type: ignore[list-item]


def test_space_by_name() -> None:
    assert "nb201" in space_names()
    assert get_space("nb201") is get_space("nb201")
    with pytest.raises(InputError, match=r"unknown space 'nb2O1'; known: .*did you mean 'nb201'"):
        get_space("nb2O1")
