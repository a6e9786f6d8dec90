"""The tests that every searcher passes, as a class for pytest.

A third party puts this into a test module of its own package and runs pytest:

    from my_package import MySearcher
    from nassurrogate.testing import SearcherContract

    class TestMySearcher(SearcherContract):
        searcher = MySearcher

It is tested on a table, on a small space, on one of 5¹⁰ architectures and on one without genes, each with and without
a constraint. Spaces that it refuses with an `InputError` of one line are skipped.
"""

from __future__ import annotations

import random
import sys

import numpy as np
import pytest

from nassurrogate.architecture import Architecture
from nassurrogate.benchmarks import Evaluation
from nassurrogate.errors import InputError
from nassurrogate.search import run
from nassurrogate.search.candidates.feasible_set import FeasibleSet
from nassurrogate.search.searchers.base import Searcher
from nassurrogate.testing.searcher_subject import (
    BAD,
    GOOD,
    GROUNDS,
    LISTED,
    SLOW,
    SearcherSubject,
    evaluated,
    failed,
    keys_of,
    made_up,
)
from nassurrogate.testing.space_subject import one_line

_ASKED = 24
_everywhere = pytest.mark.parametrize("place", GROUNDS)


class SearcherContract(SearcherSubject):
    """Subclass it as `Test…` and set these class attributes:

    Attributes:
        searcher: the class under test, or the name it is registered under.
        space: another space to test it on; needed for a searcher that can search only special spaces.
        seed_matters: False for a searcher without any randomness.

    Override a single test to replace it, or set `test_… = None` to leave it out.

    >>> class TestEvolution(SearcherContract):
    ...     searcher = "evolution"
    >>> TestEvolution().test_the_generator_decides("open")
    """

    def test_it_is_described(self) -> None:
        cls = self.cls
        if isinstance(self.searcher, str):
            assert cls.name == self.searcher, "registered under another name than its own"
        for text in (cls.name, cls.description):
            assert text.strip()
            assert text.isprintable(), "the name and the description are one printable line each"
        assert cls.inner_proposals >= 1

    # --- what it proposes ----------------------------------------------------------------------------------------

    @_everywhere
    @pytest.mark.parametrize("batch", [1, 5])
    def test_proposals_are_feasible_and_new(self, place: str, batch: int) -> None:
        feasible = self.feasible(place)
        searcher = self.make(feasible)
        asked: list[Architecture] = []
        while len(asked) < _there(feasible):
            archs = searcher.ask(batch)
            assert 1 <= len(archs) <= batch, f"asked for {batch} architectures, got {len(archs)}"
            asked += archs
            _check_new(feasible, asked)
            searcher.tell([evaluated(arch) for arch in archs])

    @_everywhere
    def test_what_is_asked_for_is_not_asked_again(self, place: str) -> None:
        """Evaluations may take days; more are asked for meanwhile."""
        feasible = self.feasible(place)
        searcher = self.make(feasible)
        asked = searcher.ask() + searcher.ask(5) + searcher.ask(0) + searcher.ask(8)
        assert 3 <= len(asked) <= 14
        _check_new(feasible, asked)
        searcher.tell([evaluated(arch) for arch in reversed(asked)])
        _check_new(feasible, asked + self.play(searcher, 8))

    @_everywhere
    def test_what_was_told_unasked_is_not_proposed(self, place: str) -> None:
        feasible = self.feasible(place)
        searcher = self.make(feasible)
        known = feasible.draw(12, np.random.default_rng(8))
        searcher.tell([evaluated(arch) if number % 3 else failed(arch) for number, arch in enumerate(known)])
        _check_new(feasible, known + self.play(searcher, 10))

    @_everywhere
    def test_failures_are_taken_in_and_not_proposed_again(self, place: str) -> None:
        feasible = self.feasible(place)
        searcher = self.make(feasible)
        asked: list[Architecture] = []
        for _ in range(6):
            archs = searcher.ask(3)
            assert archs
            asked += archs
            searcher.tell([failed(archs[0]), *map(evaluated, archs[1:])])
        _check_new(feasible, asked)

    @_everywhere
    def test_nothing_but_failures(self, place: str) -> None:
        feasible = self.feasible(place)
        searcher = self.make(feasible)
        asked: list[Architecture] = []
        for _ in range(10):
            archs = searcher.ask()
            assert archs
            asked += archs
            searcher.tell(map(failed, archs))
        _check_new(feasible, asked)

    @_everywhere
    def test_what_is_refused_is_not_proposed(self, place: str) -> None:
        feasible = self.feasible(place)
        n = 12 if feasible.n_classes is None else max(feasible.n_classes - 8, 0)
        refused = feasible.draw(min(n, 200), np.random.default_rng(9))
        searcher = self.make(feasible)
        searcher.refuse(keys_of(feasible, refused))
        _check_new(feasible, refused + self.play(searcher, 8))

    @pytest.mark.parametrize("place", ["listed", "listed, constrained"])
    @pytest.mark.parametrize("batch", [1, 7])
    def test_a_small_space_is_emptied_once(self, place: str, batch: int) -> None:
        feasible = self.feasible(place)
        searcher = self.make(feasible)
        asked: list[Architecture] = []
        while archs := searcher.ask(batch):
            asked += archs
            _check_new(feasible, asked)
            searcher.tell([evaluated(arch) if len(asked) % 3 else failed(arch) for arch in archs])
        every = {arch.key for arch in LISTED.members() if feasible.contains([arch])[0]}
        assert {arch.key for arch in asked} == every, "it stops before every architecture was asked for"
        assert len(asked) == len(every) == feasible.n_classes
        assert searcher.ask() == searcher.ask(5) == []

    # --- what it learns ------------------------------------------------------------------------------------------

    @_everywhere
    def test_better_is_as_the_metric_says(self, place: str) -> None:
        """Minimising −f is the same as maximising f."""
        feasible = self.feasible(place)
        largest = self.play(self.make(feasible, 5, GOOD), _ASKED, "goodness")
        smallest = self.play(self.make(feasible, 5, BAD), _ASKED, "badness")
        assert largest == smallest, "minimising the negative proposes something else: it ignores the metric's direction"

    @pytest.mark.parametrize("values", [[3.0], [0.0], [1e30, -1e30, 1e-30]], ids=["equal", "zero", "extreme"])
    @pytest.mark.parametrize("place", ["table", "listed", "open, constrained"])
    def test_any_values_do(self, place: str, values: list[float]) -> None:
        feasible = self.feasible(place)
        searcher = self.make(feasible)
        asked: list[Architecture] = []
        while len(asked) < _ASKED and (archs := searcher.ask(4)):
            asked += archs
            searcher.tell(
                [
                    Evaluation(arch, {"goodness": values[number % len(values)], "another": -1.0})
                    for number, arch in enumerate(archs)
                ]
            )
        assert len(asked) >= _there(feasible)
        _check_new(feasible, asked)

    @_everywhere
    def test_it_may_be_told_twice(self, place: str) -> None:
        """As when an architecture is trained again."""
        feasible = self.feasible(place)
        searcher = self.make(feasible)
        asked = self.play(searcher, 6)
        searcher.tell([evaluated(arch) for arch in asked])
        searcher.tell([])
        _check_new(feasible, asked + self.play(searcher, 6))

    @_everywhere
    def test_several_objectives_are_taken_or_refused(self, place: str) -> None:
        feasible = self.feasible(place)
        try:
            searcher = self.make(feasible, 0, GOOD, SLOW)
        except InputError as error:
            one_line(error)
            assert not self.cls.several_objectives
            return
        assert self.cls.several_objectives, "it takes several objectives, but several_objectives is False"
        known = feasible.draw(3, np.random.default_rng(8))
        searcher.tell([evaluated(known[0], "goodness", "slowness"), failed(known[1])])
        asked = self.play(searcher, _ASKED, "goodness", "slowness", batch=3)
        assert len(asked) >= _there(feasible, 2)
        _check_new(feasible, known[:2] + asked)

    def test_no_objective_is_refused(self) -> None:
        with pytest.raises(InputError) as caught:
            self.cls(self.feasible("listed"), np.random.default_rng(0), objectives=())
        one_line(caught.value)

    # --- randomness ----------------------------------------------------------------------------------------------

    @_everywhere
    def test_the_generator_decides(self, place: str) -> None:
        feasible = self.feasible(place)
        first, again, other = (self.play(self.make(feasible, seed), _ASKED, batch=3) for seed in (5, 5, 6))
        assert first == again, "two searchers of one seed differ"
        if self.seed_matters:
            assert first != other, "the seed changes nothing; set seed_matters = False if that is intended"

    @pytest.mark.parametrize("place", ["listed, constrained", "open, constrained", "without genes"])
    def test_the_global_generators_are_left_alone(self, place: str) -> None:
        feasible = self.feasible(place)
        self.play(self.make(feasible), 15)  # once before, as packages may draw random numbers while they are imported
        before = _generators(987_654_321)
        first = self.play(self.make(feasible), 15)
        after = _generators()
        for name, state in before.items():
            assert after[name] == state, f"it draws from, or seeds, {name}"
        _generators(123_456_789)
        assert self.play(self.make(feasible), 15) == first, "a global seed changes what it proposes"

    # --- what it counts ------------------------------------------------------------------------------------------

    @_everywhere
    @pytest.mark.parametrize("most", [1, 200])
    def test_proposals_are_counted(self, place: str, most: int) -> None:
        """Every proposal is infeasible, a repeat, or asked for; after too many rejected ones a random one follows."""
        feasible = self.feasible(place)
        searcher = self.make(feasible, 0, GOOD, max_attempts=most)
        counts, n_asked = _counts(searcher), 0
        assert counts == (0, 0, 0, 0)
        for arch in self.plays(searcher, 15):
            n_asked += 1
            made, infeasible, repeats, fallbacks = now = _counts(searcher)
            assert all(new >= old for new, old in zip(now, counts, strict=True)), f"counts fell at {arch}"
            assert made - infeasible - repeats + fallbacks == n_asked, "the counts do not add up to what was asked for"
            counts = now
        assert n_asked == 15

    # --- a run ---------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("predictor", ["none", "space-process"])
    def test_a_run_uses_it(self, predictor: str) -> None:
        self.feasible("listed")
        result = run(
            space=LISTED, evaluate=made_up, objective=GOOD, budget=14, searcher=self.cls, predictor=predictor, seed=0,
            constraints="params_m<=64", write=False,
        )  # fmt: skip
        assert (result["queries"], result["searcher"]) == (14, self.cls.name)
        raised = [note for note in result["notes"] if f"searcher {self.cls.name!r}" in note]
        assert not raised, f"it raises, so the run continues with random proposals: {raised[0]}"
        assert result["best"]["choices"]["width"] <= 64


