"""What every searcher owes, tested once for all of them."""

from __future__ import annotations

import numpy as np
import pytest

from nassurrogate.benchmarks import CallableBenchmark, Evaluation
from nassurrogate.constraints import Constraint
from nassurrogate.errors import InputError
from nassurrogate.metric import Metric, known_metric
from nassurrogate.search import Searcher, searcher_names
from nassurrogate.search.candidates.feasibility import find_feasible
from nassurrogate.search.searchers.base import ACQUISITION, resolve_searcher, searcher_class
from nassurrogate.search.searchers.evolution import Evolution
from nassurrogate.search.searchers.random_search import RandomSearch
from nassurrogate.spaces import get_space
from tests.search.conftest import CLASSES, SPACE, at
from tests.spaces.declared import CANONICAL, CONDITIONAL, HUGE

SKIPS = (SPACE.op_codes == 1).sum(axis=1)
GOOD = (SPACE.op_codes == 3).sum(axis=1).astype(float)


def make(name, feasible, seed=0, **options):
    return searcher_class(name)(feasible, np.random.default_rng(seed), **options)


def worth(arch, value):
    return Evaluation(arch, {ACQUISITION.name: float(value)})


def play(searcher, n_values, objective):
    """Ask and tell until `n_values` are evaluated or nothing is left; their indices, in order."""
    evaluated = []
    while len(evaluated) < n_values and (asked := searcher.ask()):
        for arch in asked[: n_values - len(evaluated)]:
            searcher.tell([worth(arch, objective[arch.index])])
            evaluated.append(arch.index)
    return evaluated


@pytest.fixture(params=searcher_names())
def name(request):
    return request.param


def test_proposes_only_feasible_cells_and_no_class_twice(name, make_feasible):
    feasible = SKIPS == 2
    evaluated = play(make(name, make_feasible(feasible)), 60, GOOD)
    assert len(evaluated) == 60
    assert feasible[evaluated].all()
    assert len(set(CLASSES[evaluated].tolist())) == 60


def test_the_same_seed_proposes_the_same(name, make_feasible):
    feasible = make_feasible(SKIPS >= 2)
    runs = [play(make(name, feasible, seed), 40, GOOD) for seed in (5, 5, 6)]
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


def test_a_tiny_feasible_set_is_exhausted_and_then_nothing_is_asked(name, make_feasible):
    members = np.flatnonzero(np.bincount(CLASSES).argmax() == CLASSES)[:2]
    feasible = np.zeros(SPACE.size, dtype=bool)
    feasible[[*members, 0, 1]] = True
    searcher = make(name, make_feasible(feasible), max_attempts=50)
    evaluated = play(searcher, 100, GOOD)
    assert set(CLASSES[evaluated].tolist()) == set(CLASSES[feasible].tolist())
    assert feasible[evaluated].all()
    assert searcher.ask() == []


def test_what_was_told_unasked_is_not_asked_again(name, make_feasible):
    feasible = make_feasible(SKIPS == 2)
    searcher = make(name, feasible, 1)
    known = feasible.members()[::3]
    searcher.tell(worth(arch, GOOD[arch.index]) for arch in known)
    evaluated = play(searcher, 60, GOOD)
    assert not set(CLASSES[evaluated].tolist()) & set(CLASSES[SPACE.indices(known)].tolist())


def test_equal_values_do_no_harm(name, make_feasible):
    evaluated = play(make(name, make_feasible(SKIPS <= 1), 2), 30, np.zeros(SPACE.size))
    assert len(evaluated) == 30


def test_it_names_and_describes_itself(name):
    found = searcher_class(name)
    assert found.name == name
    assert found.description
    assert found.__doc__


@pytest.mark.parametrize("name", ["evolution", "optuna-tpe"])
def test_those_that_learn_find_better_cells_than_chance(name, make_feasible):
    feasible = make_feasible(np.ones(SPACE.size, dtype=bool))
    late = [play(make(name, feasible, s), 120, GOOD)[60:] for s in range(3)]
    assert GOOD[np.concatenate(late)].mean() > GOOD[SPACE.indices(feasible.members())].mean() + 1


