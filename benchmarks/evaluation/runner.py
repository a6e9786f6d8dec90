"""`evaluate`: checks what is asked, has the missing fits made, and judges their predictions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from nassurrogate.benchmarks import Benchmark, load_benchmark
from nassurrogate.benchmarks.evaluation.fit import Fit, Prediction
from nassurrogate.benchmarks.evaluation.measures import Judge, SplitResult
from nassurrogate.benchmarks.evaluation.prediction_store import PredictionStore
from nassurrogate.benchmarks.evaluation.report import Evaluation, make_row, optional
from nassurrogate.benchmarks.evaluation.workers import describe, make_fits
from nassurrogate.benchmarks.protocols import Protocol, get_protocol
from nassurrogate.errors import InputError, brief, unknown_choice
from nassurrogate.predictors import DEFAULT_PREDICTOR, predictor_names
from nassurrogate.surrogate import Surrogate

DEFAULT_FOLDER = Path("runs") / "evaluate"
"""Shared by all protocols: A1, A3 and A4 on one data set are judgements of the same fits."""
ALL = "all"
Progress: TypeAlias = Callable[[int, int, str], None]
"""Called with (fits done, fits in all, what was done last)."""


def evaluate(
    protocol: str = "A4",
    *,
    dataset: str | None = None,
    labels: int | Sequence[int] | None = None,
    splits: int = 10,
    predictors: str | Sequence[str] = DEFAULT_PREDICTOR,
    config: Mapping[str, Mapping[str, Any]] | None = None,
    seed: int = 0,
    jobs: int = 1,
    run_dir: str | Path | None = None,
    write: bool = True,
    table: str | None = None,
    benchmark: Benchmark | None = None,
    device: str = "auto",
    progress: Progress | None = None,
) -> Evaluation:
    """Measure predictors by a protocol: fit them on N labels, rank the other cells, compare with the truth.

    A fit is given its N labels and the unlabelled space, nothing else; it is stored, and never made again: another
    protocol on the same labels, or the same call after a crash, takes it from the folder. After a change of a
    predictor's code within one release, name another folder.

    Args:
        protocol: one of `nassurrogate.benchmarks.protocols.PROTOCOLS`.
        dataset: name of the data set; None: the protocol's first.
        labels: one N or several; None: the protocol's.
        splits: how many random splits; of the protocol `published`, which has but one, seeds of the fit.
        predictors: a registered name or `name:preset`, several, or `"all"` that are registered.
        config: hyper-parameters that replace the preset's, by predictor as named in `predictors`.
        seed: split s is drawn, and its fit seeded, by `seed + s`.
        jobs: processes; with more than one each has one thread, and a script needs `if __name__ == "__main__":`.
        run_dir: where the fits stand; None: `runs/evaluate`. Several processes may share a folder.
        write: False keeps nothing and looks into no folder.
        table: name of an import whose columns stand before the embedded ones, or `"embedded"` for these alone.
        benchmark: ground truth in place of the named table.
        device: of the predictors.
        progress: see `Progress`.

    Raises `InputError` for input that is unusable, before the first fit, and where a predictor refuses its labels;
    `RuntimeError` where a process of several dies. Fits that were finished stand.

    >>> found = evaluate("A4", labels=50, splits=1, predictors="gradient-boosting", write=False)
    >>> found.rows[0].kendall_tau_mean > 0.5
    True
    """
    chosen = get_protocol(protocol)
    truth = _ground_truth(chosen, dataset, table, benchmark)
    sizes = _sizes(labels if labels is not None else chosen.sizes)
    for name, number in (("splits", splits), ("jobs", jobs)):
        _check_whole(name, number, 1)
    _check_whole("seed", seed, 0)
    for size in sizes:
        chosen.draw(truth, size, 0, seed=seed)
    contenders = _contenders(chosen, predictors, config or {}, device)
    if run_dir is not None and not str(run_dir):
        raise InputError("run_dir is empty; give the folder's name, or '.' for the current one")
    folder = (Path(run_dir) if run_dir is not None else DEFAULT_FOLDER) if write else None
    store = PredictionStore(folder)
    store.open()
    plan = _Plan(chosen, truth, contenders, sizes, splits, seed, device)
    results = _results(plan, store, jobs, progress)
    reference, of_classes = plan.judge.references()
    return Evaluation(
        protocol=chosen,
        dataset=truth.dataset,
        seed=seed,
        reference_tau=optional(reference),
        reference_tau_classes=optional(of_classes),
        rows=tuple(
            make_row(contender.name, contender.preset, [results[contender.name, size, s] for s in range(splits)])
            for contender in contenders
            for size in sizes
        ),
        splits=tuple(results[key] for key in sorted(results)),
        run_dir=str(folder) if folder is not None else None,
        table_sha256=truth.sha256,
    )


@dataclass(frozen=True)
class _Contender:
    """A predictor as it was asked for, and what that means."""

    name: str
    full_name: str
    config: dict[str, Any]

    @property
    def preset(self) -> str:
        return self.full_name.partition(":")[2]


@dataclass
class _Plan:
    """All fits of an evaluation, and who judges them."""

    protocol: Protocol
    truth: Benchmark
    contenders: Sequence[_Contender]
    sizes: Sequence[int]
    splits: int
    seed: int
    device: str
    judge: Judge = field(init=False)

    def __post_init__(self) -> None:
        self.judge = Judge(self.protocol, self.truth)

    def fits(self) -> Iterator[tuple[str, Fit]]:
        """With the contender's name; small fits first."""
        for size in self.sizes:
            for split in range(self.splits):
                for contender in self.contenders:
                    yield contender.name, self._fit(contender, size, split)

    def result(self, name: str, fit: Fit, prediction: Prediction) -> SplitResult:
        """The judgement of a finished fit."""
        split = fit.about["split"]
        draw = self.protocol.draw(self.truth, len(fit.cells), split, seed=self.seed)
        return self.judge.judge(name, split, draw, prediction)

    def _fit(self, contender: _Contender, size: int, split: int) -> Fit:
        draw = self.protocol.draw(self.truth, size, split, seed=self.seed)
        chosen_on = None
        if draw.selection is not None:
            chosen_on = draw.selection, self.judge.target[draw.selection]
        return Fit(
            about={
                "dataset": self.truth.dataset,
                "kind": "first-cells-one-run" if self.protocol.leaky else f"{self.protocol.label}-mean",
                "seed": self.seed,
                "split": split,
                "n_labels": size,
            },
            space=self.truth.space.name,
            predictor=contender.full_name,
            config=contender.config,
            metric=self.protocol.label,
            seed=self.seed + split,
            device=self.device,
            cells=draw.train,
            targets=self.judge.labels[draw.train],
            selection=chosen_on,
        )


