"""The values of one metric of a table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class TableColumn:
    """The values of one metric.

    Args:
        metric: its name, without data set and seed.
        dataset: a known data set; None if the column names none.
        columns: names in the file, one for each seed.
        seeds: S training seeds, ascending; `(None,)` if no seed is named.
        values: (n, S) float64 in the metric's unit, NaN where missing.
        new_dataset: the prefix of the name that looks like an unknown data set; empty if there is none.
    """

    metric: str
    dataset: str | None
    columns: tuple[str, ...]
    seeds: tuple[int | None, ...]
    values: np.ndarray
    new_dataset: str = ""

    @property
    def mean(self) -> np.ndarray:
        """(n,) mean over the available seeds; NaN where there is none."""
        there = ~np.isnan(self.values)
        total = np.where(there, self.values, 0.0).sum(axis=1)
        mean: np.ndarray = np.divide(total, there.sum(axis=1), out=np.full(len(total), np.nan), where=there.any(axis=1))
        return mean
