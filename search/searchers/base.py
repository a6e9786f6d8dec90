"""The ask-and-tell interface of every searcher, and the registry. A searcher knows neither tables nor surrogates."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Sequence
from typing import ClassVar, TypeAlias

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.benchmarks import Evaluation
from nassurrogate.errors import InputError, brief
from nassurrogate.metric import Metric
from nassurrogate.runtime.plug_ins import ClassRegistry
from nassurrogate.search.candidates.feasible_set import FeasibleSet

__all__ = ["DEFAULT_SEARCHER", "Searcher", "SearcherLike", "resolve_searcher", "searcher_class", "searcher_names"]

DEFAULT_SEARCHER = "exhaustive"
ENTRY_POINT_GROUP = "nassurrogate.searchers"
MAX_ATTEMPTS = 200
"""Infeasible or repeated proposals in a row after which a random fresh one takes their place."""
ACQUISITION = Metric("acquisition", direction="maximize", needs_training=False)
"""The objective of a searcher that maximises a surrogate's acquisition."""

_log = logging.getLogger(__name__)
_BUILT_IN = {
    "exhaustive": "nassurrogate.search.searchers.exhaustive:Exhaustive",
    "random": "nassurrogate.search.searchers.random_search:RandomSearch",
    "evolution": "nassurrogate.search.searchers.evolution:Evolution",
    "optuna-tpe": "nassurrogate.search.searchers.optuna_samplers:OptunaTPE",
    "optuna-nsga2": "nassurrogate.search.searchers.optuna_samplers:OptunaNSGA2",
}


