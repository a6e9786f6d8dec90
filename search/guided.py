"""How an account is spent: guided by predictions, or by a searcher that pays for every look."""

from __future__ import annotations

import numpy as np

from nassurrogate.search.account import Account, Event
from nassurrogate.search.acquisition import acquire
from nassurrogate.search.candidates import Candidates
from nassurrogate.search.guide import Forecast, Guide
from nassurrogate.search.ledger import Phase
from nassurrogate.search.schedule import SearchSettings, plan
from nassurrogate.search.searcher import Searcher, make_searcher


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
        self._place = np.full(self._domain.space.n_classes, -1)
        self._place[self._domain.class_of[self._domain.representatives]] = np.arange(candidates.n_feasible_classes)
        self.forecast: Forecast | None = None
        """The last forecast, before the labels paid on its word were known."""
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
        account = self._account
        forecast = self._guide.forecast(account.indices, account.labels, self._fit_progress)
        if isinstance(forecast, str):
            account.note(f"random proposals for the next {size} queries: {forecast}")
            for index in self._random(size):
                account.pay(index, phase, "random")
            return
        self.forecast = forecast
        if phase == "confirm":
            proposed = self._propose(forecast, size, "mean")
        else:
            n_drawn = round(size * self._settings.explore_fraction)
            proposed = self._propose(forecast, size - n_drawn, self._settings.acquisition)
            proposed += self._drawn(forecast, n_drawn, [*account.indices, *proposed])
        for index in proposed:
            place = self._place_of(index)
            predicted = float(forecast.mean[place]), float(forecast.std[place])
            account.pay(index, phase, self._searcher, predicted=predicted)

    def _propose(self, forecast: Forecast, size: int, acquisition: str) -> list[int]:
        """The best `size` unpaid representatives among those that a fresh searcher visits on the acquisition."""
        objective = acquire(
            acquisition,
            forecast.mean,
            forecast.std,
            best=max(self._account.labels, default=float(forecast.mean.max())),
            beta=self._settings.beta,
            rng=self._rng,
        )
        searcher = make_searcher(self._searcher, self._domain, self._rng.spawn(1)[0])
        self.searchers.append(searcher)
        # It starts from what is paid, the best last: then those are the youngest of a population.
        for index in sorted(self._account.indices, key=lambda index: objective[self._place_of(index)]):
            searcher.tell(index, float(objective[self._place_of(index)]))
        most = self._settings.inner_proposals or searcher.inner_proposals
        visited: dict[int, float] = {}
        while (searcher.n_proposals < most or len(visited) < size) and (asked := searcher.ask()):
            for index in asked:
                value = float(objective[self._place_of(index)])
                searcher.tell(index, value)
                visited[int(self._domain.representatives[self._place_of(index)])] = value
        return sorted(visited, key=lambda index: -visited[index])[:size]

    def _drawn(self, forecast: Forecast, size: int, known: list[int]) -> list[int]:
        """Random unpaid representatives among those of the highest predicted mean: against a surrogate's firm errors.

        A surrogate that has only seen one family of good cells is sure of it; what it pays for next is of that family.
        """
        fresh = np.ones(len(forecast.mean), dtype=bool)
        fresh[[self._place_of(index) for index in known]] = False
        places = np.flatnonzero(fresh)
        n_best = max(size, round(len(forecast.mean) * self._settings.explore_top))
        best = places[np.argsort(-forecast.mean[places], kind="stable")[:n_best]]
        drawn = self._rng.choice(best, size=min(size, len(best)), replace=False)
        return [int(self._domain.representatives[place]) for place in drawn]

    def _random(self, size: int) -> list[int]:
        paid = self._domain.class_of[self._account.indices]
        fresh = self._domain.representatives[~np.isin(self._domain.class_of[self._domain.representatives], paid)]
        return [int(index) for index in self._rng.choice(fresh, size=min(size, len(fresh)), replace=False)]

    def _place_of(self, index: int) -> int:
        return int(self._place[self._domain.class_of[index]])

    def expected(self) -> np.ndarray | None:
        """(Q,) the last forecast's mean of every paid cell."""
        if self.forecast is None:
            return None
        return self.forecast.mean[[self._place_of(index) for index in self._account.indices]]

    def _fit_progress(self, done: int, total: int) -> None:
        self._account.emit(Event("fit", done, total))


def search_truth(account: Account, searcher: Searcher) -> None:
    """Spend the account on a searcher whose objective is the truth itself: the baseline without a predictor."""
    while account.left and (asked := searcher.ask()):
        for index in asked[: account.left]:
            searcher.tell(index, account.pay(index, "search", searcher.name))
