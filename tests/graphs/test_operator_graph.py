"""The value: rules, costs, and an identity that depends on nothing but the network."""

from __future__ import annotations

import math
import pickle
import random

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nassurrogate.errors import InputError
from nassurrogate.graphs.operator_graph import Operator, OperatorGraph, Shape

SHAPES: list[Shape] = [(1, 4, 8, 8), (1, 8, 4, 4), (2, 16), (3,)]
INPUT = Operator("Input", (), (SHAPES[0],))


@st.composite
def networks(draw: st.DrawFn) -> list[Operator]:
    """Random operators, some with two outputs; each reads up to three that come before."""
    operators = [Operator("Input", (), (draw(st.sampled_from(SHAPES)),)) for _ in range(draw(st.integers(1, 2)))]
    for _ in range(draw(st.integers(0, 12))):
        inputs = tuple(draw(st.lists(st.integers(0, len(operators) - 1), min_size=1, max_size=3)))
        slots = tuple(draw(st.integers(0, len(operators[x].output_shapes) - 1)) for x in inputs)
        operators.append(
            Operator(
                draw(st.sampled_from(["Conv", "Relu", "Add", "Split"])),
                inputs,
                tuple(draw(st.lists(st.sampled_from(SHAPES), min_size=1, max_size=2))),
                slots if any(slots) else (),
                params=draw(st.integers(0, 3)),
                flops=draw(st.integers(0, 3)),
            )
        )
    return operators


def as_networkx(operators: list[Operator]) -> nx.MultiDiGraph:
    graph = nx.MultiDiGraph()
    graph.add_nodes_from(range(len(operators)))
    graph.add_edges_from((x, place) for place, operator in enumerate(operators) for x in operator.inputs)
    return graph


def reordered(operators: list[Operator], seed: int) -> list[Operator]:
    """The same network with its operators in another topological order, which networkx finds."""
    ranks = random.Random(seed).sample(range(len(operators)), len(operators))
    order = list(nx.lexicographical_topological_sort(as_networkx(operators), key=lambda node: ranks[node]))
    new = {position: place for place, position in enumerate(order)}
    return [operators[x]._replace(inputs=tuple(new[y] for y in operators[x].inputs)) for x in order]


@given(networks(), st.integers())
def test_identity_does_not_depend_on_the_order(operators: list[Operator], seed: int) -> None:
    graph, other = OperatorGraph(operators, "a"), OperatorGraph(reordered(operators, seed), "b")
    assert graph == other
    assert hash(graph) == hash(other)
    assert (graph.flops, graph.params, graph.memory_bytes) == (other.flops, other.params, other.memory_bytes)


@given(networks(), st.data())
def test_identity_depends_on_every_field(operators: list[Operator], data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(operators) - 1))
    operator = operators[position]
    changes = [
        operator._replace(params=operator.params + 1),
        operator._replace(flops=operator.flops + 1),
        operator._replace(bias=not operator.bias),
        operator._replace(groups=operator.groups + 1),
        operator._replace(output_shapes=(*operator.output_shapes, (5,))),
        *(operator._replace(**{field: (7,)}) for field in ("kernel", "stride", "padding", "dilation")),
    ]
    for change in changes:
        changed = [*operators[:position], change, *operators[position + 1 :]]
        assert OperatorGraph(changed) != OperatorGraph(operators)


@given(networks())
def test_edges_are_those_of_networkx(operators: list[Operator]) -> None:
    graph = OperatorGraph(operators)
    assert sorted(graph.edges()) == sorted(as_networkx(operators).edges())
    assert len(graph) == graph.n_operators == len(operators)


@given(networks())
def test_a_copy_is_equal(operators: list[Operator]) -> None:
    graph = OperatorGraph(operators, "mine")
    copy = pickle.loads(pickle.dumps(graph))
    assert copy == graph
    assert copy.name == "mine"


def test_operators_that_read_other_outputs_are_told_apart() -> None:
    split = Operator("Split", (0,), ((1, 2), (1, 2)))
    first = OperatorGraph([INPUT, split, Operator("Relu", (1,), ((1, 2),))])
    second = OperatorGraph([INPUT, split, Operator("Relu", (1,), ((1, 2),), (1,))])
    assert first != second


def test_memory_counts_what_is_read_and_written() -> None:
    graph = OperatorGraph([INPUT, Operator("Add", (0, 0), (SHAPES[0],), params=10)])
    assert graph.operator_memory_bytes(0) == 0
    assert graph.memory_bytes == 4 * (3 * 256 + 10)
    assert graph.input_shapes(1) == (SHAPES[0], SHAPES[0])


@pytest.mark.parametrize(
    ("operators", "message"),
    [
        ([], "a network needs at least one input, got 0 operators without any"),
        ([Operator("Relu", (), ((1,),))], "a network needs at least one input, got 1 operators without any"),
        ([INPUT, Operator("Relu", (1,), ((1,),))], "operator 1 ('Relu') reads [1], but only the operators before it"),
        ([INPUT, Operator("Relu", (-1,), ((1,),))], "operator 1 ('Relu') reads [-1], but only the operators before it"),
        ([INPUT, Operator("Relu", (0,), ())], "operator 1 ('Relu') has no output"),
        ([INPUT, Operator("Relu", (0,), ((1, 0),))], "operator 1 ('Relu') has an empty output of shape [(1, 0)]"),
        ([INPUT, Operator("Relu", (0,), ((1,),), (0, 0))], "operator 1 ('Relu') has 1 inputs, but 2 slots"),
        ([INPUT, Operator("Relu", (0,), ((1,),), (1,))], "operator 1 ('Relu') reads output 1 of operator 0"),
    ],
)
def test_broken_rules_are_named(operators: list[Operator], message: str) -> None:
    with pytest.raises(InputError) as error:
        OperatorGraph(operators)
    assert str(error.value).startswith(message)


def _alive(operators: list[Operator], now: int) -> int:
    """Numbers alive while an operator runs: written by then, and read by it, by a later one, or by nothing."""
    total = 0
    for place, operator in enumerate(operators[: now + 1]):
        read = [
            (reader, slot)
            for reader, other in enumerate(operators)
            for x, slot in zip(other.inputs, other.input_slots or (0,) * len(other.inputs), strict=True)
            if x == place
        ]
        for slot, shape in enumerate(operator.output_shapes):
            last = max([reader for reader, own in read if own == slot], default=len(operators) if not read else place)
            total += math.prod(shape) if last >= now else 0
    return total


@given(networks())
def test_memory_of_activations_is_the_most_that_is_alive_at_once(operators: list[Operator]) -> None:
    graph = OperatorGraph(operators)
    assert graph.activation_bytes == 4 * max(_alive(operators, now) for now in range(len(operators)))


def test_a_reshape_shares_the_memory_of_what_it_reads() -> None:
    flat = Operator("Reshape", (0,), ((1, 256),))
    assert OperatorGraph([INPUT, flat]).activation_bytes == 4 * 256
    relu = Operator("Relu", (1,), ((1, 256),))
    assert OperatorGraph([INPUT, flat, relu]).activation_bytes == 4 * 512
    # The first input is alive until what was made of its reshape has been read.
    late = Operator("Add", (1, 2), ((1, 256),))
    assert OperatorGraph([INPUT, flat, relu, late]).activation_bytes == 4 * 3 * 256
