"""All fits of an evaluation, and how their predictions are measured: on a table's own protocols, and on protocol G."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from nassurrogate.benchmarks.base import Benchmark
from nassurrogate.benchmarks.evaluation.contenders import Contender
from nassurrogate.benchmarks.evaluation.fit import Fit, Prediction
from nassurrogate.benchmarks.evaluation.measures import Judge, SplitResult, measure
from nassurrogate.benchmarks.evaluation.protocols import Protocol, split_seeds
from nassurrogate.benchmarks.evaluation.random_splits import RandomSplit, RandomSplits
from nassurrogate.benchmarks.tabular.table import TabularBenchmark
from nassurrogate.metric import Metric
from nassurrogate.spaces import SpaceLike


@dataclass(frozen=True)
class Asked:
    """What is measured: which predictors, at which numbers of labels, on how many splits."""

    contenders: Sequence[Contender]
    sizes: Sequence[int]
    splits: int
    seed: int
    device: str


class Plan(ABC):
    """The fits of one evaluation."""

    def __init__(self, protocol: Protocol, benchmark: Benchmark, asked: Asked) -> None:
        self.protocol, self.benchmark, self.asked = protocol, benchmark, asked

    def fits(self) -> Iterator[tuple[str, Fit]]:
        """With the contender's name; small fits first."""
        for size in self.asked.sizes:
            for split in range(self.asked.splits):
                for contender in self.asked.contenders:
                    yield contender.name, self.fit(contender, size, split)

    @abstractmethod
    def fit(self, contender: Contender, size: int, split: int) -> Fit:
        """One fit."""

    @abstractmethod
    def result(self, name: str, fit: Fit, prediction: Prediction) -> SplitResult:
        """The metrics of a finished fit."""

    def references(self) -> tuple[float, float]:
        """See `Judge.references`."""
        return float("nan"), float("nan")


class TablePlan(Plan):
    """A protocol of one space: predictions of the whole table, which other protocols on the same labels share."""

    def __init__(self, protocol: Protocol, benchmark: TabularBenchmark, asked: Asked) -> None:
        super().__init__(protocol, benchmark, asked)
        self._table = benchmark
        self.judge = Judge(protocol, benchmark)

    def result(self, name: str, fit: Fit, prediction: Prediction) -> SplitResult:
        split = fit.about["split"]
        draw = self.protocol.draw(self._table, len(fit.cells), split, seed=self.asked.seed)
        return self.judge.judge(name, split, draw, prediction)

    def references(self) -> tuple[float, float]:
        return self.judge.references()

    def fit(self, contender: Contender, size: int, split: int) -> Fit:
        draw = self.protocol.draw(self._table, size, split, seed=self.asked.seed)
        chosen_on = None
        if draw.selection is not None:
            chosen_on = draw.selection, self.judge.target[draw.selection]
        return Fit(
            about={
                "dataset": self.benchmark.dataset,
                "kind": "first-cells-one-run" if self.protocol.leaky else f"{self.protocol.label}-mean",
                "seed": self.asked.seed,
                "split": split,
                "n_labels": size,
            },
            space=self.benchmark.space.name,
            predictor=contender.full_name,
            config=contender.config,
            metric=self.protocol.label,
            seed=self.asked.seed + split,
            device=self.asked.device,
            cells=draw.train,
            targets=self.judge.labels[draw.train],
            selection=chosen_on,
            given_class=contender.given_class,
        )


class GeneralPlan(Plan):
    """Protocol G: predictions of the ranked architectures alone, in the order in which they are drawn.

    Args:
        space: as a surrogate is given it: by name, or the object where it is not registered.
        objective: label and target.
    """

    def __init__(
        self,
        protocol: Protocol,
        benchmark: Benchmark,
        asked: Asked,
        *,
        space: SpaceLike,
        objective: Metric,
        splits: RandomSplits,
    ) -> None:
        super().__init__(protocol, benchmark, asked)
        self._space, self._objective = space, objective
        self._split = lru_cache(maxsize=None)(splits.split)

    def split(self, labels: int, split: int) -> RandomSplit:
        """The architectures of one split; each is drawn and queried once."""
        return self._split(labels, split)

    def result(self, name: str, fit: Fit, prediction: Prediction) -> SplitResult:
        split = fit.about["split"]
        ranked = self.split(len(fit.cells), split).ranked
        return measure(
            name, len(fit.cells), split, prediction, ranked, self._objective, intervals=self.protocol.intervals
        )

    def fit(self, contender: Contender, size: int, split: int) -> Fit:
        drawn = self.split(size, split)
        return Fit(
            about={
                "dataset": self.benchmark.dataset,
                "kind": f"{self.protocol.id}-{self._objective.name}",
                "seed": self.asked.seed,
                "split": split,
                "n_labels": size,
            },
            space=self._space,
            predictor=contender.full_name,
            config=contender.config,
            metric=self._objective,
            seed=split_seeds(self.asked.seed, split)[1],
            device=self.asked.device,
            cells=drawn.train,
            targets=drawn.labels,
            ranked=drawn.strings,
            given_class=contender.given_class,
        )