@pytest.mark.parametrize("name", ["optuna-tpe", "optuna-nsga2"])
def test_optuna_is_told_the_violations(name, make_feasible):
    searcher = make(name, make_feasible(SKIPS == 2))
    play(searcher, 20, GOOD)
    trials = searcher.study.trials
    assert len(trials) == 20 + searcher.n_infeasible + searcher.n_repeats
    assert sum(trial.constraints["bound"] > 0 for trial in trials) == searcher.n_infeasible > 0
    assert all(trial.state.is_finished() for trial in trials)


def test_a_searcher_that_is_stuck_falls_back_on_random_cells(make_feasible):
    feasible = np.zeros(SPACE.size, dtype=bool)
    feasible[:40] = True
    searcher = Evolution(make_feasible(feasible), np.random.default_rng(0), population=5, max_attempts=1)
    evaluated = play(searcher, 30, GOOD)
    assert len(evaluated) == 30
    assert searcher.n_fallbacks > 0


def test_evolution_lets_the_oldest_die(make_feasible):
    """With a population of 1 each child is one edit from the last one evaluated, however bad that was."""
    searcher = Evolution(make_feasible(np.ones(SPACE.size, dtype=bool)), np.random.default_rng(0), population=1)
    evaluated = play(searcher, 30, -np.arange(SPACE.size, dtype=float))
    codes = SPACE.op_codes[evaluated]
    edits = (codes[1:] != codes[:-1]).sum(axis=1)
    assert np.median(edits) == 1


def test_an_unknown_searcher_is_refused():
    with pytest.raises(InputError, match=r"unknown searcher 'evolutoin'.*did you mean 'evolution'"):
        searcher_class("evolutoin")


# --- batches, failures, several objectives ---------------------------------------------------------------------------


def test_a_batch_holds_different_functions_and_none_is_asked_for_twice(name, make_feasible):
    feasible = make_feasible(SKIPS == 2)
    searcher = make(name, feasible)
    first = searcher.ask(12)
    second = searcher.ask(12)  # nothing is told yet
    keys = feasible.keys([*first, *second])
    assert len(set(keys)) == len(keys) == 24
    assert feasible.contains([*first, *second]).all()
    searcher.tell(worth(arch, GOOD[arch.index]) for arch in [*second, *first])
    third = searcher.ask(6)
    assert not set(feasible.keys(third)) & set(keys)


def test_a_batch_is_no_longer_than_what_is_left(name, make_feasible):
    feasible = np.zeros(SPACE.size, dtype=bool)
    feasible[[0, 1, 2]] = True
    found = make_feasible(feasible)
    searcher = make(name, found, max_attempts=20)
    asked = searcher.ask(100)
    assert sorted(found.keys(asked)) == sorted(found.keys(found.members()))
    assert searcher.ask(1) == []


def test_what_failed_is_never_proposed_again(name, make_feasible):
    feasible = make_feasible(np.arange(SPACE.size) < 12)
    searcher = make(name, feasible, max_attempts=20)
    seen = []
    while asked := searcher.ask(3):
        seen += asked
        failed, fine = asked[:1], asked[1:]
        searcher.tell([Evaluation(arch, status="failed", reason="out of memory") for arch in failed])
        searcher.tell(worth(arch, GOOD[arch.index]) for arch in fine)
    keys = feasible.keys(seen)
    assert len(set(keys)) == len(keys) == feasible.n_classes


def test_what_is_refused_is_never_proposed(name, make_feasible):
    feasible = make_feasible(np.arange(SPACE.size) < 30)
    searcher = make(name, feasible, max_attempts=20)
    refused = set(feasible.keys(feasible.members()[::2]))
    searcher.refuse(refused)
    evaluated = play(searcher, 10**6, GOOD)
    assert set(CLASSES[evaluated].tolist()) == set(feasible.keys(feasible.members())) - refused


@pytest.mark.parametrize("name", ["random", "exhaustive", "optuna-tpe", "optuna-nsga2"])
def test_several_objectives_are_taken_by_name_in_their_own_directions(name, make_feasible):
    objectives = (Metric("usefulness", direction="maximize"), Metric("val_loss", direction="minimize"))
    searcher = make(name, make_feasible(SKIPS == 2), objectives=objectives)
    for _ in range(15):
        (arch,) = searcher.ask()
        searcher.tell([Evaluation(arch, {"val_loss": 2.0, "usefulness": GOOD[arch.index], "unasked": 1.0})])
    assert searcher.worst == (min(value for value, _ in searcher._known.values()), -2.0)
    if "optuna" in name:
        finished = [t for t in searcher.study.trials if t.values is not None and t.values[1] == -2.0]
        assert len(finished) >= 15


