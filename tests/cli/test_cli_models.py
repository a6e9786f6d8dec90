"""`nassurrogate train` and `score`."""

from __future__ import annotations

import importlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nassurrogate import Surrogate, get_space
from nassurrogate.benchmarks import load_benchmark
from nassurrogate.files.model_file import read_model

QUICK = ("--predictor", "gradient-boosting", "--config", "members=2", "--config", "rounds=20")


def test_train_queries_random_cells_and_evaluates_on_all_others(cli: Callable[..., Any]) -> None:
    done = cli("train", "--labels", 40, "--seed", 0, "--out", "new/m.safetensors", "--json", *QUICK)
    found = done.json
    assert "40 queries" in done.err
    assert (found["n_labels"], found["seed"], found["model"]) == (40, 0, "new/m.safetensors")
    surrogate = Surrogate.load("new/m.safetensors")
    assert (surrogate.n_labels, surrogate.labels_sha256) == (40, found["labels_sha256"])
    assert -1 <= found["evaluation"]["kendall_tau"] <= 1
    # Which cells were drawn follows from the seed alone.
    again = cli("train", "--labels", 40, "--seed", 0, "--out", "again", "--json", *QUICK).json
    assert again["labels_sha256"] == found["labels_sha256"]
    tensors, _ = read_model(Path("new/m.safetensors"))
    drawn = tensors["labels.index"]  # gradient boosting is saved as its labels
    column = load_benchmark("nb201", "cifar10").column("train_time_s").values[drawn]
    assert found["label_cost_s"] == pytest.approx(np.nansum(column))


def test_train_queries_a_class_once_but_looks_up_every_string_of_a_free_metric(cli: Callable[..., Any]) -> None:
    space = get_space("nb201")
    options = ("--seed", 0, "--out", "m", "-q", "--predictor", "gradient-boosting", "--config", "members=1",
               "--config", "rounds=1")  # fmt: skip
    assert cli("train", "--labels", 5425, *options).code == 0
    drawn = read_model(Path("m"))[0]["labels.index"]
    assert sorted(space.class_ids()[drawn]) == list(range(5425))
    assert cli("train", "--labels", 6000, "--metric", "latency_ms", *options).code == 0
    drawn = read_model(Path("m"))[0]["labels.index"]
    assert len(set(drawn.tolist())) == 6000


def test_every_class_and_every_member_is_as_likely_as_any_other(cli: Callable[..., Any]) -> None:
    """A class has 3 members on average, the largest 460: a string drawn uniformly has 95 equivalent ones on average."""
    space = get_space("nb201")
    cli("train", "--labels", 2000, "--seed", 0, "--out", "m", "-q", *QUICK)
    drawn = space.class_ids()[read_model(Path("m"))[0]["labels.index"]]
    sizes = np.bincount(space.class_ids())
    assert sizes[drawn].mean() == pytest.approx(sizes.mean(), rel=0.3)


def test_train_says_what_it_did(cli: Callable[..., Any]) -> None:
    done = cli("train", "--labels", 2, "--seed", 0, "--out", "m", *QUICK)
    for text in ("2 random architectures of nb201/cifar10: 2 queries", "fit", "Kendall's tau", "simulated training"):
        assert text in done.out


def test_one_label_is_enough(cli: Callable[..., Any]) -> None:
    found = cli("train", "--labels", 1, "--seed", 0, "--out", "m", "--json", *QUICK).json
    assert found["n_labels"] == 1
    assert found["evaluation"]["kendall_tau"] is None


def test_train_on_ones_own_labels(cli: Callable[..., Any], folder: Path) -> None:
    space = get_space("nb201")
    rows = [f"{space.parse(index)}, x ,{50 + index}" for index in range(8)]
    (folder / "mine.csv").write_text("\n".join(["arch, remark, top1_pct", *rows]) + "\n", encoding="utf-8-sig")
    done = cli("train", "--file", "mine.csv", "--metric", "top1_pct", "--seed", 1, "--out", "m", "--json", *QUICK)
    found = done.json
    assert (found["n_labels"], found["labels_from"], found["dataset"]) == (8, "mine.csv", None)
    assert (found["evaluation"], found["label_cost_s"]) == (None, None)
    by_hand = Surrogate("nb201", predictor="gradient-boosting", metric="top1_pct", seed=1,
                        config={"members": 2, "rounds": 20})  # fmt: skip
    by_hand.fit(list(range(8)), [50.0 + index for index in range(8)])
    assert by_hand.labels_sha256 == found["labels_sha256"]
    assert np.array_equal(by_hand.predict([100])[0], Surrogate.load("m").predict([100])[0])


