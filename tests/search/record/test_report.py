"""The text of a result: every term is explained, every number has its unit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from nassurrogate.benchmarks import LABEL
from nassurrogate.errors import InputError
from nassurrogate.search import read_ledger, run
from nassurrogate.search.record.plots import best_so_far
from nassurrogate.search.record.report import anytime, describe_result, result_rows, top_table
from nassurrogate.spaces import CategoricalSpace
from nassurrogate.testing.searcher_subject import Bits
from tests.search.record.conftest import BOUND


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


def test_the_anytime_curve_steps_over_failures_in_either_direction(finished):
    queries = list(read_ledger(finished[1]).queries[:5])
    labels = [None, 90.0, None, 91.0, 89.0]
    queries = [replace(query, label=label) for query, label in zip(queries, labels, strict=True)]
    np.testing.assert_array_equal(anytime(queries), [np.nan, 90.0, 90.0, 91.0, 91.0])
    np.testing.assert_array_equal(anytime(queries, sign=-1), [np.nan, 90.0, 90.0, 90.0, 89.0])
    np.testing.assert_array_equal(anytime(queries[:1]), [np.nan])


def rows_of(result, **changes):
    """name → text of the rows of a result of which some fields are different."""
    return dict(result_rows(result | changes))


def test_phases_and_rules_are_explained(finished):
    result, _ = finished
    rows = rows_of(result, phases={"init": 3, "search": 16, "confirm": 1})
    assert rows["queries"] == "20 of 20 (3 random to start with, 16 proposed by the search, 1 to confirm the best)"
    assert rows["validation accuracy"].endswith("before it was measured); selected by measured value")
    single = rows_of(result, selected_by="shrunk", labels="single", best=result["best"] | {"queries": 3})
    assert (
        "mean of 3 trainings; selected among those trained more than once by measured" in single["validation accuracy"]
    )
    assert "shrunk towards the predicted one (a single training may be lucky)" in single["validation accuracy"]
    assert rows["on"] == "nb201/cifar10, seed 0; a label is the mean of several trainings"
    assert single["on"].endswith("a label is a single training")
    assert rows_of(result, predictor="none", searcher="random")["search"] == "random without a predictor"


@pytest.mark.parametrize(
    ("regret", "direction", "text"),
    [(0.0, "maximize", "0.000 points: no feasible cell is better"),
     (0.25, "maximize", "0.250 points less than the best feasible cell"),
     (0.25, "minimize", "0.250 points more than the best feasible cell")],
)  # fmt: skip
def test_regret_says_what_it_is(finished, regret, direction, text):
    result, _ = finished
    goal = result["objective"] | {"name": "val_goodness_pct", "direction": direction}
    assert rows_of(result, regret_points=regret, objective=goal)["regret"] == text


def test_costs_are_words_with_units(finished):
    best = finished[0]["best"] | {"latency_ms": 13.94, "params_m": 0.5594, "flops_m": 78.56}
    assert rows_of(finished[0], best=best)["costs"] == "latency 13.94 ms, parameters 0.5594 M, FLOPs 78.56 M"


def test_why_a_run_stopped_early(finished):
    result, _ = finished
    early = {"queries": 11, "budget": 60, "stop_reason": "exhausted"}
    assert rows_of(result, **early)["queries"].endswith("; exhausted: no feasible cell is left to evaluate")
    explained = rows_of(result, **early, notes=["exhausted after 11 of 60 queries: so it is"])
    assert explained["queries"].endswith("; exhausted, see the note")
    assert explained["note"] == "exhausted after 11 of 60 queries: so it is"
    broken = rows_of(result, queries=11, budget=60, stop_reason="interrupted")["queries"]
    assert broken.endswith("; interrupted before the budget was spent")
    assert "stopped" not in rows_of(result)["queries"]


def test_a_run_that_cannot_spend_its_budget_names_the_way_out(bench):
    latency = np.sort(bench.column("latency_ms").mean)
    result = run(
        budget=60,
        seed=0,
        predictor="none",
        benchmark=bench,
        constraints=f"latency_ms<={float(latency[40])}",
        write=False,
    )
    assert result["stop_reason"] == "exhausted"
    text = describe_result(result)
    assert f"{result['queries']} of 60" in text
    assert "equivalent to an evaluated one" in text
    assert "--allow-equivalent" in text


def test_what_is_unknown_stays_unknown(finished):
    unknown = {"n_unknown": 15_565, "n_feasible": 3, "constraints": ["phone_latency_ms<=12"], "regret_points": None}
    rows = rows_of(finished[0], **unknown)
    assert rows["feasible"] == (
        "3 of the 60 cells with a known phone_latency_ms satisfy phone_latency_ms<=12; 15,565 unknown"
    )
    assert rows["regret"] == "unknown (the best cell may be one of the 15,565 without a known phone_latency_ms)"


OF_KNOWN = "no nb201 architecture, of the 60 with a known phone_latency_ms, satisfies "


@pytest.mark.parametrize(
    ("constraints", "text"),
    [
        (["phone_latency_ms<=1"], f"{OF_KNOWN}phone_latency_ms<=1; the smallest phone_latency_ms among them is 10: "),
        (["phone_latency_ms<=11", "phone_latency_ms>=20"], f"{OF_KNOWN}all constraints together; those that satisfy "),
        (["params_m<=0.001"], "no nb201 architecture satisfies params_m<=0.001; the smallest params_m in the space is"),
    ],
)
def test_nothing_is_said_of_what_is_unknown_where_nothing_is_feasible(bench, fake_bench, constraints, text):
    latency = np.full(bench.space.size, np.nan)
    latency[:60] = np.linspace(10, 40, 60)
    costs = {"phone_latency_ms": latency, "params_m": bench.column("params_m").mean}
    with pytest.raises(InputError) as caught:
        run(budget=4, seed=0, predictor="none", write=False, constraints=constraints,
            benchmark=fake_bench(bench.column(LABEL).mean, **costs))  # fmt: skip
    assert str(caught.value).startswith(text)


def test_sources_are_grouped_by_table(finished):
    sources = {"val_accuracy_pct": "embedded", "latency_ms": "phone", "params_m": "embedded", "odd": ""}
    text = rows_of(finished[0], metric_sources=sources)["sources"]
    assert text == "val_accuracy_pct, params_m: embedded; latency_ms: phone"
    assert "sources" not in rows_of(finished[0], metric_sources={})


def test_the_table_of_the_best_has_units_and_strings(finished):
    result, _ = finished
    header, rows = top_table(result)
    assert header == [
        "index",
        "measured (%)",
        "predicted (%)",
        "latency (ms)",
        "params (M)",
        "FLOPs (M)",
        "architecture",
    ]
    assert [row[-1] for row in rows] == [row["arch"] for row in result["top"]]
    assert [int(row[0]) for row in rows] == [row["index"] for row in result["top"]]
    unpredicted = [row | {"predicted_value": None} for row in result["top"][:1]] + result["top"][1:]
    assert top_table(result | {"top": unpredicted})[1][0][2] == "-"
    again = [row | {"queries": 3} for row in result["top"]]
    assert "trainings" in top_table(result | {"top": again})[0]


@pytest.mark.parametrize(("predicted", "text"), [(129.5, "over 100"), (-37.5, "under 0")])
def test_a_predicted_percentage_that_cannot_be_is_not_printed(finished, predicted, text):
    result, _ = finished
    best, top = result["best"] | {"predicted_value": predicted}, [dict(row) for row in result["top"]]
    top[0]["predicted_value"] = predicted
    assert f" (predicted {text} % before it was measured)" in rows_of(result, best=best)["validation accuracy"]
    header, rows = top_table(result | {"top": top})
    assert rows[0][header.index("predicted (%)")] == text
    assert rows[1][header.index("predicted (%)")] == f"{top[1]['predicted_value']:.2f}"
    assert f"{abs(predicted):g}" not in describe_result(result | {"best": best, "notes": []}).replace(text, "")
    loss = result["objective"] | {"name": "val_loss", "unit": "unknown"}
    assert f"predicted {predicted:.5g} before" in "".join(rows_of(result, best=best, objective=loss).values())


def test_the_table_of_a_space_without_an_order():
    result = run(
        space=CategoricalSpace("mine", {"width": [8, 16, 32]}, costs=lambda arch: {"depth": arch.choices["width"]}),
        evaluate=lambda arch: 1 / arch.choices["width"], objective="val_loss", budget=3, seed=0, write=False,
        constraints="depth<=100",
    )  # fmt: skip
    header, rows = top_table(result)
    assert (header[0], header[-2:]) == ("measured", ["depth", "architecture"])
    assert rows[0][-1] == "width=32"


def test_an_nb101_cell_is_described_by_operations_and_edges(finished):
    best = finished[0]["best"] | {"arch": "53cee42601ad14d661bb6878031d6acb", "index": 138614}
    rows = rows_of(finished[0], space="nb101", best=best)
    assert rows["best cell"] == "53cee42601ad14d661bb6878031d6acb (index 138614)"
    assert rows["operations"] == "0 input, 1 maxpool3x3, 2 output"
    assert rows["edges"] == "0->1, 1->2"
    assert "operations" not in rows_of(finished[0])
