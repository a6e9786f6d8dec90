"""What every searcher owes: ask for an architecture, be told its value. It knows neither tables nor surrogates."""

from __future__ import annotations

import importlib
import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import numpy as np

from nassurrogate.errors import require_name, unknown_choice
from nassurrogate.spaces import Space

__all__ = ["DEFAULT_SEARCHER", "Domain", "Searcher", "make_searcher", "searcher_class", "searcher_names"]

DEFAULT_SEARCHER = "exhaustive"
MAX_ATTEMPTS = 200
"""Proposals that may be infeasible or repeated before a random fresh one takes their place."""

_log = logging.getLogger(__name__)
_BUILT_IN = {
    "exhaustive": "nassurrogate.search.exhaustive:Exhaustive",
    "random": "nassurrogate.search.random_search:RandomSearch",
    "evolution": "nassurrogate.search.evolution:Evolution",
    "optuna-tpe": "nassurrogate.search.optuna_samplers:OptunaTPE",
    "optuna-nsga2": "nassurrogate.search.optuna_samplers:OptunaNSGA2",
}


@dataclass(frozen=True)
class Domain:
    """Where a searcher may look.

    Args:
        space: enumerates and mutates.
        feasible: (size,) bool, which indices may be proposed; at least one.
        representatives: (C,) one feasible index for every class that has any, in the order of class numbers.
        violations: for every constraint (size,) float64, feasible where ≤ 0, +inf where unknown.
    """

    space: Space
    feasible: np.ndarray
    representatives: np.ndarray
    violations: Mapping[str, np.ndarray] = field(default_factory=dict)

    @cached_property
    def class_of(self) -> np.ndarray:
        """(size,) the class number of every index."""
        return self.space.class_ids()

    @cached_property
    def representative_of(self) -> np.ndarray:
        """(n_classes,) the representative of every class; −1 for one without."""
        found = np.full(self.space.n_classes, -1)
        found[self.class_of[self.representatives]] = self.representatives
        return found


class Searcher(ABC):
    """Proposes feasible architectures, one class at most once, and learns from their values. Larger values are better.

    A subclass names itself and implements `_propose`; it may override `_learn`, `_refused` and `_repeated`. `ask`
    guarantees what the loop relies on, whatever the subclass proposes: feasible, of a class that was never told, and
    after `max_attempts` refusals a random such architecture instead.

    Args:
        domain: what may be proposed.
        rng: the only source of randomness.
        max_attempts: proposals that may fail before a random one takes their place.
    """

    name: ClassVar[str]
    description: ClassVar[str]
    inner_proposals: ClassVar[int] = 2000
    """How many proposals it makes on a free objective, refused ones too, unless told otherwise."""

    def __init__(self, domain: Domain, rng: np.random.Generator, *, max_attempts: int = MAX_ATTEMPTS) -> None:
        self.domain = domain
        self.rng = rng
        self.max_attempts = max_attempts
        self.n_proposals = 0
        """All proposals, refused ones too."""
        self.n_infeasible = 0
        """Proposals that broke a constraint: free, since constraints are known without training."""
        self.n_repeats = 0
        """Proposals of a class whose value was known already: free."""
        self.n_fallbacks = 0
        """How often a random architecture took the place of `max_attempts` refused proposals."""
        self._told: dict[int, float] = {}

    def ask(self) -> list[int]:
        """Indices to evaluate next: feasible, of different classes, none told before. Empty if none is left."""
        if len(self._told) >= len(self.domain.representatives):
            return []
        for _ in range(self.max_attempts):
            index = self._propose()
            self.n_proposals += 1
            known = self._told.get(int(self.domain.class_of[index]))
            if not self.domain.feasible[index]:
                self.n_infeasible += 1
                self._refused(index)
            elif known is not None:
                self.n_repeats += 1
                self._repeated(index, known)
            else:
                return [index]
        self.n_fallbacks += 1
        _log.info("%s: %d proposals in a row infeasible or known; a random one follows", self.name, self.max_attempts)
        return [int(self.rng.choice(self.fresh()))]

    def tell(self, index: int, value: float) -> None:
        """Give the value of an architecture, asked for or not; it must be finite."""
        self._told[int(self.domain.class_of[index])] = value
        self._learn(int(index), value)

    def fresh(self) -> np.ndarray:
        """(F,) representatives of the classes that were not told yet."""
        told = np.zeros(self.domain.space.n_classes, dtype=bool)
        told[list(self._told)] = True
        candidates = self.domain.representatives
        return np.asarray(candidates[~told[self.domain.class_of[candidates]]])

    @abstractmethod
    def _propose(self) -> int:
        """An index of the space; it may be infeasible, or of a known class."""

    # The three below may stay empty: a searcher that learns nothing is one.
    def _learn(self, index: int, value: float) -> None:  # noqa: B027
        """Take in a value."""

    def _refused(self, index: int) -> None:  # noqa: B027
        """The last proposal broke a constraint."""

    def _repeated(self, index: int, value: float) -> None:  # noqa: B027
        """The last proposal is of a class whose value is known."""


def searcher_names() -> list[str]:
    """Names that `make_searcher` knows, the default first."""
    return list(_BUILT_IN)


def searcher_class(name: str) -> type[Searcher]:
    """The class of a searcher. Raises `InputError` for an unknown name.

    >>> searcher_class("evolution").name
    'evolution'
    """
    require_name("searcher", name)
    if name not in _BUILT_IN:
        raise unknown_choice("searcher", name, searcher_names())
    module, _, attribute = _BUILT_IN[name].partition(":")
    found: type[Searcher] = getattr(importlib.import_module(module), attribute)
    return found


def make_searcher(name: str, domain: Domain, rng: np.random.Generator) -> Searcher:
    """A fresh searcher over a domain. Raises `InputError` for an unknown name, or a space that it cannot search."""
    return searcher_class(name)(domain, rng)
