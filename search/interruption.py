"""Ctrl-C in the middle of a run: what was found so far is not lost."""

from __future__ import annotations

from typing import Any


class SearchInterrupted(KeyboardInterrupt):
    """A run was cut off after its first label; its summary and plots are written.

    It is a `KeyboardInterrupt`, so whatever ends at Ctrl-C ends at it.

    Attributes:
        result: what `run` would have returned, with the `stop_reason` "interrupted".
    """

    def __init__(self, message: str, result: dict[str, Any]) -> None:
        super().__init__(message)
        self.result = result
