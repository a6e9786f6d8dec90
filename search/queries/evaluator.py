"""Keeps the books of a run: every query goes through here, and into the ledger."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, cast

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.benchmarks import Benchmark, Evaluation, TabularBenchmark
from nassurrogate.errors import InputError
from nassurrogate.metric import Metric
from nassurrogate.search.candidates.feasible_set import FeasibleSet
from nassurrogate.search.queries.events import Event, Listener
from nassurrogate.search.queries.proposals import Proposal
from nassurrogate.search.record.ledger import LabelKind, LedgerWriter, Query, finite_or_none
from nassurrogate.spaces import EnumerableSpace

_MOST_FAILURES = 5
"""Failed evaluations in a row from the start after which a run ends: all others would fail as well."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Asked:
    """A query that has been made.

    Args:
        number: 1, 2, … in the order in which queries are made.
        proposal: what is evaluated, and why.
        seed: of the training; None for the mean over all.
        again: whether it is a further training of an evaluated architecture.
        after: number of answers that were known when it was made.
    """

    number: int
    proposal: Proposal
    seed: int | None
    again: bool
    after: int


class Evaluator:
    """Makes queries within a budget, and keeps every query and its label.

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
        unordered: whether answers may come in another order than that of the queries.
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
        unordered: bool = False,
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
        """Keys that must not be evaluated: those already evaluated or pending, failures included, and known ones."""
        self.unordered = unordered
        self.is_replaying = False
        """Whether the ledger holds already what is asked and told."""
        self.pending: dict[int, Asked] = {}
        """By number, the queries without an answer, in the order in which they were made."""
        self._seeds: dict[Architecture, list[int | None]] = {}
        self._networks: dict[str, Architecture] = {}
        self.n_twins = 0
        """Proposals that were left out since their network is that of an evaluated or pending architecture."""
        self._evaluations: list[tuple[Query, Evaluation]] = []
        self.notes: list[str] = []

    @property
    def n_asked(self) -> int:
        """Queries that were made, pending ones included."""
        return len(self._evaluations) + len(self.pending)

    @property
    def left(self) -> int:
        """Queries that can still be made."""
        return self.limit - self.n_asked

    @property
    def evaluations(self) -> list[Evaluation]:
        """The answers to all queries, in order."""
        return [evaluation for _, evaluation in self._evaluations]

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

    @property
    def pending_archs(self) -> list[Architecture]:
        """The architectures whose answers are pending, further trainings left out."""
        return [asked.proposal.arch for asked in self.pending.values() if not asked.again]

    def twin(self, arch: Architecture) -> Evaluation | None:
        """The evaluation of another architecture with the same network, as one of `arch`; None if there is none.

        An architecture with such a twin is not evaluated: its key counts as taken from now on. Only for architectures
        that are about to be evaluated: to compare networks, they are built.
        """
        network = arch.space.network_key(arch)
        if network is None:
            return None
        first = self._networks.setdefault(network, arch)
        if first == arch:
            return None
        self.taken.add(self._feasible.key(arch))
        self.n_twins += 1
        of_first = (evaluation for evaluation in self.evaluations if evaluation.arch == first)
        return replace(next(of_first, Evaluation(first, status="missing", reason="still pending")), arch=arch)

    def without_twins(self, archs: Sequence[Architecture]) -> list[Architecture]:
        """Those architectures whose network is not that of another one, evaluated or before them (see `twin`)."""
        return [arch for arch in archs if self.twin(arch) is None]

    def ask(self, proposal: Proposal) -> Asked:
        """Take one query of the budget for a proposal; its answer is pending until `tell`.

        Each function is evaluated once, except for further trainings of the same architecture (see `can_train_again`)
        and for an `equivalent` of an evaluated one.
        """
        arch = proposal.arch
        key = self._feasible.key(arch)
        again = arch in self._seeds and self.can_train_again(arch)
        assert self.n_asked < (self.budget if proposal.equivalent else self.limit), "the budget is spent"
        assert self._feasible.allows(arch), f"{arch} is infeasible"
        assert again or proposal.equivalent or key not in self.taken, f"the function of {arch} is evaluated already"
        asked = Asked(self.n_asked + 1, proposal, self._next_seed(arch), again, len(self._evaluations))
        if again:  # a further training that fails is not repeated either
            self._seeds[arch].append(asked.seed)
        self.taken.add(key)
        self.pending[asked.number] = asked
        if self.unordered and self._writer is not None and not self.is_replaying:
            self._writer.append_asked(asked.number, arch.string)
        return asked

    def note_wait(self) -> None:
        """Record that the search proposes nothing before it knows more: how it found out is part of its state."""
        if self.unordered and self._writer is not None and not self.is_replaying:
            self._writer.append_waited()

    def tell(self, asked: Asked, evaluation: Evaluation) -> Query:
        """Record the answer to a pending query.

        Raises `InputError` if the first five evaluations all fail.
        """
        proposal, name = asked.proposal, self.objective.name
        arch, succeeded = proposal.arch, evaluation.status == "ok"
        trained = self.objective.needs_training
        n_seeds = evaluation.n_seeds.get(name, 1) if succeeded and trained else 0
        mean, std = proposal.predicted if proposal.predicted is not None else (None, None)
        query = Query(
            number=len(self._evaluations) + 1,
            phase=proposal.phase,
            proposed_by=proposal.proposed_by,
            arch=arch.string,
            index=arch.index if isinstance(arch.space, EnumerableSpace) else None,
            key=arch.key,
            label=evaluation.values[name] if succeeded else None,
            label_kind="single" if trained and (asked.seed is not None or n_seeds <= 1) else "mean",
            label_seed=asked.seed,
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
            asked=asked.number if self.unordered else None,
        )
        self._evaluations.append((query, evaluation))
        try:
            if self._writer is not None:
                self._writer.append(query)
        except BaseException:  # Ctrl-C too: a query that is not in the ledger is not in the result
            self._evaluations.pop()
            raise
        self._answered(asked, query)
        return query

    def restore(self, queries: Sequence[Query]) -> None:
        """Take queries of the same run that were made before, in another search: they count as made."""
        for query in queries:
            arch = self._feasible.space.parse_printed(query.arch)
            self._evaluations.append((query, _evaluation(arch, query, self.objective.name)))
            self.taken.add(self._feasible.key(arch))
            self.twin(arch)
            if query.label is not None:
                self._seeds.setdefault(arch, []).append(query.label_seed)

    def retell(self, asked: Asked, query: Query) -> None:
        """Take the answer to a pending query from a ledger that holds it already."""
        evaluation = _evaluation(asked.proposal.arch, query, self.objective.name)
        self._evaluations.append((query, evaluation))
        self._answered(asked, query)

    def _answered(self, asked: Asked, query: Query) -> None:
        del self.pending[asked.number]
        if query.label is not None and not asked.again:
            self._seeds.setdefault(asked.proposal.arch, []).append(asked.seed)
        self.emit(Event("query", len(self._evaluations), self.budget, query=query, best=self._best()))
        self._note_problems(query)

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


def _evaluation(arch: Architecture, query: Query, metric: str) -> Evaluation:
    """The evaluation behind a query of a ledger."""
    return Evaluation(
        arch,
        dict(query.values or {}),
        {} if query.n_seeds is None else {metric: query.n_seeds},
        float("nan") if query.cost_train_time_s is None else query.cost_train_time_s,
        cast("Literal['ok', 'failed', 'missing']", query.status),
        query.reason,
        query.label_seed,
        query.fidelity,
    )
