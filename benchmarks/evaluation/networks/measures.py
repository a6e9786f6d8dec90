"""How good predicted latencies are: the metrics of one family in one split, and their summary over splits."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from nassurrogate.benchmarks.evaluation.report import optional
from nassurrogate.nan_equality import NanEqual
from nassurrogate.prediction_quality import interval_coverage, mean_absolute_percentage_error, spearman_rho

METRICS: Final = ("mape_pct", "within_10_pct", "spearman", "bias_pct", "coverage90")
_NAN = float("nan")


@dataclass(frozen=True, eq=False)
class FamilyResult(NanEqual):
    """One predictor on the test networks of one family in one split; NaN if something is not defined.

    Attributes:
        predictor: as given by the user.
        family: of the test networks.
        split: number of the split.
        train, test: number of training networks, of all families, and of test networks.
        mape_pct: mean of |prediction − latency| / latency, in percent.
        within_10_pct: the share of predictions within 10 % of the latency, in percent; "Acc(10 %)" in the literature.
        spearman: Spearman's ρ of predictions and latencies.
        bias_pct: mean of (prediction − latency) / latency, in percent; above 0, latencies are overestimated.
        coverage90: the share of latencies in the 90 % interval; NaN without deviations.
        fit_s, score_s: seconds of the fit, and of scoring all test networks of the split.
    """

    predictor: str
    family: str
    split: int
    train: int
    test: int
    mape_pct: float
    within_10_pct: float
    spearman: float
    bias_pct: float
    coverage90: float
    fit_s: float
    score_s: float


def latency_metrics(mean: np.ndarray, std: np.ndarray, latency: np.ndarray) -> dict[str, float]:
    """The `METRICS` of (n,) predictions, their deviations, and the (n,) latencies, all positive.

    >>> found = latency_metrics(np.array([1.1, 1.6]), np.array([0.1, 0.1]), np.array([1.0, 2.0]))
    >>> {name: round(value, 3) for name, value in found.items()}
    {'mape_pct': 15.0, 'within_10_pct': 50.0, 'spearman': 1.0, 'bias_pct': -5.0, 'coverage90': 0.5}
    """
    relative = (mean - latency) / latency
    has_intervals = bool(np.isfinite(std).all() and (std >= 0).all() and (std > 0).any())
    return {
        "mape_pct": mean_absolute_percentage_error(mean, latency),
        # A deviation of exactly 10 % counts, whatever the rounding.
        "within_10_pct": 100.0 * float(np.mean(np.abs(relative) <= 0.1 + 1e-12)),
        "spearman": spearman_rho(mean, latency),
        "bias_pct": 100.0 * float(relative.mean()),
        "coverage90": interval_coverage(mean, std, latency) if has_intervals else _NAN,
    }


@dataclass(frozen=True, eq=False)
class Summary(NanEqual):
    """Means and standard deviations over splits, of one family, or of the mean or median over families.

    Attributes:
        splits: how many.
        train, test: mean numbers of training and test networks.
        mean, std: by metric; None if a split has no value, and a deviation also with a single split.
    """

    splits: int
    train: float
    test: float
    mean: Mapping[str, float | None]
    std: Mapping[str, float | None]

    @classmethod
    def of(cls, values: Sequence[Mapping[str, float]]) -> Summary:
        """The summary of the metrics, `train` and `test` of each split."""
        mean, std = {}, {}
        for metric in METRICS:
            each = [of_split[metric] for of_split in values]
            mean[metric] = optional(statistics.fmean(each))
            defined = len(each) > 1 and all(map(math.isfinite, each))
            std[metric] = statistics.stdev(each) if defined else None
        train, test = (statistics.fmean(of_split[name] for of_split in values) for name in ("train", "test"))
        return cls(len(values), train, test, mean, std)

    def to_json(self) -> dict[str, Any]:
        """JSON-able, such as `mape_pct_mean` and `mape_pct_std`."""
        found: dict[str, Any] = {"splits": self.splits, "train_mean": self.train, "test_mean": self.test}
        for metric in METRICS:
            found |= {f"{metric}_mean": self.mean[metric], f"{metric}_std": self.std[metric]}
        return found


@dataclass(frozen=True, eq=False)
class PredictorResult(NanEqual):
    """One predictor.

    Attributes:
        predictor: as given by the user.
        preset: its name.
        families: a summary of each, in the order of the data set.
        mean, median: over families in each split, then summarised over the splits.
        worst: the family with the largest mean MAPE.
        fit_s_median: seconds of a fit.
    """

    predictor: str
    preset: str
    families: Mapping[str, Summary]
    mean: Summary
    median: Summary
    worst: str
    fit_s_median: float

    @classmethod
    def of(cls, predictor: str, preset: str, results: Iterable[FamilyResult]) -> PredictorResult:
        """From its results on all families and splits."""
        every = list(results)
        numbers = [asdict(result) for result in every]
        families = list(dict.fromkeys(result.family for result in every))
        splits = sorted({result.split for result in every})
        by_family = {family: Summary.of([each for each in numbers if each["family"] == family]) for family in families}
        by_split = [[each for each in numbers if each["split"] == split] for split in splits]
        over = {
            name: Summary.of([_over_families(each, take) for each in by_split])
            for name, take in (("mean", statistics.fmean), ("median", statistics.median))
        }
        worst = max(families, key=lambda family: by_family[family].mean["mape_pct"] or 0.0)
        fit_s = statistics.median(result.fit_s for result in every)
        return cls(predictor, preset, by_family, over["mean"], over["median"], worst, fit_s)

    def to_json(self) -> dict[str, Any]:
        """JSON-able."""
        return {
            "predictor": self.predictor,
            "preset": self.preset,
            "families": [{"family": family, **summary.to_json()} for family, summary in self.families.items()],
            "mean_over_families": self.mean.to_json(),
            "median_over_families": self.median.to_json(),
            "worst_family": self.worst,
            "fit_s_median": self.fit_s_median,
        }


def _over_families(results: Sequence[Mapping[str, Any]], take: Any) -> dict[str, float]:
    found = {metric: take([result[metric] for result in results]) for metric in METRICS}
    found["train"] = statistics.fmean(result["train"] for result in results)
    found["test"] = sum(result["test"] for result in results)
    if any(not math.isfinite(result["spearman"]) for result in results):
        found["spearman"] = _NAN  # the median of numbers and NaN depends on their order
    if any(not math.isfinite(result["coverage90"]) for result in results):
        found["coverage90"] = _NAN
    return found
