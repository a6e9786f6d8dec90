"""Spaces that offer as little as a space may: of unknown size, not listed, without genes; and what may not be said."""

from __future__ import annotations

import re

import numpy as np
import pytest

from nassurrogate.architecture import Architecture
from nassurrogate.constraints import Constraint
from nassurrogate.errors import InputError
from nassurrogate.metric import Metric
from nassurrogate.search import SearchSettings, run, searcher_names
from nassurrogate.search.record.report import describe_result
from nassurrogate.spaces import CategoricalSpace, Space
from tests.search.conftest import Scripted, departures, watched

SETTINGS = SearchSettings(pool_size=60, inner_proposals=10)


class Bits(Space):
    """Texts of so many zeros and ones. Nothing beside what a space must have is declared."""

    def __init__(self, length, *, size=None, priced=False):
        self.name, self.description = f"{length} bits", "texts of zeros and ones"
        self.length, self.size, self.priced = length, size, priced

    def parse(self, arch):
        if isinstance(arch, Architecture):
            return self._own(arch)
        if not isinstance(arch, str) or len(arch.strip()) != self.length or set(arch.strip()) - set("01"):
            raise InputError(f"expected {self.length} bits, got {arch!r}")
        return Architecture(self, arch.strip())

    def sample(self, n, rng):
        if not 0 <= n <= 2**self.length:
            raise InputError(f"there are fewer than {n}")
        if self.length < 20:
            numbers = rng.choice(2**self.length, n, replace=False).tolist()
        else:
            numbers = list(dict.fromkeys(rng.integers(0, 2**self.length, 2 * n).tolist()))[:n]
        return [self.parse(format(number, f"0{self.length}b")) for number in numbers]

    def neighbours(self, arch):
        flipped = {"0": "1", "1": "0"}
        texts = [arch.string[:i] + flipped[arch.string[i]] + arch.string[i + 1 :] for i in range(self.length)]
        return [self.parse(text) for text in texts]

    def mutate(self, arch, rng):
        return self.neighbours(arch)[rng.integers(self.length)]

    def canonical_key(self, arch):
        return self._own(arch).string

    def costs(self, archs, dataset=None):
        return {"params_m": np.array([1.0 + arch.string.count("1") for arch in archs])} if self.priced else {}


USEFULNESS = Metric("usefulness", direction="maximize")


def ones(arch) -> float:
    return 50.0 + arch.string.count("1") + int(arch.string, 2) / 2 ** len(arch.string) / 10


@pytest.mark.parametrize("length", [2, 3])
@pytest.mark.parametrize("searcher", ["exhaustive", "random", "evolution"])
@pytest.mark.parametrize("predictor", ["none", Scripted, "space-process"], ids=["none", "scripted", "default"])
def test_few_architectures_of_unknown_number_are_all_found(length, searcher, predictor):
    """More are drawn than there are; a search that draws 1,000 of them must not fail."""
    space = Bits(length, priced=predictor == "space-process")
    result, queries = watched(
        space=space, evaluate=ones, objective=USEFULNESS, budget=20, searcher=searcher, predictor=predictor,
        settings=SETTINGS,
    )  # fmt: skip
    assert sorted(query.arch for query in queries) == [format(i, f"0{length}b") for i in range(2**length)]
    assert result["best"]["arch"] == "1" * length
    assert (result["n_space"], result["n_feasible"], result["stop_reason"]) == (None, None, "exhausted")
    assert all("no candidate is left" in note for note in departures(result)), result["notes"]
    assert result["notes"][-1] == f"exhausted after {2**length} of 20 queries: no further architecture was found"
    assert "None" not in describe_result(result)


@pytest.mark.parametrize("predictor", ["none", Scripted, "space-process"], ids=["none", "scripted", "default"])
def test_two_architectures_are_both_found(predictor):
    space = Bits(1, priced=True)
    _, queries = watched(space=space, evaluate=ones, objective=USEFULNESS, budget=20, predictor=predictor)
    assert sorted(query.arch for query in queries) == ["0", "1"]


