"""What one prediction is worth: the metrics of a split, and the label reference beside them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nassurrogate.benchmarks.evaluation.fit import Prediction
from nassurrogate.benchmarks.protocols import Draw, Protocol, development_split
from nassurrogate.benchmarks.table import Benchmark
from nassurrogate.metrics import (
    interval_coverage,
    interval_half_width,
    kendall_tau,
    spearman_rho,
    top_k_rank_percentile,
    top_k_regret,
)

_NAN = float("nan")


@dataclass(frozen=True)
class SplitResult:
    """One predictor on one split; NaN where something is not defined.

    Attributes:
        predictor: as it was asked for.
        labels, split: N, and the number of the split.
        evaluated_cells: how many cells the metrics are over.
        kendall_tau, spearman: of predictions against targets.
        kendall_tau_new_classes: without cells that compute the same function as a training cell.
        kendall_tau_outside_development: without the classes that hyper-parameters are chosen on, where they are this
            data set's.
        top10_regret_points: the best target less the best one among the predicted top 10.
        top10_rank_percentile: how many cells, in percent, are better than the best one among the predicted top 10.
        coverage90: the share of targets in the 90 % interval, where the protocol defines it.
        interval90_width_points: the mean width of that interval.
        reference_tau: of the labels against the targets of the evaluated cells.
        fit_s, score_s: seconds of the fit, and of scoring the whole space. The first fit of a process waits for the
            imports of its library too: medians are what to read.
    """

    predictor: str
    labels: int
    split: int
    evaluated_cells: int
    kendall_tau: float
    kendall_tau_new_classes: float
    kendall_tau_outside_development: float
    spearman: float
    top10_regret_points: float
    top10_rank_percentile: float
    coverage90: float
    interval90_width_points: float
    reference_tau: float
    fit_s: float
    score_s: float


class Judge:
    """Compares predictions with the targets of one benchmark, as one protocol says."""

    def __init__(self, protocol: Protocol, benchmark: Benchmark) -> None:
        self.protocol = protocol
        self.labels = protocol.labels(benchmark)
        self.target = benchmark.column(protocol.target).mean
        self.class_of = benchmark.space.class_ids()
        self.development = np.zeros(benchmark.space.size, dtype=bool)
        self.developed_here = (benchmark.space.name, benchmark.dataset) == ("nb201", "cifar10")
        if self.developed_here:
            self.development[development_split(benchmark.space)] = True

    def evaluated(self, draw: Draw) -> np.ndarray:
        """Indices of the cells that the metrics of a split are over."""
        return draw.test[self._is_new(draw)] if self.protocol.new_classes else draw.test

    def judge(self, predictor: str, split: int, draw: Draw, prediction: Prediction) -> SplitResult:
        """The metrics of one split."""
        cells = self.evaluated(draw)
        mean, true = prediction.mean[cells], self.target[cells]
        tau = kendall_tau(mean, true)
        fresh = draw.test[self._is_new(draw)]
        others = cells[~self.development[cells]]
        std = prediction.std[cells]
        # All zeros, as of a single network, are no interval.
        usable = self.protocol.intervals and bool(np.isfinite(std).all() and (std >= 0).all() and (std > 0).any())
        return SplitResult(
            predictor=predictor,
            labels=len(draw.train),
            split=split,
            evaluated_cells=len(cells),
            kendall_tau=tau,
            kendall_tau_new_classes=tau if len(fresh) == len(cells) else self._tau(prediction.mean, fresh),
            kendall_tau_outside_development=self._tau(prediction.mean, others) if self.developed_here else _NAN,
            spearman=spearman_rho(mean, true),
            top10_regret_points=top_k_regret(mean, true),
            top10_rank_percentile=top_k_rank_percentile(mean, true),
            coverage90=interval_coverage(mean, std, true) if usable else _NAN,
            interval90_width_points=2 * float(interval_half_width(std).mean()) if usable else _NAN,
            reference_tau=self._reference(self.labels, cells),
            fit_s=prediction.fit_s,
            score_s=prediction.score_s,
        )

    def references(self) -> tuple[float, float]:
        """τ of all labels against their cells' targets; and of the labels' means over cells that compute the same.

        NaN where labels and targets are one column.
        """
        every = np.arange(len(self.labels))
        known = np.isfinite(self.labels)
        count = np.bincount(self.class_of, known)
        total = np.bincount(self.class_of, np.where(known, self.labels, 0.0))
        mean = np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)
        return self._reference(self.labels, every), self._reference(np.where(known, mean[self.class_of], np.nan), every)

    def _reference(self, labels: np.ndarray, cells: np.ndarray) -> float:
        if self.protocol.label == self.protocol.target:
            return _NAN
        both = cells[np.isfinite(labels[cells]) & np.isfinite(self.target[cells])]
        return self._tau(labels, both)

    def _tau(self, predicted: np.ndarray, cells: np.ndarray) -> float:
        return kendall_tau(predicted[cells], self.target[cells]) if len(cells) > 1 else _NAN

    def _is_new(self, draw: Draw) -> np.ndarray:
        return ~np.isin(self.class_of[draw.test], self.class_of[draw.train])
