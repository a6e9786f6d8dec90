"""Look at everything: for spaces small enough to score whole."""

from __future__ import annotations

from typing import ClassVar

from nassurrogate.search.searchers.random_search import RandomSearch


class Exhaustive(RandomSearch):
    """Goes through all of a candidate pool, so the best of a free objective is found for certain.

    On the truth itself, where every look costs a query, it is random search.
    """

    name: ClassVar[str] = "exhaustive"
    description: ClassVar[str] = "scores every candidate and takes the best"
