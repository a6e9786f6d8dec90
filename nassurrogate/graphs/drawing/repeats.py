"""Finds repeated blocks in a list of boxes, so that a drawing shows each block once."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from nassurrogate.graphs.drawing.boxes import Box

_LEAST_SAVED = 3
"""Boxes that folding a block must save."""
_LONGEST_PERIOD = 250
_FEW = 60
"""If more boxes than this are left, blocks that differ in their sizes are folded, too, and blocks of blocks."""


class Repeat(NamedTuple):
    """A block of boxes that comes several times in a row.

    Attributes:
        start: position of its first box.
        period: boxes of the block, those of blocks inside it included.
        times: how often it comes.
        children: what is drawn: the positions of the boxes of the first copy, and blocks inside it.
        same_sizes: whether all copies have equal sizes, such as channels.
    """

    start: int
    period: int
    times: int
    children: tuple[Item, ...]
    same_sizes: bool

    @property
    def stop(self) -> int:
        """Position after the last copy."""
        return self.start + self.period * self.times

    def in_first_copy(self, position: int) -> int:
        """The position of the box of the first copy that is drawn for this one."""
        return self.start + (position - self.start) % self.period


Item: TypeAlias = "int | Repeat"
"""The position of a box, or a block that stands for many."""


def folded(boxes: Sequence[Box]) -> list[Item]:
    """The boxes in order, with repeated blocks in place of their boxes.

    Of a block, only the last copy may be read by boxes that come after it.

    >>> conv = Box("Conv 3×3", "ReLU", "convolution", (0,), 0, ((1, 8, 4, 4),), 576, 0)
    >>> items = folded([conv._replace(inputs=()), *(conv._replace(inputs=(i,)) for i in range(6))])
    >>> items[0], items[1].start, items[1].times, items[1].children
    (0, 1, 6, (1,))
    """
    everything: list[Item] = list(range(len(boxes)))
    places = [tuple(position - x for x in box.inputs) for position, box in enumerate(boxes)]
    equal: list[Hashable] = [box._replace(inputs=place) for box, place in zip(boxes, places, strict=True)]
    last_reader = np.full(len(boxes), -1)
    for position, box in enumerate(boxes):
        last_reader[list(box.inputs)] = position
    items = _fold_once(everything, equal, equal, last_reader)
    if n_drawn(items) <= _FEW:
        return items
    alike: list[Hashable] = [(box.title, box.details, place) for box, place in zip(boxes, places, strict=True)]
    items, before = everything, len(boxes) + 1
    while _FEW < n_drawn(items) < before:
        before = n_drawn(items)
        items = _fold_once(items, alike, equal, last_reader)
    return items


def n_drawn(items: Sequence[Item]) -> int:
    """How many boxes are drawn."""
    return sum(1 if isinstance(item, int) else n_drawn(item.children) for item in items)


def _fold_once(
    items: Sequence[Item], tokens: Sequence[Hashable], equal: Sequence[Hashable], last_reader: np.ndarray
) -> list[Item]:
    """The items with those repeated blocks folded that come most often, and so on for what is left on either side.

    Args:
        items: in order.
        tokens: of every box; equal for boxes that may be copies of each other.
        equal: of every box; equal for boxes of equal sizes.
        last_reader: of every box, the position of the last box that reads it.
    """
    written = [_written(item, tokens) for item in items]
    codes = {token: code for code, token in enumerate(dict.fromkeys(written))}
    numbers = np.array([codes[token] for token in written])
    result: list[Item] = []
    parts = [(0, len(items))]
    while parts:
        low, high = parts.pop()
        best = _most_frequent(items, numbers, last_reader, low, high)
        if best is None:
            result += items[low:high]
            continue
        start, length, count = best
        block = tuple(items[start : start + length])
        first, period = _start(block[0]), sum(map(_extent, block))
        copies = [tuple(equal[at : at + period]) for at in range(first, first + period * count, period)]
        result.append(Repeat(first, period, count, block, same_sizes=len(set(copies)) == 1))
        parts += [(low, start), (start + length * count, high)]
    return sorted(result, key=_start)


def _most_frequent(
    items: Sequence[Item], numbers: np.ndarray, last_reader: np.ndarray, low: int, high: int
) -> tuple[int, int, int] | None:
    """(first item, items, copies) of the block between two items that comes most often; None if none saves enough."""
    best, most = None, (0, 0)
    ends = np.cumsum([0, *map(_extent, items)])
    saved = np.cumsum([0, *(n_drawn([item]) for item in items)])
    for length in range(1, min((high - low) // 2, _LONGEST_PERIOD) + 1):
        for begin, end in _runs(numbers[low : high - length] == numbers[low + length : high]):
            # Copies may start anywhere in the run: those count whose values nobody reads from outside.
            for start in range(low + begin, low + min(begin + length, end)):
                count = 1 + (low + end - start) // length
                while count > 1 and not _is_closed(last_reader, ends[start], ends[start + length], count):
                    count -= 1
                gain = int(saved[start + length] - saved[start]) * (count - 1)
                if gain >= _LEAST_SAVED and (count, gain) > most:
                    best, most = (start, length, count), (count, gain)
    return best


def _runs(flags: np.ndarray) -> Iterator[tuple[int, int]]:
    """(begin, end) of all runs of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    yield from map(tuple, edges.reshape(-1, 2).tolist())


def _is_closed(last_reader: np.ndarray, start: int, stop_of_first: int, count: int) -> bool:
    """Whether only the last copy is read from outside."""
    period = stop_of_first - start
    stop = start + period * count
    return bool((last_reader[start : stop - period] < stop).all())


def _written(item: Item, tokens: Sequence[Hashable]) -> Hashable:
    if isinstance(item, int):
        return tokens[item]
    return item.times, tuple(_written(child, tokens) for child in item.children)


def _start(item: Item) -> int:
    return item if isinstance(item, int) else item.start


def _extent(item: Item) -> int:
    return 1 if isinstance(item, int) else item.stop - item.start
