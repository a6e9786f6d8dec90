"""The shapes with which a model is run: as declared, with the open sizes filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from nassurrogate.errors import InputError, brief, unknown_choice

Shape: TypeAlias = tuple[int, ...]
THE_ONLY_ONE: Final = ""
"""Instead of an input's name: the shape of the only input, or of the only one with open sizes."""


class DeclaredInput(NamedTuple):
    """An input as a model declares it.

    Attributes:
        name: its name in the model.
        sizes: of each dimension; a text or None if it is open: the same text is the same size.
    """

    name: str
    sizes: Sequence[int | str | None]

    @property
    def is_open(self) -> bool:
        """Whether any size is open."""
        return any(not isinstance(size, int) for size in self.sizes)

    def __str__(self) -> str:
        return f"{self.name}=" + "x".join("?" if size is None else str(size) for size in self.sizes)


def parse_input_shapes(texts: Sequence[str], option: str = "--input-shape") -> dict[str, Shape]:
    """Shapes by the input's name, from texts such as `image=1x3x224x224`; without a name, for the only input.

    Raises `InputError` for anything else, and for an input that is given twice.

    >>> parse_input_shapes(["image=1x3x224x224", "mask=1x16"])
    {'image': (1, 3, 224, 224), 'mask': (1, 16)}
    >>> parse_input_shapes(["1,3,32,32"])
    {'': (1, 3, 32, 32)}
    """
    found: dict[str, Shape] = {}
    for text in texts:
        name, _, sizes = text.rpartition("=")
        if not re.fullmatch(r"[0-9]{1,9}([x,][0-9]{1,9})*", sizes) or text.startswith("="):
            raise InputError(f"{option} expects NAME=1x3x224x224, or 1x3x224x224 for the only input, got {brief(text)}")
        shape = tuple(int(size) for size in re.split("[x,]", sizes))
        if 0 in shape:
            raise InputError(f"{option} {text}: sizes start at 1")
        if name in found:
            raise InputError(f"{option} gives the shape of {brief(name) if name else 'the only input'} twice")
        found[name] = shape
    return found


def complete_shapes(
    inputs: Sequence[DeclaredInput], given: Mapping[str, Shape]
) -> tuple[dict[str, Shape], tuple[str, ...]]:
    """The shape of every input, and notes on sizes that were not declared.

    An open first dimension is the batch, and becomes 1. Every other open size has to follow from `given`.

    Args:
        inputs: those of a model.
        given: shapes by name, or under `THE_ONLY_ONE`; names of other models' inputs are ignored.

    Raises `InputError` if a size stays open, a given shape contradicts the declared one, or an input is empty.

    >>> complete_shapes([DeclaredInput("image", ["N", 3, 8, 8])], {})
    ({'image': (1, 3, 8, 8)}, ("the batch size of input 'image' is open; 1 is measured",))
    """
    chosen = named_shapes(inputs, given)
    known: dict[str, int] = {}  # sizes by the text that stands for them
    for declared in inputs:
        if declared.name in chosen:
            _bind(declared, chosen[declared.name], known)
    shapes, notes = {}, []
    for declared in inputs:
        if declared.name in chosen:
            shapes[declared.name] = chosen[declared.name]
            continue
        first = declared.sizes[0] if declared.sizes else 1
        if not isinstance(first, int) and first not in known:
            notes.append(f"the batch size of input {declared.name!r} is open; 1 is measured")
        sizes = [known.get(size, size) if isinstance(size, str) else size for size in declared.sizes]
        if sizes and not isinstance(sizes[0], int):
            sizes[0] = 1
        if not all(isinstance(size, int) for size in sizes):
            example = "x".join(str(size) if isinstance(size, int) else "SIZE" for size in sizes)
            raise InputError(f"input {declared} has open sizes; give them with --input-shape {declared.name}={example}")
        shapes[declared.name] = tuple(size for size in sizes if isinstance(size, int))
    for name, shape in shapes.items():
        if min(shape, default=1) < 1:
            raise InputError(f"input {name!r} of shape {list(shape)} is empty; there is nothing to measure")
    return shapes, tuple(notes)


def named_shapes(inputs: Sequence[DeclaredInput], given: Mapping[str, Shape]) -> dict[str, Shape]:
    """The given shapes by the name of the input; names of other models' inputs are left out.

    Raises `InputError` if a shape without a name could be that of several inputs.

    >>> named_shapes([DeclaredInput("image", ["N", 3, "H", "W"])], {"": (1, 3, 32, 32), "mask": (1, 16)})
    {'image': (1, 3, 32, 32)}
    """
    names = {declared.name for declared in inputs}
    chosen = {name: shape for name, shape in given.items() if name in names}
    if THE_ONLY_ONE in given:
        chosen.setdefault(_only_one(inputs).name, given[THE_ONLY_ONE])
    return chosen


def _only_one(inputs: Sequence[DeclaredInput]) -> DeclaredInput:
    """The input that a shape without a name is for."""
    candidates = inputs if len(inputs) == 1 else [declared for declared in inputs if declared.is_open]
    if len(candidates) != 1:
        listed = ", ".join(map(str, inputs))
        raise InputError(f"--input-shape needs the name of one of its {len(inputs)} inputs: {brief(listed, 200)}")
    return candidates[0]


def _bind(declared: DeclaredInput, shape: Shape, known: dict[str, int]) -> None:
    """Compare a given shape with the declared one, and note the sizes of the texts in it."""
    fits = len(shape) == len(declared.sizes)
    for size, value in zip(declared.sizes, shape, strict=False):
        expected = known.setdefault(size, value) if isinstance(size, str) else size
        fits = fits and expected in (None, value)
    if not fits:
        raise InputError(f"--input-shape {'x'.join(map(str, shape))} does not fit input {declared}")


def unknown_input(name: str, inputs: Sequence[str]) -> InputError:
    """The error for the name of an input that no model has."""
    return unknown_choice("input", name, inputs, place=" in --input-shape")
