"""Protocols of evaluation: which cells train, which test, what is measured."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from nassurrogate.benchmarks.table import LABEL, Benchmark
from nassurrogate.errors import InputError, brief
from nassurrogate.metrics import kendall_tau, top_k_regret
from nassurrogate.spaces import Space
from nassurrogate.surrogate import Surrogate


@dataclass(frozen=True)
class RankingResult:
    """One split of protocol A4: a predictor trained on N labels ranks all other cells.

    `kendall_tau` is over all other strings; `kendall_tau_new_classes` leaves out those whose canonical key a training
    cell has.
    """

    predictor: str
    labels: int
    split: int
    kendall_tau: float
    kendall_tau_new_classes: float
    top10_regret_points: float
    fit_s: float
    score_s: float


def split_cells(benchmark: Benchmark, labels: int, split: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the N training cells and of all other labelled cells; the same split is nested in N.

    The order is `numpy.random.default_rng(seed + split).permutation`, uniform over strings. Raises `InputError` for
    numbers out of range: one cell at least must be left to test on.
    """
    known = np.flatnonzero(np.isfinite(benchmark.column(LABEL).mean))
    for name, number, low in (("labels", labels, 1), ("split", split, 0), ("seed", seed, 0)):
        if isinstance(number, bool) or not isinstance(number, int | np.integer) or number < low:
            raise InputError(f"{name} must be a whole number from {low}, got {brief(number)}")
    if labels >= len(known):
        raise InputError(f"labels must be from 1 to {len(known) - 1}, got {labels}")
    order = known[np.random.default_rng(seed + split).permutation(len(known))]
    return order[:labels], order[labels:]


def development_split(space: Space) -> np.ndarray:
    """Indices of all cells in a fixed third of the space's classes: where hyper-parameters are chosen, on cifar10.

    >>> from nassurrogate.spaces import get_space
    >>> len(development_split(get_space("nb201")))
    5060
    """
    chosen = np.random.default_rng(201).permutation(space.n_classes)[: space.n_classes // 3]
    return np.flatnonzero(np.isin(space.class_ids(), chosen))


def evaluate_a4(benchmark: Benchmark, predictor: str, labels: int, split: int, *, seed: int = 0) -> RankingResult:
    """Train on mean validation accuracy of N random cells, rank all the others by it (protocol A4).

    >>> from nassurrogate.benchmarks import load_benchmark
    >>> result = evaluate_a4(load_benchmark("nb201", "cifar10"), "gradient-boosting", labels=50, split=0)
    >>> 0.5 < result.kendall_tau < 0.8
    True
    """
    train, test = split_cells(benchmark, labels, split, seed=seed)
    truth = benchmark.column(LABEL).mean
    began = time.perf_counter()
    surrogate = Surrogate(benchmark.space.name, predictor=predictor, seed=seed + split)
    surrogate.fit(train.tolist(), truth[train])
    fitted = time.perf_counter()
    scores = np.asarray(surrogate.score(range(benchmark.space.size)))
    scored = time.perf_counter()
    class_of = benchmark.space.class_ids()
    new = test[~np.isin(class_of[test], class_of[train])]
    return RankingResult(
        predictor=predictor,
        labels=labels,
        split=split,
        kendall_tau=kendall_tau(scores[test], truth[test]),
        kendall_tau_new_classes=kendall_tau(scores[new], truth[new]),
        top10_regret_points=top_k_regret(scores[test], truth[test]),
        fit_s=fitted - began,
        score_s=scored - fitted,
    )
