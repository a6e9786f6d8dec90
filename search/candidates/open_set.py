"""The feasible set of a space of any size: nothing is listed, constraints are checked for what is drawn.

Shapes: n architectures.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.benchmarks import Benchmark
from nassurrogate.constraints import Constraint
from nassurrogate.search.candidates.feasible_set import FeasibleSet
from nassurrogate.search.candidates.unknown_values import count_unknown, undecided

_DRAWS = 64
"""Rounds of drawing, each at least as large as the number wanted, after which no further architecture is expected."""
_SMALLEST_ROUND, _LARGEST_ROUND = 32, 1 << 14


class OpenSet(FeasibleSet):
    """Draws architectures and keeps the feasible ones; of equivalent ones, the first.

    Args:
        benchmark: looks up the constrained metrics.
        constraints: all must hold.
        checked: architectures that the feasible share is computed from: a random sample, or all.
        by_function: whether equivalent architectures count as the same; otherwise each is a class of its own.
    """

    def __init__(
        self,
        benchmark: Benchmark,
        constraints: Sequence[Constraint],
        checked: Sequence[Architecture],
        *,
        by_function: bool = True,
    ) -> None:
        self.space = benchmark.space
        self._benchmark, self._constraints, self._by_function = benchmark, constraints, by_function
        values = self._looked_up(checked)
        self.kept = self._satisfying(values, len(checked))
        """(n,) bool: which of those checked are feasible."""
        self.n_space, self.n_classes = self.space.size, None
        is_whole = len(checked) == self.n_space
        self.n_feasible = int(self.kept.sum()) if is_whole else None if constraints else self.n_space
        self.is_estimate = bool(constraints) and not is_whole
        self.feasible_share = float(self.kept.mean())
        self.unknown, self.n_checked = count_unknown(values), len(checked)
        n_undecided = int(undecided(constraints, values, len(checked)).sum())
        self.n_unknown = n_undecided if is_whole or not n_undecided else None

    def keys(self, archs: Sequence[Architecture]) -> list[str]:
        return self.space.canonical_keys(archs) if self._by_function else [arch.string for arch in archs]

    def contains(self, archs: Sequence[Architecture]) -> np.ndarray:
        return self._satisfying(self._looked_up(archs), len(archs))

    def _looked_up(self, archs: Sequence[Architecture]) -> dict[str, np.ndarray]:
        return {c.metric: self._benchmark.lookup(archs, c.metric) for c in self._constraints}

    def _satisfying(self, values: Mapping[str, np.ndarray], n: int) -> np.ndarray:
        kept = np.ones(n, dtype=bool)
        for constraint in self._constraints:
            kept &= constraint.check(values[constraint.metric])
        return kept

    def violations(self, archs: Sequence[Architecture]) -> dict[str, np.ndarray]:
        return {str(c): c.violation(self._benchmark.lookup(archs, c.metric)) for c in self._constraints}

    def representatives(self, archs: Sequence[Architecture]) -> list[Architecture]:
        return list(archs)

    def draw(self, n: int, rng: np.random.Generator, taken: Collection[Hashable] = ()) -> list[Architecture]:
        found: dict[str, Architecture] = {}
        for _ in range(_DRAWS):
            if len(found) >= n:
                break
            wanted = (n - len(found)) / max(self.feasible_share, 0.01)
            size = int(min(max(wanted, _SMALLEST_ROUND), _LARGEST_ROUND))
            drawn = self.space.sample_at_most(size, rng)
            if self._constraints:
                drawn = [arch for arch, kept in zip(drawn, self.contains(drawn), strict=True) if kept]
            for key, arch in zip(self.keys(drawn), drawn, strict=True):
                if key not in taken and len(found) < n:
                    found.setdefault(key, arch)
        return list(found.values())

    def pick(self, rng: np.random.Generator, taken: Collection[Hashable]) -> Architecture | None:
        return next(iter(self.draw(1, rng, taken)), None)

    def shuffled(self, rng: np.random.Generator) -> Iterator[Architecture]:
        while True:
            found = self.draw(_SMALLEST_ROUND, rng)
            if not found:
                return
            yield from found

    def describe(self) -> str:
        size = "an unknown number of" if self.n_space is None else f"{self.n_space:,}"
        if not self._constraints:
            return f"{size} architectures, no constraints"
        share = f"{self.feasible_share:.1%} of {size} architectures satisfy the constraints"
        if self.n_unknown:
            share += f"; {self.n_unknown:,} are unknown"
        return f"an estimated {share} ({len(self.kept):,} were sampled)" if self.is_estimate else share
