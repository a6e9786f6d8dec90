"""Costs of architectures that are computed when they are first read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np


class LazyCosts(Mapping[str, np.ndarray]):
    """(n,) values by metric. The names are known at once; a column is computed when it is first read.

    Args:
        known: columns that are known already.
        later: metric → function that computes its column.

    >>> costs = LazyCosts({"params_m": np.array([1.5])}, {"flops_m": lambda: print("slow") or np.array([20.0])})
    >>> list(costs), costs["params_m"]
    (['params_m', 'flops_m'], array([1.5]))
    >>> costs["flops_m"]
    slow
    array([20.])
    """

    def __init__(self, known: Mapping[str, np.ndarray], later: Mapping[str, Callable[[], np.ndarray]]) -> None:
        self._columns = dict(known)
        self._later = dict(later)

    def __getitem__(self, metric: str) -> np.ndarray:
        if metric not in self._columns and metric in self._later:
            self._columns[metric] = self._later[metric]()
        return self._columns[metric]

    def __iter__(self) -> Iterator[str]:
        return iter([*(name for name in self._columns if name not in self._later), *self._later])

    def __contains__(self, metric: object) -> bool:
        return metric in self._columns or metric in self._later

    def __len__(self) -> int:
        return len(self._columns.keys() | self._later.keys())

    def __repr__(self) -> str:
        return f"LazyCosts({', '.join(self)})"
