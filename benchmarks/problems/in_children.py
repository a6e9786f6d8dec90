"""The function of a problem file as ground truth, called in other processes."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any

from nassurrogate.architecture import Architecture
from nassurrogate.benchmarks.base import Evaluation
from nassurrogate.benchmarks.callable import CallableBenchmark
from nassurrogate.benchmarks.contained.limits import Limits
from nassurrogate.benchmarks.contained.output_log import OutputLog
from nassurrogate.benchmarks.contained.process import TimeLimitError
from nassurrogate.benchmarks.problems.child_pool import pool_of
from nassurrogate.benchmarks.problems.child_process import ChildDiedError
from nassurrogate.benchmarks.problems.problem_file import ProblemFile
from nassurrogate.benchmarks.training import EvaluationFailedError

_log = logging.getLogger(__name__)


class FunctionInChildren(CallableBenchmark):
    """Evaluates in processes of their own: a training that exits, crashes, hangs or takes all memory ends only its own.

    Args:
        file: the problem file.
        limits: of every evaluation.
    """

    def __init__(self, file: ProblemFile, limits: Limits) -> None:
        assert file.evaluate is not None
        given = file.truth
        super().__init__(given.space, file.evaluate, given.returned, dataset=given.costs_of)
        self.sources = given.sources
        self.limits = limits
        self._children = pool_of(file.path, file.sha256)

    def close(self) -> None:
        """End the processes of the problem file; evaluations that run raise `EvaluationStoppedError`."""
        self._children.close()

    def train(
        self, arch: Architecture, wanted: Sequence[str], seed: int | None = None, fidelity: int | None = None
    ) -> Evaluation:
        asked = {"arch": arch.string, "wanted": list(wanted), "seed": seed, "fidelity": fidelity}
        began = time.perf_counter()
        with self.limits.log(arch, seed, fidelity) as log:
            try:
                fields = self._answer(asked, log)
            except EvaluationFailedError as error:
                cost_s = time.perf_counter() - began
                fields = {"status": "failed", "reason": str(error), "cost_s": cost_s}
        return log.named_in(Evaluation(arch, seed=seed, fidelity=fidelity, **fields))

    def _answer(self, asked: dict[str, Any], log: OutputLog) -> dict[str, Any]:
        """What the function gave. Raises `EvaluationFailedError` if its process did not survive."""
        reason = ""
        for attempt in range(1, self.limits.retries + 2):
            if attempt > 1:
                _log.warning("%s: %s; trying again", asked["arch"], reason)
                log.separate(f"{reason}; attempt {attempt}")
            child = self._children.take()
            is_reusable = False
            try:
                fields = child.evaluate(asked, self.limits.time_limit_s, log)
                is_reusable = not fields.pop("is_spent", False)
                return fields
            except TimeLimitError:
                raise EvaluationFailedError(self.limits.too_slow) from None
            except ChildDiedError as died:
                reason = str(died)
            finally:
                if is_reusable:
                    self._children.give_back(child)
                else:
                    self._children.drop(child)
        raise EvaluationFailedError(f"{reason}, in {attempt} attempts" if attempt > 1 else reason)
