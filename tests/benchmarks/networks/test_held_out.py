"""The error to expect: every network is predicted by a fit that has not seen it."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest

from nassurrogate import Surrogate
from nassurrogate.benchmarks.evaluation.networks.held_out import MOST_CROSS_VALIDATED, held_out_error
from nassurrogate.benchmarks.networks import MeasuredNetworks
from nassurrogate.graphs.operator_graph import Operator, OperatorGraph


def networks(n: int, *, latency: float | None = None) -> MeasuredNetworks:
    """n networks of latencies from 1 to n ms, or all of the same."""
    graphs = [OperatorGraph([Operator("Input", (), ((1, 3, 1 + size),))]) for size in range(n)]
    latencies = np.arange(1.0, n + 1) if latency is None else np.full(n, latency)
    return MeasuredNetworks("toaster", graphs, [f"{place}" for place in range(n)], ["a"] * n, latencies)


class Remembers:
    """10 % too much for what it has seen, twice the latency for everything else."""

    def __init__(self, data: MeasuredNetworks) -> None:
        self.seen = {graph.key for graph in data.graphs}
        self.n = len(data)

    def predict(self, graphs: list[OperatorGraph]) -> tuple[np.ndarray, np.ndarray]:
        latency = np.array([float(graph.operators[0].output_shape[2]) for graph in graphs])
        factor = np.array([1.1 if graph.key in self.seen else 2.0 for graph in graphs])
        return latency * factor, np.ones(len(graphs))


@pytest.mark.parametrize(
    ("n", "folds", "held", "learned"),
    [(5, 5, 5, {4}), (23, 5, 23, {18, 19}), (500, 5, 500, {400}), (501, 1, 50, {451})],
)
def test_nothing_is_predicted_by_a_fit_that_has_seen_it(n: int, folds: int, held: int, learned: set[int]) -> None:
    fits: list[Any] = []

    def fit(data: MeasuredNetworks) -> Surrogate:
        fits.append(Remembers(data))
        return cast(Surrogate, fits[-1])

    calls: list[tuple[int, int]] = []
    found = held_out_error(networks(n), fit, seed=0, progress=lambda *call: calls.append(call))
    assert found is not None
    assert (found.folds, found.n_networks, len(fits)) == (folds, held, folds)
    assert (found.mape_pct, found.within_10_pct, found.spearman) == pytest.approx((100, 0, 1))
    assert {each.n for each in fits} == learned
    assert calls == [(done, folds) for done in range(1, folds + 1)]
    assert (n > MOST_CROSS_VALIDATED) == (folds == 1)


@pytest.mark.parametrize("data", [networks(4), networks(9, latency=2.0)])
def test_no_estimate_from_too_few_networks_or_latencies(data: MeasuredNetworks) -> None:
    def fit(data: MeasuredNetworks) -> Surrogate:
        raise AssertionError("nothing can be learned")

    assert held_out_error(data, fit, seed=0) is None
