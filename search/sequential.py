"""How a budget is spent: one query at a time where the surrogate's acquisition is highest, or by a searcher alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from nassurrogate.search.account import Account, Event
from nassurrogate.search.acquisition import acquire, moving_incumbent
from nassurrogate.search.candidates import Candidates
from nassurrogate.search.ledger import Phase
from nassurrogate.search.pool import CandidatePool
from nassurrogate.search.schedule import SearchSettings, plan
from nassurrogate.search.searcher import Searcher, make_searcher
from nassurrogate.search.selection import choose, expected_by_others
from nassurrogate.search.surrogates import CannotLearn, Posterior, SearchSurrogate

Objective: TypeAlias = Callable[[np.ndarray], np.ndarray]
"""(n,) indices → (n,) acquisitions of their classes."""
_CLIMBERS, _CLIMBS = 4, 8
"""Candidates whose neighbours join a pool at a time, and how often before a query at most."""


class SequentialSearch:
    """Spends an account where a surrogate expects most.

    Args:
        account: evaluates.
        candidates: what may be proposed.
        surrogate: learns from what was evaluated.
        searcher: name of the searcher that maximises the acquisition.
        settings: the strategy.
        rng: of the initial sample, the pool, the acquisition and the searchers.
    """

    def __init__(
        self,
        account: Account,
        candidates: Candidates,
        surrogate: SearchSurrogate,
        searcher: str,
        settings: SearchSettings,
        rng: np.random.Generator,
    ) -> None:
        self._account = account
        self._domain = candidates.domain
        self._surrogate = surrogate
        self._searcher = searcher
        self._settings = settings
        self._rng = rng
        self._reasons: set[str] = set()
        self.searchers: list[Searcher] = []

    def run(self) -> None:
        """Spend the whole account."""
        account = self._account
        schedule = plan(
            account.limit,
            self._settings,
            initial_labels=self._surrogate.initial_labels,
            trains_again=account.trains_again,
        )
        for name, planned in (("n_init", schedule.n_init), ("n_confirm", schedule.n_confirm)):
            asked = getattr(self._settings, name)
            if asked is not None and planned < asked and account.limit > 1:
                account.note(f"{name} is {asked}, but {account.limit} queries leave room for only {planned}")
        for index in self._random(schedule.n_init):
            account.pay(index, "init", "random")
        # However small it is asked to be, a pool has enough that is not evaluated yet.
        pool_size = max(self._settings.pool_size, 8 * account.limit)
        pool = CandidatePool(self._domain, self._surrogate, pool_size, self._rng)

        def batch() -> int:
            return schedule.batch_size(len(account.queries), refits_at_once=self._surrogate.refits_at_once)

        while (left := account.left - schedule.n_confirm) > 0:
            self._round(pool, min(batch(), left), "search")
        if account.trains_again and account.left:
            self._train_again(max(1, schedule.n_confirm // 2))
        while account.left:
            self._round(pool, min(batch(), account.left), "confirm")

    def _train_again(self, n_best: int) -> None:
        """Spend what is left on further trainings of the best cells; of more of them where some have no further one."""
        account = self._account
        order, _ = choose(account.queries, self.expected_by_others(), label_noise_pct=self._settings.label_noise_pct)
        ranked = [account.queries[place].index for place in order]
        while account.left and n_best <= len(ranked):
            again = [index for index in ranked[:n_best] if account.can_train_again(index)]
            for index in again[: account.left]:
                account.pay(index, "confirm", "again")
            n_best += not again

    def _round(self, pool: CandidatePool, size: int, phase: Phase) -> None:
        """Evaluate a batch."""
        account, surrogate = self._account, self._surrogate
        indices, labels = account.indices, account.labels
        proposed: list[int] = []
        predicted: list[tuple[float, float]] = []

        def predictions(of: Sequence[int]) -> list[tuple[float, float]]:
            prediction = surrogate.predict(of)
            return list(zip(prediction.mean.tolist(), prediction.std.tolist(), strict=True))

        try:
            while len(proposed) < size:
                # Only a fit that takes no time can follow every proposal. It believes its own prediction of those that
                # are not evaluated yet ("kriging believer": Ginsbourger et al., 2010).
                surrogate.fit([*indices, *proposed], [*labels, *(mean for mean, _ in predicted)], self._fit_progress)
                new = self._propose(pool, 1 if surrogate.refits_at_once else size, phase, [*indices, *proposed])
                predicted += predictions(new)
                proposed += new
            if surrogate.refits_at_once and size > 1:  # what is recorded comes from labels, not from beliefs
                surrogate.fit(indices, labels, self._fit_progress)
                predicted = predictions(proposed)
        except CannotLearn as reason:
            self._note_once(str(reason))
            proposed += self._random(size - len(proposed), besides=proposed)
        for place, index in enumerate(proposed):
            if place < len(predicted):
                account.pay(index, phase, self._searcher, predicted=predicted[place])
            else:
                account.pay(index, phase, "random")

    def _propose(self, pool: CandidatePool, size: int, phase: Phase, taken: Sequence[int]) -> list[int]:
        """The best `size` representatives by acquisition, of classes that are not taken."""
        pool.add(taken)
        name = "mean" if phase == "confirm" else self._settings.acquisition
        objective, order = self._ranked(pool, name)
        for _ in range(_CLIMBS if not pool.is_whole else 0):
            if not pool.expand(order[:_CLIMBERS]):
                break
            objective, order = self._ranked(pool, name)
        if self._searcher == "exhaustive":
            order = order[~np.isin(order, pool.places(taken))]
            found = [int(index) for index in pool.members[order[:size]]]
        else:
            found = self._searched(pool, objective, size, taken)
        if not found:
            raise CannotLearn("no candidate is left in the pool")
        return found

    def _ranked(self, pool: CandidatePool, name: str) -> tuple[Objective, np.ndarray]:
        """The acquisition as it is now, and the pool's members from the best to the worst; equals by their mean."""
        account, posterior = self._account, pool.posterior()
        if not posterior.is_finite:
            raise CannotLearn("the surrogate's predictions are not finite")
        evaluated = pool.places(account.indices)
        incumbent = moving_incumbent(
            self._surrogate.best_score(account.labels),
            float(posterior.mean[evaluated].max() if len(evaluated) else posterior.mean.max()),
            account.left / account.limit,
        )

        def objective(of: Posterior) -> np.ndarray:
            return acquire(name, of.mean, of.std, incumbent=incumbent, beta=self._settings.beta, rng=self._rng)

        values = objective(posterior)

        def of_cells(indices: np.ndarray) -> np.ndarray:
            places = pool.places(indices)
            found: np.ndarray = values[places]
            if (places < 0).any():
                found[places < 0] = objective(self._surrogate.posterior_of(indices[places < 0].tolist()))
            return found

        return of_cells, np.lexsort((posterior.mean, values))[::-1]

    def _searched(self, pool: CandidatePool, objective: Objective, size: int, taken: Sequence[int]) -> list[int]:
        """The best `size` of what a fresh searcher visits, which maximises the acquisition."""
        domain = self._domain
        searcher = make_searcher(self._searcher, replace(domain, representatives=pool.members), self._rng.spawn(1)[0])
        self.searchers.append(searcher)
        # It starts from what is evaluated, the best last: then those are the youngest of a population.
        known = np.array(taken, dtype=np.int64)
        values = objective(known)
        for place in np.argsort(values, kind="stable"):
            searcher.tell(int(known[place]), float(values[place]))
        most = self._settings.inner_proposals or searcher.inner_proposals
        visited: dict[int, float] = {}
        while (searcher.n_proposals < most or len(visited) < size) and (asked := searcher.ask()):
            representatives = domain.representative_of[domain.class_of[np.array(asked)]]
            for index, seen, value in zip(asked, representatives.tolist(), objective(representatives), strict=True):
                searcher.tell(index, float(value))
                visited[seen] = float(value)
        return sorted(visited, key=lambda index: -visited[index])[:size]

    def _random(self, size: int, besides: Sequence[int] = ()) -> list[int]:
        domain = self._domain
        taken = domain.class_of[np.asarray([*self._account.indices, *besides], dtype=np.int64)]
        fresh = domain.representatives[~np.isin(domain.class_of[domain.representatives], taken)]
        return [int(index) for index in self._rng.choice(fresh, size=min(size, len(fresh)), replace=False)]

    def _note_once(self, reason: str) -> None:
        if reason not in self._reasons:
            self._reasons.add(reason)
            self._account.note(f"random proposals from query {len(self._account.queries) + 1} on: {reason}")

    def expected_by_others(self) -> np.ndarray | None:
        """(C,) what the surrogate expects of every evaluated cell without its own labels (see `selection`)."""
        return expected_by_others(self._surrogate, self._account.queries, self._rng, self._fit_progress)

    def _fit_progress(self, done: int, total: int) -> None:
        self._account.emit(Event("fit", done, total))


def search_truth(account: Account, searcher: Searcher) -> None:
    """Spend the account on a searcher whose objective is the truth itself: the baseline without a predictor."""
    while account.left and (asked := searcher.ask()):
        for index in asked[: account.left]:
            searcher.tell(index, account.pay(index, "search", searcher.name))
