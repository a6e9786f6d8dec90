"""Draws from a search what may be asked now."""

from __future__ import annotations

from nassurrogate.search.queries.evaluator import Asked, Evaluator
from nassurrogate.search.queries.proposals import Proposals, Wait


class Steps:
    """The queries of a search, one after the other, as soon as the answers that it waits for are there.

    Args:
        proposals: the search.
        evaluator: keeps its queries.
    """

    def __init__(self, proposals: Proposals, evaluator: Evaluator) -> None:
        self._proposals, self._evaluator = proposals, evaluator
        self._waits_for: Wait | None = None
        self.is_finished = False

    def next(self) -> Asked | None:
        """The next query, now pending; None while the search waits for answers, and once it is finished."""
        while not self.is_finished and not self._is_waiting:
            try:
                step = next(self._proposals)
            except StopIteration:
                self.is_finished = True
                return None
            if isinstance(step, Wait):
                self._waits_for = step
                if self._is_waiting:
                    self._evaluator.note_wait()
                continue
            self._waits_for = None
            return self._evaluator.ask(step)
        return None

    @property
    def _is_waiting(self) -> bool:
        wait, evaluator = self._waits_for, self._evaluator
        if wait is None or not evaluator.pending:
            return False
        return wait.n_labels is None or len(evaluator.labelled) < wait.n_labels
