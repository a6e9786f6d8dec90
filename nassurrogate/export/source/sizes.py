"""Numbers that depend on the shape of the input, as sizes of tensors that are there."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from nassurrogate.export.source.recording.calls import Shapes, Value


@dataclass(frozen=True)
class Size:
    """`times` × a product of sizes of a value // `over` + `plus`.

    Attributes:
        value: the tensor.
        axes: first and last axis, whose sizes and those between are multiplied.
    """

    value: Value
    axes: tuple[int, int]
    times: int = 1
    over: int = 1
    plus: int = 0

    def text(self, name: str) -> str:
        """As Python, for a tensor of this name.

        >>> Size(Value(0), (2, 3), over=4).text("x")
        'x.shape[2] * x.shape[3] // 4'
        """
        first, last = self.axes
        product = " * ".join(f"{name}.shape[{axis}]" for axis in range(first, last + 1))
        product = f"{self.times} * {product}" if self.times != 1 else product
        product = f"{product} // {self.over}" if self.over != 1 else product
        return product if not self.plus else f"{product} {'+' if self.plus > 0 else '-'} {abs(self.plus)}"


def find_size(numbers: Sequence[int], candidates: Iterable[Value], shapes: Sequence[Shapes]) -> Size | None:
    """The simplest size that equals a number in every run; None if there is none.

    Args:
        numbers: (R,) the number in every run.
        candidates: the values that are there, the preferred ones first.
        shapes: (R,) the shapes of all values in every run.

    >>> find_size([32, 48], [Value(0)], [{0: (2, 8, 4)}, {0: (3, 8, 4)}])
    Size(value=Value(number=0), axes=(0, 0), times=16, over=1, plus=0)
    """
    values = list(candidates)
    for is_single, relation in _RELATIONS:
        for value in values:
            for axes, sizes in _products([run[value.number] for run in shapes], is_single):
                found = relation(numbers, sizes)
                if found is not None:
                    return Size(value, axes, *found)
    return None


def _products(shapes: Sequence[Sequence[int]], is_single: bool) -> Iterator[tuple[tuple[int, int], list[int]]]:
    rank = len(shapes[0])
    for first in range(rank):
        for last in [first] if is_single else range(first + 1, rank):
            yield (first, last), [math.prod(shape[first : last + 1]) for shape in shapes]


_Found = tuple[int, int, int]


def _equal(numbers: Sequence[int], sizes: Sequence[int]) -> _Found | None:
    return (1, 1, 0) if list(numbers) == list(sizes) else None


def _multiple(numbers: Sequence[int], sizes: Sequence[int]) -> _Found | None:
    if not all(sizes) or not all(numbers):
        return None
    times, over = numbers[0] // sizes[0], sizes[0] // numbers[0]
    if times > 1 and all(number == times * size for number, size in zip(numbers, sizes, strict=True)):
        return times, 1, 0
    if over > 1 and all(number * over == size for number, size in zip(numbers, sizes, strict=True)):
        return 1, over, 0
    return None


def _shifted(numbers: Sequence[int], sizes: Sequence[int]) -> _Found | None:
    apart = {number - size for number, size in zip(numbers, sizes, strict=True)}
    return (1, 1, apart.pop()) if len(apart) == 1 else None


_RELATIONS: tuple[tuple[bool, Callable[[Sequence[int], Sequence[int]], _Found | None]], ...] = (
    (True, _equal),
    (False, _equal),
    (True, _multiple),
    (False, _multiple),
    (True, _shifted),
    (False, _shifted),
)
