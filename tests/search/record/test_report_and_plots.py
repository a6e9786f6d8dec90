"""What is told and drawn of a run, from its ledger."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from nassurrogate.benchmarks import LABEL, CallableBenchmark, load_benchmark
from nassurrogate.errors import InputError
from nassurrogate.search import read_ledger, run
from nassurrogate.search.record.plots import accuracy_vs_cost, best_so_far, draw_plots, predicted_vs_true
from nassurrogate.search.record.report import PHASE_WORDS, anytime, describe_result, result_rows, top_table
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
    figure = predicted_vs_true(ledger)
    n_predicted = sum(query.predicted_mean is not None for query in ledger.queries)
    assert len(dots_of(figure)) + n_hidden(figure) == n_predicted


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
    assert "; exhausted" in text
    assert "all 9 feasible architectures are evaluated" in text
    for fact in ("3 failed", "mine/own", "best architecture", "unknown (the optimum is not known)", "latency 8 ms",
                 "9 of 12 architectures satisfy latency_ms<=16"):  # fmt: skip
        assert fact in text or (fact == "latency 8 ms" and objective is None), fact
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
    assert len(dots_of(accuracy_vs_cost(ledger, truth, "latency_ms"))) == 6


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


# --- terms are explained where they stand ----------------------------------------------------------------------------


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
    ("regret", "direction", "told"),
    [(0.0, "maximize", "0.000 points: no feasible cell is better"),
     (0.25, "maximize", "0.250 points less than the best feasible cell"),
     (0.25, "minimize", "0.250 points more than the best feasible cell")],
)  # fmt: skip
def test_regret_says_what_it_is(finished, regret, direction, told):
    result, _ = finished
    goal = result["objective"] | {"name": "val_goodness_pct", "direction": direction}
    assert rows_of(result, regret_points=regret, objective=goal)["regret"] == told


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
    ("constraints", "told"),
    [
        (["phone_latency_ms<=1"], f"{OF_KNOWN}phone_latency_ms<=1; the smallest phone_latency_ms among them is 10: "),
        (["phone_latency_ms<=11", "phone_latency_ms>=20"], f"{OF_KNOWN}all constraints together; those that satisfy "),
        (["params_m<=0.001"], "no nb201 architecture satisfies params_m<=0.001; the smallest params_m in the space is"),
    ],
)
def test_nothing_is_said_of_what_is_unknown_where_nothing_is_feasible(bench, fake_bench, constraints, told):
    latency = np.full(bench.space.size, np.nan)
    latency[:60] = np.linspace(10, 40, 60)
    costs = {"phone_latency_ms": latency, "params_m": bench.column("params_m").mean}
    with pytest.raises(InputError) as caught:
        run(budget=4, seed=0, predictor="none", write=False, constraints=constraints,
            benchmark=fake_bench(bench.column(LABEL).mean, **costs))  # fmt: skip
    assert str(caught.value).startswith(told)


def test_sources_are_told_by_table(finished):
    sources = {"val_accuracy_pct": "embedded", "latency_ms": "phone", "params_m": "embedded", "odd": ""}
    told = rows_of(finished[0], metric_sources=sources)["sources"]
    assert told == "val_accuracy_pct, params_m: embedded; latency_ms: phone"
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


@pytest.mark.parametrize(("predicted", "told"), [(129.5, "over 100"), (-37.5, "under 0")])
def test_a_predicted_percentage_that_cannot_be_is_not_printed(finished, predicted, told):
    result, _ = finished
    best, top = result["best"] | {"predicted_value": predicted}, [dict(row) for row in result["top"]]
    top[0]["predicted_value"] = predicted
    assert f" (predicted {told} % before it was measured)" in rows_of(result, best=best)["validation accuracy"]
    header, rows = top_table(result | {"top": top})
    assert rows[0][header.index("predicted (%)")] == told
    assert rows[1][header.index("predicted (%)")] == f"{top[1]['predicted_value']:.2f}"
    assert f"{abs(predicted):g}" not in describe_result(result | {"best": best, "notes": []}).replace(told, "")
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


def test_an_nb101_cell_is_told_as_operations_and_edges(finished):
    best = finished[0]["best"] | {"arch": "53cee42601ad14d661bb6878031d6acb", "index": 138614}
    rows = rows_of(finished[0], space="nb101", best=best)
    assert rows["best cell"] == "53cee42601ad14d661bb6878031d6acb (index 138614)"
    assert rows["operations"] == "0 input, 1 maxpool3x3, 2 output"
    assert rows["edges"] == "0->1, 1->2"
    assert "operations" not in rows_of(finished[0])


# --- how plots look --------------------------------------------------------------------------------------------------


def all_figures(folder, benchmark):
    ledger = read_ledger(folder)
    yield best_so_far(ledger, benchmark)
    if any(query.predicted_mean is not None and query.label is not None for query in ledger.queries):
        yield predicted_vs_true(ledger)
    for metric in ("latency_ms", "params_m"):
        if metric in benchmark.free_metrics():
            yield accuracy_vs_cost(ledger, benchmark, metric)


def texts_of(figure):
    """The boxes, in pixels, of all that is written on a figure."""
    (axes,) = figure.axes
    (legend,) = figure.legends
    figure.canvas.draw()
    written = [axes.title, axes._left_title, axes.xaxis.label, axes.yaxis.label, *axes.texts, *legend.get_texts()]
    for axis, (low, high) in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
        written += [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    return [(text.get_text(), text.get_window_extent()) for text in written if text.get_text()]


def subtitle(figure):
    return figure.axes[0].texts[0].get_text()


def dots_of(figure):
    """(n, 2) the queries that are drawn."""
    drawn = [dots for dots in figure.axes[0].collections if dots.get_label() in PHASE_WORDS.values()]
    return np.concatenate([np.empty((0, 2)), *(np.asarray(dots.get_offsets()) for dots in drawn)])


def n_hidden(figure):
    """How many queries lie outside the axes, by the words above them."""
    counted = subtitle(figure).replace("\n", " ").partition("not shown: ")[2].split(", ")
    return sum(int(part.split()[0]) for part in counted if part
               and part.split()[1].startswith("quer") and part.split()[2] in ("below", "above", "further"))  # fmt: skip


def legend_of(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


@pytest.fixture(scope="module", params=["plain", "bounded", "single", "own", "long names"])
def drawn_run(request, bench, tmp_path_factory):
    """(folder, benchmark) of runs that differ in all that plots show."""
    folder, truth = tmp_path_factory.mktemp("runs") / "run", bench
    common = {"seed": 0, "run_dir": folder, "plots": False, "predictor": "space-process"}
    if request.param in ("own", "long names"):
        name = "a space whose name $goes$ on and on_" * 4 if request.param == "long names" else "mine"
        objective = (
            "the_very_long_name_of_a_loss_that_somebody_minimises_loss" if request.param == "long names" else None
        )
        space = CategoricalSpace(
            name,
            {"kernel": [3, 5, 7], "width": [4, 8, 16, 32]},
            costs=lambda arch: {"latency_ms": arch.choices["width"]},
        )
        truth = CallableBenchmark(space, train, objective or "val_accuracy_pct")
        run(**common, benchmark=truth, budget=9, constraints=["latency_ms<=16", "latency_ms>=1"])
    else:
        options = {"bounded": {"constraints": ["latency_ms<=14.28", "params_m<=0.5"]}, "single": {"labels": "single"}}
        run(**common, benchmark=bench, budget=12, **options.get(request.param, {}))
    return folder, truth


def test_nothing_is_written_over_anything(drawn_run):
    for figure in all_figures(*drawn_run):
        texts, page = texts_of(figure), figure.bbox
        for place, (text, box) in enumerate(texts):
            assert page.padded(1).containsx(box.x0), text
            assert page.padded(1).containsx(box.x1), text
            assert page.padded(1).containsy(box.y0), text
            assert page.padded(1).containsy(box.y1), text
            for other, other_box in texts[place + 1 :]:
                assert not box.shrunk(0.98, 0.98).overlaps(other_box.shrunk(0.98, 0.98)), (text, other)


def test_legends_cover_no_point(drawn_run):
    for figure in all_figures(*drawn_run):
        figure.canvas.draw()
        (axes,), (legend,) = figure.axes, figure.legends
        assert not legend.get_window_extent().overlaps(axes.get_window_extent())
        assert not any(name.startswith("_") or name in ("init", "confirm") for name in (
            text.get_text() for text in legend.get_texts()))  # fmt: skip


def test_axes_are_words_with_units_and_queries_are_whole(finished, bench):
    ledger = read_ledger(finished[1])
    best, predicted, cost = all_figures_of_three(ledger, bench)
    assert (best.get_xlabel(), best.get_ylabel()) == ("queries", "validation accuracy (%)")
    assert predicted.get_xlabel() == "measured validation accuracy (%)"
    assert predicted.get_ylabel() == "predicted validation accuracy (%)"
    assert (cost.get_xlabel(), cost.get_ylabel()) == ("parameters (M)", "validation accuracy (%)")
    assert cost.get_title(loc="left") == "Validation accuracy against parameters"
    told = [text.get_text() for text in cost.figure.legends[0].get_texts()]
    assert "parameters ≤ 0.5 M (infeasible: shaded)" in told
    assert any("± 1 std" in text.get_text() for text in predicted.figure.legends[0].get_texts())
    for n in (1, 2, 4, 20):
        ticks = best_so_far(replace(ledger, queries=ledger.queries[:n]), bench).axes[0].get_xticks()
        assert len(ticks)
        assert all(tick == round(tick) and 1 <= tick <= n for tick in ticks)


def all_figures_of_three(ledger, bench):
    figures = best_so_far(ledger, bench), predicted_vs_true(ledger), accuracy_vs_cost(ledger, bench, "params_m")
    return [figure.axes[0] for figure in figures]


def test_what_is_not_shown_is_counted(finished, bench):
    """On every side, of both axes; nothing is counted that is there."""
    ledger = read_ledger(finished[1])
    queries = list(ledger.queries)
    queries[3] = replace(queries[3], label=12.0, predicted_mean=90.0)
    queries[4] = replace(queries[4], label=None, status="failed")
    queries[5] = replace(queries[5], predicted_mean=20.0)
    changed = replace(ledger, queries=tuple(queries))
    n_without = sum(query.predicted_mean is None for query in queries)
    assert " below" in subtitle(best_so_far(changed, bench))
    assert "1 failed query" in subtitle(best_so_far(changed, bench))
    told = subtitle(predicted_vs_true(changed))
    assert " further left" in told
    assert f"{n_without} quer" in told
    for figure in (
        best_so_far(changed, bench),
        predicted_vs_true(changed),
        accuracy_vs_cost(changed, bench, "params_m"),
    ):
        (axes,) = figure.axes
        (left, right), (low, high), dots = axes.get_xlim(), axes.get_ylim(), dots_of(figure)
        assert ((dots[:, 0] >= left) & (dots[:, 0] <= right) & (dots[:, 1] >= low) & (dots[:, 1] <= high)).all()
        labelled = [query for query in queries if query.label is not None]
        if "predicted" in axes.get_ylabel():
            labelled = [query for query in labelled if query.predicted_mean is not None]
        assert n_hidden(figure) == len(labelled) - len(dots)


def test_cells_of_the_table_that_are_not_shown_are_counted(bench, fake_bench, tmp_path):
    run(budget=4, seed=0, benchmark=bench, predictor="none", run_dir=tmp_path / "run", plots=False)
    ledger = read_ledger(tmp_path / "run")
    latency, labels = np.full(bench.space.size, np.nan), bench.column(LABEL).mean
    known = [*range(59), bench.space.index(ledger.queries[0].arch)]
    latency[known] = bench.column("latency_ms").mean[known]
    table = fake_bench(labels, phone_latency_ms=latency)
    told = subtitle(accuracy_vs_cost(ledger, table, "phone_latency_ms")).replace("\n", " ")
    assert "15,565 cells of the table without a known phone latency or validation accuracy" in told
    assert "without a known phone latency (ms)" in told


def test_no_label_above_the_view_where_single_trainings_are_lucky(bench, tmp_path):
    run(budget=3, seed=0, benchmark=bench, predictor="none", labels="single", run_dir=tmp_path / "run", plots=False)
    ledger = read_ledger(tmp_path / "run")
    lucky = replace(ledger, queries=(replace(ledger.queries[0], label=97.0), *ledger.queries[1:]))
    assert "above" not in subtitle(accuracy_vs_cost(lucky, bench, "latency_ms"))
    assert accuracy_vs_cost(lucky, bench, "latency_ms").axes[0].get_ylim()[1] > 97.0


# --- the queries of a run set the limits --------------------------------------------------------------------------


@pytest.fixture(scope="module", params=[False, True])
def tight_run(request, bench, tmp_path_factory):
    """The ledger of a run among the few fastest cells, most of which are bad."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    options = {"predictor": "gradient-boosting", "predictor_config": {"members": 2, "rounds": 20}, "plots": False}
    run(**options, budget=45, seed=0, constraints="latency_ms<=9", benchmark=bench, run_dir=folder,
        allow_equivalent=request.param)  # fmt: skip
    return read_ledger(folder)


