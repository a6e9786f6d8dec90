"""What is told and drawn of a run, from its ledger."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from nassurrogate.benchmarks import LABEL, CallableBenchmark, load_benchmark
from nassurrogate.errors import InputError
from nassurrogate.search import read_ledger, run
from nassurrogate.search.plots import accuracy_vs_cost, best_so_far, draw_plots, predicted_vs_true
from nassurrogate.search.report import anytime, describe_result
from nassurrogate.spaces import CategoricalSpace
from nassurrogate.testing.searcher_subject import Bits

BOUND = "params_m<=0.5"


@pytest.fixture(scope="module")
def finished(bench, tmp_path_factory):
    """(result, folder) of a run of 20 queries."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    options = {"budget": 20, "seed": 0, "predictor": "gradient-boosting", "predictor_config": {"rounds": 20}}
    return run(**options, constraints=BOUND, run_dir=folder, benchmark=bench), folder


def test_the_anytime_curve_is_the_running_best(finished):
    result, folder = finished
    queries = read_ledger(folder).queries
    assert anytime(queries).tolist() == pd.Series([query.label for query in queries]).cummax().tolist()
    assert anytime(queries)[-1] == result["best"]["val_accuracy_pct"]
    assert anytime([]).size == 0


def test_the_text_tells_what_matters(finished):
    result, folder = finished
    text = describe_result(result)
    for fact in (result["best"]["arch"], BOUND, str(folder), "20 of 20", "seed 0", f"{result['regret_points']:.3f}"):
        assert fact in text
    assert "ORACLE" not in text
    assert "None" not in text


def test_the_text_names_what_the_space_is_made_of(finished):
    result, _ = finished
    assert "best cell " in describe_result(result)
    assert "best cell " in describe_result({name: value for name, value in result.items() if name != "kind"})
    other = run(space=Bits(), evaluate=lambda arch: 50.0 + arch.string.count("1"), budget=3, seed=0, write=False)
    text = describe_result(other)
    assert text.startswith("best architecture ")
    assert "all architectures; their number is unknown" in text


def test_the_oracle_is_marked(bench, tmp_path):
    result = run(budget=2, seed=0, predictor="oracle", benchmark=bench, run_dir=tmp_path / "run", plots=False)
    assert "ORACLE" in describe_result(result)
    figure = best_so_far(read_ledger(tmp_path / "run"), bench)
    assert "ORACLE" in figure.axes[0].get_title(loc="left")


def test_a_run_leaves_its_plots(finished):
    names = sorted(path.name for path in (finished[1] / "plots").iterdir())
    assert names == ["accuracy_vs_params_m.png", "best_so_far.png", "predicted_vs_true.png"]
    assert all((finished[1] / "plots" / name).read_bytes().startswith(b"\x89PNG") for name in names)


def test_plots_show_the_ledger(finished, bench):
    result, folder = finished
    ledger = read_ledger(folder)
    lines = best_so_far(ledger, bench).axes[0].get_lines()
    assert list(lines[0].get_ydata()) == anytime(ledger.queries).tolist()
    assert list(lines[1].get_ydata()) == [result["optimum"]["val_accuracy_mean_pct"]] * 2
    [bound] = accuracy_vs_cost(ledger, bench, "params_m").axes[0].get_lines()
    assert list(bound.get_xdata()) == [0.5, 0.5]
    points = predicted_vs_true(ledger).axes[0].collections
    n_predicted = sum(query.predicted_mean is not None for query in ledger.queries)
    assert (
        sum(len(drawn.get_offsets()) for drawn in points if drawn.get_label() in ("search", "confirm")) == n_predicted
    )


