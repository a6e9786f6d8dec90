"""Training and test sets of protocol G: rows of a table, or architectures that are queried."""

from __future__ import annotations

import itertools
import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.benchmarks.base import Benchmark
from nassurrogate.benchmarks.evaluation.measures import Ranked, is_developed_on
from nassurrogate.benchmarks.evaluation.protocols import MOST_RANKED, development_split, random_split, split_seeds
from nassurrogate.benchmarks.evaluation.queries import OnQuery, Queries
from nassurrogate.benchmarks.tabular.table import TabularBenchmark
from nassurrogate.errors import InputError
from nassurrogate.metric import Metric
from nassurrogate.spaces import Space

logger = logging.getLogger(__name__)

QUERIED = 200
"""Default size of the test set if every target is a query."""
MOST_LISTED = 1 << 16
"""A space of at most this many architectures is listed and permuted; a larger one is sampled."""
_REPEATS = 10_000
"""After this many samples without a new architecture, a space counts as exhausted."""


@dataclass(frozen=True)
class RandomSplit:
    """One split: (N,) strings and labels of the training set, (M,) strings and targets of the test set."""

    train: tuple[str, ...]
    labels: np.ndarray
    strings: tuple[str, ...]
    ranked: Ranked


class RandomSplits(ABC):
    """The splits of protocol G on one benchmark: drawn by `split_seeds(seed, split)`, nested in N."""

    queries: Queries | None = None

    @abstractmethod
    def prepare(self, sizes: Sequence[int], splits: int, on_query: OnQuery | None) -> None:
        """Check the sizes and log how many queries will be made, before the first. Raises `InputError`."""

    @abstractmethod
    def split(self, labels: int, split: int) -> RandomSplit:
        """The split of N labels and that number."""


class TableSplits(RandomSplits):
    """Splits of a table: see `nassurrogate.benchmarks.evaluation.protocols.random_split`."""

    def __init__(self, table: TabularBenchmark, objective: Metric, seed: int, test_size: int | None) -> None:
        self._table, self._seed = table, seed
        self._values = table.column(objective.name).mean
        self._known = np.flatnonzero(np.isfinite(self._values))
        self._most = MOST_RANKED if test_size is None else test_size
        self._development = development_split(table.space) if is_developed_on(table) else None

    def prepare(self, sizes: Sequence[int], splits: int, on_query: OnQuery | None) -> None:
        for size in sizes:
            random_split(self._known, size, 0, seed=self._seed, most=self._most)

    def split(self, labels: int, split: int) -> RandomSplit:
        drawn = random_split(self._known, labels, split, seed=self._seed, most=self._most)
        space = self._table.space
        classes = space.class_ids()
        outside = None if self._development is None else ~np.isin(drawn.test, self._development)
        return RandomSplit(
            tuple(arch.string for arch in space.take(drawn.train)),
            self._values[drawn.train],
            tuple(arch.string for arch in space.take(drawn.test)),
            Ranked(self._values[drawn.test], ~np.isin(classes[drawn.test], classes[drawn.train]), outside),
        )


