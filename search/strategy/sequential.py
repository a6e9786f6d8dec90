"""Bayesian optimisation: each query goes where the surrogate's acquisition is highest."""

from __future__ import annotations

import itertools
from collections.abc import Generator, Hashable, Sequence

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.benchmarks import Evaluation
from nassurrogate.search.candidates.feasible_set import FeasibleSet
from nassurrogate.search.candidates.pool import CandidatePool
from nassurrogate.search.queries.evaluator import Evaluator
from nassurrogate.search.queries.events import Event
from nassurrogate.search.queries.proposals import Proposal, Proposals, Wait
from nassurrogate.search.record.ledger import Phase
from nassurrogate.search.searchers.acquisition import acquire, moving_incumbent
from nassurrogate.search.searchers.base import ACQUISITION, Searcher
from nassurrogate.search.searchers.exhaustive import Exhaustive
from nassurrogate.search.settings.ignored import ignored_label_noise, ignored_with_predictor
from nassurrogate.search.settings.schedule import SearchSettings, plan
from nassurrogate.search.strategy.hill_climb import Acquisition, HillClimber
from nassurrogate.search.strategy.selection import choose, expected_by_others, has_single
from nassurrogate.search.surrogates.base import (
    COMPARED,
    CannotLearn,
    Posterior,
    SearchSurrogate,
    raises_cannot_learn,
)

_EXPANDED, _EXPANSIONS = 4, 8
"""Candidates whose neighbours join a pool at a time, and how often before a query at most."""
_LEAST_LABELS = 2
"""Labels without which no surrogate learns anything."""
PRIOR_SCORES = "prior"
"""How the ledger marks queries that a score without labels chose, in `proposed_by`."""
_STARTS = 2
"""Candidates of an open space from which the search climbs before a query."""