def test_the_old_name_of_file_works_and_warns(cli: Callable[..., Any], folder: Path) -> None:
    (folder / "mine.csv").write_text("index,val_accuracy_pct\n1,90\n2,91\n3,92\n")
    done = cli("train", "--csv", "mine.csv", "--seed", 1, "--out", "m", "--json", *QUICK)
    assert done.json["labels_from"] == "mine.csv"
    assert "warning: --csv is now --file; the old name will be removed in version 0.3\n" in done.err
    text = cli("train", "--help").out
    assert "--file FILE" in text
    assert "--csv" not in text
    assert "--csv is an option of `nassurrogate evaluate`" in cli("data", "list", "--csv", "mine.csv").err


def test_train_asks_which_direction_is_better_and_score_shows_it(
    cli: Callable[..., Any], refused: Callable[..., str], folder: Path
) -> None:
    (folder / "mine.csv").write_text("index,usefulness\n" + "".join(f"{index},{index}\n" for index in range(8)))
    options = ("train", "--file", "mine.csv", "--metric", "usefulness", "--out", "m", *QUICK)
    assert "'usefulness' is better; give --larger-is-better" in refused(*options)
    assert "not allowed with argument" in refused(*options, "--larger-is-better", "--smaller-is-better")
    for option, direction in (("--larger-is-better", "maximize"), ("--smaller-is-better", "minimize")):
        assert cli(*options, option, "--json").json["direction"] == direction
        done = cli("score", "m", "--all", "--top", 2, "--json")
        assert f"usefulness ({option[2:].replace('-', ' ')}) in an unknown unit, predicted by" in done.err
        assert (done.json["direction"], done.json["unit"]) == (direction, "unknown")
        best, second = (entry["predicted"] for entry in done.json["scores"])
        assert best >= second if direction == "maximize" else best <= second
    contradicted = ("train", "--labels", 2, "--metric", "latency_ms", "--larger-is-better")
    assert "contradicts" in refused(*contradicted, "--out", "m", *QUICK)


def test_fractions_are_refused_until_the_user_says_what_they_are(
    cli: Callable[..., Any], refused: Callable[..., str], folder: Path
) -> None:
    (folder / "mine.csv").write_text("index,val_accuracy_pct\n0,0.9\n1,0.8\n")
    options = ("train", "--file", "mine.csv", "--out", "m", *QUICK)
    assert "looks like fractions, expected percent; say which: --unit fraction" in refused(*options)
    for unit, most in (("fraction", 90.0), ("percent", 0.9)):
        assert cli(*options, "--unit", unit, "--json").json["label_stats"]["max"] == most


@pytest.mark.usefixtures("open_space")
def test_train_and_score_on_an_open_space(cli: Callable[..., Any], refused: Callable[..., str], folder: Path) -> None:
    done = cli(
        "train", "--space", "chain", "--labels", 30, "--seed", 0, "--predictor", "nearest", "--out", "m", "--json"
    )
    found = done.json
    assert (found["dataset"], found["metric"], found["direction"]) == ("made-up", "usefulness", "maximize")
    assert found["n_labels"] + found["n_failed"] == 30
    assert found["n_failed"] > 0
    assert f"warning: {found['n_failed']} evaluations failed and gave no label; the first: RuntimeError" in done.err
    assert found["evaluation"] is None
    assert found["label_cost_s"] >= 0
    again = cli(
        "train", "--space", "chain", "--labels", 30, "--seed", 0, "--predictor", "nearest", "--out", "m", "--json"
    )
    assert again.json["labels_sha256"] == found["labels_sha256"]
    archs = get_space("chain").sample(3, np.random.default_rng(0))
    scored = cli("score", "m", *map(str, archs), "--json").json["scores"]
    assert [(entry["index"], entry["arch"]) for entry in scored] == [(None, str(arch)) for arch in archs]
    assert [entry["predicted"] for entry in scored] == Surrogate.load("m").predict(archs)[0].tolist()
    assert cli("score", "m", str(archs[0])).out.splitlines()[0].split() == ["predicted", "std", "arch"]
    assert "at most 10,000,000 architectures; space 'chain' has 931,322" in refused("score", "m", "--all")
    assert "malformed architecture '5' of chain" in refused("score", "m", "5")


