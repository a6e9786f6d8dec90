"""`evaluate`: what a fit may see, what its rows say, and what is refused."""

from __future__ import annotations

import json
import math
import statistics
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import kendalltau, norm, spearmanr

from nassurrogate.benchmarks import LABEL, TEST, Column, TabularBenchmark, evaluate, load_benchmark
from nassurrogate.benchmarks.evaluation import ChoosesModel, published_rows
from nassurrogate.errors import InputError

pytestmark = pytest.mark.usefixtures("spy")
QUICK = {"gradient-boosting": {"rounds": 10, "members": 2}}
SIZE = 15_625


def test_a_fit_sees_n_labels_of_the_label_column_and_nothing_else(spy, table):
    evaluate("A1", benchmark=table, labels=[5, 9], splits=2, predictors="spy", seed=3)
    for cells, targets, seed in spy.fits:
        order = np.random.default_rng(seed).permutation(SIZE)
        assert cells == order[: len(cells)].tolist()
        assert targets == table.column(LABEL).mean[cells].tolist()
    assert [(len(cells), seed) for cells, _, seed in spy.fits] == [(5, 3), (5, 4), (9, 3), (9, 4)]


def test_other_cells_of_the_table_have_no_influence():
    truth = load_benchmark("nb201", "cifar10")
    train = np.random.default_rng(0).permutation(SIZE)[:60]
    values = np.random.default_rng(0).uniform(10, 95, SIZE)
    values[train] = truth.column(LABEL).mean[train]
    other = TabularBenchmark(truth.space, "cifar10", {LABEL: Column(values, "made up")})
    files = []
    for benchmark, folder in ((truth, "first"), (other, "second")):
        evaluate("A4", benchmark=benchmark, labels=60, splits=1, predictors="gradient-boosting", config=QUICK,
                 run_dir=folder)  # fmt: skip
        (path,) = Path(folder).glob("*.npz")
        files.append((path.name, np.load(path)["mean"]))
    assert files[0][0] == files[1][0]
    assert (files[0][1] == files[1][1]).all()


@pytest.mark.parametrize("protocol", ["A1", "A3", "A4"])
def test_rows_are_what_the_predictions_say(table, protocol):
    found = evaluate(protocol, benchmark=table, labels=500, splits=2, predictors="spy")
    taus, new_taus, rows = [], [], []
    target = table.column(LABEL if protocol == "A4" else TEST).mean
    keys = [cell.key for cell in table.space.all()]
    for split in range(2):
        order = np.random.default_rng(split).permutation(SIZE)
        train, test = order[:500], order[500:]
        known = {keys[cell] for cell in train}
        new = np.array([cell for cell in test if keys[cell] not in known])
        index = np.arange(SIZE)
        mean, std = 60 + (index * 7919 + split) % SIZE / 500, 1 + index % 5
        cells = new if protocol == "A3" else test
        taus.append(kendalltau(mean[cells], target[cells]).statistic)
        new_taus.append(kendalltau(mean[new], target[new]).statistic)
        top = cells[np.argsort(-mean[cells], kind="stable")[:10]]
        low, high = norm.interval(0.9, mean[cells], std[cells])
        rows.append(
            {
                "spearman_mean": spearmanr(mean[cells], target[cells]).statistic,
                "top10_regret_points_mean": target[cells].max() - target[top].max(),
                "top10_rank_percentile_mean": 100 * np.mean(target[cells] > target[top].max()),
                "evaluated_cells_mean": len(cells),
                "coverage90_mean": np.mean((low <= target[cells]) & (target[cells] <= high)),
                "interval90_width_points_mean": np.mean(high - low),
            }
        )
    (row,) = found.rows
    assert (row.predictor, row.preset, row.labels, row.splits) == ("spy", "default", 500, 2)
    assert row.kendall_tau_mean == pytest.approx(statistics.fmean(taus))
    assert row.kendall_tau_std == pytest.approx(statistics.stdev(taus))
    assert row.kendall_tau_new_classes_mean == pytest.approx(statistics.fmean(new_taus))
    for name in rows[0]:
        if protocol != "A4" and ("coverage" in name or "width" in name):
            assert getattr(row, name) is None
        else:
            assert getattr(row, name) == pytest.approx(statistics.fmean(r[name] for r in rows))


