"""Networks as text: lossless, one text for one network, and safe to read from anywhere."""

from __future__ import annotations

import base64
import bz2
import json
import random
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nassurrogate import InputError
from nassurrogate.graphs.operator_graph import INPUT, Operator, OperatorGraph
from nassurrogate.graphs.readers.node_list import iterate_node_lists
from nassurrogate.spaces.networks.order import canonical_operators
from nassurrogate.spaces.networks.text import PREFIX, network_text, read_network_text
from tests.spaces.networks.graphs import IMAGE, conv, graphs, shuffled, small


def packed(rows: Any) -> str:
    """Text that holds some JSON."""
    content = rows if isinstance(rows, bytes) else json.dumps(rows).encode()
    return PREFIX + base64.urlsafe_b64encode(bz2.compress(content)).decode()


@given(graphs())
def test_a_network_is_read_as_it_is_written(graph: OperatorGraph) -> None:
    text = network_text(graph)
    again = read_network_text(text)
    assert again == graph
    assert Counter(again.operators[x].kind for x, _ in again.edges()) == Counter(
        graph.operators[x].kind for x, _ in graph.edges()
    )
    assert sorted(op._replace(inputs=()) for op in again.operators) == sorted(
        op._replace(inputs=()) for op in graph.operators
    )
    assert again.operators == tuple(canonical_operators(graph))
    assert network_text(again) == text
    assert text.isascii()
    assert text.isprintable()


@given(graphs(), st.randoms(use_true_random=False))
def test_the_order_of_operators_does_not_matter(graph: OperatorGraph, rng: random.Random) -> None:
    other = shuffled(graph, rng)
    assert other == graph
    assert network_text(other) == network_text(graph)


@given(graphs(), graphs())
def test_equal_texts_are_equal_networks(one: OperatorGraph, other: OperatorGraph) -> None:
    if network_text(one) == network_text(other):
        assert one == other
    if one != other:
        assert network_text(one) != network_text(other)


def test_equal_branches_stay_apart() -> None:
    """Two convolutions that compute the same, each with a reader of its own, are not merged into one."""
    image = Operator(INPUT, (), (IMAGE,))
    operators = [image, conv(0, 4), conv(0, 4), Operator("Tanh", (2,), (IMAGE,)), Operator("Add", (1, 3), (IMAGE,) * 1)]
    again = read_network_text(network_text(OperatorGraph(operators)))
    convolutions = {x for x, operator in enumerate(again.operators) if operator.kind == "Conv"}
    assert {x for x, _ in again.edges()} >= convolutions
    assert len(convolutions) == 2


def test_the_name_is_no_part() -> None:
    assert network_text(small(name="one")) == network_text(small(name="other"))
    assert network_text(small(4)) != network_text(small(8))


_ROW = [INPUT, [], [[1, 3, 8, 8]], [], [], [], [], [], 1, False, 0, 0]


@pytest.mark.parametrize(
    "rows",
    [
        [], {}, 3, None, "text", [[]], [3], [_ROW[:-1]], [[*_ROW, 0]], b"no JSON", b"[" * 100_000, b"9" * 5_000,
        *([[*_ROW[:place], value, *_ROW[place + 1 :]]] for place, value in [
            (0, ""), (0, 3), (0, "x" * 201), (0, "a\nb"), (0, "Relu"), (1, [1]), (1, [0]), (1, 3), (1, [-1]), (2, []),
            (2, [[]] * 5000), (2, [[0]]), (2, [[-1]]), (2, [[1.5]]), (2, [[True]]), (2, [[1 << 40]]), (2, [[1] * 17]),
            (2, 3), (2, [3]), (3, [0]), (4, ["3"]), (5, {}), (6, [1] * 33), (7, None), (8, -1), (8, 1.0), (9, 1),
            (10, 1 << 63), (10, True), (11, -1), (11, float("nan")),
        ]),
    ],
    ids=lambda rows: repr(rows)[:60],
)  # fmt: skip
def test_hostile_text_is_refused_in_one_line(rows: Any) -> None:
    with pytest.raises(InputError) as caught:
        read_network_text(packed(rows))
    assert "\n" not in str(caught.value)


def test_damaged_text_is_refused() -> None:
    text = network_text(small())
    for damaged in (text[:-1], text[:40], text + "A", text.replace(text[30], "!"), PREFIX, "graph:abc", text[1:], ""):
        with pytest.raises(InputError):
            read_network_text(damaged)


def test_a_small_text_cannot_become_large() -> None:
    bomb = packed(b" " * (1 << 26))
    assert len(bomb) < 10_000
    with pytest.raises(InputError, match="more than"):
        read_network_text(bomb)
    with pytest.raises(InputError, match="characters"):
        read_network_text(PREFIX + "A" * (1 << 23))


@pytest.mark.parametrize("family", ["googlenet", "resnet"])
def test_real_networks_take_a_few_kilobytes(family: str, shared_data: Path) -> None:
    """Of 20 measured networks, of some 100 operators each; the structure survives: same operators, same readers."""
    networks = iterate_node_lists(shared_data / "latency" / "graphs" / f"{family}.json.gz")
    for _, graph in islice(networks, 20):
        text = network_text(graph)
        again = read_network_text(text)
        assert len(text) < 4_000
        assert again == graph
        read = [Counter(Counter(x for x, _ in found.edges()).values()) for found in (graph, again)]
        assert read[0] == read[1]
