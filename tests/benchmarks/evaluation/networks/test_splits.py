"""Splits of protocols C3 and C4."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nassurrogate import InputError
from nassurrogate.benchmarks.evaluation.networks.splits import NetworkSplits
from nassurrogate.benchmarks.networks import MeasuredNetworks
from tests.benchmarks.evaluation.networks.made_up import KINDS, measured

DATA = measured({"plain": 30, "gated": 24, "padded": 3})
FAMILY_OF = np.array(DATA.families)


def places_of(family: str) -> np.ndarray:
    """Positions of its networks."""
    return np.flatnonzero(FAMILY_OF == family)  # noqa: SIM300 (no constant)


@given(seed=st.integers(0, 2**63 - 1), number=st.integers(0, 100), limit=st.integers(1, 40))
def test_c3_takes_a_tenth_of_each_family_to_test(seed: int, number: int, limit: int) -> None:
    whole = NetworkSplits(DATA, seed).in_domain(number, list(KINDS))
    assert sorted([*whole.train, *whole.test]) == list(range(len(DATA)))
    sizes = {family: int((FAMILY_OF[whole.test] == family).sum()) for family in KINDS}
    assert sizes == {"plain": 3, "gated": 2, "padded": 1}
    limited = NetworkSplits(DATA, seed, limit).in_domain(number, list(KINDS))
    assert limited.test.tolist() == whole.test.tolist()
    assert set(limited.train) <= set(whole.train)
    assert max(int((FAMILY_OF[limited.train] == family).sum()) for family in KINDS) == min(limit, 27)
    assert limited.seed == whole.seed


@given(seed=st.integers(0, 2**63 - 1), family=st.sampled_from(list(KINDS)), limit=st.integers(1, 40))
def test_c4_leaves_a_family_out(seed: int, family: str, limit: int) -> None:
    split = NetworkSplits(DATA, seed, limit).without(family, 0)
    assert split.test.tolist() == places_of(family).tolist()
    assert split.unseen == family
    for other in set(KINDS) - {family}:
        size = len(places_of(other))
        assert int((FAMILY_OF[split.train] == other).sum()) == min(size, limit)
    assert not set(split.train) & set(split.test)


def test_a_tested_family_changes_no_other_set() -> None:
    splits = NetworkSplits(DATA, 0)
    one, every = splits.in_domain(1, ["gated"]), splits.in_domain(1, list(KINDS))
    assert one.train.tolist() == every.train.tolist()
    assert one.test.tolist() == [place for place in every.test if FAMILY_OF[place] == "gated"]


def test_seeds_and_numbers_share_nothing() -> None:
    tests = {
        (seed, number): tuple(NetworkSplits(DATA, seed).in_domain(number, list(KINDS)).test)
        for seed in range(3)
        for number in range(3)
    }
    assert len(set(tests.values())) == len(tests)
    assert len({NetworkSplits(DATA, seed).in_domain(number, ["plain"]).seed for seed, number in tests}) == len(tests)


def test_copies_of_test_networks_are_not_trained_on() -> None:
    """Each network twice, once under each family's name: whatever is tested has a copy in training."""
    half = measured({"plain": 20})
    twice = MeasuredNetworks(
        "phone",
        [*half.graphs, *half.graphs],
        [*half.names, *half.names],
        ["one"] * 20 + ["other"] * 20,
        np.tile(half.latency_ms, 2),
    )
    split = NetworkSplits(twice, 0).in_domain(0, ["one", "other"])
    keys = [graph.key for graph in twice.graphs]
    assert not {keys[place] for place in split.train} & {keys[place] for place in split.test}
    assert split.dropped == 40 - len(split.train) - len(split.test) > 0
    with pytest.raises(InputError, match="no training network is left"):
        NetworkSplits(twice, 0).without("one", 0)


def test_the_split_of_the_data_set() -> None:
    staged = measured({"plain": 10, "gated": 6}, stages=True)
    split = NetworkSplits(staged, 0).published(0, ["plain", "gated"])
    assert {staged.names[place] for place in split.test} == {"plain_4", "plain_9", "gated_4"}
    assert len(split.train) == 13
    assert len(NetworkSplits(staged, 0, 2).published(0, ["plain"]).train) == 4
    with pytest.raises(InputError, match="without a split of their own"):
        NetworkSplits(DATA, 0).published(0, ["plain"])


def test_what_cannot_be_split_is_named() -> None:
    with pytest.raises(InputError, match=re.escape("'gated' has a single network")):
        NetworkSplits(measured({"plain": 3, "gated": 1}), 0).in_domain(0, ["plain"])
    with pytest.raises(InputError, match="at least two families"):
        NetworkSplits(measured({"plain": 3}), 0).without("plain", 0)
