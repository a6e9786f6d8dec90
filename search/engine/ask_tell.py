"""A search whose evaluations are run by the caller: it says what to evaluate, and is told the results."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from nassurrogate.architecture import Architecture
from nassurrogate.benchmarks import LABEL, CallableBenchmark, Evaluation
from nassurrogate.constraints import Constraint
from nassurrogate.errors import InputError, brief
from nassurrogate.metric import MetricLike
from nassurrogate.predictors import PredictorLike
from nassurrogate.search.engine.loop import open_ledger
from nassurrogate.search.engine.resume import open_resumed
from nassurrogate.search.engine.session import SearchSession
from nassurrogate.search.execution.evaluation_task import evaluate_one
from nassurrogate.search.queries.evaluator import Asked
from nassurrogate.search.queries.events import Listener
from nassurrogate.search.record.ledger import LabelKind, Query
from nassurrogate.search.searchers.base import DEFAULT_SEARCHER, SearcherLike
from nassurrogate.search.settings.request import checked_request
from nassurrogate.search.settings.schedule import SearchSettings
from nassurrogate.spaces import SpaceLike
from nassurrogate.spaces.base import ArchLike
from nassurrogate.surrogate import Surrogate


class Engine:
    """Asks for evaluations and is told their results, in any order: `run` for a loop that the caller owns.

    Architectures that were asked and not told yet are pending: they are not asked again, and the surrogate takes its
    own predictions for their labels. The ledger in the run folder records every question and every answer, so an engine
    can be opened again where it stopped: what was pending is then asked first.

    Args:
        space: the search space or its name.
        budget: number of evaluations.
        objective: the metric that is told; a name that is not known needs a `Metric` with its direction.
        run_dir: where the ledger and the summary go, a new folder; None: `runs/<space>-own-<seed>-<time>`.
        write: False keeps everything in memory.
        resume: folder of an earlier engine that goes on. Its ledger holds all arguments but `space`, `objective`,
            `dataset` and `listener`, which are given again.
        accept_changes: resume even if the space or the package has changed.
        constraints, searcher, predictor, seed, labels, surrogate, known, settings, predictor_config, dataset, device,
            listener: as in `nassurrogate.search.run`.

    Use it as a context manager, or call `close`. Raises `InputError` for unusable input.

    >>> from nassurrogate.spaces import CategoricalSpace
    >>> space = CategoricalSpace("mine", {"kernel": [3, 5], "width": [16, 32, 64]})
    >>> with Engine(space, budget=5, seed=0, write=False) as engine:
    ...     while archs := engine.ask(2):
    ...         for arch in archs:
    ...             _ = engine.tell(arch, 90.0 + arch.choices["width"] / 64)
    >>> engine.result()["best"]["choices"]["width"]
    64
    """

    def __init__(
        self,
        space: SpaceLike,
        *,
        budget: int = 100,
        objective: MetricLike = LABEL,
        constraints: Sequence[Constraint | str] | Constraint | str = (),
        searcher: SearcherLike = DEFAULT_SEARCHER,
        predictor: PredictorLike | None = None,
        seed: int | None = None,
        labels: LabelKind = "mean",
        surrogate: str | Path | Surrogate | None = None,
        known: str | Path | None = None,
        settings: SearchSettings | None = None,
        predictor_config: Mapping[str, Any] | None = None,
        dataset: str | None = None,
        device: str = "auto",
        listener: Listener | None = None,
        run_dir: str | Path | None = None,
        write: bool = True,
        resume: str | Path | None = None,
        accept_changes: bool = False,
    ) -> None:
        self._told: Any = None
        truth = CallableBenchmark(space, self._answer, objective, dataset=dataset)
        given = {
            **_NOT_GIVEN,
            "budget": budget,
            "benchmark": truth,
            "constraints": constraints,
            "searcher": searcher,
            "predictor": predictor,
            "seed": seed,
            "labels": labels,
            "surrogate": surrogate,
            "known": known,
            "settings": settings,
            "predictor_config": predictor_config,
            "device": device,
            "unordered": True,
        }
        with ExitStack() as stack:
            if resume is not None:
                defaults = inspect.signature(Engine).parameters
                objects = {
                    name: value
                    for name, value in given.items()
                    if name in defaults and value is not None and value != defaults[name].default
                }
                objects["benchmark"] = truth
                here = {"listener": listener}
                resumed = stack.enter_context(
                    open_resumed(resume, objects, here, accept_changes=accept_changes, even_finished=True)
                )
                self._session = resumed.opened()
            else:
                request = checked_request(**given, run_dir=run_dir, listener=listener, write=write, arguments=given)
                self._session = SearchSession(request)
                writer = stack.enter_context(open_ledger(request, self._session.shared)) if write else None
                self._session.open(writer, writer.path.parent if writer is not None else None, listener)
            self._open = stack.pop_all()
        self._truth = truth
        evaluator = self._session.evaluator
        self._again = list(evaluator.pending.values())
        """Pending queries of an earlier process, which are asked again."""
        if not evaluator.left and not evaluator.pending:  # so that it is known to be finished
            self._session.steps.next()

    def _answer(self, arch: Architecture) -> Any:
        return self._told

    # --- the loop ------------------------------------------------------------------------------------------------

    def ask(self, n: int = 1) -> list[Architecture]:
        """At most `n` architectures to evaluate now.

        Fewer if the search must know pending results first, or is finished (see `is_finished`).
        """
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise InputError(f"ask takes a whole number from 1, got {brief(n)}")
        found: list[Architecture] = []
        while len(found) < n:
            asked = self._again.pop(0) if self._again else self._session.steps.next()
            if asked is None:
                break
            found.append(asked.proposal.arch)
        return found

    def tell(
        self,
        arch: ArchLike,
        values: float | Mapping[str, float] | None,
        *,
        failed: str | None = None,
        cost_s: float = float("nan"),
    ) -> Query:
        """Record the result of an architecture that was asked.

        Args:
            arch: the architecture.
            values: the objective, or a dict of values by metric that holds it; None if the evaluation failed.
            failed: why it failed, in one line.
            cost_s: seconds that it took.

        Returns the line of the ledger. A result that is no finite number is recorded as a failure. Raises `InputError`
        for an architecture that is not pending, and if the first five results are all failures.
        """
        parsed = self._session.request.benchmark.space.parse(arch)
        asked = self._pending(parsed)
        if failed is not None and not failed.strip():
            failed = "no reason was given"
        if failed is not None and values is not None:
            raise InputError(f"the evaluation of {parsed} either failed or has values, got both")
        if failed is not None:
            evaluation = Evaluation(parsed, cost_s=cost_s, status="failed", reason=failed, seed=asked.seed)
        else:
            self._told = values
            metric = self._session.evaluator.objective.name
            evaluation = replace(evaluate_one(self._truth, parsed, metric, asked.seed, None), cost_s=cost_s)
        self._again = [each for each in self._again if each is not asked]
        return self._session.evaluator.tell(asked, evaluation)

    def _pending(self, arch: Architecture) -> Asked:
        for asked in self._session.evaluator.pending.values():
            if asked.proposal.arch == arch:
                return asked
        waiting = ", ".join(map(str, self.pending[:3])) or "none"
        raise InputError(f"{arch} was not asked, or its result is known already; pending: {waiting}")

    @property
    def pending(self) -> list[Architecture]:
        """Architectures that were asked, and whose results are not known yet."""
        return [asked.proposal.arch for asked in self._session.evaluator.pending.values()]

    def seed_of(self, arch: ArchLike) -> int | None:
        """The training seed of a pending architecture; None if any will do."""
        return self._pending(self._session.request.benchmark.space.parse(arch)).seed

    @property
    def is_finished(self) -> bool:
        """Whether nothing is left to ask or to tell."""
        return self._session.steps.is_finished and not self.pending

    @property
    def queries(self) -> list[Query]:
        """What was told, in that order."""
        return self._session.evaluator.queries

    @property
    def run_dir(self) -> Path | None:
        """The run folder; None if nothing is written."""
        return self._session.folder

    # --- the result ----------------------------------------------------------------------------------------------

    def result(self) -> dict[str, Any]:
        """What `run` would return for the results so far. Raises `InputError` without any."""
        if not self._session.evaluator.labelled:
            raise InputError("no result is known yet; tell one first")
        self._session.search.rank()
        return self._session.result()

    def close(self) -> None:
        """Write the summary of a finished search, and give the run folder free."""
        try:
            if self.is_finished and self._session.evaluator.labelled and self._session.folder is not None:
                self._session.search.rank()
                self._session.finish()
        finally:
            self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._open.close()


_NOT_GIVEN: dict[str, Any] = {
    "space": None,
    "dataset": None,
    "table": None,
    "evaluate": None,
    "objective": None,
    "fidelity": None,
    "requery_known": False,
    "allow_equivalent": False,
}
"""Arguments of a run that make no sense for an engine."""