def test_duplicates_are_left_out_of_a3_only(spy, table):
    by = {p: evaluate(p, benchmark=table, labels=781, splits=1, predictors="spy").rows[0] for p in ("A1", "A3")}
    assert by["A1"].evaluated_cells_mean == SIZE - 781
    assert by["A3"].evaluated_cells_mean < 0.7 * SIZE
    assert by["A3"].kendall_tau_mean == by["A1"].kendall_tau_new_classes_mean
    assert len(spy.fits) == 1, "the two share their fit"


def test_the_label_reference_is_that_of_the_protocol(table):
    label, target = table.column(LABEL).mean, table.column(TEST).mean
    found = evaluate("A1", benchmark=table, labels=5, splits=1, predictors="spy", write=False)
    assert found.reference_tau == kendalltau(label, target).statistic
    class_of = table.space.class_ids()
    means = np.array([label[class_of == c].mean() for c in range(class_of.max() + 1)])
    assert found.reference_tau_classes == pytest.approx(kendalltau(means[class_of], target).statistic, abs=1e-9)
    none = evaluate("A4", benchmark=table, labels=5, splits=1, predictors="spy", write=False)
    assert (none.reference_tau, none.reference_tau_classes, none.rows[0].reference_tau_mean) == (None, None, None)


def test_the_measured_references(shared_data):
    from nassurrogate.benchmarks.importers import import_file

    import_file("nb201", shared_data / "nb201" / "test_accuracy.csv")
    for protocol, dataset, wanted in (("A1", "cifar10", (0.894, 0.900)), ("A2", "cifar100", (0.936, 0.941))):
        found = evaluate(protocol, dataset=dataset, labels=5, splits=1, predictors="spy", write=False)
        assert (round(found.reference_tau, 3), round(found.reference_tau_classes, 3)) == wanted
    a3 = evaluate("A3", labels=781, splits=1, predictors="spy", write=False)
    assert a3.rows[0].reference_tau_mean == pytest.approx(0.886, abs=0.003)


def test_a_predictor_without_intervals_has_no_coverage(table):
    (row,) = evaluate("A4", benchmark=table, labels=5, splits=1, predictors="spy:certain", write=False).rows
    assert (row.coverage90_mean, row.interval90_width_points_mean, row.kendall_tau_std) == (None, None, None)
    assert (row.predictor, row.preset) == ("spy:certain", "certain")


def test_published_is_leaky_and_noted(spy, chooser, table):
    found = evaluate("published", benchmark=table, labels=78, splits=2, predictors=["spy", "chooser"])
    assert found.to_json()["leaky"]
    assert "LEAKY" in found.notes[0]
    for cells, targets, _ in spy.fits:
        assert cells == list(range(78))
        assert targets == table.column(LABEL).values[:78, 0].tolist()
    assert [seed for *_, seed in spy.fits] == [0, 0, 1, 1]
    cells = list(range(78, 278))
    assert chooser.chosen_on == [(cells, table.column(TEST).mean[cells].tolist())] * 2
    assert issubclass(chooser, ChoosesModel)
    assert not issubclass(spy, ChoosesModel)
    assert found.rows[0].evaluated_cells_mean == SIZE


def test_no_other_protocol_gives_cells_to_select_on(chooser, table):
    for protocol in ("A1", "A3", "A4"):
        evaluate(protocol, benchmark=table, labels=5, splits=1, predictors="chooser", write=False)
    assert chooser.chosen_on == []


def test_published_figures_are_marked():
    nb201 = published_rows("A1")
    assert {row.labels for row in nb201} == {78, 156, 469, 781, 1563}
    by = {(row.method, row.labels): row for row in (*nb201, *published_rows("A5"))}
    assert (by["NAR-Former V2", 156].kendall_tau, by["NAR-Former V2", 156].recalled) == (0.752, False)
    assert (by["NAR-Former V2", 781].kendall_tau, by["NAR-Former V2", 781].recalled) == (0.874, True)
    assert by["FlowerFormer + FGP", 78].note == "own split"
    assert (by["NN-Former", 4236].kendall_tau, by["NN-Former", 4236].recalled) == (0.877, False)
    assert published_rows("A4") == published_rows("A6") == ()


