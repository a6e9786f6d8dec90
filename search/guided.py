"""How an account is spent: guided by predictions, or by a searcher that pays for every look."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nassurrogate.search.account import Account, Event
from nassurrogate.search.acquisition import acquire
from nassurrogate.search.candidates import Candidates
from nassurrogate.search.guide import Guide
from nassurrogate.search.ledger import Phase
from nassurrogate.search.outlook import Outlook
from nassurrogate.search.schedule import SearchSettings, plan
from nassurrogate.search.searcher import Searcher, make_searcher
from nassurrogate.search.selection import expected_by_others

_CLIMBERS = 64
"""Cells whose neighbours join the pool at a time."""


class GuidedSearch:
    """Spends an account on what a guide recommends.

    Args:
        account: pays.
        candidates: what may be proposed.
        guide: predicts.
        searcher: name of the searcher that maximises the acquisition.
        settings: the strategy.
        rng: of the initial sample, the acquisition and the searchers.
    """

    def __init__(
        self,
        account: Account,
        candidates: Candidates,
        guide: Guide,
        searcher: str,
        settings: SearchSettings,
        rng: np.random.Generator,
    ) -> None:
        self._account = account
        self._domain = candidates.domain
        self._guide = guide
        self._searcher = searcher
        self._settings = settings
        self._rng = rng
        self.searchers: list[Searcher] = []

    def run(self) -> None:
        """Spend the whole account."""
        schedule = plan(self._account.limit, self._settings, needs_init=self._guide.needs_init)
        for index in self._random(schedule.n_init):
            self._account.pay(index, "init", "random")
        for size in schedule.batches:
            self._round(size, "search")
        if schedule.n_confirm:
            self._round(schedule.n_confirm, "confirm")

    def _round(self, size: int, phase: Phase) -> None:
        account, settings = self._account, self._settings
        predict = self._guide.fitted(account.indices, account.labels, self._fit_progress)
        if isinstance(predict, str):
            self._pay_for_random(size, phase, predict)
            return
        # However small it is asked to be, a pool has enough that is not yet paid.
        pool_size = max(settings.pool_size, 4 * (size + len(account.indices)))
        outlook = Outlook(predict, self._domain, account.indices, pool_size, self._rng)
        outlook.climb(pool_size, _CLIMBERS)
        if not outlook.is_finite:
            self._pay_for_random(size, phase, "the surrogate's predictions are not finite")
            return
        if phase == "confirm":
            proposed = self._propose(outlook, size, "mean")
        else:
            n_drawn = round(size * settings.explore_fraction)
            proposed = self._propose(outlook, size - n_drawn, settings.acquisition)
            proposed += self._drawn(outlook, n_drawn, [*account.indices, *proposed])
        forecast = outlook.of(proposed)
        for index, mean, std in zip(proposed, forecast.mean.tolist(), forecast.std.tolist(), strict=True):
            account.pay(index, phase, self._searcher, predicted=(mean, std))

    def _propose(self, outlook: Outlook, size: int, acquisition: str) -> list[int]:
        """The best `size` unpaid representatives among those that a fresh searcher visits on the acquisition.

        In a large space the candidates are the pool; a searcher that mutates may leave it.
        """
        domain, pool = self._domain, outlook.pool()
        best = max(self._account.labels, default=float(outlook.of(pool).mean.max()))

        def objective(indices: np.ndarray) -> np.ndarray:
            forecast = outlook.of(indices)
            return acquire(acquisition, forecast.mean, forecast.std, best=best, beta=self._settings.beta, rng=self._rng)

        of_class = np.full(domain.space.n_classes, np.nan)
        of_class[domain.class_of[pool]] = objective(pool)
        searcher = make_searcher(self._searcher, replace(domain, representatives=pool), self._rng.spawn(1)[0])
        self.searchers.append(searcher)

        def value(index: int) -> float:
            number = domain.class_of[index]
            if np.isnan(of_class[number]):
                of_class[number] = objective(np.array([index]))[0]
            return float(of_class[number])

        # It starts from what is paid, the best last: then those are the youngest of a population.
        for index in sorted(self._account.indices, key=value):
            searcher.tell(index, value(index))
        most = self._settings.inner_proposals or searcher.inner_proposals
        visited: dict[int, float] = {}
        while (searcher.n_proposals < most or len(visited) < size) and (asked := searcher.ask()):
            for index in asked:
                searcher.tell(index, value(index))
                visited[int(domain.representative_of[domain.class_of[index]])] = value(index)
        return sorted(visited, key=lambda index: -visited[index])[:size]

    def _drawn(self, outlook: Outlook, size: int, known: list[int]) -> list[int]:
        """Random unpaid representatives among those of the highest predicted mean: against a surrogate's firm errors.

        A surrogate that has only seen one family of good cells is sure of it; what it pays for next is of that family.
        So in a large space they come from the random candidates alone.
        """
        sample = outlook.sample
        fresh = sample[~np.isin(self._domain.class_of[sample], self._domain.class_of[known])]
        n_best = max(size, round(len(sample) * self._settings.explore_top))
        best = fresh[np.argsort(-outlook.of(fresh).mean, kind="stable")[:n_best]]
        return [int(index) for index in self._rng.choice(best, size=min(size, len(best)), replace=False)]

    def _pay_for_random(self, size: int, phase: Phase, reason: str) -> None:
        self._account.note(f"random proposals for the next {size} queries: {reason}")
        for index in self._random(size):
            self._account.pay(index, phase, "random")

    def _random(self, size: int) -> list[int]:
        paid = self._domain.class_of[self._account.indices]
        fresh = self._domain.representatives[~np.isin(self._domain.class_of[self._domain.representatives], paid)]
        return [int(index) for index in self._rng.choice(fresh, size=min(size, len(fresh)), replace=False)]

    def expected_by_others(self) -> np.ndarray | None:
        """(Q,) what the guide expects of the paid cells without their own labels (see `selection`)."""
        return expected_by_others(self._guide, self._account.queries, self._rng, self._fit_progress)

    def _fit_progress(self, done: int, total: int) -> None:
        self._account.emit(Event("fit", done, total))


def search_truth(account: Account, searcher: Searcher) -> None:
    """Spend the account on a searcher whose objective is the truth itself: the baseline without a predictor."""
    while account.left and (asked := searcher.ask()):
        for index in asked[: account.left]:
            searcher.tell(index, account.pay(index, "search", searcher.name))
