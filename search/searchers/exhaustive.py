"""Exhaustive search: scores every candidate of the pool."""

from __future__ import annotations

from typing import ClassVar

from nassurrogate.search.searchers.random_search import RandomSearch


class Exhaustive(RandomSearch):
    """Finds the maximum of the acquisition over the candidate pool for certain.

    Without a surrogate, where every proposal costs a query, it is random search.
    """

    name: ClassVar[str] = "exhaustive"
    description: ClassVar[str] = "scores every candidate and takes the best"
