"""Pays for labels: every ground-truth query of a run goes through here, into the ledger."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from nassurrogate.benchmarks import LABEL, Benchmark
from nassurrogate.search.candidates import Candidates
from nassurrogate.search.ledger import LedgerWriter, Phase, Query, finite_or_none

LabelKind: TypeAlias = Literal["mean", "single"]
LABEL_KINDS: tuple[LabelKind, ...] = ("mean", "single")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Event:
    """Something a user may want to see while a run goes on.

    Args:
        kind: `start` (with what is searched), `query`, `fit`, or `note` (with a reason).
        done: queries paid, or steps of the fit done.
        total: the budget, or all steps of the fit.
        message: one line, for `start` and `note`.
        query: what was paid for, for `query`.
    """

    kind: Literal["start", "query", "fit", "note"]
    done: int
    total: int
    message: str = ""
    query: Query | None = None


Listener: TypeAlias = Callable[[Event], None]


class Account:
    """The labels of a run: what was paid, for which cells, and what is left.

    Args:
        benchmark: the truth.
        candidates: what may be paid for.
        budget: queries in all.
        kind: `mean` of the training seeds, or one seed drawn as in real life; where the table has one, it is that.
        rng: draws the training seeds.
        writer: the ledger on disk; None keeps it in memory only.
        listener: told of every event.
    """

    def __init__(
        self,
        benchmark: Benchmark,
        candidates: Candidates,
        *,
        budget: int,
        kind: LabelKind,
        rng: np.random.Generator,
        writer: LedgerWriter | None = None,
        listener: Listener | None = None,
    ) -> None:
        self._benchmark = benchmark
        self._domain = candidates.domain
        self.budget = budget
        self.limit = min(budget, candidates.n_feasible_classes)
        """Queries that can be paid: a class is paid for once."""
        self.kind: LabelKind = kind
        self._rng = rng
        self._writer = writer
        self._listener = listener
        self._began = time.monotonic()
        self._classes: set[int] = set()
        self._seeds: dict[int, set[int | None]] = {}
        self.queries: list[Query] = []
        self.notes: list[str] = []

    @property
    def left(self) -> int:
        """Queries that can still be paid."""
        return self.limit - len(self.queries)

    @property
    def indices(self) -> list[int]:
        """Paid cells in the order of payment."""
        return [query.index for query in self.queries]

    @property
    def labels(self) -> list[float]:
        """Their labels, in percent."""
        return [query.label for query in self.queries]

    def pay(self, index: int, phase: Phase, proposed_by: str, *, predicted: tuple[float, float] | None = None) -> float:
        """Query one cell, record it, and return its label in percent.

        A class is evaluated once, but for further trainings of the same cell: see `can_train_again`.
        """
        assert self.left > 0, "the budget is spent"
        assert self._domain.feasible[index], f"cell {index} is infeasible"
        class_id = int(self._domain.class_of[index])
        again = index in self._seeds and self.can_train_again(index)
        assert again or class_id not in self._classes, f"the class of cell {index} is evaluated already"
        seed = self._draw_seed(index)
        measured = self._benchmark.query(index, LABEL, seed="mean" if seed is None else seed)
        arch = self._benchmark.space.parse(index)
        mean, std = predicted if predicted is not None else (None, None)
        query = Query(
            number=len(self.queries) + 1,
            phase=phase,
            proposed_by=proposed_by,
            arch=arch.string,
            index=index,
            key=arch.key,
            label=measured.value,
            label_kind="mean" if seed is None else "single",
            label_seed=seed,
            cost_train_time_s=finite_or_none(measured.cost_train_time_s),
            predicted_mean=finite_or_none(mean),
            predicted_std=finite_or_none(std),
            feasible=bool(self._domain.feasible[index]),
            elapsed_s=round(time.monotonic() - self._began, 3),
        )
        if self._writer is not None:
            self._writer.append(query)
        self._classes.add(class_id)
        self._seeds.setdefault(index, set()).add(seed)
        self.queries.append(query)
        self.emit(Event("query", len(self.queries), self.budget, query=query))
        return query.label

    def note(self, reason: str) -> None:
        """Record why the run departs from its plan."""
        self.notes.append(reason)
        _log.warning("%s", reason)
        self.emit(Event("note", len(self.queries), self.budget, reason))

    def emit(self, event: Event) -> None:
        """Tell the listener, if there is one."""
        if self._listener is not None:
            self._listener(event)

    @property
    def trains_again(self) -> bool:
        """Whether a query is a single training, and the benchmark has several of some cells."""
        return self.kind == "single" and bool((self._benchmark.column(LABEL).n_seeds > 1).any())

    def can_train_again(self, index: int) -> bool:
        """Whether a further query of an evaluated cell would be another training of it, and not the same again."""
        seeds = self._seeds[index]
        return None not in seeds and bool(set(self._trainings(index)) - seeds)

    def _draw_seed(self, index: int) -> int | None:
        """The training run that is looked up; None for their mean. The mean of one run is that run, as noisy."""
        there = self._trainings(index)
        if self.kind == "mean" and len(there) > 1:
            return None
        known = self._seeds.get(index, set())
        return int(self._rng.choice([seed for seed in there if seed not in known]))

    def _trainings(self, index: int) -> list[int]:
        """The seeds of the trainings that the benchmark has."""
        found: list[int] = np.flatnonzero(np.isfinite(self._benchmark.column(LABEL).values[index])).tolist()
        return found