@pytest.mark.usefixtures("open_space")
def test_costs_of_an_open_space_are_looked_up(cli: Callable[..., Any], refused: Callable[..., str]) -> None:
    options = ("train", "-q", "--space", "chain", "--predictor", "nearest", "--out", "m", "--labels")
    found = cli(*options, 20, "--metric", "params_m", "--json").json
    assert (found["n_labels"], found["n_failed"], found["label_cost_s"]) == (20, 0, None)
    assert "--labels must be a whole number from 1, got 0" in refused(*options, 0)
    assert "unknown metric 'val_accuracy_pct' of chain/made-up" in refused(*options, 5, "--metric", "val_accuracy_pct")
    assert "unknown data set 'cifar10' of chain" in refused(*options, 5, "--dataset", "cifar10")
    line = refused("train", "-q", "--space", "tree", "--labels", 5, "--out", "m")
    assert line.startswith("space 'tree' has no ground truth")
    assert "benchmark 'broken' is registered as no_such_module:TRUTH but does not load" in line


@pytest.mark.usefixtures("open_space")
def test_ones_own_labels_of_an_open_space(cli: Callable[..., Any], refused: Callable[..., str], folder: Path) -> None:
    archs = get_space("chain").sample(4, np.random.default_rng(0))
    options = ("train", "--space", "chain", "--file", "mine.csv", "--predictor", "nearest", "--out", "m")
    rows = "".join(f"7,{arch},{place}\n" for place, arch in enumerate(archs))
    (folder / "mine.csv").write_text(f"index,arch,val_f1_pct\n{rows}")
    assert cli(*options, "--metric", "val_f1_pct", "--json").json["n_labels"] == 4
    (folder / "mine.csv").write_text("index,val_f1_pct\n7,50\n")
    message = "mine.csv has no column that names the architectures; expected arch; its columns: 'index'"
    assert message in refused(*options, "--metric", "val_f1_pct")


def test_digits_are_a_string_of_macro_and_its_index_stands_in_a_column_of_that_name(
    cli: Callable[..., Any], refused: Callable[..., str], folder: Path
) -> None:
    space = get_space("macro")
    (folder / "mine.csv").write_text("arch,test_accuracy_pct\n00000000,45\n01201201,90\n22222222,93\n")
    options = ("train", "--space", "macro", "--file", "mine.csv", "--metric", "test_accuracy_pct")
    done = cli(*options, "--out", "m", "--json")
    assert done.json["n_labels"] == 3
    scores = cli("score", "m", "00000012", "--json").json["scores"]
    assert (scores[0]["arch"], scores[0]["index"]) == ("00000012", space.index(space.parse("00000012")))
    (folder / "mine.csv").write_text("index,test_accuracy_pct\n12,45\n3280,50\n")
    assert cli(*options, "--out", "other").code == 0
    archs, _ = Surrogate.load(folder / "other").labels or ([], None)
    assert archs == space.take([12, 3280])
    (folder / "mine.csv").write_text("arch,test_accuracy_pct\n12,45\n")
    assert "were leading zeros lost?" in refused(*options, "--out", "third")


@pytest.mark.parametrize(("metric", "noted"), [("test_accuracy_pct", True), ("val_accuracy_pct", False)])
def test_labels_that_are_test_accuracies_are_named(
    cli: Callable[..., Any], folder: Path, metric: str, noted: bool
) -> None:
    (folder / "mine.csv").write_text(f"arch,{metric}\n00000000,45\n01201201,90\n22222222,93\n")
    options = ("train", "--space", "macro", "--file", "mine.csv", "--metric", metric, "--out", "m")
    for command in (options, ("score", "m", "00000012")):
        (*notes,) = cli(*command, "--json").json["notes"]
        assert [("test accuracies" in note) for note in notes] == [True] * noted
        done = cli(*command)
        assert ("labels are test accuracies" in done.out + done.err) == noted


