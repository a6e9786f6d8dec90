"""A user's own benchmark, and the ledger and plots of runs without a table."""

from __future__ import annotations

import json

import numpy as np
import pytest

from nassurrogate.benchmarks import Benchmark, CallableBenchmark, Evaluation
from nassurrogate.constraints import Constraint
from nassurrogate.errors import InputError
from nassurrogate.metric import known_metric
from nassurrogate.search import read_ledger, run
from tests.search.candidates.open_spaces import MINE, SMALL, USEFULNESS, WIDE, accuracy, archs_of, searched
from tests.search.conftest import Scripted, watched
from tests.spaces.declared import CONDITIONAL


def test_a_callable_benchmark_gives_what_its_function_gives():
    truth = CallableBenchmark(CONDITIONAL, accuracy)
    by_benchmark, first = watched(benchmark=truth, budget=25)
    by_function, second = watched(space=CONDITIONAL, evaluate=accuracy, budget=25)
    assert archs_of(first) == archs_of(second)
    assert by_benchmark["best"] == by_function["best"]


class Counting(Benchmark):
    """A user's own benchmark: an energy that costs nothing, and three training seeds for every architecture."""

    space, dataset = WIDE, "counting"

    def __init__(self):
        self.metrics = {"val_accuracy_pct": known_metric("val_accuracy_pct"), "energy_mj": known_metric("energy_mj")}

    def evaluate(self, archs, metrics=None, *, seed=None, fidelity=None):
        n_seeds = 3 if seed is None else 1
        return [
            Evaluation(arch, {"val_accuracy_pct": accuracy(arch)}, {"val_accuracy_pct": n_seeds}, 60.0, seed=seed)
            for arch in archs
        ]

    def lookup(self, archs, metric):
        assert metric == "energy_mj"
        return np.array([arch.choices["layer0"] for arch in archs], dtype=float)

    def seeds(self, arch, metric):
        return (4, 5, 6)


def test_a_benchmark_of_ones_own_is_searched():
    result, queries = watched(benchmark=Counting(), budget=20, constraints="energy_mj<=2", settings=SMALL)
    assert all("layer0=1 " in query.arch or "layer0=2 " in query.arch for query in queries)
    assert {(query.label_kind, query.n_seeds, query.label_seed) for query in queries} == {("mean", 3, None)}
    assert (result["labels"], result["label_cost_s"]) == ("mean", 20 * 60.0)
    assert result["best"]["energy_mj"] in (1.0, 2.0)
    assert result["feasible_share"] == pytest.approx(0.4, abs=0.08)
    _, singles = watched(benchmark=Counting(), budget=20, labels="single", settings=SMALL)
    assert {query.label_seed for query in singles} == {4, 5, 6}
    assert "again" in {query.proposed_by for query in singles}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"evaluate": accuracy}, "evaluate needs the space whose architectures it trains"),
        ({"space": MINE}, "space 'mine' is not registered, so it has no table.*evaluate"),
        (
            {"space": MINE, "evaluate": accuracy, "benchmark": CallableBenchmark(MINE, accuracy)},
            "evaluate is the ground truth; leave benchmark and table out",
        ),
        ({"space": MINE, "evaluate": accuracy, "table": "mine"}, "leave benchmark and table out"),
        ({"space": MINE, "evaluate": accuracy, "predictor": "oracle"}, "'oracle' needs a table"),
        ({"space": MINE, "evaluate": accuracy, "predictor": "proxy-process"}, "reads cells|needs|space"),
        ({"space": MINE, "evaluate": accuracy, "budget": 0}, "budget must be a whole number from 1, got 0"),
        ({"space": MINE, "evaluate": accuracy, "budget": 2.5}, "budget must be a whole number from 1, got 2.5"),
        ({"space": MINE, "evaluate": accuracy, "fidelity": 0}, "fidelity must be a whole number from 1"),
        ({"space": MINE, "evaluate": accuracy, "labels": "median"}, "unknown kind of labels 'median'"),
    ],
)
def test_contradictions_are_refused_before_anything_is_trained_or_written(tmp_path, options, message):
    options = {"budget": 3, **options}
    with pytest.raises(InputError, match=message) as caught:
        run(**options, seed=0, run_dir=tmp_path / "run")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_the_ledger_is_written_and_read_back(tmp_path):
    result, queries = searched(
        WIDE, budget=12, constraints="params_m<=200", write=True, run_dir=tmp_path / "run", plots=False
    )
    ledger = read_ledger(tmp_path / "run")
    assert ledger.queries == tuple(queries)
    assert all(query.index is None for query in queries)
    assert ledger.header["table_sha256"] is None
    assert ledger.header["config"]["objective"]["name"] == "val_accuracy_pct"
    assert ledger.header["config"]["n_space"] == 5**30
    assert ledger.header["table_sources"] == ["function accuracy"]
    assert json.loads((tmp_path / "run" / "summary.json").read_text()) == result


@pytest.mark.parametrize(
    ("objective", "constraints"),
    [(None, ()), ("val_loss", ("params_m<=200",)), (USEFULNESS, ("params_m<=200", "latency_ms>=200"))],
    ids=["accuracy", "loss", "usefulness"],
)
def test_plots_are_drawn_for_a_run_without_a_table(tmp_path, constraints, objective):
    searched(
        WIDE, budget=8, constraints=constraints, objective=objective, predictor=Scripted, write=True,
        run_dir=tmp_path / "run",
    )  # fmt: skip
    drawn = {path.name for path in (tmp_path / "run" / "plots").iterdir()}
    bounded = {"latency_ms"} if not constraints else {Constraint.parse(text).metric for text in constraints}
    assert drawn == {"best_so_far.png", "predicted_vs_true.png"} | {f"accuracy_vs_{name}.png" for name in bounded}


def test_plots_are_drawn_where_nothing_costs_anything(tmp_path):
    searched(MINE, budget=3, predictor="none", write=True, run_dir=tmp_path / "run")
    assert {path.name for path in (tmp_path / "run" / "plots").iterdir()} == {"best_so_far.png"}
