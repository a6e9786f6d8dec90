"""Everything that one search was asked for, checked before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nassurrogate.benchmarks import Benchmark, Evaluate, Problem
from nassurrogate.benchmarks.oracle import ORACLE
from nassurrogate.constraints import Constraint
from nassurrogate.errors import InputError
from nassurrogate.files.given_path import as_path
from nassurrogate.metric import Metric, MetricLike
from nassurrogate.predictors import PredictorLike
from nassurrogate.search.record.ledger import LabelKind
from nassurrogate.search.searchers.base import Searcher, SearcherLike, resolve_searcher
from nassurrogate.search.settings.arguments import (
    check_budget,
    check_kinds,
    check_start,
    checked_settings,
    chosen_objective,
    ground_truth,
    loaded_surrogate,
    parsed_constraints,
    unfitted_surrogate,
)
from nassurrogate.search.settings.known_file import surrogate_of_file
from nassurrogate.search.settings.own_training import (
    checked_seconds,
    checked_workers,
    declared_constraints,
    problem_of,
)
from nassurrogate.search.settings.recorded import recorded_arguments
from nassurrogate.search.settings.schedule import SearchSettings
from nassurrogate.seed import given_or_drawn_seed
from nassurrogate.spaces import SpaceLike
from nassurrogate.surrogate import Surrogate
from nassurrogate.tables import TableOptions


@dataclass(frozen=True)
class SearchRequest:
    """The checked arguments of `nassurrogate.search.run`.

    Args:
        benchmark: the ground truth.
        objective: the metric to optimise.
        column: name under which the benchmark keeps the objective at this fidelity.
        constraints: all must hold.
        budget: number of queries.
        labels: what a query returns.
        fidelity: of every query; None: the full training.
        searcher: class of the searcher.
        unfitted: the surrogate that learns; None: predictor `none` or `oracle`.
        predictor: its name and preset, or `none` or `oracle`.
        saved: the surrogate that the search starts from; None: none.
        saved_path: where it was loaded from; None if it was passed as an object.
        settings: the strategy.
        seed: of everything random.
        device: of the predictor.
        table: the import that was named.
        run_dir: the run folder; None: a new one in `runs/`.
        requery_known: whether architectures may be queried that the saved surrogate has labels for.
        allow_equivalent: whether cheaper equivalent architectures are evaluated in the end.
        workers: number of evaluations that run at once.
        unordered: whether answers are told as they come.
        executor: runs the evaluations; None: this process, or processes of this machine.
        dask: address of a Dask scheduler that runs the evaluations; None: none does.
        time_limit_s: after which no evaluation starts; None: no limit.
        has_known_file: whether the saved surrogate has learned a table of earlier results.
        evaluation_limit_s: after which an evaluation of a problem file is ended; None: no limit.
        plots: whether plots are drawn into the run folder.
        arguments: everything as it was given, as JSON.
    """

    benchmark: Benchmark
    objective: Metric
    column: str
    constraints: list[Constraint]
    budget: int
    labels: LabelKind
    fidelity: int | None
    searcher: type[Searcher]
    unfitted: Surrogate | None
    predictor: str
    saved: Surrogate | None
    saved_path: str | None
    settings: SearchSettings
    seed: int
    device: str
    table: str | None
    run_dir: Path | None
    requery_known: bool
    allow_equivalent: bool
    workers: int
    unordered: bool
    executor: Executor | None
    dask: str | None
    time_limit_s: float | None
    evaluation_limit_s: float | None
    has_known_file: bool
    plots: bool
    arguments: Mapping[str, Any]

    @property
    def is_oracle(self) -> bool:
        """Whether the truth itself guides the search."""
        return self.predictor == ORACLE

    @property
    def constrained(self) -> list[str]:
        """Names of the constrained metrics, one for every constraint."""
        return [constraint.metric for constraint in self.constraints]


def checked_request(
    *,
    space: SpaceLike | None,
    dataset: str | None,
    budget: int,
    searcher: SearcherLike,
    predictor: PredictorLike | None,
    seed: int | None,
    constraints: Sequence[Constraint | str] | Constraint | str,
    labels: LabelKind,
    surrogate: str | Path | Surrogate | None,
    run_dir: str | Path | None,
    settings: SearchSettings | None,
    predictor_config: Mapping[str, Any] | None,
    table: str | None,
    benchmark: Benchmark | None,
    evaluate: Evaluate | None,
    objective: MetricLike | None,
    fidelity: int | None,
    device: str,
    requery_known: bool,
    allow_equivalent: bool,
    problem: str | Path | Problem | None = None,
    known: str | Path | None = None,
    known_options: TableOptions | None = None,
    workers: int | None = None,
    unordered: bool = False,
    executor: Executor | None = None,
    dask: str | None = None,
    time_limit_s: float | None = None,
    evaluation_limit_s: float | None = None,
    plots: bool = True,
    arguments: Mapping[str, Any] | None = None,
    **others: object,
) -> SearchRequest:
    """The arguments of `nassurrogate.search.run`, which describes them, resolved to objects.

    Args:
        arguments: all of these as they were given.
        others: the listener and the other switches; only their types are checked.

    Raises `InputError` for the first one that is unusable.
    """
    settings = checked_settings(settings)
    if problem is not None:
        benchmark = problem_of(problem, benchmark, evaluate, table, evaluation_limit_s)
    elif evaluation_limit_s is not None:
        raise InputError("evaluation_limit_s needs a problem file, whose evaluations run in processes of their own")
    truth = ground_truth(space, dataset, table, benchmark, evaluate, objective)
    goal = chosen_objective(objective, truth)
    check_kinds(
        labels=labels,
        device=device,
        fidelity=fidelity,
        **others,
        plots=plots,
        unordered=unordered,
        requery_known=requery_known,
        allow_equivalent=allow_equivalent,
    )
    check_budget(budget, truth, goal, allow_equivalent=bool(allow_equivalent))
    column = truth.at_fidelity(goal.name, fidelity)
    searcher_cls = resolve_searcher(searcher)
    seed = given_or_drawn_seed(seed)
    folder = as_path(run_dir, "run_dir") if run_dir is not None else None
    if known is not None:
        if surrogate is not None:
            raise InputError("known and surrogate are both what the search starts from; leave one of the two out")
        surrogate = surrogate_of_file(known, truth, goal, predictor, predictor_config, device, known_options)
    elif known_options is not None:
        raise InputError("known_options say how the table of known results is read, but known is not given")
    saved = loaded_surrogate(surrogate, truth, goal, device)
    unfitted = unfitted_surrogate(predictor, predictor_config, saved, truth, goal, device)
    check_start(settings, unfitted, saved)
    return SearchRequest(
        benchmark=truth,
        objective=goal,
        column=column,
        constraints=[*declared_constraints(truth), *parsed_constraints(constraints)],
        budget=int(budget),
        labels=labels,
        fidelity=fidelity,
        searcher=searcher_cls,
        unfitted=unfitted,
        predictor=str(predictor) if unfitted is None else f"{unfitted.predictor.name}:{unfitted.predictor.preset}",
        saved=saved,
        saved_path=str(surrogate) if surrogate is not None and surrogate is not saved else None,
        settings=settings,
        seed=seed,
        device=device,
        table=table,
        run_dir=folder,
        requery_known=bool(requery_known),
        allow_equivalent=bool(allow_equivalent),
        workers=checked_workers(workers, executor, dask),
        unordered=bool(unordered),
        executor=executor,
        dask=dask,
        time_limit_s=checked_seconds("time_limit_s", time_limit_s),
        evaluation_limit_s=checked_seconds("evaluation_limit_s", evaluation_limit_s),
        has_known_file=known is not None,
        plots=bool(plots),
        arguments={} if arguments is None else recorded_arguments(arguments, seed=seed),
    )
