"""The exception that Ctrl-C during a run raises, with the result so far."""

from __future__ import annotations

from typing import Any


class SearchInterrupted(KeyboardInterrupt):
    """A run was interrupted after its first label; its summary and plots are written.

    It is a `KeyboardInterrupt`, so code that handles Ctrl-C handles it too.

    Attributes:
        result: what `run` would have returned, with the `stop_reason` "interrupted".
    """

    def __init__(self, message: str, result: dict[str, Any]) -> None:
        super().__init__(message)
        self.result = result
