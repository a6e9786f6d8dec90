"""What a search is asked for: wrong types give one line, names that contradict the benchmark are refused."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nassurrogate import Surrogate
from nassurrogate.errors import InputError
from nassurrogate.predictors.gradient_boosting import BoostingConfig, GradientBoosting
from nassurrogate.search import Searcher, SearchSettings, read_ledger, run
from nassurrogate.spaces import get_space
from tests.search.conftest import SPACE

NAMES = (
    "space", "dataset", "budget", "searcher", "predictor", "seed", "constraints", "labels", "surrogate", "run_dir",
    "settings", "predictor_config", "listener", "table", "benchmark", "write", "plots", "device", "evaluate",
    "objective", "fidelity", "requery_known", "allow_equivalent",
)  # fmt: skip
JUNK = st.one_of(
    st.integers(-3, -1),
    st.floats(),
    st.complex_numbers(),
    st.binary(max_size=3),
    st.sampled_from(
        [
            object(),
            int,
            {},
            {"a": 1},
            {1},
            [1],
            [[]],
            [None],
            (),
            (3,),
            np.zeros(2),
            np.zeros((2, 2)),
            np.array("x"),
            "",
            "\0",
        ]
    ),
)
FINE = {("constraints", "()"), ("predictor_config", "{}"), ("device", "''"), ("device", "'\\x00'")}
"""Junk that means something, and the device of a predictor that has none."""


@settings(max_examples=150, deadline=None)
@given(name=st.sampled_from(NAMES), junk=JUNK)
def test_junk_is_refused_in_one_line(bench, name, junk):
    if (name, repr(junk)) in FINE or (name == "listener" and callable(junk)):
        return
    options = {"benchmark": bench, "budget": 1, "seed": 0, "predictor": "gradient-boosting", "write": False}
    if name == "table":
        del options["benchmark"]
    with pytest.raises(InputError) as caught:
        run(**{**options, name: junk})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"settings": {}}, r"settings must be SearchSettings\(…\), got {}"),
        ({"run_dir": 3}, "run_dir must be a path, got 3"),
        ({"run_dir": ""}, "run_dir must be a path, got ''"),
        ({"run_dir": "a\0b"}, "run_dir must be a valid path"),
        ({"labels": ["mean"]}, r"labels must be a name, got \['mean'\]"),
        ({"listener": "print"}, "listener must be a function of one event, got 'print'"),
        ({"predictor_config": [1]}, "predictor_config must be a mapping"),
        ({"constraints": 3}, "constraints are texts such as 'latency_ms<=12', got 3"),
        ({"constraints": [3]}, "a constraint is a text such as 'latency_ms<=12', got 3"),
        ({"surrogate": 3}, "the model's path must be a path, got 3"),
        ({"benchmark": "cifar10"}, "benchmark must be a Benchmark, got 'cifar10'"),
        ({"write": "no"}, "write must be True or False, got 'no'"),
        ({"requery_known": 1}, "requery_known must be True or False, got 1"),
        ({"allow_equivalent": None}, "allow_equivalent must be True or False, got None"),
        ({"seed": 2**63}, r"seed must be a whole number from 0 to 2\^63 - 1, got 9223372036854775808"),
        ({"seed": -1}, r"seed must be a whole number from 0 to 2\^63 - 1, got -1"),
        ({"space": "nb101"}, "space 'nb101' contradicts the given benchmark, whose space is 'nb201'; leave one out"),
        ({"dataset": "cifar100"}, "dataset 'cifar100' contradicts the given benchmark, whose dataset is 'cifar10'"),
        ({"table": "embedded"}, "table 'embedded' contradicts the given benchmark"),
    ],
)
def test_the_message(bench, options, message):
    with pytest.raises(InputError, match=message):
        run(**{"benchmark": bench, "budget": 1, "predictor": "none", "write": False, **options})


def test_the_largest_seed_is_one_like_any_other(bench):
    results = [run(benchmark=bench, budget=2, predictor="none", seed=2**63 - 1, write=False) for _ in range(2)]
    assert results[0]["best"] == results[1]["best"]
    assert results[0]["seed"] == 2**63 - 1


def test_one_text_holds_several_bounds(bench):
    options = {"benchmark": bench, "budget": 2, "predictor": "none", "seed": 0, "write": False}
    joined = run(**options, constraints="10<=latency_ms<=12 and params_m<1")
    apart = run(**options, constraints=["latency_ms>=10", "latency_ms<=12", "params_m<1"])
    assert joined["constraints"] == apart["constraints"]
    assert joined["best"] == apart["best"]


def test_names_that_agree_with_the_benchmark_are_fine(bench):
    result = run("nb201", "cifar10", 1, benchmark=bench, predictor="none", write=False)
    assert (result["space"], result["dataset"]) == ("nb201", "cifar10")


def test_a_run_folder_is_any_kind_of_path(bench, tmp_path):
    for path in (str(tmp_path / "text"), Path(tmp_path / "path")):
        run(budget=1, benchmark=bench, predictor="none", run_dir=path, plots=False)
        assert (Path(path) / "summary.json").exists()


class Lean(GradientBoosting):
    """A predictor that is not registered."""

    name = "lean"
    presets: ClassVar = {"plain": BoostingConfig(members=2, rounds=10), "small": BoostingConfig(members=2, rounds=2)}


def test_a_predictor_is_given_as_a_class(bench):
    options = {
        "budget": 12,
        "seed": 0,
        "benchmark": bench,
        "write": False,
        "settings": SearchSettings(n_init=5, batch_size=3),
    }
    given_class = run(**options, predictor=Lean)
    by_name = run(**options, predictor="gradient-boosting", predictor_config={"members": 2, "rounds": 10})
    assert given_class["predictor"] == "lean:plain"
    assert given_class["best"]["index"] == by_name["best"]["index"]
    surrogate = Surrogate(predictor=Lean, preset="small").fit(range(12), np.linspace(60, 90, 12))
    result = run(**options, surrogate=surrogate)
    assert (result["predictor"], result["surrogate_labels"]) == ("lean:small", 12)


class Backwards(Searcher):
    """A searcher that is not registered: visits the listed architectures from the end."""

    name, description = "backwards", "from the end"

    def _propose(self):
        members = getattr(self.feasible, "members", None)
        return self.random_fresh() if members is None else members()[-1 - self.n_proposals]


@pytest.mark.parametrize("predictor", ["none", Lean])
def test_a_searcher_is_given_as_a_class(bench, tmp_path, predictor):
    options = {"budget": 8, "seed": 0, "benchmark": bench, "settings": SearchSettings(n_init=3, batch_size=5)}
    result = run(**options, searcher=Backwards, predictor=predictor, run_dir=tmp_path / "run", plots=False)
    assert result["searcher"] == "backwards"
    ledger = read_ledger(tmp_path / "run")
    assert ledger.header["config"]["searcher"] == "backwards"
    assert [query.proposed_by for query in ledger.queries[3:7]] == ["backwards"] * 4


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (int, "searcher was given as the class int, which is not a subclass of Searcher"),
        (type("Half", (Searcher,), {"name": "half"}), "which does not define _propose, description"),
        (3, "searcher must be a name such as 'exhaustive' or a subclass of Searcher, got 3"),
        ("evolutoin", "did you mean 'evolution'"),
    ],
)
def test_what_is_no_searcher_is_refused(bench, wrong, message):
    with pytest.raises(InputError, match=message):
        run(benchmark=bench, budget=1, predictor="none", searcher=wrong, write=False)


def test_a_registered_space_is_given_as_its_name_or_itself(bench):
    by_name, by_space = (run(space, "cifar10", 3, predictor="none", seed=0, write=False) for space in ("nb201", SPACE))
    assert by_name["best"] == by_space["best"]
    with pytest.raises(InputError, match=r"space 'nb201' contradicts|space 'nb101' contradicts"):
        run(get_space("nb101"), benchmark=bench, budget=1, predictor="none", write=False)