def test_it_learns_from_costs_alone_and_keeps_bounds():
    space = Bits(12, priced=True)
    options = {"space": space, "evaluate": ones, "objective": USEFULNESS, "budget": 20, "settings": SETTINGS}
    learned, queries = watched(**options)
    assert learned["predictor"].startswith("space-process")
    n_init = learned["phases"]["init"]
    assert np.mean([q.label for q in queries[n_init:]]) > np.mean([q.label for q in queries[:n_init]])
    result, queries = watched(**options, constraints="params_m<=6")
    assert departures(result) == departures(learned) == []
    assert all(query.arch.count("1") <= 5 for query in queries)
    assert result["best"]["params_m"] == 6.0
    assert result["feasible_share_is_estimate"]
    with pytest.raises(InputError, match="12 bits"):  # there is nothing to learn from
        watched(**{**options, "space": Bits(12)}, predictor="space-process")


@pytest.mark.parametrize("searcher", [name for name in searcher_names() if not name.startswith("optuna")])
@pytest.mark.parametrize("predictor", ["none", "space-process"])
@pytest.mark.parametrize("bound", [(), "params_m>=3"], ids=["free", "bounded"])
def test_a_space_that_says_its_size_need_not_list_its_members(searcher, predictor, bound):
    space = Bits(4, size=16, priced=True)
    with pytest.raises(InputError):
        space.members()
    result, queries = watched(
        space=space, evaluate=ones, objective=USEFULNESS, budget=20, searcher=searcher, predictor=predictor,
        constraints=bound, settings=SETTINGS,
    )  # fmt: skip
    expected = [text for text in (format(i, "04b") for i in range(16)) if not bound or text.count("1") >= 2]
    assert sorted(query.arch for query in queries) == expected
    assert (result["n_space"], result["best"]["arch"]) == (16, "1111")


@pytest.mark.parametrize(("size", "n"), [(None, 0), (None, 1), (None, 5), (None, 9), (None, 5000), (8, 5), (8, 5000)])
def test_as_many_are_sampled_as_there_are_or_about(size, n):
    found = Bits(3, size=size).sample_at_most(n, np.random.default_rng(0))
    assert len(set(found)) == len(found) <= min(n, 8)
    assert len(found) >= min(n, 8 if size else 4)
    assert n > 8 or len(found) == n


# --- bounds that no drawn architecture satisfies --------------------------------------------------------------------

WIDE = CategoricalSpace(
    "wide",
    {f"layer{place}": [1, 2, 4, 8, 16] for place in range(30)},
    costs=lambda arch: {"params_m": float(sum(arch.choices.values())), "latency_ms": 1.0 + len(arch.string)},
)


@pytest.mark.parametrize("space", [WIDE, Bits(40, priced=True)], ids=lambda space: space.name)
def test_what_was_not_drawn_is_not_said_to_be_impossible(space):
    """Others may satisfy the bound, and a lower one than that of the best drawn."""
    for bound in ("params_m<=2", "params_m<=0", "params_m<0"):
        with pytest.raises(InputError, match=re.escape(bound)) as caught:
            run(space=space, evaluate=lambda arch: 90.0, constraints=bound, budget=3, seed=0, write=False)
        message = str(caught.value)
        assert "random" in message, "the message must say what was checked"
        assert not message.startswith("no ")
        assert "nearest" not in message
        assert "in the space" not in message
        (hint,) = re.findall(r"'(params_m<=\S+)'", message)
        drawn = space.sample(1000, np.random.default_rng(3))
        assert Constraint.parse(hint).check(space.costs(drawn)["params_m"]).mean() < 0.05
        assert watched(space=space, evaluate=lambda arch: 90.0, constraints=hint, budget=1, predictor="none")