FAILING = """
from nassurrogate.benchmarks import CallableBenchmark
from nassurrogate.spaces import CategoricalSpace

calls = []

def train(arch):
    calls.append(arch.string)
    if len(calls) > first:
        raise MemoryError("out of\\nmemory")
    return 90.0 + len(calls)

first = 0
SPACE = CategoricalSpace("failing", {f"layer{i}": [1, 2, 4] for i in range(5)})
TRUTH = CallableBenchmark(SPACE, train, dataset="made-up")
"""
FAILING_POINTS = """
[nassurrogate.spaces]
failing = failing_to_train:SPACE
[nassurrogate.benchmarks]
failing = failing_to_train:TRUTH
"""


@pytest.fixture
def failing(install: Callable[..., None]) -> Any:
    """The module of an installed distribution whose trainings fail after the `first` ones."""
    install("failing-to-train", FAILING_POINTS, failing_to_train=FAILING)
    return importlib.import_module("failing_to_train")


def test_train_stops_after_five_failures_from_the_start(cli: Callable[..., Any], failing: Any, folder: Path) -> None:
    done = cli("train", "--space", "failing", "--labels", 30, "--seed", 0, "--out", "m")
    assert (done.code, done.out) == (2, "")
    (line,) = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert "the first 5 evaluations all failed" in line
    assert "MemoryError: out of memory" in line
    assert len(failing.calls) == 5
    assert not list(folder.iterdir())


def test_train_goes_on_after_a_first_label(cli: Callable[..., Any], failing: Any) -> None:
    failing.first = 2
    found = cli("train", "--space", "failing", "--labels", 30, "--seed", 0, "--out", "m", "--json").json
    assert (found["n_labels"], found["n_failed"], len(failing.calls)) == (2, 28, 30)


def test_score_agrees_with_the_library(cli: Callable[..., Any], model: Path) -> None:
    surrogate = Surrogate.load(model)
    string = get_space("nb201").parse(7).string
    found = cli("score", model, "12", string, "0", "--json").json
    mean, std = surrogate.predict([12, 7, 0])
    assert [entry["index"] for entry in found["scores"]] == [12, 7, 0]
    assert [entry["predicted"] for entry in found["scores"]] == mean.tolist()
    assert [entry["predicted_std"] for entry in found["scores"]] == std.tolist()
    assert (found["unit"], found["n_labels"]) == ("percent", 5)


def test_score_prints_a_line_a_cell(cli: Callable[..., Any], model: Path) -> None:
    lines = cli("score", model, "12", "7").out.splitlines()
    assert lines[0].split() == ["index", "predicted", "std", "arch"]
    assert [line.split()[0] for line in lines[1:]] == ["12", "7"]
    assert lines[2].split()[3] == get_space("nb201").parse(7).string


def test_score_takes_the_whole_space_and_its_best(cli: Callable[..., Any], model: Path) -> None:
    mean, _ = Surrogate.load(model).predict(list(range(15_625)))
    found = cli("score", model, "--all", "--top", 5, "--json").json
    assert found["n_scored"] == 15_625
    assert [entry["predicted"] for entry in found["scores"]] == np.sort(mean)[::-1][:5].tolist()


def test_the_best_of_a_metric_to_be_minimised_is_the_smallest(cli: Callable[..., Any], folder: Path) -> None:
    assert cli("train", "--labels", 20, "--metric", "latency_ms", "--seed", 0, "--out", "m", *QUICK).code == 0
    scores = cli("score", "m", "--all", "--top", 3, "--json").json["scores"]
    assert scores[0]["predicted"] <= scores[1]["predicted"] <= scores[2]["predicted"]
    assert scores[0]["predicted"] == Surrogate.load("m").predict(list(range(15_625)))[0].min()


