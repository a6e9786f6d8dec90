"""The values of one metric of a table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class TableColumn:
    """The values of one metric.

    Args:
        metric: its name, without data set and seed.
        dataset: as it is known; None: none is named.
        columns: names in the file, one for each seed.
        seeds: S training seeds, ascending; `(None,)` where none is named.
        values: (n, S) float64 in the metric's unit, NaN where missing.
        new_dataset: what reads like the name of a data set that is not known, in front of the metric.
    """

    metric: str
    dataset: str | None
    columns: tuple[str, ...]
    seeds: tuple[int | None, ...]
    values: np.ndarray
    new_dataset: str = ""

    @property
    def mean(self) -> np.ndarray:
        """(n,) the mean over the seeds that are there; NaN where none is."""
        there = ~np.isnan(self.values)
        total = np.where(there, self.values, 0.0).sum(axis=1)
        mean: np.ndarray = np.divide(total, there.sum(axis=1), out=np.full(len(total), np.nan), where=there.any(axis=1))
        return mean
