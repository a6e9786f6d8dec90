"""Searchers, one file each, their registry, and the acquisition functions.

A third party adds one by an entry point: group `nassurrogate.searchers`, name = the searcher's name, value = the class,
a subclass of `nassurrogate.search.searchers.base.Searcher`. Without one, the class itself can be given to
`nassurrogate.search.run`.
"""

from __future__ import annotations

from nassurrogate.search.searchers.base import Searcher, searcher_names

__all__ = ["Searcher", "searcher_names"]
