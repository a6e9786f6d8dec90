"""The fits of an evaluation, and how their predictions are measured: by protocols of a table, and by protocol G."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from nassurrogate.benchmarks.base import Benchmark
from nassurrogate.benchmarks.evaluation.contenders import Contender
from nassurrogate.benchmarks.evaluation.fit import Fit, Prediction
from nassurrogate.benchmarks.evaluation.measures import SplitEvaluator, SplitResult, measure
from nassurrogate.benchmarks.evaluation.protocols import Protocol, split_seeds
from nassurrogate.benchmarks.evaluation.random_splits import RandomSplit, RandomSplits
from nassurrogate.benchmarks.tabular.table import TabularBenchmark
from nassurrogate.metric import Metric
from nassurrogate.spaces import SpaceLike


@dataclass(frozen=True)
class Request:
    """What is measured: predictors, numbers of labels, and splits."""

    contenders: Sequence[Contender]
    sizes: Sequence[int]
    splits: int
    seed: int
    device: str


class Plan(ABC):
    """The fits of one evaluation."""

    def __init__(self, protocol: Protocol, benchmark: Benchmark, request: Request) -> None:
        self.protocol, self.benchmark, self.request = protocol, benchmark, request

    def fits(self) -> Iterator[tuple[str, Fit]]:
        """(name of the predictor, fit), small fits first."""
        for size in self.request.sizes:
            for split in range(self.request.splits):
                for contender in self.request.contenders:
                    yield contender.name, self.fit(contender, size, split)

    @abstractmethod
    def fit(self, contender: Contender, size: int, split: int) -> Fit:
        """One fit."""

    @abstractmethod
    def result(self, name: str, fit: Fit, prediction: Prediction) -> SplitResult:
        """The metrics of a finished fit."""

    def references(self) -> tuple[float, float]:
        """See `SplitEvaluator.references`."""
        return float("nan"), float("nan")


class TablePlan(Plan):
    """A protocol of one space: predictions of the whole table, shared by all protocols on the same labels."""

    def __init__(self, protocol: Protocol, benchmark: TabularBenchmark, request: Request) -> None:
        super().__init__(protocol, benchmark, request)
        self._table = benchmark
        self.evaluator = SplitEvaluator(protocol, benchmark)

    def result(self, name: str, fit: Fit, prediction: Prediction) -> SplitResult:
        number = fit.about["split"]
        split = self.protocol.split(self._table, len(fit.cells), number, seed=self.request.seed)
        return self.evaluator.evaluate(name, number, split, prediction)

    def references(self) -> tuple[float, float]:
        return self.evaluator.references()

    def fit(self, contender: Contender, size: int, split: int) -> Fit:
        cells = self.protocol.split(self._table, size, split, seed=self.request.seed)
        selected_on = None
        if cells.selection is not None:
            selected_on = cells.selection, self.evaluator.target[cells.selection]
        return Fit(
            about={
                "dataset": self.benchmark.dataset,
                "kind": "first-cells-one-run" if self.protocol.leaky else f"{self.protocol.label}-mean",
                "seed": self.request.seed,
                "split": split,
                "n_labels": size,
            },
            space=self.benchmark.space.name,
            predictor=contender.full_name,
            config=contender.config,
            metric=self.protocol.label,
            seed=self.request.seed + split,
            device=self.request.device,
            cells=cells.train,
            targets=self.evaluator.labels[cells.train],
            selection=selected_on,
            given_class=contender.given_class,
        )


class GeneralPlan(Plan):
    """Protocol G: predictions for the test set alone, in the order in which it is drawn.

    Args:
        space: its name, or the object if it is not registered.
        objective: both label and target.
    """

    def __init__(
        self,
        protocol: Protocol,
        benchmark: Benchmark,
        request: Request,
        *,
        space: SpaceLike,
        objective: Metric,
        splits: RandomSplits,
    ) -> None:
        super().__init__(protocol, benchmark, request)
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
                "seed": self.request.seed,
                "split": split,
                "n_labels": size,
            },
            space=self._space,
            predictor=contender.full_name,
            config=contender.config,
            metric=self._objective,
            seed=split_seeds(self.request.seed, split)[1],
            device=self.request.device,
            cells=drawn.train,
            targets=drawn.labels,
            ranked=drawn.strings,
            given_class=contender.given_class,
        )
