"""Queries the ground truth: every evaluation of a run goes through here, and into the ledger."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Collection, Hashable
from dataclasses import replace
from numbers import Real

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.benchmarks import Benchmark, Evaluation, TabularBenchmark
from nassurrogate.errors import InputError, brief, one_line
from nassurrogate.metric import Metric
from nassurrogate.search.candidates.feasible_set import FeasibleSet
from nassurrogate.search.engine.events import Event, Listener
from nassurrogate.search.record.ledger import LabelKind, LedgerWriter, Phase, Query, finite_or_none
from nassurrogate.spaces import EnumerableSpace

_MOST_FAILURES = 5
"""Failed evaluations in a row from the start after which a run ends: all others would fail as well."""

_log = logging.getLogger(__name__)


class Evaluator:
    """Evaluates architectures within a budget, and keeps every query and its label.

    Args:
        benchmark: the ground truth.
        feasible: what may be evaluated.
        objective: the metric of the labels.
        budget: number of queries.
        kind: `mean` over the training seeds, or `single`, one seed drawn at random; the only seed if there is just one.
        rng: draws the training seeds.
        fidelity: of all queries; None: the full training.
        writer: the ledger on disk; None keeps it in memory only.
        listener: called with every event.
        known: keys of feasible functions whose labels are known already: they are not evaluated.
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
        """Number of possible queries: each function is evaluated once, known ones never."""
        self.kind: LabelKind = kind
        self._rng = rng
        self._fidelity = fidelity
        self._column = benchmark.at_fidelity(objective.name, fidelity)
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
        """All queries, in order."""
        return [query for query, _ in self._evaluations]

    @property
    def labelled(self) -> list[Query]:
        """The queries that gave a label."""
        return [query for query, evaluation in self._evaluations if evaluation.status == "ok"]

    @property
    def archs(self) -> list[Architecture]:
        """The architectures of `labelled`."""
        return [evaluation.arch for _, evaluation in self._evaluations if evaluation.status == "ok"]

    @property
    def labels(self) -> list[float]:
        """The labels of `labelled`, in the objective's unit."""
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
        """Query one architecture and record the outcome.

        Each function is evaluated once, except for further trainings of the same architecture (see `can_train_again`)
        and for an `equivalent` of an evaluated one.

        Args:
            arch: a feasible architecture.
            phase: of the run.
            proposed_by: as in the ledger.
            predicted: mean and deviation of its label, in the objective's unit.
            equivalent: whether it computes the same as an evaluated architecture.

        Raises `InputError` if the first five evaluations all fail.
        """
        key = self._feasible.key(arch)
        again = arch in self._seeds and self.can_train_again(arch)
        assert len(self._evaluations) < (self.budget if equivalent else self.limit), "the budget is spent"
        assert self._feasible.allows(arch), f"{arch} is infeasible"
        assert again or equivalent or key not in self.taken, f"the function of {arch} is evaluated already"
        seed = self._next_seed(arch)
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
        if succeeded or again:  # a further training that failed is not repeated either
            self._seeds.setdefault(arch, []).append(seed)
        self.emit(Event("query", len(self._evaluations), self.budget, query=query, best=self._best()))
        self._note_problems(query)
        return evaluation

    def _evaluated(self, arch: Architecture, seed: int | None) -> Evaluation:
        """The benchmark's evaluation; a failed one if the benchmark raises, or returns anything invalid."""
        try:
            (given,) = self._benchmark.evaluate([arch], [self.objective.name], seed=seed, fidelity=self._fidelity)
            return self._checked(given, arch)
        except InputError:
            raise
        except _InvalidEvaluation as error:
            reason = str(error)
        except Exception as error:  # a fault in a plug-in must not end a run
            reason = one_line(error)
        return Evaluation(arch, status="failed", reason=reason, seed=seed, fidelity=self._fidelity)

    def _checked(self, given: Evaluation, arch: Architecture) -> Evaluation:
        """The evaluation with those of its values that are numbers. Raises `_InvalidEvaluation`."""
        metric = self.objective.name
        if given.arch != arch:
            raise _InvalidEvaluation(f"the benchmark gave an evaluation of {given.arch} in place of {arch}")
        if given.status not in ("ok", "failed", "missing"):
            raise _InvalidEvaluation(
                f"the benchmark gave the status {brief(given.status)}, expected ok, failed or missing"
            )
        if given.status != "ok":
            return given
        if not _is_number(given.values.get(metric)):
            raise _InvalidEvaluation(f"the benchmark gave no {metric} that is a number")
        return replace(given, values={name: float(value) for name, value in given.values.items() if _is_number(value)})

    def _best(self) -> str:
        if not self.labelled:
            return ""
        best = self.objective.sign * max(self.objective.sign * label for label in self.labels)
        return f"{best:.2f} %" if self.objective.is_percent else f"{best:.5g}"

    def _note_problems(self, query: Query) -> None:
        """Note what looks wrong with a query while there is budget left to save."""
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
                f"the first {name} is {query.label:.4g}, which looks like a fraction, but {name} is in percent; return "
                "100 times the value, or declare the unit: objective=Metric('accuracy', unit='fraction', "
                f"direction='{self.objective.direction}')"
            )

    def note(self, reason: str) -> None:
        """Record why the run departs from its plan."""
        self.notes.append(reason)
        _log.warning("%s", reason)
        self.emit(Event("note", len(self._evaluations), self.budget, reason))

    def emit(self, event: Event) -> None:
        """Pass an event to the listener, if there is one."""
        if self._listener is not None:
            self._listener(event)

    @property
    def trains_again(self) -> bool:
        """Whether a query is a single training, and some architectures can be trained several times."""
        if self.kind != "single" or not self.objective.needs_training:
            return False
        if isinstance(self._benchmark, TabularBenchmark):
            return bool((self._benchmark.column(self._column).n_seeds > 1).any())
        arch = next(self._feasible.shuffled(np.random.default_rng(0)))
        seeds = self._benchmark.seeds(arch, self._column)
        return seeds is None or len(seeds) > 1

    def can_train_again(self, arch: Architecture) -> bool:
        """Whether a further query of an evaluated architecture would be another training, and not the same one."""
        done = self._seeds.get(arch, [])
        seeds = self._benchmark.seeds(arch, self._column)
        return bool(done) and None not in done and (seeds is None or bool(set(seeds) - set(done)))

    def _next_seed(self, arch: Architecture) -> int | None:
        """The training seed to query; None for the mean over all. The only seed is queried as such: it is as noisy."""
        if not self.objective.needs_training:
            return None
        seeds = self._benchmark.seeds(arch, self._column)
        done = self._seeds.get(arch, [])
        if seeds is None:
            return len(done) if self.kind == "single" else None
        if self.kind == "mean" and len(seeds) > 1:
            return None
        fresh = [seed for seed in seeds if seed not in done]
        return int(self._rng.choice(fresh)) if fresh else None


class _InvalidEvaluation(Exception):
    """The benchmark returned something other than an evaluation of the architecture."""


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and math.isfinite(value)
