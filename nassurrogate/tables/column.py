"""The values of one metric of a table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


def mean_over_seeds(values: np.ndarray) -> np.ndarray:
    """(n,) means of (n, S) values over the available seeds; NaN if there are none.

    >>> mean_over_seeds(np.array([[90.0, np.nan], [np.nan, np.nan]])).tolist()
    [90.0, nan]
    """
    present = ~np.isnan(values)
    count = present.sum(axis=1)
    total = np.where(present, values, 0.0).sum(axis=1)
    mean: np.ndarray = np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)
    return mean


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
        """(n,) means over the available seeds; NaN if there are none."""
        return mean_over_seeds(self.values)