def test_plots_of_a_baseline_and_of_labels_missing(bench, fake_bench, tmp_path):
    labels = bench.column(LABEL).mean.copy()
    labels[::3] = float("nan")
    for name, table in (("plain", bench), ("holes", fake_bench(labels))):
        run(budget=1, seed=0, predictor="none", benchmark=table, run_dir=tmp_path / name)
        drawn = {path.name for path in (tmp_path / name / "plots").iterdir()}
        assert drawn == {"best_so_far.png"} | ({"accuracy_vs_latency_ms.png"} if name == "plain" else set())


def test_plots_refuse_another_benchmark(finished):
    with pytest.raises(InputError, match="is a run on nb201/cifar10, got the benchmark nb201/cifar100"):
        draw_plots(finished[1], load_benchmark("nb201", "cifar100"))


# --- failures, other objectives, runs without a table ----------------------------------------------------------------


def test_the_anytime_curve_steps_over_failures_in_either_direction(finished):
    queries = list(read_ledger(finished[1]).queries[:5])
    labels = [None, 90.0, None, 91.0, 89.0]
    queries = [replace(query, label=label) for query, label in zip(queries, labels, strict=True)]
    np.testing.assert_array_equal(anytime(queries), [np.nan, 90.0, 90.0, 91.0, 91.0])
    np.testing.assert_array_equal(anytime(queries, sign=-1), [np.nan, 90.0, 90.0, 90.0, 89.0])
    np.testing.assert_array_equal(anytime(queries[:1]), [np.nan])


def train(arch):
    if arch.choices["width"] == 4:
        raise MemoryError("full")
    return 90 + arch.choices["width"] / 10


@pytest.mark.parametrize("objective", [None, "val_loss"])
def test_a_run_without_a_table_is_told_and_drawn_with_its_failures(tmp_path, objective):
    space = CategoricalSpace(
        "mine", {"kernel": [3, 5, 7], "width": [4, 8, 16, 32]}, costs=lambda arch: {"latency_ms": arch.choices["width"]}
    )
    result = run(
        space=space, evaluate=train, budget=30, seed=0, objective=objective, run_dir=tmp_path / "run",
        constraints="latency_ms<=16",
    )  # fmt: skip
    text = describe_result(result)
    assert (result["queries"], result["n_failed"], result["stop_reason"]) == (9, 3, "exhausted")
    for fact in ("3 failed", "mine/own", "best architecture", "unknown (the optimum is not known)", "latency_ms 8",
                 "9 of 12 architectures satisfy latency_ms<=16"):  # fmt: skip
        assert fact in text or (fact == "latency_ms 8" and objective is None), fact
    assert "estimate" not in text
    assert "None" not in text
    assert "cell" not in text
    ledger = read_ledger(tmp_path / "run")
    truth = CallableBenchmark(space, train, "val_accuracy_pct" if objective is None else objective)
    assert len(draw_plots(tmp_path / "run", truth)) == 3
    best = best_so_far(ledger, truth).axes[0]
    assert len(best.get_lines()) == 1, "no optimum is known, so none is drawn"
    sign = 1 if objective is None else -1
    np.testing.assert_array_equal(best.get_lines()[0].get_ydata(), anytime(ledger.queries, sign=sign))
    drawn = accuracy_vs_cost(ledger, truth, "latency_ms").axes[0].collections
    assert sum(len(dots.get_offsets()) for dots in drawn if dots.get_label() in ("init", "search", "confirm")) == 6


def test_an_unlabelled_direction_is_drawn_from_the_ledger_of_an_earlier_release(finished, bench, tmp_path):
    """Its header names no objective: then there was but one."""
    lines = (finished[1] / "ledger.jsonl").read_text().splitlines()
    header = json.loads(lines[0])
    for name in ("objective", "fidelity", "is_table", "feasible_share", "feasible_share_is_estimate"):
        del header["config"][name]
    old = [json.loads(line) for line in lines[1:]]
    for line in old:
        for name in ("values", "n_seeds", "status", "reason", "fidelity"):
            del line[name]
    (tmp_path / "ledger.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in [header, *old]))
    assert len(draw_plots(tmp_path, bench)) == 3
