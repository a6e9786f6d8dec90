"""A predictor: ridge regression on the positions of choices, and on which choice it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from nassurrogate import Architecture, InputError
from nassurrogate.predictors.base import Predictor, Progress, check_ranges


@dataclass(frozen=True)
class Config:
    """How much large weights cost."""

    ridge: float = 1.0

    def __post_init__(self) -> None:
        check_ranges(self, {"ridge": (1e-9, 1e9)})


class MyPredictor(Predictor):
    """Linear in the genes.

    Raises `InputError` for a space without genes.
    """

    name: ClassVar[str] = "my-predictor"
    description: ClassVar[str] = "ridge regression on genes"
    presets: ClassVar[Mapping[str, Config]] = {"default": Config()}
    refits_at_once: ClassVar[bool] = True

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if not self.space.genes:
            raise InputError(f"{self.name} needs a space with genes; {self.space.name} has none")
        self._sizes = [len(gene.choices) for gene in self.space.genes]

    @property
    def reads_canonical_cells(self) -> bool:
        """Genes tell equal functions apart."""
        return False

    def uses(self) -> list[str]:
        """What `predictors --space` says of it."""
        return [f"{len(self._sizes)} genes"]

    def _features(self, archs: Sequence[Architecture]) -> np.ndarray:
        """(n, F): the place of every gene, and one column for each of its choices."""
        codes = self.space.gene_codes(archs)
        places = np.maximum(codes, 0) / np.maximum(np.array(self._sizes) - 1, 1)
        return np.concatenate(
            [places, *(codes[:, gene, None] == np.arange(size) for gene, size in enumerate(self._sizes))], axis=1
        )

    def fit(self, archs: Sequence[Architecture], targets: np.ndarray, *, progress: Progress | None = None) -> None:
        """Solve for the weights."""
        features, rest = self._features(archs), targets - targets.mean()
        gram = features.T @ features + self.config.ridge * np.eye(features.shape[1])
        weights = np.linalg.solve(gram, features.T @ rest)
        self._learned = np.array([targets.mean(), (rest - features @ weights).std(), *weights])

    def predict(self, archs: Sequence[Architecture]) -> tuple[np.ndarray, np.ndarray]:
        """Means, and the spread of what was left over."""
        mean = self._learned[0] + (self._features(archs) * self._learned[2:]).sum(axis=1)
        return mean, np.full(len(archs), self._learned[1])

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Mean, spread and weights."""
        return {"learned": self._learned}, {}

    def load_state(self, tensors: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> None:
        """They again, if they can be any."""
        learned, shape = tensors["learned"], (2 + len(self._sizes) + sum(self._sizes),)
        if learned.dtype != np.float64 or learned.shape != shape or not np.isfinite(learned).all() or learned[1] < 0:
            raise InputError(f"learned is {learned.dtype}{learned.shape}, expected finite float64{shape}")
        self._learned = learned
