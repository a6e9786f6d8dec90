"""Search under constraints: searchers, the loop, its ledger and its report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nassurrogate.search.account import Event
    from nassurrogate.search.interruption import SearchInterrupted
    from nassurrogate.search.ledger import Ledger, Query, read_ledger
    from nassurrogate.search.loop import run
    from nassurrogate.search.schedule import SearchSettings
    from nassurrogate.search.searcher import Searcher, searcher_names

__all__ = [
    "Event", "Ledger", "Query", "SearchInterrupted", "SearchSettings", "Searcher", "read_ledger", "run",
    "searcher_names",
]  # fmt: skip

_HOME = {
    "Event": "nassurrogate.search.account",
    "Ledger": "nassurrogate.search.ledger",
    "Query": "nassurrogate.search.ledger",
    "SearchInterrupted": "nassurrogate.search.interruption",
    "SearchSettings": "nassurrogate.search.schedule",
    "Searcher": "nassurrogate.search.searcher",
    "read_ledger": "nassurrogate.search.ledger",
    "run": "nassurrogate.search.loop",
    "searcher_names": "nassurrogate.search.searcher",
}


def __getattr__(name: str) -> Any:
    # Imported on first use: `nassurrogate --help` must not wait for torch.
    if name not in _HOME:
        raise AttributeError(f"module 'nassurrogate.search' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOME[name]), name)