def test_most_queries_are_in_view_where_all_are_bad(tight_run, bench):
    n = len(tight_run.queries)
    best = max(query.label for query in tight_run.queries)
    cost = accuracy_vs_cost(tight_run, bench, "latency_ms")
    for figure in (cost, best_so_far(tight_run, bench)):
        assert n_hidden(figure) <= n / 4
        assert len(dots_of(figure)) + n_hidden(figure) == n
        assert best in dots_of(figure)[:, 1]
    predicted = predicted_vs_true(tight_run)
    n_predicted = sum(query.predicted_mean is not None for query in tight_run.queries)
    assert n_predicted * 3 / 4 <= len(dots_of(predicted)) == n_predicted - n_hidden(predicted)
    left, right = cost.axes[0].get_xlim()
    assert left < 9 < right < 12, "the table goes on to 25 ms"


@pytest.mark.parametrize("n_bad", [1, 4, 12])
def test_untrainable_cells_are_below_the_view_unless_they_are_most(finished, bench, n_bad):
    ledger = read_ledger(finished[1])
    queries = [replace(query, label=10.5 if place < n_bad else 85 + place / 5, predicted_mean=88.0)
               for place, query in enumerate(ledger.queries)]  # fmt: skip
    changed = replace(ledger, queries=tuple(queries))
    for figure in (
        best_so_far(changed, bench), accuracy_vs_cost(changed, bench, "params_m"), predicted_vs_true(changed)
    ):  # fmt: skip
        assert (dots_of(figure) == 10.5).any(axis=1).sum() == (0 if n_bad <= 4 else n_bad)
        assert n_hidden(figure) <= 5


