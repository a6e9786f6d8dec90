"""Numbers in exported source: sizes that depend on the input, and what tensors hold."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nassurrogate.export.source.expressions import text, written
from nassurrogate.export.source.recording.calls import Value
from nassurrogate.export.source.sizes import Size, find_size
from nassurrogate.export.source.tensors import tensor_expression

shapes = st.lists(st.integers(1, 40), min_size=3, max_size=4)


@given(shapes, st.data())
def test_a_size_that_is_found_gives_the_number_in_every_run(first: list[int], data: st.DataObject) -> None:
    runs = [{0: tuple(first)}] + [
        {0: tuple(data.draw(st.integers(1, 40)) for _ in first)} for _ in range(data.draw(st.integers(1, 3)))
    ]
    axis = data.draw(st.integers(0, len(first) - 1))
    times, plus = data.draw(st.sampled_from([(1, 0), (3, 0), (1, -2), (1, 5)]))
    numbers = [times * run[0][axis] + plus for run in runs]
    found = find_size(numbers, [Value(0)], runs)
    assert found is not None
    for number, run in zip(numbers, runs, strict=True):
        shape = type("Tensor", (), {"shape": run[0]})
        assert eval(found.text("x"), {"x": shape}) == number


def test_the_simplest_size_is_found() -> None:
    runs = [{0: (3, 4, 6), 1: (5, 24)}, {0: (5, 8, 6), 1: (5, 48)}]
    assert find_size([4, 8], [Value(1), Value(0)], runs) == Size(Value(0), (1, 1))
    assert find_size([24, 48], [Value(0), Value(1)], runs) == Size(Value(1), (1, 1))
    assert find_size([12, 40], [Value(0)], runs) == Size(Value(0), (0, 1))
    assert find_size([2, 4], [Value(0)], runs) == Size(Value(0), (1, 1), over=2)
    assert find_size([7, 100], [Value(0), Value(1)], runs) is None


TENSORS: dict[str, torch.Tensor] = {
    "torch.zeros(2, 3)": torch.zeros(2, 3),
    "torch.ones(4, dtype=torch.int64)": torch.ones(4, dtype=torch.int64),
    "torch.full((2,), 0.5)": torch.full((2,), 0.5),
    'torch.full((2,), float("-inf"))': torch.full((2,), -math.inf),
    "torch.full((2,), 0.1, dtype=torch.float64)": torch.full((2,), 0.1, dtype=torch.float64),
    "torch.zeros(2, dtype=torch.bool)": torch.zeros(2, dtype=torch.bool),
    "torch.zeros((), dtype=torch.int64)": torch.tensor(0),
    "torch.arange(5)": torch.arange(5),
    "torch.arange(5, dtype=torch.float32)": torch.arange(5.0),
    'torch.triu(torch.full((3, 3), float("-inf")), 1)': torch.full((3, 3), -math.inf).triu(1),
    "torch.tril(torch.ones(3, 3))": torch.ones(3, 3).tril(),
    "torch.tensor([1.5, 2.0], dtype=torch.float32)": torch.tensor([1.5, 2.0]),
    "torch.tensor([True, False], dtype=torch.bool)": torch.tensor([True, False]),
}


@pytest.mark.parametrize("expected", TENSORS)
def test_tensors_are_written_by_their_pattern(expected: str) -> None:
    made = tensor_expression(TENSORS[expected])
    assert made is not None
    assert written(made) == expected
    assert _equal(eval(expected, {"torch": torch}), TENSORS[expected])


@given(
    st.sampled_from(
        [torch.float32, torch.float64, torch.int64, torch.uint8, torch.bool, torch.float16, torch.bfloat16]
    ),
    st.lists(st.integers(0, 3), max_size=3),
    st.integers(0, 1 << 16),
)
def test_any_small_tensor_comes_back(dtype: torch.dtype, shape: list[int], seed: int) -> None:
    numbers = torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    tensor = (numbers * 3).to(dtype)
    made = tensor_expression(tensor)
    assert made is not None
    assert _equal(eval(written(made), {"torch": torch}), tensor)


def test_many_numbers_without_a_pattern_have_no_text() -> None:
    assert tensor_expression(torch.randn(40, 40)) is None
    assert tensor_expression(torch.ones(400, 400)) is not None


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.lists(inner, max_size=3).map(tuple),
        max_leaves=6,
    )
)
def test_values_come_back_from_their_text(value: Any) -> None:
    assert eval(text(value), {"torch": torch}) == value


def _equal(first: torch.Tensor, second: torch.Tensor) -> bool:
    return first.dtype == second.dtype and torch.equal(first, second)
