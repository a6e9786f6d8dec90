"""The kit for searchers: every broken promise fails the test for it, which an honest searcher passes."""

from __future__ import annotations

import inspect
import random
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pytest

from nassurrogate import Architecture
from nassurrogate.benchmarks import Evaluation
from nassurrogate.search.searchers.evolution import Evolution
from nassurrogate.search.searchers.random_search import RandomSearch
from nassurrogate.testing import SearcherContract
from nassurrogate.testing.searcher_subject import GOOD


class Infeasible(RandomSearch):
    """test_proposals_are_feasible_and_new"""

    caught = AssertionError, "proposes an infeasible architecture"

    def ask(self, n: int = 1) -> list[Architecture]:
        return [self.space.mutate(arch, self.rng) for arch in super().ask(n)]


class TooMany(RandomSearch):
    """test_proposals_are_feasible_and_new"""

    caught = AssertionError, "asked for 5 architectures, got 6"

    def ask(self, n: int = 1) -> list[Architecture]:
        return super().ask(n + 1)


class ForgetsWhatItAsked(RandomSearch):
    """test_what_is_asked_for_is_not_asked_again"""

    caught = AssertionError, "known, pending or refused"

    def ask(self, n: int = 1) -> list[Architecture]:
        self._asked.clear()
        return self.feasible.draw(n, np.random.default_rng(0), self._known)


class AsksWhatItWasTold(RandomSearch):
    """test_what_was_told_unasked_is_not_proposed"""

    caught = AssertionError, "known, pending or refused"
    mine: Sequence[Architecture] = ()

    def tell(self, evaluations: Iterable[Evaluation]) -> None:
        super().tell([each for each in evaluations if each.arch in self.mine])

    def ask(self, n: int = 1) -> list[Architecture]:
        self.mine = [*self.mine, *super().ask(n)]
        return self.mine[-n:]


class TriesFailuresAgain(RandomSearch):
    """test_failures_are_taken_in_and_not_proposed_again"""

    caught = AssertionError, "known, pending or refused"

    def tell(self, evaluations: Iterable[Evaluation]) -> None:
        given = list(evaluations)
        super().tell(given)
        self.again = [each.arch for each in given if each.status != "ok"]

    def ask(self, n: int = 1) -> list[Architecture]:
        again = getattr(self, "again", [])[:n]
        return again + super().ask(n - len(again))


class CannotFail(RandomSearch):
    """test_nothing_but_failures"""

    caught = KeyError, "goodness"

    def tell(self, evaluations: Iterable[Evaluation]) -> None:
        super().tell([Evaluation(each.arch, {GOOD.name: each.values[GOOD.name]}) for each in evaluations])


class IgnoresRefusals(RandomSearch):
    """test_what_is_refused_is_not_proposed"""

    caught = AssertionError, "known, pending or refused"

    def refuse(self, keys: Iterable[Any]) -> None:
        pass


class StopsEarly(RandomSearch):
    """test_a_small_space_is_emptied_once"""

    caught = AssertionError, "stops before every architecture"

    def ask(self, n: int = 1) -> list[Architecture]:
        return super().ask(n) if len(self._known) < 15 else []


class GreedyOnRawValues(Evolution):
    """test_better_is_as_the_metric_says"""

    caught = AssertionError, "ignores the metric's direction"

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, population=5, tournament=4, **options)

    def _learn(self, arch: Architecture, values: tuple[float, ...]) -> None:
        super()._learn(arch, tuple(metric.sign * value for metric, value in zip(self.objectives, values, strict=True)))


class Normalises(RandomSearch):
    """test_any_values_do"""

    caught = ZeroDivisionError, "no deviation"

    def _learn(self, arch: Architecture, values: tuple[float, ...]) -> None:
        self.seen = [*getattr(self, "seen", []), values[0]]
        if len(self.seen) > 1 and np.std(self.seen) == 0:
            raise ZeroDivisionError("no deviation")


class CountsTold(RandomSearch):
    """test_it_may_be_told_twice"""

    caught = AssertionError, "told twice"

    def _learn(self, arch: Architecture, values: tuple[float, ...]) -> None:
        self.seen = [*getattr(self, "seen", []), arch]
        assert len(set(self.seen)) == len(self.seen), "told twice"


class ClaimsSeveral(RandomSearch):
    """test_several_objectives_are_taken_or_refused"""

    caught = ValueError, "too many values to unpack"

    def _learn(self, arch: Architecture, values: tuple[float, ...]) -> None:
        (self.value,) = values


class OwnGenerator(RandomSearch):
    """test_the_generator_decides"""

    caught = AssertionError, "two searchers of one seed differ"

    def __init__(self, feasible: Any, rng: np.random.Generator, **options: Any) -> None:
        super().__init__(feasible, np.random.default_rng(), **options)


class IgnoresItsGenerator(RandomSearch):
    """test_the_generator_decides"""

    caught = AssertionError, "the seed changes nothing"

    def __init__(self, feasible: Any, rng: np.random.Generator, **options: Any) -> None:
        super().__init__(feasible, np.random.default_rng(0), **options)


class DrawsGlobally(RandomSearch):
    """test_the_global_generators_are_left_alone"""

    caught = AssertionError, "draws from, or seeds, random"

    def _propose(self) -> Architecture | None:
        random.random()
        return super()._propose()


class CountsNothing(RandomSearch):
    """test_proposals_are_counted"""

    caught = AssertionError, "do not add up"

    def ask(self, n: int = 1) -> list[Architecture]:
        found = super().ask(n)
        self.n_proposals = 0
        return found


class TwoLines(RandomSearch):
    """test_it_is_described"""

    caught = AssertionError, "one printable line each"
    description = "one\ntwo"


class NoObjectives(RandomSearch):
    """test_no_objective_is_refused"""

    caught = pytest.fail.Exception, "DID NOT RAISE InputError"

    def __init__(self, feasible: Any, rng: np.random.Generator, *, objectives: Sequence[Any] = (), **options: Any):
        super().__init__(feasible, rng, objectives=objectives or (GOOD,), **options)


class OneAtATime(RandomSearch):
    """test_a_run_uses_it"""

    caught = AssertionError, "no proposal of searcher 'OneAtATime': ValueError"

    def tell(self, evaluations: Iterable[Evaluation]) -> None:
        (evaluation,) = evaluations
        super().tell([evaluation])


FAULTS = [found for found in list(vars().values()) if inspect.isclass(found) and found.__module__ == __name__]
PLACE = {"place": "listed, constrained", "batch": 5, "most": 200, "predictor": "space-process", "values": [3.0]}


def case(searcher: type[Any], test: str) -> None:
    """One test of the suite on this searcher."""
    contract = type("Case", (SearcherContract,), {"searcher": searcher})()
    method = getattr(contract, test)
    method(**{name: PLACE[name] for name in inspect.signature(method).parameters})


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_every_fault_is_caught_by_the_test_for_it(fault: type[Any]) -> None:
    fault.name = fault.__name__
    case(next(base for base in fault.__mro__ if base not in FAULTS), fault.__doc__ or "")
    # What a searcher itself raises fails a test, too.
    expected, message = fault.caught
    with pytest.raises(expected, match=message) as found:
        case(fault, fault.__doc__ or "")
    assert type(found.value) is expected


def test_every_test_has_a_fault() -> None:
    tests = {name for name in dir(SearcherContract) if name.startswith("test_")}
    assert {fault.__doc__ for fault in FAULTS} == tests
