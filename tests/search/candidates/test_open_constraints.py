"""Constraints on spaces without a table."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nassurrogate.benchmarks import CallableBenchmark
from nassurrogate.constraints import Constraint
from nassurrogate.errors import InputError
from nassurrogate.search import SearchSettings, run, searcher_names
from nassurrogate.search.candidates.feasibility import find_feasible
from nassurrogate.search.candidates.open_set import OpenSet
from nassurrogate.search.record.report import describe_result
from nassurrogate.spaces import CategoricalSpace
from tests.search.candidates.open_spaces import MINE, WIDE, accuracy, searched
from tests.spaces.declared import HUGE, LISTED


def test_the_feasible_share_is_an_estimate_and_called_one():
    result, queries = searched(WIDE, constraints="params_m<=186", predictor="none", searcher="random")
    assert result["n_feasible"] is None
    assert result["feasible_share_is_estimate"] is True
    share = np.mean(WIDE.costs(WIDE.sample(4000, np.random.default_rng(7)))["params_m"] <= 186)
    assert result["feasible_share"] == pytest.approx(share, abs=0.06)
    assert all(WIDE.costs([WIDE.parse(query.arch)])["params_m"][0] <= 186 for query in queries)
    text = describe_result(result)
    assert re.search(r"feasible +an estimated \d+\.\d% of 931,322,574,615,478,515,625 architectures satisfy", text)
    assert re.search(r"regret +unknown \(the optimum is not known\)", text)
    assert "None" not in text


def test_without_a_constraint_nothing_is_estimated():
    events = []
    result = run(space=WIDE, evaluate=accuracy, budget=2, seed=0, predictor="none", write=False, listener=events.append)
    assert (result["n_feasible"], result["feasible_share"]) == (5**30, 1.0)
    assert not result["feasible_share_is_estimate"]
    assert "estimate" not in describe_result(result) + events[0].message


def test_of_a_small_space_the_share_is_counted():
    result, queries = searched(LISTED, constraints="params_m<=20", predictor="none")
    feasible = [arch for arch in LISTED.members() if LISTED.costs([arch])["params_m"][0] <= 20]
    assert result["n_feasible"] == len(feasible)
    assert result["feasible_share"] == len(feasible) / LISTED.size
    assert not result["feasible_share_is_estimate"]
    assert len({query.key for query in queries}) == len({arch.key for arch in feasible})


@pytest.mark.parametrize(("space", "text"), [(WIDE, "params_m<=29"), (WIDE, "latency_ms<1"), (HUGE, "params_m>=481.5")])
def test_an_impossible_bound_gives_the_nearest(space, text):
    with pytest.raises(InputError, match=rf"random architectures satisfies {re.escape(text)}") as caught:
        searched(space, constraints=text)
    assert "1,000 random" in str(caught.value)
    nearest = str(caught.value).split("'")[1]
    assert searched(space, constraints=nearest, budget=1)[0]["queries"] == 1


def test_an_impossible_bound_of_a_small_space_gives_the_nearest_of_all():
    with pytest.raises(
        InputError, match=r"no listed architecture satisfies.*the smallest params_m in the space is 19.5"
    ):
        searched(LISTED, constraints="params_m<=1")


def test_bounds_that_exclude_each_other_are_counted_apart():
    with pytest.raises(InputError, match=r"satisfies all constraints together.*params_m>180: \d"):
        searched(WIDE, constraints=["params_m>180", "params_m<=180"])


@pytest.mark.parametrize("predictor", ["none", "space-process"])
def test_a_rare_feasible_part_is_found_by_drawing_on(predictor):
    """One in a thousand: what the sample for the share hardly meets."""
    bound = float(np.quantile(WIDE.costs(WIDE.sample(5000, np.random.default_rng(1)))["params_m"], 0.001))
    result, queries = searched(WIDE, constraints=f"params_m<={bound!r}", predictor=predictor, budget=4)
    assert len(queries) == 4
    assert all(WIDE.costs([WIDE.parse(query.arch)])["params_m"][0] <= bound for query in queries)
    assert result["feasible_share_is_estimate"]


def test_what_a_sample_missed_is_not_called_impossible():
    """31 architectures have at most 31: random sampling meets none, but must not claim that there is none."""
    message = ""
    try:
        result, _ = searched(WIDE, constraints="params_m<=31", budget=3)
    except InputError as error:
        message = str(error)
    if message:
        assert not message.startswith("no wide architecture satisfies")
        assert "random" in message
    else:
        assert result["best"]["params_m"] <= 31


def cost_of_order(arch):
    """Swapped layers compute the same, and cost something else."""
    return {"latency_ms": 10.0 * arch.choices["first"] + arch.choices["second"]}


@pytest.mark.parametrize("n_others", [1, 12], ids=["listed", "open"])
@pytest.mark.parametrize("searcher", searcher_names())
@pytest.mark.parametrize("predictor", ["none", "space-process"])
def test_an_infeasible_member_never_stands_for_its_function(n_others, searcher, predictor):
    others = {f"other{place}": [1, 2, 3] for place in range(n_others)}
    space = CategoricalSpace(
        "ordered",
        {"first": [1, 2, 3], "second": [1, 2, 3], **others},
        canonical=lambda arch: {
            **arch.choices,
            "first": min(arch.choices["first"], arch.choices["second"]),
            "second": max(arch.choices["first"], arch.choices["second"]),
        },
        costs=cost_of_order,
    )
    chosen = SearchSettings(pool_size=60, inner_proposals=15)
    result, queries = searched(
        space, lambda arch: 90.0 + arch.choices["first"], 16, constraints="latency_ms>=21", searcher=searcher,
        predictor=predictor, settings=chosen,
    )  # fmt: skip
    assert len(queries) == (15 if n_others == 1 else 16)  # (2 1) (3 1) (2 2) (3 2)=(2 3) (3 3), three others each
    assert all(space.costs([space.parse(query.arch)])["latency_ms"][0] >= 21 for query in queries)
    assert len({query.key for query in queries}) == len(queries)
    assert result["best"]["latency_ms"] >= 21


def test_a_constraint_on_what_is_trained_or_unknown_is_refused():
    with pytest.raises(InputError, match=r"cannot constrain 'val_accuracy_pct'.*costs a query.*params_m"):
        searched(WIDE, constraints="val_accuracy_pct>=90")
    with pytest.raises(InputError, match=r"unknown metric 'param_m'.*did you mean 'params_m'"):
        searched(WIDE, constraints="param_m<=90")
    with pytest.raises(InputError, match=r"unknown metric 'params_m'"):
        searched(MINE, constraints="params_m<=90")


@settings(max_examples=12)
@given(bound=st.integers(40, 480), above=st.booleans(), seed=st.integers(0, 99), n=st.integers(1, 40))
def test_what_an_open_set_draws_is_feasible_fresh_and_different(bound, above, seed, n):
    truth = CallableBenchmark(WIDE, accuracy)
    bounds = [Constraint("params_m", ">=" if above else "<=", bound)]
    rng = np.random.default_rng(seed)
    try:
        found = find_feasible(truth, truth.objective, bounds, rng)
    except InputError:
        return
    assert isinstance(found, OpenSet)
    drawn = found.draw(n, rng)
    again = found.draw(n, rng, set(found.keys(drawn)))
    both = [*drawn, *again]
    assert len(set(found.keys(both))) == len(both)
    assert found.contains(both).all()
    assert all((values <= 0).all() for values in found.violations(both).values())
    broken = [arch for arch in WIDE.sample(50, rng) if not bounds[0].check(WIDE.costs([arch])["params_m"])[0]]
    assert not found.contains(broken).any()
    assert all((values > 0).all() for values in found.violations(broken).values())
