"""Spends the budget: every ground-truth query of a run goes through here, into the ledger."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any, Literal, TypeAlias

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.benchmarks import Benchmark, Evaluation, TabularBenchmark
from nassurrogate.errors import InputError, brief, one_line
from nassurrogate.metric import Metric
from nassurrogate.search.candidates.feasible_set import FeasibleSet
from nassurrogate.search.record.ledger import LedgerWriter, Phase, Query, finite_or_none
from nassurrogate.spaces import EnumerableSpace

LabelKind: TypeAlias = Literal["mean", "single"]
LABEL_KINDS: tuple[LabelKind, ...] = ("mean", "single")
_MOST_FAILURES = 5
"""Failed evaluations in a row from the start after which a run ends: all others would fail as well."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Event:
    """Something a user may want to see while a run goes on.

    Args:
        kind: `start` (with what is searched), `query`, `fit`, `note` (with a reason), or `result` (with what `run` is
            about to return, before summary and plots are written).
        done: queries made, or steps of the fit done.
        total: the budget, or all steps of the fit.
        message: one line, for `start` and `note`.
        query: what was evaluated, for `query`.
        run_dir: the run folder, for `start`; empty where nothing is written.
        best: the best label so far with its unit, for `query`; empty while there is none.
        result: the fields of the result, for `result`.
    """

    kind: Literal["start", "query", "fit", "note", "result"]
    done: int
    total: int
    message: str = ""
    query: Query | None = None
    best: str = ""
    run_dir: str = ""
    result: Mapping[str, Any] | None = None


Listener: TypeAlias = Callable[[Event], None]