def test_score_reads_files_and_stdin(
    cli: Callable[..., Any], model: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"3\n\n{get_space('nb201').parse(4).string}\r\n"
    (folder / "cells.txt").write_text(text)
    expected = cli("score", model, 3, 4, "--json").json["scores"]
    assert cli("score", model, "--file", "cells.txt", "--json").json["scores"] == expected
    for arguments in (["-"], ["--file", "-"]):
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        assert cli("score", model, *arguments, "--json").json["scores"] == expected


# --- scores without a model -----------------------------------------------------------------------------------------

UNITLESS = (
    "no label was learned, so scores of probe-former have no unit: higher means a better expected val_accuracy_pct"
)


def test_score_without_a_model_says_that_there_is_no_unit(cli: Callable[..., Any]) -> None:
    done = cli("score", "--space", "nb201", 1462, 7)
    assert done.out.splitlines()[0].split(maxsplit=1) == ["index", "score (no unit: no labels)  arch"]
    assert [line.split()[0] for line in done.out.splitlines()[1:]] == ["1462", "7"]
    assert done.err.splitlines() == [f"warning: {UNITLESS}"]
    found = cli("score", "--space", "nb201", 1462, 7, "--json").json
    scores = Surrogate("nb201").score([1462, 7]).tolist()
    assert [entry["score"] for entry in found["scores"]] == scores
    assert {(entry["predicted"], entry["predicted_std"]) for entry in found["scores"]} == {(None, None)}
    assert (found["model"], found["unit"], found["n_labels"]) == (None, None, 0)
    assert (found["predictor"], found["notes"]) == ("probe-former:default", [UNITLESS])


def test_architectures_are_read_as_with_a_model(
    cli: Callable[..., Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = cli("score", "--space", "nb201", 3, 4, "--json").json["scores"]
    string = str(get_space("nb201").parse(4))
    (folder / "cells.txt").write_text(f"3\n{string}\n")
    assert cli("score", 3, string, "--space", "nb201", "--json").json["scores"] == expected
    assert cli("score", "--space", "nb201", "--file", "cells.txt", "--json").json["scores"] == expected
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(f"3\n{string}\n".encode())))
    assert cli("score", "--space", "nb201", "-", "--json").json["scores"] == expected
    best = cli("score", "--space", "nb201", "--all", "--top", 2, "--json").json
    assert best["n_scored"] == 15_625
    every = Surrogate("nb201").score(range(15_625))
    assert [entry["score"] for entry in best["scores"]] == np.sort(every)[::-1][:2].tolist()


def test_another_predictor_and_metric_rank_without_a_model(cli: Callable[..., Any]) -> None:
    options = ("score", "--space", "nb201", 0, 1, "--predictor", "proxy-process", "--json")
    one, other = (entry["score"] for entry in cli(*options).json["scores"])
    found = cli(*options, "--metric", "latency_ms").json
    assert (found["predictor"], found["direction"]) == ("proxy-process:default", "minimize")
    assert [entry["score"] for entry in found["scores"]] == [-one, -other]
    assert cli(*options, "--metric", "usefulness", "--larger-is-better").json["scores"][0]["score"] == one


def test_a_model_of_several_labels_has_scores_with_a_unit(cli: Callable[..., Any], model: Path) -> None:
    found = cli("score", model, 12, "--json").json
    assert (found["unit"], found["scores"][0]["score"]) == ("percent", found["scores"][0]["predicted"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "expected MODEL, a file that `nassurrogate train` saved, or --space NAME to score without labels"),
        (("--space", "nb201"), "expected architectures: as arguments, with --file FILE, from stdin with -, or --all"),
        (("--space", "macro", "01201201"), "saves a model; no built-in predictor scores macro without labels"),
        (("--space", "nb201", "--predictor", "ridge", 3), "'ridge' needs labels: `nassurrogate train` learns them"),
        (("m", "3", "--predictor", "ridge"), "--predictor is for scores without a model, which need --space"),
        (("m", "3", "--larger-is-better"), "--smaller-is-better is for scores without a model"),
        (("--space", "nb201", 99_999), "index 99999 is outside nb201"),
        (("--space", "nb201", "--metric", "usefulness", 3), "'usefulness' is better; give --larger-is-better"),
    ],
)  # fmt: skip
def test_what_cannot_be_scored_without_a_model_is_refused(
    refused: Callable[..., str], arguments: tuple[object, ...], message: str
) -> None:
    assert message in refused("score", *arguments)


def test_a_model_and_a_space_contradict_each_other(refused: Callable[..., str], model: Path) -> None:
    line = refused("score", model, 3, "--space", "nb201")
    assert line == f"{model} is a file; a model has its own space, so leave out --space, or the file"
