"""How a budget is spent: one query at a time where the surrogate's acquisition is highest, or by a searcher alone."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Sequence
from typing import TypeAlias

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.benchmarks import Evaluation
from nassurrogate.search.candidates.feasible_set import FeasibleSet
from nassurrogate.search.candidates.pool import CandidatePool
from nassurrogate.search.engine.evaluator import Account, Event
from nassurrogate.search.engine.selection import choose, expected_by_others, has_single
from nassurrogate.search.engine.surrogates import CannotLearn, Posterior, SearchSurrogate, survived
from nassurrogate.search.record.ledger import Phase
from nassurrogate.search.searchers.acquisition import acquire, moving_incumbent
from nassurrogate.search.searchers.base import WORTH, Searcher
from nassurrogate.search.searchers.exhaustive import Exhaustive
from nassurrogate.search.settings.ignored import idle_beside_predictor, idle_label_noise
from nassurrogate.search.settings.schedule import SearchSettings, plan

Acquisition: TypeAlias = Callable[[Sequence[Architecture]], np.ndarray]
"""n architectures → (n,) acquisitions of their functions."""
_CLIMBERS, _CLIMBS = 4, 8
"""Candidates whose neighbours join a pool at a time, and how often before a query at most."""
_STARTS, _MOST_STEPS = 2, 4
"""Candidates of an open space from which the search climbs before a query, and how far; the next query goes on."""
_COMPARED = 3
"""Number of labels after which their scale is compared with the saved surrogate's."""


