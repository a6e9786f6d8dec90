"""Search under constraints: searchers, the loop, its ledger and its report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nassurrogate.search.engine.ask_tell import Engine
    from nassurrogate.search.engine.loop import run
    from nassurrogate.search.queries.events import Event, SearchInterrupted
    from nassurrogate.search.record.ledger import Ledger, Query, read_ledger
    from nassurrogate.search.searchers.base import Searcher, searcher_names
    from nassurrogate.search.settings.schedule import SearchSettings

__all__ = [
    "Engine", "Event", "Ledger", "Query", "SearchInterrupted", "SearchSettings", "Searcher", "read_ledger", "run",
    "searcher_names",
]  # fmt: skip

_HOME = {
    "Engine": "nassurrogate.search.engine.ask_tell",
    "Event": "nassurrogate.search.queries.events",
    "Ledger": "nassurrogate.search.record.ledger",
    "Query": "nassurrogate.search.record.ledger",
    "SearchInterrupted": "nassurrogate.search.queries.events",
    "SearchSettings": "nassurrogate.search.settings.schedule",
    "Searcher": "nassurrogate.search.searchers.base",
    "read_ledger": "nassurrogate.search.record.ledger",
    "run": "nassurrogate.search.engine.loop",
    "searcher_names": "nassurrogate.search.searchers.base",
}


def __getattr__(name: str) -> Any:
    # Imported on first use: `nassurrogate --help` must not wait for torch.
    if name not in _HOME:
        raise AttributeError(f"module 'nassurrogate.search' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOME[name]), name)
