"""The argument `reduced` of version 0.1 is now `canonical`: for one version, callers and spaces may use either."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from nassurrogate import Architecture, CellGraph, get_space
from nassurrogate.spaces import Space
from nassurrogate.spaces.base import ArchLike

RAW, CANONICAL = (
    CellGraph(("input", "raw", "output"), np.eye(3, k=1, dtype=int)),
    CellGraph(("input", "output"), [[0, 1], [0, 0]]),
)


def space_of_version_0_1() -> Space:
    class Old(Space):
        name = "old"

        def parse(self, arch: ArchLike) -> Architecture:
            return Architecture(self, str(arch))

        def sample(self, n: int, rng: np.random.Generator) -> list[Architecture]:
            return self.parse_many("abc"[:n])

        def neighbours(self, arch: Architecture) -> list[Architecture]:
            return []

        def mutate(self, arch: Architecture, rng: np.random.Generator) -> Architecture:
            return arch

        def canonical_key(self, arch: Architecture) -> str:
            return arch.string

        def graph(self, arch: Architecture, *, reduced: bool = True) -> CellGraph:  # type: ignore[override]
            return CANONICAL if reduced else RAW

    return Old()


@pytest.mark.parametrize("name", ["nb201", "nb101", "macro"])
def test_callers_may_use_the_old_name(name: str) -> None:
    space = get_space(name)
    arch = space.sample(1, np.random.default_rng(0))[0]
    for graph in (arch.graph, lambda **options: space.graph(arch, **options)):
        for value in (True, False):
            with pytest.warns(DeprecationWarning, match="argument reduced of .* is now canonical") as caught:
                found = graph(reduced=value)
            assert found == space.graph(arch, canonical=value)
            assert caught[0].filename == __file__


def test_a_space_may_still_take_the_old_name() -> None:
    with pytest.warns(DeprecationWarning, match="argument reduced of .*Old.graph is now canonical"):
        space = space_of_version_0_1()
    arch = space.parse("a")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert arch.graph() == arch.graph(canonical=True) == CANONICAL
        assert arch.graph(canonical=False) == space.graph(arch, canonical=False) == RAW
    with pytest.warns(DeprecationWarning, match="argument reduced of"):
        assert space.graph(arch, reduced=False) == RAW  # type: ignore[call-arg]