class Searcher(ABC):
    """Proposes feasible architectures, each function at most once, and learns from their values.

    A subclass names itself and implements `_propose`; it may override `_learn`, `_refused`, `_repeated` and `_failed`.
    `ask` passes on only proposals that are feasible and whose function is new: neither proposed nor evaluated
    before. After `max_attempts` rejected proposals in a row it returns a random one of these.

    Args:
        feasible: what may be proposed.
        rng: the only source of randomness.
        objectives: one or several metrics to optimise, each in its own direction.
        max_attempts: rejected proposals in a row after which a random one takes their place.

    Raises `InputError` for several objectives if the searcher takes only one.
    """

    name: ClassVar[str]
    description: ClassVar[str]
    inner_proposals: ClassVar[int] = 2000
    """Default number of proposals, rejected ones included, while it maximises an acquisition."""
    several_objectives: ClassVar[bool] = False
    """Whether it takes several objectives."""

    def __init__(
        self,
        feasible: FeasibleSet,
        rng: np.random.Generator,
        *,
        objectives: Sequence[Metric] = (ACQUISITION,),
        max_attempts: int = MAX_ATTEMPTS,
    ) -> None:
        if not objectives or (len(objectives) > 1 and not self.several_objectives):
            raise InputError(f"searcher {self.name!r} takes one objective, got {len(objectives)}")
        self.feasible = feasible
        self.space = feasible.space
        self.rng = rng
        self.objectives = tuple(objectives)
        self.max_attempts = max_attempts
        self.n_proposals = 0
        """All proposals, rejected ones included."""
        self.n_infeasible = 0
        """Proposals that violated a constraint; they are free, since constraints are known without training."""
        self.n_repeats = 0
        """Proposals of functions that were proposed or evaluated before; they are free."""
        self.n_fallbacks = 0
        """How often a random architecture took the place of `max_attempts` rejected proposals."""
        self._known: dict[Hashable, tuple[float, ...] | None] = {}
        self._asked: set[Hashable] = set()

    def ask(self, n: int = 1) -> list[Architecture]:
        """At most `n` architectures to evaluate next: feasible, and of different functions that are new.

        Fewer if no more are left.
        """
        found: list[Architecture] = []
        while len(found) < n:
            arch = self._ask_one()
            if arch is None:
                break
            found.append(arch)
        return found

    def _ask_one(self) -> Architecture | None:
        most = self.feasible.n_classes
        if most is not None and len(self._known) + len(self._asked) >= most:
            return None
        for _ in range(self.max_attempts):
            arch = self._propose()
            if arch is not None and not isinstance(arch, Architecture):
                raise TypeError(f"searcher {self.name!r} proposed {brief(arch)}, expected an Architecture")
            self.n_proposals += 1
            if arch is None or not self.feasible.allows(arch):
                self.n_infeasible += 1
                self._refused(arch)
                continue
            key = self.feasible.key(arch)
            if key not in self._known and key not in self._asked:
                self._asked.add(key)
                return arch
            self.n_repeats += 1
            self._repeated(arch, self._known.get(key))
        self.n_fallbacks += 1
        _log.info("%s: %d proposals in a row infeasible or known; trying a random one", self.name, self.max_attempts)
        fresh = self.random_fresh()
        if fresh is not None:
            self._asked.add(self.feasible.key(fresh))
        return fresh

    def tell(self, evaluations: Iterable[Evaluation]) -> None:
        """Learn from evaluations, asked for or not: each failed, or with a finite value for every objective."""
        for evaluation in evaluations:
            key = self.feasible.key(evaluation.arch)
            self._asked.discard(key)
            if evaluation.status != "ok":
                self._known.setdefault(key, None)
                self._failed(evaluation.arch)
                continue
            values = tuple(metric.sign * evaluation.values[metric.name] for metric in self.objectives)
            self._known[key] = values
            self._learn(evaluation.arch, values)

    def refuse(self, keys: Iterable[Hashable]) -> None:
        """Never propose functions of these keys: their evaluations failed."""
        for key in keys:
            self._known.setdefault(key, None)

    def random_fresh(self) -> Architecture | None:
        """A random feasible architecture of a new function; None if none is left."""
        return self.feasible.pick(self.rng, self._known.keys() | self._asked)

    @property
    def worst(self) -> tuple[float, ...]:
        """The lowest known value of every objective, better when larger; 0 if none is known."""
        known = [values for values in self._known.values() if values is not None]
        return tuple(map(min, zip(*known, strict=True))) if known else (0.0,) * len(self.objectives)

    @abstractmethod
    def _propose(self) -> Architecture | None:
        """An architecture of the space, possibly infeasible or known; None if the proposal is not an architecture."""

    # A searcher that learns nothing overrides none of these four. Values are better when larger.
    def _learn(self, arch: Architecture, values: tuple[float, ...]) -> None:  # noqa: B027
        """Learn the value of every objective."""

    def _refused(self, arch: Architecture | None) -> None:  # noqa: B027
        """The last proposal violated a constraint, or was not an architecture."""

    def _repeated(self, arch: Architecture, values: tuple[float, ...] | None) -> None:  # noqa: B027
        """The last proposal is already known; `values` is None if it failed or is still pending."""

    def _failed(self, arch: Architecture) -> None:  # noqa: B027
        """The evaluation of `arch` failed."""


SearcherLike: TypeAlias = "str | type[Searcher]"
"""How callers name a searcher: a registered name, or a class."""


_REGISTRY: ClassRegistry[Searcher] = ClassRegistry(
    "searcher",
    Searcher,  # type: ignore[type-abstract]  # what others are subclasses of
    ENTRY_POINT_GROUP,
    _BUILT_IN,
    ("name", "description"),
)


def searcher_names() -> list[str]:
    """Names that `searcher_class` knows: the default, the other built-in ones, plug-ins."""
    return _REGISTRY.names()


def searcher_class(name: str) -> type[Searcher]:
    """The class of a searcher. Raises `InputError` for an unknown name or a plug-in that does not load.

    >>> searcher_class("evolution").name
    'evolution'
    """
    return _REGISTRY.find(name)


def resolve_searcher(searcher: SearcherLike) -> type[Searcher]:
    """The class of a name, or the class itself. Raises `InputError` for anything else."""
    return searcher_class(searcher) if isinstance(searcher, str) else _REGISTRY.given(searcher, DEFAULT_SEARCHER)