class SequentialSearch:
    """Spends an account where a surrogate expects most.

    Args:
        account: evaluates.
        feasible: what may be proposed.
        surrogate: learns from what was evaluated.
        searcher: class of the searcher that maximises the acquisition.
        settings: the strategy.
        rng: of the initial sample, the pool, the acquisition and the searchers.
        known: feasible architectures whose labels the surrogate already has.
    """

    def __init__(
        self,
        account: Account,
        feasible: FeasibleSet,
        surrogate: SearchSurrogate,
        searcher: type[Searcher],
        settings: SearchSettings,
        rng: np.random.Generator,
        known: Sequence[Architecture] = (),
    ) -> None:
        self._account = account
        self._feasible = feasible
        self._surrogate = surrogate
        self._searcher = searcher
        self._settings = settings
        self._rng = rng
        self._known = known
        self._reasons: set[str] = set()
        self._compared = False
        self._neighbours: dict[Architecture, list[tuple[Architecture, Hashable]]] = {}
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
        # However small it is asked to be, a pool has enough that is not evaluated yet.
        pool_size = max(self._settings.pool_size, 8 * account.limit)
        for reason in idle_beside_predictor(
            self._settings,
            schedule,
            account.limit,
            looks_at_all=issubclass(self._searcher, Exhaustive),
            pool_size=pool_size,
            n_candidates=self._feasible.n_classes,
        ):
            account.note(reason)
        for arch in self._random(schedule.n_init):
            account.evaluate(arch, "init", "random")
        pool = CandidatePool(self._feasible, self._surrogate, pool_size, self._rng)
        if self._known and not pool.is_whole:  # the best known architectures have unknown neighbours
            pool.add(self._known)

        def batch() -> int:
            return schedule.batch_size(len(account.labelled), refits_at_once=self._surrogate.refits_at_once)

        found = True
        while found and (left := account.left - schedule.n_confirm) > 0:
            found = self._round(pool, min(batch(), left), "search")
        if account.trains_again and account.left:
            self._train_again(max(1, schedule.n_confirm // 2))
        while found and account.left:
            found = self._round(pool, min(batch(), account.left), "confirm")
        is_percent = account.objective.is_percent
        used = is_percent and has_single(account.labelled)
        for reason in idle_label_noise(self._settings, used=used, is_percent=is_percent):
            account.note(reason)

    def _train_again(self, n_best: int) -> None:
        """Spend what is left on training the best again; include more of them when some cannot be trained again."""
        account = self._account
        order = self.ranked()[0]
        ranked = [account.archs[place] for place in order]
        while account.left and n_best <= len(ranked):
            again = [arch for arch in ranked[:n_best] if account.can_train_again(arch)]
            for arch in again[: account.left]:
                account.evaluate(arch, "confirm", "again")
            n_best += not again

    def ranked(self) -> tuple[np.ndarray, str]:
        """Positions of the labelled queries of different architectures, best first, and the rule (see `choose`)."""
        account, expected = self._account, None
        # For labels that are not percentages the training noise is unknown.
        noise = self._settings.label_noise_pct if account.objective.is_percent else 0.0
        if noise and has_single(account.labelled):
            expected = expected_by_others(
                self._surrogate, account.labelled, account.archs, self._rng, self._fit_progress
            )
        return choose(account.labelled, expected, sign=account.objective.sign, label_noise_pct=noise)

    def _round(self, pool: CandidatePool, size: int, phase: Phase) -> bool:
        """Evaluate a batch. Returns whether anything was left to evaluate."""
        account, surrogate = self._account, self._surrogate
        archs, labels = account.archs, account.labels
        proposed: list[Architecture] = []
        predicted: list[tuple[float, float]] = []
        if len(labels) >= _COMPARED and not self._compared:
            self._compared = True
            if doubt := surrogate.scale_doubt(labels):
                account.note(f"{doubt}; if their units differ, only the order of its predictions counts")

        def predictions(of: Sequence[Architecture]) -> list[tuple[float, float]]:
            prediction = surrogate.predict(of)
            return list(zip(prediction.mean.tolist(), prediction.std.tolist(), strict=True))

        try:
            while len(proposed) < size:
                # Only a fit that takes no time can follow every proposal. It believes its own prediction of those that
                # are not evaluated yet ("kriging believer": Ginsbourger et al., 2010).
                surrogate.fit([*archs, *proposed], [*labels, *(mean for mean, _ in predicted)], self._fit_progress)
                new = self._propose(pool, 1 if surrogate.refits_at_once else size, phase, [*archs, *proposed])
                predicted += predictions(new)
                proposed += new
                if surrogate.failure:
                    self._note_once(
                        f"only the saved surrogate is used from query {len(account.queries) + 1} on",
                        surrogate.failure,
                    )
            if surrogate.refits_at_once and size > 1:  # what is recorded comes from labels, not from beliefs
                surrogate.fit(archs, labels, self._fit_progress)
                predicted = predictions(proposed)
        except CannotLearn as reason:
            self._note_once(f"random proposals from query {len(account.queries) + 1} on", str(reason))
            proposed += self._random(size - len(proposed), besides=proposed)
        for place, arch in enumerate(proposed):
            if place < len(predicted):
                account.evaluate(arch, phase, self._searcher.name, predicted=predicted[place])
            else:
                account.evaluate(arch, phase, "random")
        return bool(proposed)

    def _propose(
        self, pool: CandidatePool, size: int, phase: Phase, taken: Sequence[Architecture]
    ) -> list[Architecture]:
        """The best `size` representatives by acquisition, of functions that are not taken."""
        pool.add(taken)
        name = "mean" if phase == "confirm" else self._settings.acquisition
        acquisition, order = self._ranked(pool, name)
        if pool.is_open:
            with survived("neighbours of the best candidates"):
                ends = self._climbed([pool.members[place] for place in order[:_STARTS]], acquisition, taken)
            pool.add(ends)
            acquisition, order = self._ranked(pool, name)
        for _ in range(_CLIMBS if not (pool.is_whole or pool.is_open) else 0):
            if not pool.expand(order[:_CLIMBERS]):
                break
            acquisition, order = self._ranked(pool, name)
        if issubclass(self._searcher, Exhaustive):
            known = self._taken(taken)
            fresh = (place for place in order.tolist() if pool.keys[place] not in known)
            found = [pool.members[place] for place in itertools.islice(fresh, size)]
        else:
            with survived(f"proposal of searcher {self._searcher.name!r}"):
                found = self._searched(pool, acquisition, size, taken)
        if not found:
            raise CannotLearn("no candidate is left in the pool")
        return found

    def _climbed(
        self, starts: Sequence[Architecture], acquisition: Acquisition, taken: Sequence[Architecture]
    ) -> list[Architecture]:
        """From each start, climb from neighbour to neighbour until no feasible, fresh neighbour is better.

        In a space that cannot be listed the best is far from whatever is drawn at random.
        """
        known, ends = self._taken(taken), []
        for arch in starts:
            height = float(acquisition([arch])[0])
            for _ in range(_MOST_STEPS):
                step = self._step_up(arch, height, acquisition, known)
                if step is None:
                    break
                arch, height = step
            ends.append(arch)
        return ends

    def _step_up(
        self, arch: Architecture, height: float, acquisition: Acquisition, known: set[Hashable]
    ) -> tuple[Architecture, float] | None:
        """The best of a random half of the neighbours if it is better, or else of the other half; None if none is."""
        around = self._fresh_neighbours(arch, known)
        for half in np.array_split(self._rng.permutation(len(around)), 2):
            archs = [around[place] for place in half.tolist()]
            values = acquisition(archs) if archs else np.empty(0)
            if archs and values.max() > height:
                return archs[int(values.argmax())], float(values.max())
        return None

    def _fresh_neighbours(self, arch: Architecture, known: set[Hashable]) -> list[Architecture]:
        """Feasible ones of functions that are not known."""
        if arch not in self._neighbours:
            around = self._feasible.space.neighbours(arch)
            feasible = self._feasible.contains(around).tolist()
            keys = self._feasible.keys(around)
            self._neighbours[arch] = [(n, key) for n, key, kept in zip(around, keys, feasible, strict=True) if kept]
        return [neighbour for neighbour, key in self._neighbours[arch] if key not in known]

    def _ranked(self, pool: CandidatePool, name: str) -> tuple[Acquisition, np.ndarray]:
        """The acquisition as it is now, and the pool's members from the best to the worst; equals by their mean."""
        account, posterior = self._account, pool.posterior()
        if not posterior.is_finite:
            raise CannotLearn("the surrogate's predictions are not finite")
        evaluated = pool.places(account.archs)
        incumbent = moving_incumbent(
            self._surrogate.best_score(account.labels),
            float(posterior.mean[evaluated].max() if len(evaluated) else posterior.mean.max()),
            account.left / account.limit,
        )

        def acquired(of: Posterior) -> np.ndarray:
            return acquire(name, of.mean, of.std, incumbent=incumbent, beta=self._settings.beta, rng=self._rng)

        values = acquired(posterior)

        def of_archs(archs: Sequence[Architecture]) -> np.ndarray:
            places = pool.places(archs)
            found: np.ndarray = values[places]
            others = np.flatnonzero(places < 0).tolist()
            if others:
                found[others] = acquired(self._surrogate.posterior_of([archs[place] for place in others]))
            return found

        return of_archs, np.lexsort((posterior.mean, values))[::-1]

    def _searched(
        self, pool: CandidatePool, acquisition: Acquisition, size: int, taken: Sequence[Architecture]
    ) -> list[Architecture]:
        """The best `size` of what a fresh searcher visits, which maximises the acquisition."""
        searcher = self._searcher(pool.listed(), self._rng.spawn(1)[0])
        self.searchers.append(searcher)
        # It starts from what is evaluated, the best last: then those are the youngest of a population.
        known = acquisition(taken)
        searcher.tell(_worth(taken[place], known[place]) for place in np.argsort(known, kind="stable").tolist())
        failed = self._account.taken - set(self._feasible.keys(self._account.archs))
        searcher.refuse(failed)
        most = self._settings.inner_proposals or searcher.inner_proposals
        visited: dict[Architecture, float] = {}
        while (searcher.n_proposals < most or len(visited) < size) and (asked := searcher.ask()):
            representatives = self._feasible.representatives(asked)
            values = acquisition(representatives)
            searcher.tell(map(_worth, asked, values))
            visited |= dict(zip(representatives, values.tolist(), strict=True))
        return sorted(visited, key=lambda arch: -visited[arch])[:size]

    def _random(self, size: int, besides: Sequence[Architecture] = ()) -> list[Architecture]:
        return self._feasible.draw(size, self._rng, self._taken(besides))

    def _taken(self, besides: Sequence[Architecture]) -> set[Hashable]:
        """Keys of what is evaluated or proposed."""
        return self._account.taken | set(self._feasible.keys(besides))

    def _note_once(self, what: str, reason: str) -> None:
        if reason not in self._reasons:
            self._reasons.add(reason)
            self._account.note(f"{what}: {reason}")

    def _fit_progress(self, done: int, total: int) -> None:
        self._account.emit(Event("fit", done, total))


def _worth(arch: Architecture, value: float) -> Evaluation:
    return Evaluation(arch, {WORTH.name: float(value)})


def search_truth(account: Account, searcher: Searcher, rng: np.random.Generator) -> None:
    """Spend the account on a searcher whose objective is the truth itself: the baseline without a predictor.

    Args:
        account: evaluates.
        searcher: proposes; should it raise, random architectures take its place, and a note says so.
        rng: draws them.
    """
    what = f"proposal of searcher {searcher.name!r}"
    try:
        while account.left:
            with survived(what):
                asked = searcher.ask()
            if not asked:
                return
            for arch in asked[: account.left]:
                evaluation = account.evaluate(arch, "search", searcher.name)
                with survived(what):
                    searcher.tell([evaluation])
    except CannotLearn as reason:
        account.note(f"random proposals from query {len(account.queries) + 1} on: {reason}")
        for arch in searcher.feasible.draw(account.left, rng, account.taken):
            account.evaluate(arch, "search", "random")