# --- what is refused -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"protocol": "A9"}, "unknown protocol 'A9'"),
        ({"labels": 0}, "labels must be a whole number from 1, got 0"),
        ({"labels": []}, "labels must be different numbers"),
        ({"labels": [5, 5]}, "labels must be different numbers"),
        ({"labels": SIZE}, "labels must be from 1 to 15624, got 15625"),
        ({"labels": 5.0}, "labels must be a whole number"),
        ({"splits": 0}, "splits must be a whole number from 1"),
        ({"jobs": 0}, "jobs must be a whole number from 1"),
        ({"seed": -1}, "seed must be a whole number from 0"),
        ({"predictors": "spi"}, "unknown predictor 'spi'.*did you mean 'spy'"),
        ({"predictors": []}, "predictors must name at least one"),
        ({"predictors": ["spy", "spy:default"]}, "spy:default is named twice"),
        ({"config": {"other": {}}}, "unknown predictor 'other' in config; known: spy"),
        ({"config": {"spy": {"nonsense": 1}}}, "unknown hyper-parameter 'nonsense'"),
        ({"run_dir": ""}, "run_dir is empty"),
        ({"protocol": "A5"}, "protocol A5 is on nb101, got a benchmark of nb201"),
    ],
)
def test_bad_input_is_refused_before_any_fit(spy, table, asked, message, tmp_path):
    with pytest.raises(InputError, match=message):
        evaluate(**({"protocol": "A1", "benchmark": table, "labels": 5, "splits": 1, "predictors": "spy"} | asked))
    assert spy.fits == []
    assert list(tmp_path.iterdir()) == []


def test_a_missing_column_names_the_command():
    with pytest.raises(InputError, match=r"A2 needs test_accuracy_pct of nb201/ImageNet16-120.*nassurrogate data"):
        evaluate("A2", dataset="ImageNet16-120", predictors="spy")


def test_a_folder_that_cannot_be_written(table, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write the run folder"):
        evaluate("A4", benchmark=table, labels=5, splits=1, predictors="spy", run_dir=tmp_path / "file" / "below")


# --- results ----------------------------------------------------------------------------------------------


def test_json_csv_and_plot(table, tmp_path):
    import csv

    found = evaluate("A1", benchmark=table, labels=[5, 9], splits=2, predictors=["spy", "spy:certain"], write=False)
    fields = found.to_json()
    assert json.loads(json.dumps(fields, allow_nan=False)) == fields
    assert [(row["predictor"], row["labels"]) for row in fields["rows"]] == [
        ("spy", 5), ("spy", 9), ("spy:certain", 5), ("spy:certain", 9),
    ]  # fmt: skip
    with found.write_csv(tmp_path / "rows.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["kendall_tau_mean"]) for row in rows] == [row.kendall_tau_mean for row in found.rows]
    assert rows[0]["coverage90_mean"] == ""
    assert found.plot(tmp_path / "tau.png").read_bytes().startswith(b"\x89PNG")
    svg = found.plot(tmp_path / "tau.svg").read_text()
    assert "<svg" in svg
    with pytest.raises(InputError, match="unknown ending 'bmp'"):
        found.plot(tmp_path / "tau.bmp")


def test_the_plot_shows_rows_reference_and_published_figures(table):
    from nassurrogate.benchmarks.evaluation.plot import tau_against_labels

    found = evaluate("A1", benchmark=table, labels=[50, 156], splits=2, predictors="spy", write=False)
    (axes,) = tau_against_labels(found).axes
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert "spy" in texts
    assert f"the labels themselves, {found.reference_tau:.3f}" in texts
    assert {"NAR-Former [r]", "NN-Former [r]", "PINAT"} <= {text.get_text() for text in axes.texts}
    assert axes.get_xscale() == "log"
    drawn = next(c for c in axes.containers if c.get_label() == "spy")
    assert drawn[0].get_ydata().tolist() == [row.kendall_tau_mean for row in found.rows]


def test_a_constant_prediction_has_no_tau(spy, table, monkeypatch):
    monkeypatch.setattr(spy, "predict", lambda self, archs: (np.full(len(archs), 80.0), np.zeros(len(archs))))
    (row,) = evaluate("A4", benchmark=table, labels=5, splits=2, predictors="spy", write=False).rows
    assert (row.kendall_tau_mean, row.kendall_tau_std, row.spearman_mean) == (None, None, None)
    assert math.isfinite(row.top10_regret_points_mean)