def test_a_view_of_predictions_is_not_stretched_by_one(finished):
    ledger = read_ledger(finished[1])
    labels = [query.label for query in ledger.queries]
    bad = labels.index(min(labels))
    queries = [replace(query, predicted_mean=1e6 if place == bad else query.label - 1.0)
               for place, query in enumerate(ledger.queries)]  # fmt: skip
    figure = predicted_vs_true(replace(ledger, queries=tuple(queries)))
    assert figure.axes[0].get_ylim()[1] < 130
    assert "1 query above" in subtitle(figure)


def test_legends_list_what_is_in_view(finished, bench):
    ledger = read_ledger(finished[1])
    queries = [replace(query, label=10.0 if place < 3 else query.label, phase="init" if place < 3 else "search")
               for place, query in enumerate(ledger.queries)]  # fmt: skip
    changed = replace(ledger, queries=tuple(queries))
    for figure in (best_so_far(changed, bench), accuracy_vs_cost(changed, bench, "params_m")):
        assert n_hidden(figure) == 3
        assert PHASE_WORDS["init"] not in legend_of(figure)
        assert PHASE_WORDS["search"] in legend_of(figure)


def test_error_bars_belong_to_points_that_are_drawn(finished):
    ledger = read_ledger(finished[1])
    queries = [replace(query, label=10.0 if place < 3 else query.label, predicted_mean=90.0, predicted_std=1.0)
               for place, query in enumerate(ledger.queries)]  # fmt: skip
    figure = predicted_vs_true(replace(ledger, queries=tuple(queries)))
    (bars,) = (drawn for drawn in figure.axes[0].collections if hasattr(drawn, "get_segments"))
    assert n_hidden(figure) == 3
    assert sorted(segment[0][0] for segment in bars.get_segments()) == sorted(dots_of(figure)[:, 0])
    certain = [replace(query, predicted_std=None) for query in queries]
    assert not any("std" in text for text in legend_of(predicted_vs_true(replace(ledger, queries=tuple(certain)))))


