"""What every searcher owes, tested once for all of them."""

from __future__ import annotations

import numpy as np
import pytest

from nassurrogate.errors import InputError
from nassurrogate.search import make_searcher, searcher_names
from nassurrogate.search.evolution import Evolution
from nassurrogate.search.searcher import searcher_class
from nassurrogate.spaces import get_space

SPACE = get_space("nb201")
CLASSES = SPACE.class_ids()
SKIPS = (SPACE.op_codes == 1).sum(axis=1)  # type: ignore[attr-defined]
GOOD = (SPACE.op_codes == 3).sum(axis=1).astype(float)  # type: ignore[attr-defined]


def play(searcher, n_values, objective):
    """Ask and tell until `n_values` are told or nothing is left; the indices told, in order."""
    told = []
    while len(told) < n_values and (asked := searcher.ask()):
        for index in asked[: n_values - len(told)]:
            searcher.tell(index, float(objective[index]))
            told.append(index)
    return told


@pytest.fixture(params=searcher_names())
def name(request):
    return request.param


def test_proposes_only_feasible_cells_and_no_class_twice(name, make_domain):
    feasible = SKIPS == 2
    told = play(make_searcher(name, make_domain(feasible), np.random.default_rng(0)), 60, GOOD)
    assert len(told) == 60
    assert feasible[told].all()
    assert len(set(CLASSES[told].tolist())) == 60


def test_the_same_seed_proposes_the_same(name, make_domain):
    domain = make_domain(SKIPS >= 2)
    runs = [play(make_searcher(name, domain, np.random.default_rng(seed)), 40, GOOD) for seed in (5, 5, 6)]
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


def test_a_tiny_domain_is_exhausted_and_then_nothing_is_asked(name, make_domain):
    members = np.flatnonzero(np.bincount(CLASSES).argmax() == CLASSES)[:2]
    feasible = np.zeros(SPACE.size, dtype=bool)
    feasible[[*members, 0, 1]] = True
    searcher = make_searcher(name, make_domain(feasible), np.random.default_rng(0))
    told = play(searcher, 100, GOOD)
    assert set(CLASSES[told].tolist()) == set(CLASSES[feasible].tolist())
    assert feasible[told].all()
    assert searcher.ask() == []


def test_what_was_told_unasked_is_not_asked_again(name, make_domain):
    domain = make_domain(SKIPS == 2)
    searcher = make_searcher(name, domain, np.random.default_rng(1))
    known = domain.representatives[::3]
    for index in known:
        searcher.tell(int(index), float(GOOD[index]))
    told = play(searcher, 60, GOOD)
    assert not set(CLASSES[told].tolist()) & set(CLASSES[known].tolist())


def test_equal_values_do_no_harm(name, make_domain):
    told = play(make_searcher(name, make_domain(SKIPS <= 1), np.random.default_rng(2)), 30, np.zeros(SPACE.size))
    assert len(told) == 30


def test_it_names_and_describes_itself(name):
    found = searcher_class(name)
    assert found.name == name
    assert found.description
    assert found.__doc__


@pytest.mark.parametrize("name", ["evolution", "optuna-tpe"])
def test_those_that_learn_find_better_cells_than_chance(name, make_domain):
    domain = make_domain(np.ones(SPACE.size, dtype=bool))
    late = [play(make_searcher(name, domain, np.random.default_rng(s)), 120, GOOD)[60:] for s in range(3)]
    assert GOOD[np.concatenate(late)].mean() > GOOD[domain.representatives].mean() + 1


@pytest.mark.parametrize("name", ["optuna-tpe", "optuna-nsga2"])
def test_optuna_is_told_the_violations(name, make_domain):
    searcher = make_searcher(name, make_domain(SKIPS == 2), np.random.default_rng(0))
    play(searcher, 20, GOOD)
    trials = searcher.study.trials
    assert len(trials) == 20 + searcher.n_infeasible + searcher.n_repeats
    assert sum(trial.constraints["bound"] > 0 for trial in trials) == searcher.n_infeasible > 0
    assert all(trial.state.is_finished() for trial in trials)


def test_a_searcher_that_is_stuck_falls_back_on_random_cells(make_domain):
    feasible = np.zeros(SPACE.size, dtype=bool)
    feasible[:40] = True
    searcher = Evolution(make_domain(feasible), np.random.default_rng(0), population=5, max_attempts=1)
    told = play(searcher, 30, GOOD)
    assert len(told) == 30
    assert searcher.n_fallbacks > 0


def test_evolution_lets_the_oldest_die(make_domain):
    """With a population of 1 each child is one edit from the last one told, however bad that was."""
    searcher = Evolution(make_domain(np.ones(SPACE.size, dtype=bool)), np.random.default_rng(0), population=1)
    told = play(searcher, 30, -np.arange(SPACE.size, dtype=float))
    codes = SPACE.op_codes[told]  # type: ignore[attr-defined]
    edits = (codes[1:] != codes[:-1]).sum(axis=1)
    assert np.median(edits) == 1


def test_an_unknown_searcher_is_refused(make_domain):
    with pytest.raises(InputError, match=r"unknown searcher 'evolutoin'.*did you mean 'evolution'"):
        make_searcher("evolutoin", make_domain(SKIPS == 2), np.random.default_rng(0))