def _results(
    plan: _Plan, store: PredictionStore, jobs: int, progress: Progress | None
) -> dict[tuple[str, int, int], SplitResult]:
    """(predictor, labels, split) → result; judged as soon as there is a prediction, which is then let go."""
    results: dict[tuple[str, int, int], SplitResult] = {}
    total = len(plan.contenders) * len(plan.sizes) * plan.splits
    names: dict[str, str] = {}

    def keep(name: str, fit: Fit, prediction: Prediction) -> None:
        result = plan.result(name, fit, prediction)
        results[name, result.labels, result.split] = result

    def done(fit: Fit, prediction: Prediction) -> None:
        keep(names[fit.predictor], fit, prediction)
        if progress is not None:
            progress(len(results), total, describe(fit))

    missing = []
    for name, fit in plan.fits():
        names[fit.predictor] = name
        stored = store.read(fit)
        if stored is None:
            missing.append(fit)
        else:
            keep(name, fit, stored)
    if results and progress is not None:
        progress(len(results), total, "made before")
    make_fits(missing, store, jobs, done)
    return results


# --- what is asked -------------------------------------------------------------------------------------------------


def _ground_truth(protocol: Protocol, dataset: str | None, table: str | None, benchmark: Benchmark | None) -> Benchmark:
    name = benchmark.dataset if benchmark is not None else dataset if dataset is not None else protocol.default_dataset
    if benchmark is None:
        protocol.check_dataset(name)
        benchmark = load_benchmark(protocol.space, name, table=table)
    elif benchmark.space.name != protocol.space:
        raise InputError(f"protocol {protocol.id} is on {protocol.space}, got a benchmark of {benchmark.space.name}")
    for column in (protocol.label, protocol.target):
        if column not in benchmark.columns or not np.isfinite(benchmark.column(column).mean).any():
            raise InputError(
                f"protocol {protocol.id} needs {column} of {protocol.space}/{name}, which no table here has; import "
                f"one: nassurrogate data import {protocol.space} FILE (an official file, or a CSV with the columns "
                f"index and {name}_{column})"
            )
    return benchmark


def _sizes(labels: int | Sequence[int]) -> list[int]:
    sizes = list(labels) if isinstance(labels, Iterable) else [labels]
    for size in sizes:
        _check_whole("labels", size, 1)
    if not sizes or len(set(sizes)) < len(sizes):
        raise InputError(f"labels must be different numbers, at least one, got {brief(labels)}")
    return [int(size) for size in sizes]


def _check_whole(name: str, number: object, low: int) -> None:
    if isinstance(number, bool) or not isinstance(number, int | np.integer) or number < low:
        raise InputError(f"{name} must be a whole number from {low}, got {brief(number)}")


def _contenders(
    protocol: Protocol, predictors: str | Sequence[str], config: Mapping[str, Mapping[str, Any]], device: str
) -> list[_Contender]:
    names = [predictors] if isinstance(predictors, str) else list(predictors)
    names = [name for given in names for name in (predictor_names() if given == ALL else [given])]
    if not names:
        raise InputError("predictors must name at least one")
    for name in config:
        if name not in names:
            raise unknown_choice("predictor", name, names, place=" in config")
    found: dict[str, _Contender] = {}
    for name in names:
        made = Surrogate(
            protocol.space, predictor=name, metric=protocol.label, config=config.get(name, {}), device=device
        ).predictor
        full_name = f"{made.name}:{made.preset}"
        if full_name in found:
            raise InputError(f"the predictor {full_name} is named twice: {found[full_name].name!r} and {name!r}")
        found[full_name] = _Contender(name, full_name, made.config_dict())
    return list(found.values())