def test_a_metric_that_no_query_has_is_not_drawn(bench, fake_bench, tmp_path):
    latency = np.full(len(bench.column(LABEL).mean), np.nan)
    latency[0] = 12.0
    table = fake_bench(bench.column(LABEL).mean, latency_ms=latency)
    run(budget=4, seed=0, benchmark=table, predictor="none", run_dir=tmp_path / "run")
    assert accuracy_vs_cost(read_ledger(tmp_path / "run"), table, "latency_ms") is None
    assert [path.name for path in (tmp_path / "run" / "plots").iterdir()] == ["best_so_far.png"]


def test_the_best_is_no_star_where_its_cost_is_unknown(bench, fake_bench, tmp_path):
    run(budget=4, seed=0, benchmark=bench, predictor="none", run_dir=tmp_path / "run", plots=False)
    ledger = read_ledger(tmp_path / "run")
    worst = min(ledger.queries, key=lambda query: query.label)
    latency = np.full(len(bench.column(LABEL).mean), np.nan)
    latency[bench.space.index(worst.arch)] = 12.0
    figure = accuracy_vs_cost(ledger, fake_bench(bench.column(LABEL).mean, latency_ms=latency), "latency_ms")
    assert len(dots_of(figure)) == 1
    assert not any(text.startswith("best") for text in legend_of(figure))