def test_evolution_takes_one_objective(make_feasible):
    objectives = (known_metric("val_accuracy_pct"), known_metric("latency_ms"))
    with pytest.raises(InputError, match="searcher 'evolution' takes one objective, got 2"):
        make("evolution", make_feasible(SKIPS == 2), objectives=objectives)


def test_a_minimised_objective_is_better_when_smaller(make_feasible):
    """With a tournament of the whole population, the parent is the one of the least latency."""
    objectives = (known_metric("latency_ms"),)
    searcher = Evolution(
        make_feasible(np.ones(SPACE.size, dtype=bool)), np.random.default_rng(0), objectives=objectives
    )
    late = []
    for number in range(150):
        (arch,) = searcher.ask()
        searcher.tell([Evaluation(arch, {"latency_ms": GOOD[arch.index]})])
        late += [GOOD[arch.index]] * (number >= 90)
    assert np.mean(late) < GOOD.mean() - 0.5


# --- spaces of other kinds -------------------------------------------------------------------------------------------


def feasible_of(space, *constraints):
    truth = CallableBenchmark(space, lambda arch: 0.0)
    bounds = [Constraint.parse(text) for text in constraints]
    return find_feasible(truth, truth.objective, bounds, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("space", "constraints"),
    [(CANONICAL, ()), (CONDITIONAL, ()), (CONDITIONAL, ("params_m<=100",)), (HUGE, ()), (HUGE, ("params_m<=170",))],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else value.name,
)
def test_it_searches_every_space_with_genes(name, space, constraints):
    found = feasible_of(space, *constraints)
    runs = []
    for seed in (3, 3, 4):
        searcher, seen = make(name, found, seed), []
        while len(seen) < 16 and (asked := searcher.ask(2)):
            searcher.tell(worth(arch, len(arch.string)) for arch in asked)
            seen += asked
        assert len({arch.key for arch in seen}) == len(seen)
        assert found.contains(seen).all()
        assert len(seen) == min(16, found.n_classes or 16)
        runs.append(seen)
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


@pytest.mark.parametrize("name", ["optuna-tpe", "optuna-nsga2"])
def test_optuna_searches_nb101_through_its_genes(name):
    space = get_space("nb101")
    searcher = make(name, feasible_of(space))
    seen = []
    for _ in range(12):
        (arch,) = searcher.ask()
        searcher.tell([worth(arch, len(arch.key))])
        seen.append(arch)
    assert len({arch.key for arch in seen}) == 12
    assert len(searcher.study.trials) == 12 + searcher.n_infeasible + searcher.n_repeats + searcher.n_fallbacks
    assert all(trial.state.is_finished() for trial in searcher.study.trials)


def test_a_class_stands_for_itself_and_other_things_do_not():
    class Mine(RandomSearch):
        name = "mine"
        description = "mine"

    class Nameless(Searcher):
        def _propose(self):
            return None

    class Idle(Searcher):
        name = description = "idle"

    assert resolve_searcher(Mine) is Mine
    assert resolve_searcher("random") is RandomSearch
    for wrong, message in (
        (Nameless, "which does not define description, name"),
        (Idle, "which does not define _propose"),
        (int, "which is not a subclass of Searcher"),
        (RandomSearch.__new__(RandomSearch), "searcher must be a name such as 'exhaustive' or a subclass of Searcher"),
        (3, "searcher must be a name such as 'exhaustive' or a subclass of Searcher, got 3"),
    ):
        with pytest.raises(InputError, match=message):
            resolve_searcher(wrong)


def test_what_a_subclass_proposes_is_checked_for_it(make_feasible):
    """However bad its proposals, what is asked for is feasible and fresh."""

    class Stubborn(Searcher):
        name = description = "stubborn"

        def _propose(self):
            return None if self.n_proposals % 3 else at(self.n_proposals % 2)[0]

    feasible = make_feasible(SKIPS == 3)
    searcher = Stubborn(feasible, np.random.default_rng(0), max_attempts=6)
    asked = searcher.ask(20)
    assert len(set(feasible.keys(asked))) == 20
    assert feasible.contains(asked).all()
    assert searcher.n_fallbacks >= 18
