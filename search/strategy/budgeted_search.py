"""Searches until the budget is spent or Ctrl-C, with or without a surrogate, and notes why it stopped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nassurrogate.benchmarks import Benchmark
from nassurrogate.benchmarks.oracle import ORACLE
from nassurrogate.constraints import Constraint
from nassurrogate.search.candidates.feasible_set import FeasibleSet
from nassurrogate.search.candidates.table_set import TableSet
from nassurrogate.search.queries.evaluator import Evaluator
from nassurrogate.search.queries.proposals import Proposals, Wait
from nassurrogate.search.record.ledger import LedgerError
from nassurrogate.search.searchers.base import Searcher
from nassurrogate.search.settings.schedule import SearchSettings
from nassurrogate.search.strategy.equivalents import cheaper_equivalents
from nassurrogate.search.strategy.no_surrogate import every_proposal
from nassurrogate.search.strategy.selection import choose
from nassurrogate.search.strategy.sequential import SequentialSearch
from nassurrogate.search.surrogates import OracleSurrogate, SearchSurrogate
from nassurrogate.search.surrogates.known_labels import KnownLabels


class BudgetedSearch:
    """Spends the budget of one run and ranks what was evaluated.

    Args:
        evaluator: evaluates.
        feasible: what may be proposed.
        surrogate: guides the searcher; None: every proposal of the searcher is evaluated.
        searcher: class of the searcher.
        settings: the strategy.
        rng: of all proposals.
        known: the labels of a saved surrogate.
        workers: number of evaluations that run at once.

    Attributes, after `run`:
        order: positions of the labelled queries of different architectures, best first.
        rule: the rule that ranked them (see `choose`).
        interrupted: Ctrl-C, or a ledger that cannot be written, if it came after the first label.
        is_out_of_time: whether the time limit ended the run.
    """

    order: np.ndarray
    rule: str
    interrupted: KeyboardInterrupt | LedgerError | None = None
    is_out_of_time = False

    def __init__(
        self,
        evaluator: Evaluator,
        feasible: FeasibleSet,
        surrogate: SearchSurrogate | None,
        searcher: type[Searcher],
        settings: SearchSettings,
        rng: np.random.Generator,
        known: KnownLabels,
        workers: int = 1,
    ) -> None:
        self._evaluator, self._feasible, self._surrogate, self._known = evaluator, feasible, surrogate, known
        self._rng = rng
        self._sequential = None
        if surrogate is None:
            self._searchers = [searcher(feasible, rng, objectives=(evaluator.objective,))]
        else:
            self._sequential = SequentialSearch(
                evaluator, feasible, surrogate, searcher, settings, rng, known.archs, workers
            )
            self._searchers = self._sequential.searchers

    def proposals(
        self, benchmark: Benchmark, constraints: Sequence[Constraint], *, allow_equivalent: bool
    ) -> Proposals:
        """Spend the budget.

        Args:
            benchmark: looks up the costs of equivalents.
            constraints: the run's constraints.
            allow_equivalent: whether cheaper equivalents are evaluated once every feasible function is.
        """
        evaluator = self._evaluator
        if self._sequential is None:
            yield from every_proposal(evaluator, self._searchers[0], self._rng)
        else:
            yield from self._sequential.proposals()
        n_equivalent = None
        if allow_equivalent:
            n_equivalent = yield from cheaper_equivalents(evaluator, self._feasible, benchmark, constraints)
        yield Wait()
        self._note_end(n_equivalent)

    def run(self, evaluate_all: Callable[[], bool]) -> None:
        """Evaluate what is proposed, and rank it.

        Args:
            evaluate_all: evaluates all proposals; returns whether there was time for all of them.
        """
        evaluator = self._evaluator
        try:
            self.is_out_of_time = not evaluate_all()
            if self.is_out_of_time:
                done = f"{len(evaluator.queries)} of {evaluator.budget} queries"
                evaluator.note(f"the time limit ended the run after {done}; resume=… (--resume) goes on from there")
            self.rank()
        except (KeyboardInterrupt, LedgerError) as stop:  # a full disk must not lose what was evaluated
            if not evaluator.labelled:
                raise
            self.interrupted = stop
            # By their labels: the other rule may need another fit, and the user wants to stop.
            self.order, self.rule = choose(evaluator.labelled, None, sign=evaluator.objective.sign)

    def rank(self) -> None:
        """Rank what was evaluated so far."""
        if self._sequential is None:
            self.order, self.rule = choose(self._evaluator.labelled, None, sign=self._evaluator.objective.sign)
        else:
            self.order, self.rule = self._sequential.ranked()

    @property
    def stop_reason(self) -> str:
        """`budget`, `exhausted`, `time` or `interrupted`."""
        if self.interrupted is not None:
            return "interrupted"
        if self.is_out_of_time:
            return "time"
        return "budget" if len(self._evaluator.queries) == self._evaluator.budget else "exhausted"

    def counts(self) -> dict[str, Any]:
        """Fields of the result: what ranked the architectures, and how many free operations were made."""
        return {
            "selected_by": ORACLE if isinstance(self._surrogate, OracleSurrogate) else self.rule,
            "predictor_calls": self._surrogate.predictor_calls if self._surrogate is not None else 0,
            "proposals": {
                "infeasible": sum(s.n_infeasible for s in self._searchers),
                "repeats": sum(s.n_repeats for s in self._searchers),
                "fallbacks": sum(s.n_fallbacks for s in self._searchers),
            },
        }

    def _note_end(self, n_equivalent: int | None) -> None:
        """Note why budget is left, or that allowing equivalents had no effect."""
        evaluator, feasible = self._evaluator, self._feasible
        if evaluator.n_twins:
            what = "1 proposal was" if evaluator.n_twins == 1 else f"{evaluator.n_twins} proposals were"
            evaluator.note(f"{what} not evaluated: the network is the same as an evaluated one's")
        n_done = len(evaluator.queries)
        if n_done == evaluator.budget:
            if n_equivalent == 0:
                evaluator.note("allow_equivalent has no effect: the budget was spent on different functions")
            return
        stopped = f"exhausted after {n_done} of {evaluator.budget} queries: "
        if feasible.n_classes is None or feasible.n_feasible is None:
            evaluator.note(f"{stopped}no further architecture was found")
            return
        n_feasible = feasible.n_feasible - (feasible.n_unlabelled if isinstance(feasible, TableSet) else 0)
        known = f" or known to the surrogate ({len(self._known.keys):,} functions)" if self._known.keys else ""
        if feasible.n_classes == n_feasible:
            every = f"all {n_feasible:,} feasible architectures are" if n_feasible > 1 else "the only feasible one is"
            evaluator.note(f"{stopped}{every} evaluated{known}")
            return
        equal = f"all {n_feasible:,} feasible architectures are evaluated, or equivalent to an evaluated one"
        equal += f" ({feasible.n_classes - len(self._known.keys):,} different functions){known}"
        if n_equivalent is None:
            hint = "allow_equivalent=True (--allow-equivalent) evaluates a cheaper equivalent where costs differ"
        elif n_equivalent:
            hint = f"{n_equivalent} of the queries went to cheaper equivalents, the cheapest of each function"
        else:
            hint = "no equivalent costs less"
        evaluator.note(f"{stopped}{equal}; {hint}")
