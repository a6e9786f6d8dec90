"""The error to expect of a model that was fitted to all networks at hand: that of fits which leave some of them out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from nassurrogate.benchmarks.evaluation.networks.measures import latency_metrics
from nassurrogate.benchmarks.networks import MeasuredNetworks
from nassurrogate.nan_equality import NanEqual
from nassurrogate.surrogate import Surrogate

FOLDS: Final = 5
MOST_CROSS_VALIDATED: Final = 500
"""Of more networks, one random tenth is held out, once."""
LEAST_NETWORKS: Final = 5
"""Fewer give no useful estimate."""


@dataclass(frozen=True, eq=False)
class HeldOutError(NanEqual):
    """How well networks are predicted that a fit has not seen, if they resemble those that it has.

    Attributes:
        folds: how many fits; 1: one random tenth was held out.
        n_networks: how many networks were predicted, each once.
        mape_pct: mean of |prediction − latency| / latency, in percent.
        within_10_pct: the share of predictions within 10 % of the latency, in percent.
        spearman: Spearman's ρ of predictions and latencies; NaN if all are equal.
    """

    folds: int
    n_networks: int
    mape_pct: float
    within_10_pct: float
    spearman: float


def held_out_error(
    networks: MeasuredNetworks,
    fit: Callable[[MeasuredNetworks], Surrogate],
    *,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> HeldOutError | None:
    """Cross-validate a fit of n networks; None if they are too few, or their latencies too many times the same.

    Args:
        networks: all of them.
        fit: returns a surrogate that has learned some of them.
        seed: of the random parts.
        progress: called with (fits done, fits in total).
    """
    parts = _parts(len(networks), seed)
    rests = [np.setdiff1d(np.arange(len(networks)), part) for part in parts]
    if not parts or any(np.ptp(networks.latency_ms[rest]) == 0 for rest in rests):
        return None
    mean, std = np.full(len(networks), np.nan), np.full(len(networks), np.nan)
    for done, (part, rest) in enumerate(zip(parts, rests, strict=True), start=1):
        mean[part], std[part] = fit(networks.take(rest)).predict([networks.graphs[place] for place in part])
        if progress is not None:
            progress(done, len(parts))
    held = np.sort(np.concatenate(parts))
    found = latency_metrics(mean[held], std[held], networks.latency_ms[held])
    return HeldOutError(len(parts), len(held), found["mape_pct"], found["within_10_pct"], found["spearman"])


def _parts(n: int, seed: int) -> list[np.ndarray]:
    """The networks that each fit leaves out."""
    if n < LEAST_NETWORKS:
        return []
    order = np.random.default_rng(seed).permutation(n)
    if n > MOST_CROSS_VALIDATED:
        return [np.sort(order[: n // 10])]
    return [np.sort(part) for part in np.array_split(order, FOLDS)]
