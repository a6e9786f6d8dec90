"""Open sizes of inputs, and the random inputs themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nassurrogate.devices.input_shapes import DeclaredInput, complete_shapes, parse_input_shapes
from nassurrogate.devices.random_inputs import random_input
from nassurrogate.errors import InputError

IMAGE = DeclaredInput("image", ["N", 3, None, "W"])
TOKENS = [DeclaredInput("ids", ["batch", "length"]), DeclaredInput("mask", ["batch", "length"])]


def test_declared_shapes_are_kept() -> None:
    assert complete_shapes([DeclaredInput("x", [2, 3]), DeclaredInput("y", [])], {}) == ({"x": (2, 3), "y": ()}, ())


@pytest.mark.parametrize("batch", ["N", None, "anything"])
def test_an_open_batch_is_one_with_a_note(batch: str | None) -> None:
    shapes, notes = complete_shapes([DeclaredInput("x", [batch, 3])], {})
    assert shapes == {"x": (1, 3)}
    assert notes == ("the batch size of input 'x' is open; 1 is measured",)


def test_other_open_sizes_have_to_be_given() -> None:
    with pytest.raises(InputError, match=r"^input image=Nx3x\?xW has open sizes; .* image=1x3xSIZExSIZE$"):
        complete_shapes([IMAGE], {})
    for name in ("image", ""):
        assert complete_shapes([IMAGE], {name: (4, 3, 5, 6)}) == ({"image": (4, 3, 5, 6)}, ())


def test_the_same_text_is_the_same_size() -> None:
    assert complete_shapes(TOKENS, {"ids": (2, 16)}) == ({"ids": (2, 16), "mask": (2, 16)}, ())
    with pytest.raises(InputError, match="2x17 does not fit input mask=batchxlength"):
        complete_shapes(TOKENS, {"ids": (2, 16), "mask": (2, 17)})
    # The batch is not guessed if another size goes by the same text.
    with pytest.raises(InputError, match="open sizes"):
        complete_shapes([DeclaredInput("square", ["n", "n"])], {})


def test_a_shape_without_a_name_is_for_the_only_input_that_needs_one() -> None:
    mixed = [DeclaredInput("fixed", [1, 2]), DeclaredInput("open", [None, None])]
    assert complete_shapes(mixed, {"": (3, 4)})[0] == {"fixed": (1, 2), "open": (3, 4)}
    with pytest.raises(InputError, match="needs the name of one of its 2 inputs: 'ids=batchxlength, mask="):
        complete_shapes(TOKENS, {"": (1, 8)})


@pytest.mark.parametrize("shape", [(1, 3, 4), (1, 4, 4, 4), (1, 3, 4, 4, 4), ()])
def test_a_given_shape_has_to_fit(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"does not fit input image=Nx3x\?xW"):
        complete_shapes([IMAGE], {"image": shape})


def test_shapes_of_other_models_inputs_are_ignored() -> None:
    assert complete_shapes([DeclaredInput("x", [1])], {"image": (1, 3)}) == ({"x": (1,)}, ())


def test_empty_inputs_are_refused() -> None:
    with pytest.raises(InputError, match=r"'x' of shape \[1, 0\] is empty"):
        complete_shapes([DeclaredInput("x", [1, 0])], {})


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["x="], "expects NAME=1x3x224x224"),
        (["x=1x"], "expects NAME"),
        (["=1x2"], "expects NAME"),
        (["x=-1x2"], "expects NAME"),
        (["x=1x²"], "expects NAME"),
        (["x=1x9999999999"], "expects NAME"),
        (["x=1x0"], "sizes start at 1"),
        (["x=1", "x=2"], "gives the shape of 'x' twice"),
        (["1", "2"], "gives the shape of the only input twice"),
    ],
)
def test_texts_that_are_no_shapes(texts: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_input_shapes(texts)


NAMES = st.text(min_size=1).filter(lambda name: not name.startswith("="))
SIZES = st.lists(st.integers(1, 10**9 - 1), min_size=1)


@given(st.dictionaries(NAMES, SIZES, max_size=4), st.sampled_from("x,"))
def test_written_shapes_are_read_back(shapes: dict[str, list[int]], between: str) -> None:
    texts = [f"{name}={between.join(map(str, sizes))}" for name, sizes in shapes.items()]
    assert parse_input_shapes(texts) == {name: tuple(sizes) for name, sizes in shapes.items()}


@pytest.mark.parametrize(
    ("kind", "dtype", "most"),
    [("float", "float32", 6), ("float16", "float16", 6), ("double", "float64", 6), ("bool", "bool", 1),
     ("uint8", "uint8", 255), ("int8", "int8", 127), ("int64", "int64", 1), ("int32", "int32", 1)],
)  # fmt: skip
def test_random_inputs(kind: str, dtype: str, most: int) -> None:
    made = random_input("x", f"tensor({kind})", (20, 50), np.random.default_rng(0))
    assert (made.dtype, made.shape) == (np.dtype(dtype), (20, 50))
    assert 1 <= made.max() <= most
    assert len(np.unique(made)) > 1


@pytest.mark.parametrize("kind", ["tensor(string)", "tensor(bfloat16)", "sequence(tensor(float))", "map(int64,float)"])
def test_other_types_are_refused(kind: str) -> None:
    with pytest.raises(InputError, match=r"'x' is of type .*; expected a tensor of one of: float, float16"):
        random_input("x", kind, (1,), np.random.default_rng(0))


def test_nothing_huge_is_allocated() -> None:
    shape: Any = (1 << 20, 1 << 20, 1 << 20)
    with pytest.raises(InputError, match="takes 4,611,686,018,427,387,904 bytes; at most 1,073,741,824"):
        random_input("x", "tensor(float)", shape, np.random.default_rng(0))
