"""Spends a run's budget, with or without a surrogate, until the end or Ctrl-C, and says why it stopped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nassurrogate.benchmarks import Benchmark
from nassurrogate.benchmarks.oracle import ORACLE
from nassurrogate.constraints import Constraint
from nassurrogate.search.candidates.feasible_set import FeasibleSet
from nassurrogate.search.candidates.table_set import TableSet
from nassurrogate.search.engine.equivalents import evaluate_cheaper
from nassurrogate.search.engine.evaluator import Account
from nassurrogate.search.engine.selection import choose
from nassurrogate.search.engine.sequential import SequentialSearch, search_truth
from nassurrogate.search.engine.surrogates import OracleSurrogate, SearchSurrogate
from nassurrogate.search.record.ledger import LedgerError
from nassurrogate.search.searchers.base import Searcher
from nassurrogate.search.settings.schedule import SearchSettings
from nassurrogate.search.surrogates.known_labels import KnownLabels


class Spending:
    """Spends the budget of one run and ranks the results.

    Args:
        account: evaluates.
        feasible: what may be proposed.
        surrogate: None: a searcher alone, whose objective is the truth.
        searcher: its class.
        settings: the strategy.
        rng: of all proposals.
        known: the labels of a saved surrogate.

    Attributes, after `run`:
        order: positions of the labelled queries of different architectures, best first.
        rule: what ranked them.
        interrupted: Ctrl-C, or a ledger that cannot be written, if it came after the first label.
    """

    order: np.ndarray
    rule: str
    interrupted: KeyboardInterrupt | LedgerError | None = None

    def __init__(
        self,
        account: Account,
        feasible: FeasibleSet,
        surrogate: SearchSurrogate | None,
        searcher: type[Searcher],
        settings: SearchSettings,
        rng: np.random.Generator,
        known: KnownLabels,
    ) -> None:
        self._account, self._feasible, self._surrogate, self._known = account, feasible, surrogate, known
        self._rng = rng
        self._sequential = None
        if surrogate is None:
            self._searchers = [searcher(feasible, rng, objectives=(account.objective,))]
        else:
            self._sequential = SequentialSearch(account, feasible, surrogate, searcher, settings, rng, known.archs)
            self._searchers = self._sequential.searchers

    def run(self, benchmark: Benchmark, constraints: Sequence[Constraint], *, allow_equivalent: bool) -> None:
        """Spend the budget.

        Args:
            benchmark: looks up the costs of equivalents.
            constraints: the run's constraints.
            allow_equivalent: whether cheaper equivalents are evaluated once every feasible function is.
        """
        account = self._account
        try:
            if self._sequential is None:
                search_truth(account, self._searchers[0], self._rng)
            else:
                self._sequential.run()
            n_equivalent = None
            if allow_equivalent:
                n_equivalent = evaluate_cheaper(account, self._feasible, benchmark, constraints)
            if self._sequential is None:
                self.order, self.rule = choose(account.labelled, None, sign=account.objective.sign)
            else:
                self.order, self.rule = self._sequential.ranked()
            self._say_why_it_ends(n_equivalent)
        except (KeyboardInterrupt, LedgerError) as stop:  # whatever was evaluated must not be lost to a full disk
            if not account.labelled:
                raise
            self.interrupted = stop
            # By their labels: other rules may need another fit, and the user wants to stop.
            self.order, self.rule = choose(account.labelled, None, sign=account.objective.sign)

    @property
    def stop_reason(self) -> str:
        """`budget`, `exhausted` or `interrupted`."""
        if self.interrupted is not None:
            return "interrupted"
        return "budget" if len(self._account.queries) == self._account.budget else "exhausted"

    def counts(self) -> dict[str, Any]:
        """How the result was ranked, and free operations, as fields of the result."""
        return {
            "selected_by": ORACLE if isinstance(self._surrogate, OracleSurrogate) else self.rule,
            "predictor_calls": self._surrogate.predictor_calls if self._surrogate is not None else 0,
            "proposals": {
                "infeasible": sum(s.n_infeasible for s in self._searchers),
                "repeats": sum(s.n_repeats for s in self._searchers),
                "fallbacks": sum(s.n_fallbacks for s in self._searchers),
            },
        }

    def _say_why_it_ends(self, n_equivalent: int | None) -> None:
        """Note why budget is left, or that allowing equivalents had no effect."""
        account, feasible = self._account, self._feasible
        n_done = len(account.queries)
        if n_done == account.budget:
            if n_equivalent == 0:
                account.note("allow_equivalent has no effect: the budget was spent on different functions")
            return
        start = f"exhausted after {n_done} of {account.budget} queries: "
        if feasible.n_classes is None or feasible.n_feasible is None:
            account.note(f"{start}no further architecture was found")
            return
        n_feasible = feasible.n_feasible - (feasible.n_unlabelled if isinstance(feasible, TableSet) else 0)
        known = f" or known to the surrogate ({len(self._known.keys):,} functions)" if self._known.keys else ""
        if feasible.n_classes == n_feasible:
            every = f"all {n_feasible:,} feasible architectures are" if n_feasible > 1 else "the only feasible one is"
            account.note(f"{start}{every} evaluated{known}")
            return
        equal = f"all {n_feasible:,} feasible architectures are evaluated, or equivalent to an evaluated one"
        equal += f" ({feasible.n_classes - len(self._known.keys):,} different functions){known}"
        if n_equivalent is None:
            hint = "allow_equivalent=True (--allow-equivalent) evaluates a cheaper equivalent where costs differ"
        elif n_equivalent:
            hint = f"{n_equivalent} of the queries went to cheaper equivalents, the cheapest of each function"
        else:
            hint = "no equivalent costs less"
        account.note(f"{start}{equal}; {hint}")