class SequentialSearch:
    """Spends the budget where a surrogate expects most.

    Args:
        evaluator: evaluates.
        feasible: what may be proposed.
        surrogate: learns from what was evaluated.
        searcher: class of the searcher that maximises the acquisition.
        settings: the strategy.
        rng: of the initial sample, the pool, the acquisition and the searchers.
        known: feasible architectures whose labels the surrogate already has.
        workers: number of evaluations that run at once.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        feasible: FeasibleSet,
        surrogate: SearchSurrogate,
        searcher: type[Searcher],
        settings: SearchSettings,
        rng: np.random.Generator,
        known: Sequence[Architecture] = (),
        workers: int = 1,
    ) -> None:
        self._evaluator = evaluator
        self._feasible = feasible
        self._surrogate = surrogate
        self._searcher = searcher
        self._settings = settings
        self._rng = rng
        self._known = known
        self._workers = workers
        self._reasons: set[str] = set()
        self._compared = False
        self._climber = HillClimber(feasible, rng)
        self.searchers: list[Searcher] = []

    def proposals(self) -> Proposals:
        """Spend the whole budget."""
        evaluator = self._evaluator
        schedule = plan(
            evaluator.limit,
            self._settings,
            initial_labels=self._surrogate.initial_labels,
            trains_again=evaluator.trains_again,
            workers=self._workers,
        )
        # However small a pool the user asks for, it has candidates that are not evaluated yet.
        pool_size = max(self._settings.pool_size, 8 * evaluator.limit)
        for reason in ignored_with_predictor(
            self._settings,
            schedule,
            evaluator.limit,
            scores_all=issubclass(self._searcher, Exhaustive),
            pool_size=pool_size,
            n_candidates=self._feasible.n_classes,
        ):
            evaluator.note(reason)
        for arch in self._random(max(0, schedule.n_init - len(evaluator.labelled))):
            yield Proposal(arch, "init", "random")
        yield Wait(n_labels=max(self._surrogate.initial_labels, _LEAST_LABELS))
        pool = CandidatePool(self._feasible, self._surrogate, pool_size, self._rng)
        if self._known and not pool.is_whole:  # the best known architectures have unknown neighbours
            pool.add(self._known)
        if self._settings.n_init == 0:
            yield from self._by_prior_scores(pool)

        def batch() -> int:
            return schedule.batch_size(len(evaluator.labelled), refits_at_once=self._surrogate.refits_at_once)

        found = True
        while found and (left := evaluator.left - schedule.n_confirm) > 0:
            found = yield from self._round(pool, min(batch(), left), "search")
        yield Wait()  # the last queries go to the best, so all labels should be known
        if evaluator.trains_again and evaluator.left:
            yield from self._train_again(max(1, schedule.n_confirm // 2))
            yield Wait()
        while found and evaluator.left:
            found = yield from self._round(pool, min(batch(), evaluator.left), "confirm")
        yield Wait()
        is_percent = evaluator.objective.is_percent
        used = is_percent and has_single(evaluator.labelled)
        for reason in ignored_label_noise(self._settings, used=used, is_percent=is_percent):
            evaluator.note(reason)

    def _train_again(self, n_best: int) -> Proposals:
        """Spend what is left on further trainings of the best; on more of them if some cannot be trained again."""
        evaluator = self._evaluator
        order = self.ranked()[0]
        ranked = [evaluator.archs[place] for place in order]
        while evaluator.left and n_best <= len(ranked):
            again = [arch for arch in ranked[:n_best] if evaluator.can_train_again(arch)]
            for arch in again[: evaluator.left]:
                yield Proposal(arch, "confirm", "again")
            n_best += not again

    def ranked(self) -> tuple[np.ndarray, str]:
        """Positions of the labelled queries of different architectures, best first, and the rule (see `choose`)."""
        evaluator, expected = self._evaluator, None
        # For labels that are not percentages the training noise is unknown.
        noise = self._settings.label_noise_pct if evaluator.objective.is_percent else 0.0
        if noise and has_single(evaluator.labelled):
            expected = expected_by_others(
                self._surrogate, evaluator.labelled, evaluator.archs, self._rng, self._fit_progress
            )
        return choose(evaluator.labelled, expected, sign=evaluator.objective.sign, label_noise_pct=noise)

    def _round(self, pool: CandidatePool, size: int, phase: Phase) -> Generator[Proposal | Wait, None, bool]:
        """Propose a batch. Returns whether there was anything left to evaluate."""
        evaluator, surrogate = self._evaluator, self._surrogate
        archs, labels, pending = evaluator.archs, evaluator.labels, evaluator.pending_archs
        proposed: list[Architecture] = []
        predicted: list[tuple[float, float]] = []
        self._note_unit_doubt(labels)

        def predictions(of: Sequence[Architecture]) -> list[tuple[float, float]]:
            prediction = surrogate.predict(of)
            return list(zip(prediction.mean.tolist(), prediction.std.tolist(), strict=True))

        try:
            # Only a fast fit can follow every proposal. It takes its own predictions for the labels of what is not
            # evaluated yet ("kriging believer": Ginsbourger et al., 2010).
            believed: list[float] = []
            if pending and surrogate.refits_at_once:
                surrogate.fit(archs, labels, self._fit_progress)
                believed = [mean for mean, _ in predictions(pending)]
            else:
                pending = []
            while len(proposed) < size:
                surrogate.fit(
                    [*archs, *pending, *proposed],
                    [*labels, *believed, *(mean for mean, _ in predicted)],
                    self._fit_progress,
                )
                known = [*archs, *pending, *proposed]
                new = self._propose(pool, 1 if surrogate.refits_at_once else size - len(proposed), phase, known)
                new = evaluator.without_twins(new)
                predicted += predictions(new)
                proposed += new
                if surrogate.failure is not None:
                    self._note_once(
                        f"only the saved surrogate is used from query {evaluator.n_asked + 1} on",
                        surrogate.failure,
                    )
            if surrogate.refits_at_once and (size > 1 or pending):  # the ledger's predictions come from labels alone
                surrogate.fit(archs, labels, self._fit_progress)
                predicted = predictions(proposed)
        except CannotLearn as reason:
            self._note_once(f"random proposals from query {evaluator.n_asked + 1} on", str(reason))
            proposed += self._random(size - len(proposed), besides=proposed)
        for place, arch in enumerate(proposed):
            if place < len(predicted):
                yield Proposal(arch, phase, self._searcher.name, predicted[place])
            else:
                yield Proposal(arch, phase, "random")
        if not proposed and evaluator.pending:  # an answer may allow another proposal
            yield Wait(n_labels=len(labels) + 1)
            return True
        return bool(proposed)

    def _propose(
        self, pool: CandidatePool, size: int, phase: Phase, proposed: Sequence[Architecture]
    ) -> list[Architecture]:
        """The best `size` representatives by acquisition; none of what is evaluated or already `proposed`."""
        pool.add(proposed)
        name = "mean" if phase == "confirm" else self._settings.acquisition
        acquisition, order = self._ranked(pool, name)
        if pool.is_open:
            with raises_cannot_learn("neighbours of the best candidates"):
                starts = [pool.members[place] for place in order[:_STARTS]]
                ends = self._climber.climb(starts, acquisition, self._taken(proposed))
            pool.add(ends)
            acquisition, order = self._ranked(pool, name)
        for _ in range(_EXPANSIONS if not (pool.is_whole or pool.is_open) else 0):
            if not pool.expand(order[:_EXPANDED]):
                break
            acquisition, order = self._ranked(pool, name)
        if issubclass(self._searcher, Exhaustive):
            taken = self._taken(proposed)
            fresh = (place for place in order.tolist() if pool.keys[place] not in taken)
            found = [pool.members[place] for place in itertools.islice(fresh, size)]
        else:
            with raises_cannot_learn(f"proposal of searcher {self._searcher.name!r}"):
                found = self._searched(pool, acquisition, size, proposed)
        if not found:
            raise CannotLearn("no candidate is left in the pool")
        return found

    def _ranked(self, pool: CandidatePool, name: str) -> tuple[Acquisition, np.ndarray]:
        """The current acquisition, and the places of the pool's members from best to worst; ties by posterior mean."""
        evaluator, posterior = self._evaluator, pool.posterior()
        if not posterior.is_finite:
            raise CannotLearn("the surrogate's predictions are not finite")
        evaluated = pool.places(evaluator.archs)
        incumbent = moving_incumbent(
            self._surrogate.best_score(evaluator.labels),
            float(posterior.mean[evaluated].max() if len(evaluated) else posterior.mean.max()),
            evaluator.left / evaluator.limit,
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
        self, pool: CandidatePool, acquisition: Acquisition, size: int, proposed: Sequence[Architecture]
    ) -> list[Architecture]:
        """The best `size` of the architectures that a fresh searcher visits while it maximises the acquisition."""
        searcher = self._searcher(pool.listed(), self._rng.spawn(1)[0])
        self.searchers.append(searcher)
        # It starts from what is evaluated, the best last: those are then the youngest of a population.
        known = acquisition(proposed)
        searcher.tell(_acquired(proposed[place], known[place]) for place in np.argsort(known, kind="stable").tolist())
        failed = self._evaluator.taken - set(self._feasible.keys(self._evaluator.archs))
        searcher.refuse(failed)
        most = self._settings.inner_proposals or searcher.inner_proposals
        visited: dict[Architecture, float] = {}
        while (searcher.n_proposals < most or len(visited) < size) and (asked := searcher.ask()):
            representatives = self._feasible.representatives(asked)
            values = acquisition(representatives)
            searcher.tell(map(_acquired, asked, values))
            visited |= dict(zip(representatives, values.tolist(), strict=True))
        return sorted(visited, key=lambda arch: -visited[arch])[:size]

    def _by_prior_scores(self, pool: CandidatePool) -> Proposals:
        """Propose the candidates that score best without labels, until the surrogate can learn."""
        evaluator, n_first = self._evaluator, max(_LEAST_LABELS, self._workers)
        try:
            scores = self._surrogate.prior_scores(pool.members)
        except CannotLearn as reason:
            self._note_once(f"random proposals from query {evaluator.n_asked + 1} on", str(reason))
            for arch in self._random(min(n_first, evaluator.left)):
                yield Proposal(arch, "search", "random")
            yield Wait(n_labels=_LEAST_LABELS)
            return
        for place in np.argsort(-scores, kind="stable").tolist() if scores is not None else ():
            if evaluator.n_asked >= n_first:
                yield Wait(n_labels=_LEAST_LABELS)
            if not evaluator.left or len(set(evaluator.labels)) >= _LEAST_LABELS:
                return
            if pool.keys[place] not in evaluator.taken:
                for arch in evaluator.without_twins([pool.members[place]]):
                    yield Proposal(arch, "search", PRIOR_SCORES)

    def _random(self, size: int, besides: Sequence[Architecture] = ()) -> list[Architecture]:
        found: list[Architecture] = []
        while len(found) < size:
            drawn = self._feasible.draw(size - len(found), self._rng, self._taken([*besides, *found]))
            if not drawn:
                break
            found += self._evaluator.without_twins(drawn)
        return found

    def _taken(self, besides: Sequence[Architecture]) -> set[Hashable]:
        """Keys of what is evaluated or proposed."""
        return self._evaluator.taken | set(self._feasible.keys(besides))

    def _note_unit_doubt(self, labels: Sequence[float]) -> None:
        """Compare the first labels with those of a saved surrogate, once."""
        if self._compared or len(labels) < COMPARED:
            return
        self._compared = True
        doubt = self._surrogate.unit_doubt(labels)
        if doubt is not None:
            self._evaluator.note(f"{doubt}; if their units differ, only the order of its predictions counts")

    def _note_once(self, what: str, reason: str) -> None:
        if reason not in self._reasons:
            self._reasons.add(reason)
            self._evaluator.note(f"{what}: {reason}")

    def _fit_progress(self, done: int, total: int) -> None:
        self._evaluator.emit(Event("fit", done, total))


def _acquired(arch: Architecture, value: float) -> Evaluation:
    return Evaluation(arch, {ACQUISITION.name: float(value)})
