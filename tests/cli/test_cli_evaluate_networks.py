"""`nassurrogate evaluate --protocol C3` and `C4`: own folders, NNLQP, options, bad input."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.evaluation.networks.made_up import write_folder
from tests.benchmarks.networks.models import write_model

CHEAP = ("--predictor", "operator-additive,flops-regression")


@pytest.fixture
def data(folder: Path) -> Path:
    """Two families on two devices, in nn-Meter's form."""
    write_folder(folder / "data", {"thin": 12, "wide": 20}, {"phone": 1.0, "server": 0.25})
    return folder / "data"


@pytest.fixture
def nnlqp(folder: Path) -> Path:
    """A part of NNLQP, with its own split."""
    lines = []
    for place, family in enumerate(("alexnet", "resnet18")):
        for number in range(6):
            path = f"onnx/nnmeter_{family}/nnmeter_{family}_transform_{number:04d}.onnx"
            write_model(folder / "nnlqp" / path, 4 + 2 * number + place)
            lines.append(f"{number:05d} {path} 1 {1 + number / 4} {family} 10 {'test' if number == 5 else 'train'}")
    (folder / "nnlqp" / "gt_stage.txt").write_text("\n".join(lines) + "\n")
    return folder / "nnlqp"


def test_json_has_everything(cli: Callable[..., Any], data: Path) -> None:
    options = ("evaluate", "--protocol", "C4", "--data", "data", "--on", "server", *CHEAP, "--splits", 2, "--json")
    found = cli(*options).json
    assert (found["protocol"], found["on"], found["networks"], found["seed"]) == ("C4", "server", 32, 0)
    assert [each["predictor"] for each in found["predictors"]] == ["operator-additive", "flops-regression"]
    exact = found["predictors"][0]
    assert [(row["family"], row["train_mean"], row["test_mean"]) for row in exact["families"]] == [
        ("thin", 20, 12), ("wide", 12, 20),
    ]  # fmt: skip
    assert exact["mean_over_families"]["mape_pct_mean"] < 0.1, "the latency is linear in the operations"
    assert exact["median_over_families"]["within_10_pct_mean"] == 100
    assert exact["worst_family"] in {"thin", "wide"}
    assert len(found["results"]) == 2 * 2 * 2
    assert {"mape_pct", "within_10_pct", "spearman", "bias_pct", "coverage90"} <= set(found["results"][0])
    assert found["published"] == []
    assert cli(*options).json == found, "read from the run folder, times and all"


def test_text_and_rows(cli: Callable[..., Any], data: Path, folder: Path) -> None:
    options = ("--data", "data", "--on", "phone", *CHEAP, "--per-family", 8, "--csv", "rows.csv")
    done = cli("evaluate", "--protocol", "C3", *options, "--run-dir", "fits")
    assert done.code == 0, done.err
    assert "protocol C3 on phone (32 networks, at most 8 training networks per family), seed 0" in done.out
    assert done.out.count("worst family: ") == 2
    assert "operator-additive (default), 3 splits" in done.out
    mean = next(line.split() for line in done.out.splitlines() if line.startswith("mean  "))
    assert mean[1:3] == ["16", "3"]
    assert "published" not in done.out
    assert "fits: 6/6" in done.err
    with (folder / "rows.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["predictor"], row["family"], row["test_mean"]) for row in rows] == [
        (predictor, family, size)
        for predictor in CHEAP[1].split(",")
        for family, size in (("thin", "1.0"), ("wide", "2.0"))
    ]
    one = cli("evaluate", "--protocol", "C3", *options, "--family", "wide", "--json").json
    assert {row["family"] for row in one["results"]} == {"wide"}


def test_one_command_for_nnlqp(cli: Callable[..., Any], nnlqp: Path) -> None:
    done = cli("evaluate", "--protocol", "C3", "--data", "nnlqp", "--own-split", *CHEAP)
    assert done.code == 0, done.err
    assert (
        "on gpu-T4-trt7.1-fp32 (12 networks), seed 0: whole networks, in domain: the data set's own split" in done.out
    )
    assert "published on NNLQP, recalled and not verified" in done.out
    assert "NAR-Former V2: 3.07 / 96.41" in done.out
    assert "--own-split" in cli("evaluate", "--protocol", "C3", "--data", "nnlqp", *CHEAP).out
    found = cli("evaluate", "--protocol", "C4", "--data", "nnlqp", "--splits", 1, *CHEAP, "--json").json
    assert {row["family"] for row in found["results"]} == {"alexnet", "resnet18"}
    recalled = {row["method"]: row["mape_pct"] for row in found["published"] if row["family"] is None}
    assert recalled["NN-Former"] == 8.39
    assert all(row["recalled"] for row in found["published"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--protocol", "C3"], "protocol C3 needs --data DIR"),
        (["--protocol", "C3", "--data", "none"], "no folder at none"),
        (["--protocol", "C3", "--data", "data"], "several devices; name one of phone, server"),
        (["--protocol", "C3", "--data", "data", "--on", "phoen"], "did you mean 'phone'?"),
        (["--protocol", "C4", "--data", "data", "--on", "phone", "--family", "thn"], "did you mean 'thin'?"),
        (
            ["--protocol", "C4", "--data", "data", "--on", "phone", "--family", ""],
            "--family expects one or more values",
        ),
        (["--protocol", "C4", "--data", "data", "--on", "phone", "--own-split"], "own_split applies to C3 only"),
        (["--protocol", "C3", "--data", "data", "--on", "phone", "--own-split"], "without a split of their own"),
        (["--protocol", "C4", "--data", "data", "--on", "phone", "--per-family", "0"], "whole number from 1, got 0"),
        (["--protocol", "C4", "--data", "data", "--on", "phone", "--splits", "0"], "splits must be a whole number"),
        (["--protocol", "C4", "--data", "data", "--on", "phone", "--predictor", "ridge"], "space 'networks' has none"),
        (
            ["--protocol", "C4", "--data", "data", "--on", "phone", "--config", "folds=3"],
            "--config needs one predictor",
        ),
        (["--protocol", "C4", "--data", "data", "--labels", "50"], "--labels does not apply to protocol C4"),
        (["--protocol", "C4", "--data", "data", "--plot", "a.png"], "--plot does not apply to protocol C4"),
        (["--protocol", "C4", "--data", "data", "--smaller-is-better"], "do not apply to protocol C4"),
        (["--protocol", "A4", "--data", "data"], "--data does not apply to protocol A4, only to C3 and C4"),
        (["--protocol", "G", "--on", "phone"], "--on does not apply to protocol G"),
        (["--own-split"], "--own-split does not apply to protocol A4"),
        (["--protocol", "C44"], "unknown protocol 'C44'; known: A1, A2"),
    ],
)
def test_bad_input_is_one_line(refused: Callable[..., str], data: Path, options: list[str], message: str) -> None:
    predictors = () if "--predictor" in options or "--config" in options else CHEAP
    assert message in refused("evaluate", *options, *predictors, "--quiet")


def test_a_bad_request_is_refused_before_anything_is_read(refused: Callable[..., str], folder: Path) -> None:
    for option in (("--splits", 0), ("--per-family", 0), ("--predictor", "operator-aditive"), ("--seed", -1)):
        assert "no folder" not in refused("evaluate", "--protocol", "C3", "--data", "none", *option)