def _there(feasible: FeasibleSet, n_taken: int = 0) -> int:
    """How many architectures can be asked for, at most."""
    return _ASKED if feasible.n_classes is None else min(_ASKED, feasible.n_classes - n_taken)


def _check_new(feasible: FeasibleSet, archs: list[Architecture]) -> None:
    """Check that these are feasible architectures of the space, no two of one function."""
    space = feasible.space
    assert all(isinstance(arch, Architecture) and space.parse(arch) == arch for arch in archs)
    assert feasible.contains(archs).all(), "it proposes an infeasible architecture"
    keys = keys_of(feasible, archs)
    assert len(set(keys)) == len(keys), "it proposes a function that is known, pending or refused"


def _counts(searcher: Searcher) -> tuple[int, int, int, int]:
    return searcher.n_proposals, searcher.n_infeasible, searcher.n_repeats, searcher.n_fallbacks


def _generators(seed: int | None = None) -> dict[str, object]:
    """States of the global generators, seeded first if a seed is given."""
    torch = sys.modules.get("torch")
    if seed is not None:
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002 (a global generator, on purpose)
        if torch is not None:
            torch.manual_seed(seed)
    states: dict[str, object] = {
        "random": random.getstate(),
        "numpy.random": str(np.random.get_state(legacy=False)),  # noqa: NPY002
    }
    if torch is not None:
        states["torch"] = torch.get_rng_state().numpy().tobytes()
    return states
