"""Networks of one space and what is read of them, with or without labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.predictors.across_spaces.features import offers_proxies, proxies, structure
from nassurrogate.predictors.across_spaces.ranks import own_scores
from nassurrogate.predictors.across_spaces.transfer import Sample


@dataclass(frozen=True)
class KnownNetworks:
    """n networks of a space.

    Args:
        structure: (n, F).
        proxies: (n, P), or None if the space offers none.
        labels: (n,), or (0,) if unknown.
    """

    structure: np.ndarray
    proxies: np.ndarray | None
    labels: np.ndarray

    @classmethod
    def of(cls, archs: Sequence[Architecture], labels: np.ndarray) -> KnownNetworks:
        """Read n architectures of one space."""
        return cls(structure(archs), proxies(archs) if offers_proxies(archs[0].space) else None, labels)

    @classmethod
    def all_of(cls, parts: Sequence[KnownNetworks]) -> KnownNetworks:
        """The networks of several spaces, without their labels."""
        rows = [part.proxies for part in parts if part.proxies is not None]
        joined = np.concatenate(rows) if len(rows) == len(parts) else None
        return cls(np.concatenate([part.structure for part in parts]), joined, np.empty(0))

    def take(self, rows: np.ndarray) -> KnownNetworks:
        """The networks at these positions."""
        return KnownNetworks(
            self.structure[rows], None if self.proxies is None else self.proxies[rows], self.labels[rows]
        )

    def columns(self, use: np.ndarray) -> np.ndarray:
        """(n, F') the structure, and the proxies at the positions `use`."""
        return self.structure if self.proxies is None else np.hstack([self.structure, self.proxies[:, use]])

    def sample(self) -> Sample | None:
        """Normal scores of structure and proxies; None without proxies."""
        return None if self.proxies is None else (own_scores(self.structure), own_scores(self.proxies))

    def ranked(self, use: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(n, F') columns and (n,) labels as normal scores of their ranks here."""
        return own_scores(self.columns(use)), own_scores(self.labels[:, None])[:, 0]
