"""Architectures of a `CategoricalSpace` as codes: which slots are active, counting and listing them, single edits.

Shapes: G slots. A code is the position of a slot's choice; −1 if the slot is inactive.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

import numpy as np

Conditions: TypeAlias = "tuple[tuple[tuple[int, frozenset[int]], ...], ...]"
"""For each of G slots: the earlier slots that it depends on, each with the codes that make it active."""
ABSENT: Final = -1
"""The code of an inactive slot."""
_MOST_STATES: Final = 1 << 16
"""The most joint choices, of slots that later ones depend on, for which architectures are counted."""


def activated(codes: Sequence[int], conditions: Conditions) -> list[int]:
    """(G,) codes in which inactive slots are `ABSENT`, and active ones that were absent have their first choice."""
    found = list(codes)
    for slot, of_slot in enumerate(conditions):
        if not all(found[other] in wanted for other, wanted in of_slot):
            found[slot] = ABSENT
        elif found[slot] == ABSENT:
            found[slot] = 0
    return found


def count_members(sizes: Sequence[int], conditions: Conditions) -> int | None:
    """Number of architectures that differ in an active slot; None if there are too many dependencies to count.

    Args:
        sizes: (G,) number of choices of every slot.
        conditions: of every slot.

    >>> count_members([2, 3], (((), ((0, frozenset({1})),))))
    4
    """
    last_needed = {other: slot for slot, of_slot in enumerate(conditions) for other, _ in of_slot}
    # The choices that later slots depend on → the number of architectures so far that have them.
    states: dict[tuple[tuple[int, int], ...], int] = {(): 1}
    for slot, (size, of_slot) in enumerate(zip(sizes, conditions, strict=True)):
        reached: dict[tuple[tuple[int, int], ...], int] = defaultdict(int)
        for state, ways in states.items():
            held = dict(state)
            is_active = all(held[other] in wanted for other, wanted in of_slot)
            kept = tuple(pair for pair in state if last_needed[pair[0]] > slot)
            if slot not in last_needed:
                reached[kept] += ways * (size if is_active else 1)
            else:
                for code in range(size) if is_active else (ABSENT,):
                    reached[*kept, (slot, code)] += ways
        states = reached
        if len(states) > _MOST_STATES:
            return None
    return sum(states.values())


def products(sizes: Sequence[int], conditions: Conditions) -> Iterator[Sequence[int]]:
    """(G,) codes of every architecture; the last slot changes fastest.

    >>> list(products([2, 2], (((), ((0, frozenset({1})),)))))
    [[0, -1], [1, 0], [1, 1]]
    """
    return _products(sizes, conditions, []) if any(conditions) else itertools.product(*map(range, sizes))


def _products(sizes: Sequence[int], conditions: Conditions, codes: list[int]) -> Iterator[Sequence[int]]:
    slot = len(codes)
    if slot == len(sizes):
        yield codes
        return
    is_active = all(codes[other] in wanted for other, wanted in conditions[slot])
    for code in range(sizes[slot]) if is_active else (ABSENT,):
        yield from _products(sizes, conditions, [*codes, code])


def edits(codes: Sequence[int], sizes: Sequence[int]) -> list[tuple[int, int]]:
    """Every active slot, with each code other than its own."""
    return [
        (slot, other)
        for slot, (code, size) in enumerate(zip(codes, sizes, strict=True))
        if code != ABSENT
        for other in range(size)
        if other != code
    ]


def draw(n: int, sizes: Sequence[int], rng: np.random.Generator) -> list[list[int]]:
    """(n, G) codes, every slot drawn uniformly, including inactive ones."""
    codes: list[list[int]] = rng.integers(sizes, size=(n, len(sizes))).tolist()
    return codes
