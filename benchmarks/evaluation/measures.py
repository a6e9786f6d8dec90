"""How good a prediction is: the metrics of a split, and the label reference beside them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from nassurrogate.benchmarks.base import Benchmark
from nassurrogate.benchmarks.evaluation.fit import Prediction
from nassurrogate.benchmarks.evaluation.protocols import Protocol, Split, development_split
from nassurrogate.benchmarks.tabular.table import TabularBenchmark
from nassurrogate.metric import Metric
from nassurrogate.nan_equality import NanEqual
from nassurrogate.prediction_quality import (
    interval_coverage,
    interval_half_width,
    kendall_tau,
    mean_absolute_percentage_error,
    spearman_rho,
    top_k_rank_percentile,
    top_k_regret,
)

_NAN = float("nan")


@dataclass(frozen=True, eq=False)
class SplitResult(NanEqual):
    """One predictor on one split; NaN if something is not defined.

    Attributes:
        predictor: as given by the user.
        labels, split: N, and the number of the split.
        evaluated_cells: number of architectures that the metrics are over.
        kendall_tau, spearman: of predictions against targets.
        kendall_tau_new_classes: without architectures that compute the same function as one in training.
        kendall_tau_outside_development: without the classes that hyper-parameters are chosen on, if they are this
            data set's.
        top10_regret_points: from the best target to the best one among the predicted top 10, in the target's unit; the
            smallest is the best of a metric that is better when smaller.
        top10_rank_percentile: percentage of architectures better than the best of the predicted top 10.
        coverage90: the share of targets in the 90 % interval, if the protocol defines it.
        interval90_width_points: the mean width of that interval, in the target's unit.
        reference_tau: of the labels against the targets of the evaluated cells.
        fit_s, score_s: seconds of the fit, and of scoring. The first fit of a process includes the imports of its
            library, so use medians.
        mape_pct: the mean of |prediction − target| / |target| in percent, of a metric that belongs to the architecture
            and is nowhere negative; targets of 0 are left out.
        mape_left_out: number of these targets.
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
    mape_pct: float = _NAN
    mape_left_out: int = 0


@dataclass(frozen=True)
class Ranked:
    """The test set: what predictions of M architectures are compared with.

    Attributes:
        target: (M,) true values.
        is_new: (M,) whether no training architecture computes the same function.
        outside_development: (M,) whether no hyper-parameter was chosen on it; None if this data set was not used.
        reference_tau: of the labels against the targets; NaN if they are the same column.
    """

    target: np.ndarray
    is_new: np.ndarray
    outside_development: np.ndarray | None = None
    reference_tau: float = _NAN


def measure(
    predictor: str,
    labels: int,
    split: int,
    prediction: Prediction,
    ranked: Ranked,
    metric: Metric,
    *,
    intervals: bool,
) -> SplitResult:
    """The metrics of one split.

    Args:
        predictor: as given by the user.
        labels: N.
        prediction: means and deviations of the M architectures of `ranked`.
        metric: of the targets; it has the better direction, and whether relative errors are meaningful.
        intervals: whether the coverage of intervals is meaningful.
    """
    mean, std, true = prediction.mean, prediction.std, ranked.target
    tau = kendall_tau(mean, true)
    # A single network predicts deviations of zero: that is no interval.
    usable = intervals and bool(np.isfinite(std).all() and (std >= 0).all() and (std > 0).any())
    relative = metric.belongs_to == "architecture" and bool((true >= 0).all() and (true > 0).any())
    positive = true > 0
    return SplitResult(
        predictor=predictor,
        labels=labels,
        split=split,
        evaluated_cells=len(true),
        kendall_tau=tau,
        kendall_tau_new_classes=tau if ranked.is_new.all() else _tau(mean[ranked.is_new], true[ranked.is_new]),
        kendall_tau_outside_development=(
            _NAN
            if ranked.outside_development is None
            else _tau(mean[ranked.outside_development], true[ranked.outside_development])
        ),
        spearman=spearman_rho(mean, true),
        top10_regret_points=top_k_regret(metric.sign * mean, metric.sign * true),
        top10_rank_percentile=top_k_rank_percentile(metric.sign * mean, metric.sign * true),
        coverage90=interval_coverage(mean, std, true) if usable else _NAN,
        interval90_width_points=2 * float(interval_half_width(std).mean()) if usable else _NAN,
        reference_tau=ranked.reference_tau,
        fit_s=prediction.fit_s,
        score_s=prediction.score_s,
        mape_pct=mean_absolute_percentage_error(mean, true) if relative else _NAN,
        mape_left_out=int((~positive).sum()) if relative else 0,
    )


def _tau(predicted: np.ndarray, true: np.ndarray) -> float:
    return kendall_tau(predicted, true) if len(true) > 1 else _NAN


def is_developed_on(benchmark: Benchmark) -> bool:
    """Whether hyper-parameters were chosen on this data set."""
    return (benchmark.space.name, benchmark.dataset) == ("nb201", "cifar10")


class SplitEvaluator:
    """Compares predictions of a whole table with its targets, as one protocol defines."""

    def __init__(self, protocol: Protocol, benchmark: TabularBenchmark) -> None:
        self.protocol = protocol
        self.metric = benchmark.metrics[protocol.target]
        self.labels = protocol.labels(benchmark)
        self.target = benchmark.column(protocol.target).mean
        self.class_of = benchmark.space.class_ids()
        self.development = np.zeros(benchmark.space.size, dtype=bool)
        self.developed_here = is_developed_on(benchmark)
        if self.developed_here:
            self.development[development_split(benchmark.space)] = True

    def test_cells(self, split: Split) -> np.ndarray:
        """Indices of the cells that the metrics of a split are over."""
        return split.test[self._is_new(split.test, split)] if self.protocol.new_classes else split.test

    def evaluate(self, predictor: str, number: int, split: Split, prediction: Prediction) -> SplitResult:
        """The metrics of one split, from a prediction of the whole space.

        Args:
            predictor: as given by the user.
            number: of the split.
        """
        cells = self.test_cells(split)
        ranked = Ranked(
            self.target[cells],
            self._is_new(cells, split),
            ~self.development[cells] if self.developed_here else None,
            self._reference(self.labels, cells),
        )
        of_cells = replace(prediction, mean=prediction.mean[cells], std=prediction.std[cells])
        return measure(
            predictor, len(split.train), number, of_cells, ranked, self.metric, intervals=self.protocol.intervals
        )

    def references(self) -> tuple[float, float]:
        """τ of all labels against their cells' targets; and of the labels' means over cells that compute the same.

        NaN if labels and targets are the same column.
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
        return _tau(labels[both], self.target[both])

    def _is_new(self, cells: np.ndarray, split: Split) -> np.ndarray:
        return ~np.isin(self.class_of[cells], self.class_of[split.train])
