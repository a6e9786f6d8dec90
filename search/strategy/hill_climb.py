"""Climbs from neighbour to neighbour in an open space, where the best is far from anything drawn at random."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence
from typing import TypeAlias

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.search.candidates.feasible_set import FeasibleSet

Acquisition: TypeAlias = Callable[[Sequence[Architecture]], np.ndarray]
"""n architectures → (n,) acquisitions of their functions."""
_MOST_STEPS = 4
"""Steps of one climb; after the next query it continues."""


class HillClimber:
    """Follows feasible neighbours uphill, and remembers the neighbours that it has seen.

    Args:
        feasible: where it climbs.
        rng: splits the neighbours in halves.
    """

    def __init__(self, feasible: FeasibleSet, rng: np.random.Generator) -> None:
        self._feasible, self._rng = feasible, rng
        self._neighbours: dict[Architecture, list[tuple[Architecture, Hashable]]] = {}

    def climb(
        self, starts: Sequence[Architecture], acquisition: Acquisition, taken: Collection[Hashable]
    ) -> list[Architecture]:
        """From each start, the end of a climb: where no fresh feasible neighbour is better, or after a few steps.

        Args:
            starts: architectures to start from.
            acquisition: what is climbed.
            taken: keys that are not fresh.
        """
        ends = []
        for arch in starts:
            height = float(acquisition([arch])[0])
            for _ in range(_MOST_STEPS):
                step = self._step(arch, height, acquisition, taken)
                if step is None:
                    break
                arch, height = step
            ends.append(arch)
        return ends

    def _step(
        self, arch: Architecture, height: float, acquisition: Acquisition, taken: Collection[Hashable]
    ) -> tuple[Architecture, float] | None:
        """The best of a random half of the neighbours if it is better, else of the other half; None if none is."""
        around = self._fresh_neighbours(arch, taken)
        for half in np.array_split(self._rng.permutation(len(around)), 2):
            archs = [around[place] for place in half.tolist()]
            values = acquisition(archs) if archs else np.empty(0)
            if archs and values.max() > height:
                return archs[int(values.argmax())], float(values.max())
        return None

    def _fresh_neighbours(self, arch: Architecture, taken: Collection[Hashable]) -> list[Architecture]:
        """The feasible neighbours whose keys are not taken."""
        if arch not in self._neighbours:
            around = self._feasible.space.neighbours(arch)
            feasible = self._feasible.contains(around).tolist()
            keys = self._feasible.keys(around)
            self._neighbours[arch] = [(n, key) for n, key, kept in zip(around, keys, feasible, strict=True) if kept]
        return [neighbour for neighbour, key in self._neighbours[arch] if key not in taken]