class Account:
    """The queries of a run: what was evaluated, what it gave, and how much of the budget is left.

    Args:
        benchmark: the ground truth.
        feasible: what may be evaluated.
        objective: the metric that is a label.
        budget: queries in all.
        kind: `mean` of the training seeds, or `single`, one seed drawn at random; the only seed where there is one.
        rng: draws the training seeds.
        fidelity: of all queries; None: the full training.
        writer: the ledger on disk; None keeps it in memory only.
        listener: called with every event.
        known: keys of feasible functions that are not evaluated, as their labels are known.
    """

    def __init__(
        self,
        benchmark: Benchmark,
        feasible: FeasibleSet,
        objective: Metric,
        *,
        budget: int,
        kind: LabelKind,
        rng: np.random.Generator,
        fidelity: int | None = None,
        writer: LedgerWriter | None = None,
        listener: Listener | None = None,
        known: Collection[Hashable] = (),
    ) -> None:
        self._benchmark = benchmark
        self._feasible = feasible
        self.objective = objective
        self.budget = budget
        self.limit = budget if feasible.n_classes is None else min(budget, feasible.n_classes - len(known))
        """Number of possible queries: equal functions are evaluated once, known ones never."""
        self.kind: LabelKind = kind
        self._rng = rng
        self._fidelity = fidelity
        self._kept_as = benchmark.at_fidelity(objective.name, fidelity)
        self._writer = writer
        self._listener = listener
        self._began = time.monotonic()
        self.taken: set[Hashable] = set(known)
        """Keys that must not be evaluated: those already evaluated, failures included, and known ones."""
        self._seeds: dict[Architecture, list[int | None]] = {}
        self._evaluations: list[tuple[Query, Evaluation]] = []
        self.notes: list[str] = []

    @property
    def left(self) -> int:
        """Queries that can still be made."""
        return self.limit - len(self._evaluations)

    @property
    def queries(self) -> list[Query]:
        """All of them, in order."""
        return [query for query, _ in self._evaluations]

    @property
    def labelled(self) -> list[Query]:
        """Those that gave a label."""
        return [query for query, evaluation in self._evaluations if evaluation.status == "ok"]

    @property
    def archs(self) -> list[Architecture]:
        """The architectures of `labelled`."""
        return [evaluation.arch for _, evaluation in self._evaluations if evaluation.status == "ok"]

    @property
    def labels(self) -> list[float]:
        """Their labels, in the objective's unit."""
        return [query.value for query in self.labelled]

    def evaluate(
        self,
        arch: Architecture,
        phase: Phase,
        proposed_by: str,
        *,
        predicted: tuple[float, float] | None = None,
        equivalent: bool = False,
    ) -> Evaluation:
        """Query one architecture, and record what it gave.

        Equal functions are evaluated once, except for further trainings of the same architecture (see
        `can_train_again`) and for an `equivalent` of an evaluated one.

        Raises `InputError` if the first five evaluations all fail.
        """
        key = self._feasible.key(arch)
        again = arch in self._seeds and self.can_train_again(arch)
        assert len(self._evaluations) < (self.budget if equivalent else self.limit), "the budget is spent"
        assert self._feasible.allows(arch), f"{arch} is infeasible"
        assert again or equivalent or key not in self.taken, f"the function of {arch} is evaluated already"
        seed = self._draw_seed(arch)
        name = self.objective.name
        evaluation = self._evaluated(arch, seed)
        succeeded = evaluation.status == "ok"
        trained = self.objective.needs_training
        n_seeds = evaluation.n_seeds.get(name, 1) if succeeded and trained else 0
        mean, std = predicted if predicted is not None else (None, None)
        query = Query(
            number=len(self._evaluations) + 1,
            phase=phase,
            proposed_by=proposed_by,
            arch=arch.string,
            index=arch.index if isinstance(arch.space, EnumerableSpace) else None,
            key=arch.key,
            label=evaluation.values[name] if succeeded else None,
            label_kind="single" if trained and (seed is not None or n_seeds <= 1) else "mean",
            label_seed=seed,
            cost_train_time_s=finite_or_none(evaluation.cost_s),
            predicted_mean=finite_or_none(mean),
            predicted_std=finite_or_none(std),
            feasible=True,
            elapsed_s=round(time.monotonic() - self._began, 3),
            values=dict(evaluation.values),
            n_seeds=n_seeds,
            status=evaluation.status,
            reason=evaluation.reason,
            fidelity=self._fidelity,
        )
        self._evaluations.append((query, evaluation))
        try:
            if self._writer is not None:
                self._writer.append(query)
        except BaseException:  # Ctrl-C too: a query that is not in the ledger is not in the result
            self._evaluations.pop()
            raise
        self.taken.add(key)
        if succeeded or again:  # a further training that failed is not asked for again either
            self._seeds.setdefault(arch, []).append(seed)
        self.emit(Event("query", len(self._evaluations), self.budget, query=query, best=self._best()))
        self._watch(query)
        return evaluation

    def _evaluated(self, arch: Architecture, seed: int | None) -> Evaluation:
        """What the benchmark gives, checked: a failure that it does not say itself must not end a run."""
        name = self.objective.name
        try:
            (given,) = self._benchmark.evaluate([arch], [name], seed=seed, fidelity=self._fidelity)
            reason = _fault(given, arch, name)
        except InputError:
            raise
        except Exception as error:  # whatever a plug-in raises, or gives in place of an evaluation
            return Evaluation(arch, status="failed", reason=one_line(error), seed=seed, fidelity=self._fidelity)
        if reason:
            return Evaluation(arch, status="failed", reason=reason, seed=seed, fidelity=self._fidelity)
        if given.status != "ok":
            return given
        return replace(given, values={metric: float(v) for metric, v in given.values.items() if _is_number(v)})

    def _best(self) -> str:
        if not self.labelled:
            return ""
        best = self.objective.sign * max(self.objective.sign * label for label in self.labels)
        return f"{best:.2f} %" if self.objective.is_percent else f"{best:.5g}"

    def _watch(self, query: Query) -> None:
        """Say what looks wrong while there is budget left to save."""
        if query.label is None:
            self.note(f"query {query.number} failed: {query.arch}: {query.reason}")
            if len(self._evaluations) >= _MOST_FAILURES and not self.labelled:
                raise InputError(
                    f"the first {len(self._evaluations)} evaluations all failed, so the run stops; the last failure: "
                    f"{query.reason}"
                )
            return
        is_first = len(self.labelled) == 1 and not isinstance(self._benchmark, TabularBenchmark)
        if is_first and self.objective.is_percent and 0.0 < query.label < 1.0:
            name = self.objective.name
            self.note(
                f"the first {name} is {query.label:.4g}, which reads like a fraction, but {name} is in percent; return "
                "100 times the value, or declare what it is: objective=Metric('accuracy', unit='fraction', "
                f"direction='{self.objective.direction}')"
            )

    def note(self, reason: str) -> None:
        """Record why the run departs from its plan."""
        self.notes.append(reason)
        _log.warning("%s", reason)
        self.emit(Event("note", len(self._evaluations), self.budget, reason))

    def emit(self, event: Event) -> None:
        """Tell the listener, if there is one."""
        if self._listener is not None:
            self._listener(event)

    @property
    def trains_again(self) -> bool:
        """Whether a query is a single training, and there may be several of some architectures."""
        if self.kind != "single" or not self.objective.needs_training:
            return False
        if isinstance(self._benchmark, TabularBenchmark):
            return bool((self._benchmark.column(self._kept_as).n_seeds > 1).any())
        arch = next(self._feasible.shuffled(np.random.default_rng(0)))
        there = self._benchmark.seeds(arch, self._kept_as)
        return there is None or len(there) > 1

    def can_train_again(self, arch: Architecture) -> bool:
        """Whether a further query of an evaluated architecture would be another training, and not the same again."""
        done = self._seeds.get(arch, [])
        there = self._benchmark.seeds(arch, self._kept_as)
        return bool(done) and None not in done and (there is None or bool(set(there) - set(done)))

    def _draw_seed(self, arch: Architecture) -> int | None:
        """The seed to query; None for the mean over seeds. A single training is queried by its seed: it is as noisy."""
        if not self.objective.needs_training:
            return None
        there = self._benchmark.seeds(arch, self._kept_as)
        done = self._seeds.get(arch, [])
        if there is None:
            return len(done) if self.kind == "single" else None
        if self.kind == "mean" and len(there) > 1:
            return None
        fresh = [seed for seed in there if seed not in done]
        return int(self._rng.choice(fresh)) if fresh else None


def _fault(given: Evaluation, arch: Architecture, metric: str) -> str:
    """What is wrong with an evaluation of this architecture; empty if nothing is."""
    if given.arch != arch:
        return f"the benchmark gave an evaluation of {given.arch} in place of {arch}"
    if given.status not in ("ok", "failed", "missing"):
        return f"the benchmark gave the status {brief(given.status)}, expected ok, failed or missing"
    if given.status == "ok" and not _is_number(given.values.get(metric)):
        return f"the benchmark gave no {metric} that is a number"
    return ""


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and math.isfinite(value)
