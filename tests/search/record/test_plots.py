"""The plots of a run: what they show, and that everything on them can be read."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from nassurrogate.benchmarks import LABEL, CallableBenchmark, load_benchmark
from nassurrogate.errors import InputError
from nassurrogate.search import read_ledger, run
from nassurrogate.search.record.plots import accuracy_vs_cost, best_so_far, draw_plots, predicted_vs_true
from nassurrogate.search.record.report import anytime, describe_result
from nassurrogate.spaces import CategoricalSpace
from tests.search.record.figures import (
    all_figures,
    all_figures_of_three,
    dots_of,
    n_hidden,
    subtitle,
    texts_of,
    train,
)


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


@pytest.mark.parametrize("objective", [None, "val_loss"])
def test_a_run_without_a_table_is_described_and_drawn_with_its_failures(tmp_path, objective):
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
    legend = [text.get_text() for text in cost.figure.legends[0].get_texts()]
    assert "parameters ≤ 0.5 M (infeasible: shaded)" in legend
    assert any("± 1 std" in text.get_text() for text in predicted.figure.legends[0].get_texts())
    for n in (1, 2, 4, 20):
        ticks = best_so_far(replace(ledger, queries=ledger.queries[:n]), bench).axes[0].get_xticks()
        assert len(ticks)
        assert all(tick == round(tick) and 1 <= tick <= n for tick in ticks)


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
    text = subtitle(predicted_vs_true(changed))
    assert " further left" in text
    assert f"{n_without} quer" in text
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
    text = subtitle(accuracy_vs_cost(ledger, table, "phone_latency_ms")).replace("\n", " ")
    assert "15,565 cells of the table without a known phone latency or validation accuracy" in text
    assert "without a known phone latency (ms)" in text


def test_no_label_above_the_view_where_single_trainings_are_lucky(bench, tmp_path):
    run(budget=3, seed=0, benchmark=bench, predictor="none", labels="single", run_dir=tmp_path / "run", plots=False)
    ledger = read_ledger(tmp_path / "run")
    lucky = replace(ledger, queries=(replace(ledger.queries[0], label=97.0), *ledger.queries[1:]))
    assert "above" not in subtitle(accuracy_vs_cost(lucky, bench, "latency_ms"))
    assert accuracy_vs_cost(lucky, bench, "latency_ms").axes[0].get_ylim()[1] > 97.0
