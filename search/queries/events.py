"""What a run reports to its caller: events while it runs, and an exception if it is interrupted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from nassurrogate.search.record.ledger import Query


@dataclass(frozen=True)
class Event:
    """Something a user may want to see during a run.

    Args:
        kind: `start` (with what is searched), `query`, `fit`, `note` (with a reason), or `result` (with what `run` is
            about to return; the summary is then written, the plots are not).
        done: queries made, or steps of the fit done.
        total: the budget, or all steps of the fit.
        message: one line, for `start` and `note`.
        query: what was evaluated, for `query`.
        best: the best label so far with its unit, for `query`; empty while there is none.
        run_dir: the run folder, for `start`; empty if nothing is written.
        result: the fields of the result, for `result`.
    """

    kind: Literal["start", "query", "fit", "note", "result"]
    done: int
    total: int
    message: str = ""
    query: Query | None = None
    best: str = ""
    run_dir: str = ""
    result: Mapping[str, Any] | None = None


Listener: TypeAlias = Callable[[Event], None]


class SearchInterrupted(KeyboardInterrupt):
    """A run was interrupted after its first label; its summary and plots are written.

    It is a `KeyboardInterrupt`, so code that handles Ctrl-C handles it too.

    Attributes:
        result: what `run` would have returned, with the `stop_reason` "interrupted".
    """

    def __init__(self, message: str, result: dict[str, Any]) -> None:
        super().__init__(message)
        self.result = result
