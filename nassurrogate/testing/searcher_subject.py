"""The searcher under test, the feasible sets that it is tested on, and made-up values to tell it."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from functools import cache
from typing import Any, ClassVar
from zlib import crc32

import numpy as np
import pytest

from nassurrogate.architecture import Architecture
from nassurrogate.benchmarks import CallableBenchmark, Evaluation, load_benchmark
from nassurrogate.constraints import Constraint
from nassurrogate.errors import InputError, brief
from nassurrogate.metric import Metric
from nassurrogate.search.candidates.feasibility import find_feasible
from nassurrogate.search.candidates.feasible_set import FeasibleSet
from nassurrogate.search.searchers.base import Searcher, resolve_searcher
from nassurrogate.spaces import CategoricalSpace, Space
from nassurrogate.spaces.base import ArchLike
from nassurrogate.testing.space_subject import one_line

GOOD = Metric("goodness", direction="maximize")
BAD = Metric("badness", direction="minimize")
"""The same with the other sign."""
SLOW = Metric("slowness", direction="minimize")
"""A second objective."""


def made_up(arch: Architecture, name: str = "goodness") -> float:
    """A value from 0 to 100, equal for equivalent architectures."""
    if name == "badness":
        return -made_up(arch)
    return 100.0 * crc32(f"{name} {arch.key}".encode()) / 2**32


def evaluated(arch: Architecture, *names: str) -> Evaluation:
    """An evaluation with these metrics."""
    return Evaluation(arch, {name: made_up(arch, name) for name in names or ("goodness",)})


def failed(arch: Architecture) -> Evaluation:
    """A failed evaluation."""
    return Evaluation(arch, status="failed", reason="out of memory")


class Bits(Space):
    """Strings of 24 bits, without genes and of unknown size; the last bit has no effect."""

    name = "bits of the searcher contract"
    description = "24 bits"

    def parse(self, arch: ArchLike) -> Architecture:
        if isinstance(arch, Architecture):
            return self._own(arch)
        if not isinstance(arch, str) or len(arch.strip()) != 24 or set(arch.strip()) - set("01"):
            raise InputError(f"expected 24 bits, got {brief(arch)}")
        return Architecture(self, arch.strip())

    def sample(self, n: int, rng: np.random.Generator) -> list[Architecture]:
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 0:
            raise InputError(f"cannot sample {brief(n)} strings of bits")
        found: dict[str, None] = {}
        while len(found) < n:
            found["".join(map(str, rng.integers(0, 2, 24)))] = None
        return [Architecture(self, bits) for bits in found]

    def neighbours(self, arch: Architecture) -> list[Architecture]:
        return [self._flipped(self._own(arch).string, place) for place in range(24)]

    def mutate(self, arch: Architecture, rng: np.random.Generator) -> Architecture:
        return self._flipped(self._own(arch).string, int(rng.integers(24)))

    def canonical_key(self, arch: Architecture) -> str:
        return self._own(arch).string[:-1]

    def costs(self, archs: Sequence[Architecture], dataset: str | None = None) -> dict[str, np.ndarray]:
        return {"params_m": np.array([arch.string.count("1") for arch in archs], dtype=np.float64)}

    def _flipped(self, bits: str, place: int) -> Architecture:
        return Architecture(self, bits[:place] + "10"[int(bits[place])] + bits[place + 1 :])


def _pools_alike(arch: Architecture) -> dict[str, Any]:
    """A pool has no width."""
    return {**arch.choices, "width": 16} if arch.choices["op"] == "pool" else arch.choices


def _sum(arch: Architecture) -> dict[str, float]:
    return {"params_m": float(sum(value for value in arch.choices.values() if isinstance(value, int)))}


LISTED = CategoricalSpace(
    "listed by the searcher contract",
    {"op": ["conv", "pool"], "kernel": [3, 5, 7], "width": [16, 32, 64, 128], "bias": [0, 1]},
    canonical=_pools_alike,
    costs=_sum,
)
OPEN = CategoricalSpace(
    "open to the searcher contract", {f"slot{place}": [1, 2, 3, 4, 5] for place in range(10)}, costs=_sum
)
_BOUNDS = {"table": "params_m<=0.6", "listed": "params_m<=64", "open": "params_m<=30", "without genes": "params_m<=12"}
OWN = "space of its own"
GROUNDS = [*_BOUNDS, *(f"{name}, constrained" for name in _BOUNDS), OWN]


@cache
def ground(name: str, own: Space | None = None) -> FeasibleSet:
    """A feasible set by name.

    Args:
        name: one of `GROUNDS`.
        own: the space that `OWN` stands for.
    """
    kind, _, constrained = name.partition(", ")
    if kind == "table":
        benchmark: Any = load_benchmark("nb201", "cifar10", table="embedded")
    else:
        space = {"listed": LISTED, "open": OPEN, "without genes": Bits(), OWN: own}[kind]
        assert space is not None
        benchmark = CallableBenchmark(space, made_up, GOOD)
    bounds = [Constraint.parse(_BOUNDS[kind])] if constrained else []
    return find_feasible(benchmark, benchmark.objective, bounds, np.random.default_rng(3))


class SearcherSubject:
    """The helpers of `SearcherContract`, which describes the attributes."""

    searcher: ClassVar[type[Searcher] | str]
    space: ClassVar[Space | None] = None
    seed_matters: ClassVar[bool] = True

    @property
    def cls(self) -> type[Searcher]:
        """The class under test."""
        return resolve_searcher(self.searcher)

    def feasible(self, name: str) -> FeasibleSet:
        """A feasible set; skips the test if the searcher refuses it with an error of one line."""
        if name == OWN and self.space is None:
            pytest.skip("no other space to test on")
        found = ground(name, self.space)
        try:
            self.cls(found, np.random.default_rng(0))
        except InputError as error:
            if name == OWN:
                raise
            pytest.skip(one_line(error))
        return found

    def make(self, feasible: FeasibleSet, seed: int = 0, *objectives: Metric, **options: Any) -> Searcher:
        """A fresh searcher."""
        return self.cls(feasible, np.random.default_rng(seed), objectives=objectives or (GOOD,), **options)

    def play(self, searcher: Searcher, n: int, *names: str, batch: int = 1) -> list[Architecture]:
        """Ask for `n` architectures and tell their values; fewer if no more are proposed."""
        return list(self.plays(searcher, n, *names, batch=batch))

    def plays(self, searcher: Searcher, n: int, *names: str, batch: int = 1) -> Iterator[Architecture]:
        """The same, one by one."""
        done = 0
        while done < n and (asked := searcher.ask(min(batch, n - done))):
            searcher.tell([evaluated(arch, *names) for arch in asked])
            done += len(asked)
            yield from asked


def keys_of(feasible: FeasibleSet, archs: Sequence[Architecture]) -> list[Hashable]:
    """Their keys, which differ between different functions."""
    return list(feasible.keys(archs))
