"""What a module did when it was recorded: steps in frames, one frame a call of a part with a forward of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import torch


class Value(NamedTuple):
    """A tensor that an input brings or a step computes; numbered in the order of the recording."""

    number: int


class Stored(NamedTuple):
    """A parameter, a buffer or another tensor of the module, by all its names in it."""

    paths: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Constant:
    """A tensor that the code makes use of and that no module holds."""

    tensor: torch.Tensor


class Varied(NamedTuple):
    """A number that depends on the shape of the input: its value in every recording."""

    values: tuple[Any, ...]


class Training(NamedTuple):
    """A flag that is `module.training`, or its opposite."""

    negated: bool


@dataclass
class Step:
    """One call.

    Attributes:
        function: of torch; None if a part of the module is called.
        paths: all names of the part.
        args, kwargs: with tensors as `Value`, `Stored` or `Constant`.
        result: the same structure as what was returned, with a `Value` for every tensor and None for all else.
        changes_input: whether it works in place.
        frame: what happened inside; None for a function and for a layer of `torch.nn`.
    """

    function: Callable[..., Any] | None
    paths: tuple[str, ...]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    result: Any
    changes_input: bool = False
    frame: Frame | None = None


@dataclass(eq=False)
class Frame:
    """One call of a part, or of the whole module.

    Attributes:
        paths: all names of the part; the whole module is "".
        parent: the frame in which it was called.
        inputs: the arguments that hold tensors: name, and value with a `Value` for every tensor.
        bound: the values of all tensors among the arguments, in the order of the call.
        steps: in order.
        output: what was returned, with a `Value`, `Stored` or `Constant` for every tensor and None for all else.
        inlined: whether its steps belong to the parent, as they use what is neither an argument nor its own.
    """

    paths: tuple[str, ...]
    parent: Frame | None
    inputs: list[tuple[str, Any]] = field(default_factory=list)
    bound: tuple[Value, ...] = ()
    steps: list[Step] = field(default_factory=list)
    output: Any = None
    inlined: bool = False

    def calls(self) -> Iterator[Frame]:
        """This frame and all frames in it."""
        yield self
        for step in self.steps:
            if step.frame is not None:
                yield from step.frame.calls()


Shapes: TypeAlias = dict[int, tuple[int, ...]]
"""The shapes of values by their numbers."""


class Recording(NamedTuple):
    """One or several runs of a module that took the same steps.

    Attributes:
        frame: of the whole module; numbers that differ between the runs are `Varied`.
        shapes: of all values, in every run.
    """

    frame: Frame
    shapes: tuple[Shapes, ...]


def map_tree(change: Callable[[Any], Any], tree: Any) -> Any:
    """A copy of nested lists, tuples, dicts and slices with every leaf changed.

    >>> map_tree(lambda leaf: leaf + 1, [1, (2, {"a": 3})])
    [2, (3, {'a': 4})]
    """
    if isinstance(tree, Value | Stored | Varied | Training):
        return change(tree)
    if isinstance(tree, list | tuple):
        parts = [map_tree(change, part) for part in tree]
        return parts if isinstance(tree, list) else tuple(parts)
    if isinstance(tree, dict):
        return {key: map_tree(change, part) for key, part in tree.items()}
    if isinstance(tree, slice):
        return slice(*(map_tree(change, part) for part in (tree.start, tree.stop, tree.step)))
    return change(tree)


def leaves(tree: Any) -> list[Any]:
    """All leaves of nested lists, tuples, dicts and slices."""
    found: list[Any] = []
    map_tree(found.append, tree)
    return found


def values_in(tree: Any) -> list[Value]:
    """All values in a tree, in order."""
    return [leaf for leaf in leaves(tree) if isinstance(leaf, Value)]
