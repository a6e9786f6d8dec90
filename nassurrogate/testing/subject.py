"""The predictor under test, and the architectures and labels of the tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from zlib import crc32

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.predictors import resolve_predictor
from nassurrogate.predictors.base import Predictor
from nassurrogate.spaces import CategoricalSpace, CellSpace, EnumerableSpace, Space, SpaceLike, get_space
from nassurrogate.surrogate import Surrogate

OPEN = CategoricalSpace("open to the predictor contract", {f"slot{place}": [1, 2, 4, 8, 16] for place in range(10)})
"""A space without an official order, and without costs."""


class Subject:
    """The predictor under test; a test class sets the attributes that `PredictorContract` describes."""

    predictor: ClassVar[type[Predictor] | str]
    quick_config: ClassVar[Mapping[str, Any]] = {}
    learning_config: ClassVar[Mapping[str, Any]] = {}
    seed_matters: ClassVar[bool] = True
    space: ClassVar[SpaceLike] = "nb201"

    @property
    def home(self) -> Space:
        """The space of all tests but one."""
        return get_space(self.space)

    def first(self, n: int) -> list[Architecture]:
        """The first `n` in the official order; in a space without one, `n` random ones, always the same."""
        if isinstance(self.home, EnumerableSpace):
            return self.home.take(np.arange(min(n, self.home.size)))
        return self.drawn(n, 20)

    def drawn(self, n: int, seed: int) -> list[Architecture]:
        """`n` random architectures, or all of a smaller space."""
        size = self.home.size
        return self.home.sample(n if size is None else min(n, size), np.random.default_rng(seed))

    def make(self, changes: Mapping[str, Any] | None = None, *, seed: int = 0, space: Space | None = None) -> Predictor:
        """A new predictor with the quick configuration and these changes."""
        cls, preset = resolve_predictor(self.predictor)
        config = {**self.quick_config, **(changes or {})}
        return cls(space or self.home, preset=preset, config=config, seed=seed, device="cpu")

    def fitted(self) -> Predictor:
        """A predictor that has learned 40 labels; all tests share it and must not change it."""
        case = type(self)
        if case not in _FITTED:
            archs = self.drawn(40, 0)
            predictor = self.make()
            predictor.fit(archs, made_up_accuracies(archs))
            _FITTED[case] = predictor
        return _FITTED[case]

    def surrogate(self, *, seed: int = 0) -> Surrogate:
        """A new surrogate with the quick configuration."""
        config = dict(self.quick_config)
        return Surrogate(self.home, predictor=self.predictor, config=config, seed=seed, device="cpu")


_FITTED: dict[type[Subject], Predictor] = {}


def made_up_accuracies(archs: Sequence[Architecture]) -> np.ndarray:
    """(n,) percentages on a space of any kind, different for different architectures.

    For cells, more operations are better, especially those with 3x3 in their name; for genes, later choices are.
    """
    if not archs:
        return np.empty(0)
    space = archs[0].space
    if isinstance(space, EnumerableSpace):
        distinct = space.indices(archs) / space.size
    else:
        distinct = np.array([crc32(arch.string.encode()) for arch in archs]) / 2**32
    return _made_up(space, archs) + distinct


def _made_up(space: Space, archs: Sequence[Architecture]) -> np.ndarray:
    if isinstance(space, CellSpace):
        inner = [arch.graph().ops[1:-1] for arch in archs]
        wide = [sum("3x3" in op for op in ops) for ops in inner]
        return np.array([50.0 + 5.0 * w + 2.0 * (len(ops) - w) for ops, w in zip(inner, wide, strict=True)])
    if space.genes:
        last = np.array([max(len(gene.choices) - 1, 1) for gene in space.genes])
        return np.asarray(50.0 + 40.0 * (np.maximum(space.gene_codes(archs), 0) / last).mean(axis=1))
    return np.full(len(archs), 50.0)
