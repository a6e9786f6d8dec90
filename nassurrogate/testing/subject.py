"""What is tested, and the cells and labels it is tested with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.predictors import resolve_predictor
from nassurrogate.predictors.base import Predictor
from nassurrogate.spaces import Space, get_space
from nassurrogate.surrogate import Surrogate


class Subject:
    """The predictor under test; a test class fills in the attributes that `PredictorContract` describes."""

    predictor: ClassVar[type[Predictor] | str]
    quick_config: ClassVar[Mapping[str, Any]] = {}
    learning_config: ClassVar[Mapping[str, Any]] = {}
    seed_matters: ClassVar[bool] = True
    space_name: ClassVar[str] = "nb201"

    @property
    def space(self) -> Space:
        """The space of all tests but one."""
        return get_space(self.space_name)

    def make(self, changes: Mapping[str, Any] | None = None, *, seed: int = 0, space: Space | None = None) -> Predictor:
        """A fresh predictor of the quick configuration, with some hyper-parameters replaced."""
        cls, preset = resolve_predictor(self.predictor)
        config = {**self.quick_config, **(changes or {})}
        return cls(space or self.space, preset=preset, config=config, seed=seed, device="cpu")

    def fitted(self) -> Predictor:
        """A predictor that has learned 40 labels; one for all tests, which leave it as it is."""
        case = type(self)
        if case not in _FITTED:
            cells = self.space.sample(40, np.random.default_rng(0))
            predictor = self.make()
            predictor.fit(cells, made_up_accuracies(cells))
            _FITTED[case] = predictor
        return _FITTED[case]

    def surrogate(self, *, seed: int = 0) -> Surrogate:
        """A fresh surrogate of the quick configuration."""
        config = dict(self.quick_config)
        return Surrogate(self.space_name, predictor=self.predictor, config=config, seed=seed, device="cpu")


_FITTED: dict[type[Subject], Predictor] = {}


def made_up_accuracies(cells: Sequence[Architecture]) -> np.ndarray:
    """(n,) percent, different for different cells: more operations are better, those with 3x3 in their name most."""
    values = []
    for cell in cells:
        inner = cell.graph().ops[1:-1]
        wide = sum("3x3" in op for op in inner)
        values.append(50.0 + 5.0 * wide + 2.0 * (len(inner) - wide) + cell.index / get_space(cell.space).size)
    return np.array(values)