class QueriedSplits(RandomSplits):
    """Splits of a benchmark that is not a table, without equivalent architectures.

    A space of up to 65,536 architectures is listed and permuted: the first N with a value are the training set, the
    last ones the test set. From a larger space architectures are sampled one by one: the first M with a value are the
    test set, the next N the training set. So training sets are nested in N, and the test set is the same for every N
    while there are enough architectures. Failed ones are left out.
    """

    def __init__(
        self, benchmark: Benchmark, objective: Metric, seed: int, test_size: int | None, folder: Path | None
    ) -> None:
        self.queries: Queries = Queries(benchmark, objective, folder)
        self._space, self._seed = benchmark.space, seed
        usual = MOST_RANKED if self.queries.free else QUERIED
        self._most = usual if test_size is None else test_size
        self._orders: dict[int, _Order] = {}

    def prepare(self, sizes: Sequence[int], splits: int, on_query: OnQuery | None) -> None:
        listed = self._order(0).listed
        most = len(listed) - 1 if listed is not None else None
        for size in sizes:
            if most is not None and size > most:
                raise InputError(f"labels must be from 1 to {most}, got {size}")
        per_split = max(sizes) + self._most if listed is None else min(max(sizes) + self._most, len(listed))
        self.queries.planned = splits * per_split
        self.queries.on_query = on_query
        if not self.queries.free:
            there = f"; {self.queries.n_stored} answers are stored from earlier runs" if self.queries.n_stored else ""
            logger.warning(
                "protocol G evaluates up to %d architectures: %d splits of %d in training and %d ranked (test_size)%s",
                self.queries.planned, splits, max(sizes), per_split - max(sizes), there,
            )  # fmt: skip

    def split(self, labels: int, split: int) -> RandomSplit:
        order = self._order(split)
        if order.listed is None:
            known = order.known(self.queries, self._most + labels)
            ranked, train = known[: self._most], known[self._most :]
            if len(train) < labels:
                raise self._too_few(len(known))
        else:
            train = order.known(self.queries, labels)
            if len(train) < labels:
                raise self._too_few(len(train))
            ranked = order.known_from_the_end(self.queries, self._most, beyond=train[-1][0])
            if not ranked:
                raise self._too_few(len(train))
        targets = np.array([value for _, value in ranked])
        return RandomSplit(
            tuple(arch.string for arch, _ in train),
            np.array([value for _, value in train]),
            tuple(arch.string for arch, _ in ranked),
            Ranked(targets, np.ones(len(ranked), dtype=bool)),
        )

    def _order(self, split: int) -> _Order:
        if split not in self._orders:
            self._orders[split] = _Order(self._space, split_seeds(self._seed, split)[0])
        return self._orders[split]

    def _too_few(self, found: int) -> InputError:
        return InputError(
            f"only {found} different architectures of {self._space.name} have a {self.queries.objective.name}: too few "
            "for that many labels and a test set; use fewer labels or a smaller test_size"
        )


_Known = list[tuple[Architecture, float]]


class _Order:
    """The architectures of one split in the order in which they are drawn, one of each canonical key."""

    def __init__(self, space: Space, rng: np.random.Generator) -> None:
        self._space = space
        self.listed = _permuted(space, rng)
        self._drawn = iter(self.listed) if self.listed is not None else _sampled(space, rng)
        self._known: _Known = []

    def known(self, queries: Queries, n: int) -> _Known:
        """The first n with a value, or all of them."""
        while len(self._known) < n:
            arch = next(self._drawn, None)
            if arch is None:
                break
            value = queries.value(arch)
            if value is not None:
                self._known.append((arch, value))
        return self._known[:n]

    def known_from_the_end(self, queries: Queries, n: int, *, beyond: Architecture) -> _Known:
        """The last n with a value, in the order drawn, all of them after `beyond`."""
        assert self.listed is not None
        others = itertools.takewhile(lambda arch: arch.string != beyond.string, reversed(self.listed))
        values = ((arch, queries.value(arch)) for arch in others)
        found = list(itertools.islice(((arch, value) for arch, value in values if value is not None), n))
        return found[::-1]


def _permuted(space: Space, rng: np.random.Generator) -> list[Architecture] | None:
    """All architectures of a small space in random order; None for a large space, or one that does not list them."""
    members = space.members_if_few(MOST_LISTED)
    if members is None:
        return None
    order = [members[place] for place in rng.permutation(len(members))]
    first = dict(zip(reversed(space.canonical_keys(order)), reversed(order), strict=True))
    kept = {arch.string for arch in first.values()}
    return [arch for arch in order if arch.string in kept]


def _sampled(space: Space, rng: np.random.Generator) -> Iterator[Architecture]:
    seen: set[str] = set()
    repeats = 0
    while repeats < _REPEATS:
        (arch,) = space.sample(1, rng)
        key = space.canonical_key(arch)
        repeats = repeats + 1 if key in seen else 0
        if not repeats:
            seen.add(key)
            yield arch