# --- what cannot be drawn --------------------------------------------------------------------------------------------


def test_a_plot_is_written_whole_or_not_at_all(finished, bench, monkeypatch):
    from matplotlib.figure import Figure

    folder = finished[1] / "plots"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    save = Figure.savefig

    def torn(self, file, **options):
        if self.axes[0].get_title(loc="left").startswith("Best"):
            file.write(b"\x89PNG")
            raise OSError(28, "No space left on device")
        save(self, file, **options)

    monkeypatch.setattr(Figure, "savefig", torn)
    with pytest.raises(InputError, match=r"best_so_far.png \(No space left on device\); the ledger is complete"):
        draw_plots(finished[1], bench)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_the_note_of_a_run_names_the_plot_that_is_missing_and_no_other(bench, monkeypatch, tmp_path):
    from matplotlib.figure import Figure

    save = Figure.savefig

    def full(self, file, **options):
        if "against" in self.axes[0].get_title(loc="left"):
            raise OSError(28, "No space left on device")
        save(self, file, **options)

    monkeypatch.setattr(Figure, "savefig", full)
    result = run(budget=2, seed=0, predictor="none", benchmark=bench, run_dir=tmp_path / "run")
    missing = tmp_path / "run" / "plots" / "accuracy_vs_latency_ms.png"
    assert result["notes"][-1] == f"cannot draw {missing} (No space left on device); the ledger is complete"
    assert [path.name for path in missing.parent.iterdir()] == ["best_so_far.png"]


def test_whatever_fails_is_one_error_and_the_others_are_drawn(finished, bench, monkeypatch, tmp_path):
    (tmp_path / "ledger.jsonl").write_bytes((finished[1] / "ledger.jsonl").read_bytes())

    def broken(ledger):
        raise ValueError("no\nfont")

    monkeypatch.setattr("nassurrogate.search.record.plots.predicted_vs_true", broken)
    with pytest.raises(InputError, match=r"predicted_vs_true.png \(ValueError: no font\)"):
        draw_plots(tmp_path, bench)
    assert sorted(path.name for path in (tmp_path / "plots").iterdir()) == [
        "accuracy_vs_params_m.png", "best_so_far.png",
    ]  # fmt: skip


def test_a_full_disk_leaves_no_torn_plot(finished, tmp_path):
    """A limit on the size of files stands for it: a write beyond it fails in the same way."""
    (tmp_path / "ledger.jsonl").write_bytes((finished[1] / "ledger.jsonl").read_bytes())
    script = (
        "import sys, resource\n"
        "from nassurrogate.benchmarks import load_benchmark\n"
        "from nassurrogate.errors import InputError\n"
        "from nassurrogate.search.record.plots import draw_plots\n"
        "import matplotlib.figure, matplotlib.backends.backend_agg, matplotlib.font_manager\n"
        "bench = load_benchmark('nb201', 'cifar10')\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (9000, resource.RLIM_INFINITY))\n"
        "try:\n"
        "    draw_plots(sys.argv[1], bench)\n"
        "except InputError as error:\n"
        "    print(error)\n"
    )
    found = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True)
    assert found.stdout.count("File too large") == 3
    assert list((tmp_path / "plots").iterdir()) == []
