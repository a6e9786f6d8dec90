"""Rows of Reshapes and Transposes, with NumPy as the oracle."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nassurrogate.graphs.operator_graph import Operator, Shape
from nassurrogate.graphs.rules.movement import shorten_movement
from nassurrogate.graphs.rules.rewriting import Rewriting
from tests.graphs.operator_list import OperatorList

Step = tuple[str, tuple[int, ...]]
"""A kind, with the permutation of a Transpose or the shape of a Reshape."""


@st.composite
def shapes(draw: st.DrawFn, size: int) -> Shape:
    """A shape of so many numbers, with axes of length 1 here and there."""
    axes: list[int] = []
    while size > 1:
        length = draw(st.sampled_from([x for x in range(2, size + 1) if size % x == 0]))
        axes.append(length)
        size //= length
    for _ in range(draw(st.integers(0, 2))):
        axes.insert(draw(st.integers(0, len(axes))), 1)
    return tuple(axes)


@st.composite
def rows(draw: st.DrawFn) -> tuple[Shape, list[Step]]:
    """A shape, and steps from it."""
    size = draw(st.sampled_from([2, 6, 8, 12, 24, 36]))
    start = shape = draw(shapes(size))
    steps: list[Step] = []
    for _ in range(draw(st.integers(1, 6))):
        if draw(st.booleans()):
            shape = draw(shapes(size))
            steps.append(("Reshape", shape))
        else:
            order = tuple(draw(st.permutations(range(len(shape)))))
            shape = tuple(shape[axis] for axis in order)
            steps.append(("Transpose", order))
    return start, steps


def moved(start: Shape, steps: list[Step]) -> np.ndarray:
    """Where the numbers of a tensor go."""
    array = np.arange(math.prod(start)).reshape(start)
    for kind, argument in steps:
        array = array.transpose(argument) if kind == "Transpose" else array.reshape(argument)
    return array


def shortened(start: Shape, steps: list[Step]) -> list[Step]:
    operators, values = [Operator("Input", (), (start,))], {}
    for place, (kind, argument) in enumerate(steps):
        operators.append(Operator(kind, (place,), (moved(start, steps[: place + 1]).shape,)))
        if kind == "Transpose":
            values[place + 1] = argument
    end = Operator("Softmax", (len(steps),), (operators[-1].output_shape,))
    network = Rewriting([*operators, end], [len(steps) + 1], values)
    shorten_movement(network, len(steps))
    found: list[Step] = []
    for position in network.order()[1:-1]:
        operator, order = network[position], network.values(position)
        found.append((operator.kind, tuple(int(x or 0) for x in order) if order else operator.output_shape))
    return found


@given(rows())
def test_the_numbers_go_to_the_same_places(row: tuple[Shape, list[Step]]) -> None:
    start, steps = row
    short = shortened(start, steps)
    assert moved(start, short).shape == moved(start, steps).shape
    assert np.array_equal(moved(start, short), moved(start, steps))


@given(rows())
def test_a_short_row_stays(row: tuple[Shape, list[Step]]) -> None:
    start, steps = row
    short = shortened(start, steps)
    assert not short or shortened(start, short) == short


@given(rows(), st.data())
def test_other_steps_to_the_same_places_have_the_same_form(row: tuple[Shape, list[Step]], data: st.DataObject) -> None:
    start, steps = row
    place = data.draw(st.integers(0, len(steps)))
    shape = moved(start, steps[:place]).shape
    order = tuple(data.draw(st.permutations(range(len(shape)))))
    back = tuple(int(x) for x in np.argsort(order))
    longer = [*steps[:place], ("Transpose", order), ("Transpose", back), *steps[place:]]
    if len(shortened(start, steps)) <= 3 and len(shortened(start, longer)) <= 3:  # neither had to be left as it was
        assert shortened(start, longer) == shortened(start, steps)


@pytest.mark.parametrize(
    ("start", "steps", "short"),
    [
        ((2, 3), [("Transpose", (1, 0)), ("Transpose", (1, 0))], []),
        ((1, 3, 4), [("Transpose", (1, 0, 2))], [("Reshape", (3, 1, 4))]),
        ((6, 4), [("Reshape", (24,)), ("Reshape", (2, 12))], [("Reshape", (2, 12))]),
        ((5, 2, 3), [("Transpose", (1, 0, 2)), ("Transpose", (0, 2, 1))], [("Transpose", (1, 2, 0))]),
        (  # a shuffle of channels
            (1, 6, 4, 4),
            [("Reshape", (1, 2, 3, 4, 4)), ("Transpose", (0, 2, 1, 3, 4)), ("Reshape", (1, 6, 4, 4))],
            [("Reshape", (2, 3, 16)), ("Transpose", (1, 0, 2)), ("Reshape", (1, 6, 4, 4))],
        ),
    ],
)
def test_the_form_of_a_row(start: Shape, steps: list[Step], short: list[Step]) -> None:
    assert shortened(start, steps) == short


def test_a_transpose_of_unknown_order_stays() -> None:
    network = OperatorList((2, 2))
    network.add("Transpose", network.add("Transpose", 0))
    assert network.kinds() == ["Transpose", "Transpose"]


def test_a_step_that_others_read_stays_for_them() -> None:
    network = OperatorList((2, 3, 4))
    turned = network.add("Transpose", 0, shape=(2, 4, 3), values=(0, 2, 1))
    back = network.add("Transpose", turned, shape=(2, 3, 4), values=(0, 2, 1))
    kinds = network.kinds(network.add("Tanh", turned), network.add("Sin", back))
    assert sorted(kinds) == ["Sin", "Tanh", "Transpose"]
