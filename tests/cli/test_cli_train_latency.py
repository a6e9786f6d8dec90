"""`train-latency`: every form of data, the error to expect, adaptation, and data that it refuses."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from nassurrogate import Surrogate
from nassurrogate.constraints import Constraint
from tests.benchmarks.networks.models import graph_of, write_model
from tests.cli.test_cli_predict_latency import save_device, write_network
from tests.command_line import CommandLine
from tests.devices.tiny_models import write_cycle

CHANNELS = (4, 8, 12, 16, 24, 32, 48, 64, 96, 128)


def latency_ms(channels: int, speed: float = 1.0) -> float:
    """What a made-up device takes."""
    return (0.1 + 0.01 * channels) / speed


def write_measured(
    folder: Path, channels: Sequence[int] = CHANNELS, *, device: str = "my toaster", speed: float = 1.0
) -> Path:
    """A folder as one has it after `measure --out`: ONNX files in folders of their families, and a CSV."""
    rows = []
    for number, each in enumerate(channels):
        model = f"{'narrow' if each < 32 else 'wide'}/net{number}.onnx"
        write_model(folder / model, each)
        rows.append(f"{device},{model},{latency_ms(each, speed):.6g},0.01,1,2,20,1")
    header = "device,model,latency_ms,iqr_ms,p25_ms,p75_ms,n_repeats,threads"
    (folder / "latencies.csv").write_text("\n".join([header, *rows, ""]))
    return folder


def test_files_in_the_current_folder_have_no_family(cli: CommandLine, folder: Path) -> None:
    rows = ["model,latency_ms"]
    for each in (8, 16, 32):
        write_model(folder / f"net{each}.onnx", each)
        rows.append(f"net{each}.onnx,{latency_ms(each):.6g}")
    (folder / "latencies.csv").write_text("\n".join([*rows, ""]))
    done = cli("train-latency", "--data", ".", "--on", "toaster", "--out", "toaster.safetensors", "--seed", 0)
    assert done.code == 0
    assert "\nnetworks   3 of 1 family\nlatency " in done.out


def test_a_folder_becomes_a_device(cli: CommandLine, folder: Path) -> None:
    write_measured(folder / "models")
    done = cli("train-latency", "--data", "models", "--out", "new/toaster.safetensors", "--seed", 0)
    assert (done.code, done.out.splitlines()[0].split()) == (0, ["model", "new/toaster.safetensors"])
    text = re.sub(r" +", " ", done.out)
    assert "predicts my_toaster.latency_ms of networks on my toaster" in text
    assert "networks 10 of 2 families\nfamilies narrow 5, wide 5" in text
    assert "latency 0.14 to 1.38 ms" in text
    assert re.search(r"expected error [\d.]+ % \(MAPE\), \d+ % of networks within 10 %, .*: 5-fold cross-valid", text)
    assert "note the device is called my_toaster in the model" in text
    assert "note with fewer than 100 networks it is usually better to adapt, for example --from " in text
    assert "note 10 networks are few" in text
    write_network(folder / "a.onnx", 40)
    [row] = cli("predict-latency", "a.onnx", "--on", "new/toaster.safetensors", "--json").json["predictions"]
    assert row["device"] == "my_toaster"
    assert row["latency_ms"] == pytest.approx(0.5, rel=0.1)
    metric = Surrogate.load(folder / "new" / "toaster.safetensors").metric
    assert Constraint.parse(f"{metric}<=2").metric == "my_toaster.latency_ms"


def test_json(cli: CommandLine, folder: Path) -> None:
    write_measured(folder / "models", device="toaster")
    args = ("train-latency", "--data", "models/latencies.csv", "--on", "toaster", "--seed", 3, "--json")
    found = cli(*args, "--out", "a.safetensors").json
    expected = {
        "model": "a.safetensors",
        "metric": "toaster.latency_ms",
        "device": "toaster",
        "n_networks": 10,
        "families": {"narrow": 5, "wide": 5},
        "seed": 3,
        "unread": [],
        "predictor": "roofline:default",
    }
    assert {name: found[name] for name in expected} == expected
    assert found["adapted_from"] is None
    error = found["expected_error"]
    assert (error["folds"], error["n_networks"]) == (5, 10)
    assert 0 < error["mape_pct"] < 20
    again = cli(*args, "--out", "b.safetensors").json
    assert again["expected_error"] == error
    models = [Surrogate.load(folder / name).predict([graph_of(40)]) for name in ("a.safetensors", "b.safetensors")]
    assert models[0] == models[1]


def test_a_model_of_another_device_is_adapted(cli: CommandLine, folder: Path) -> None:
    write_measured(folder / "models", device="toaster")
    write_measured(folder / "few", (8, 32, 96), device="kettle", speed=4.0)
    assert cli("train-latency", "--data", "models", "--out", "toaster.safetensors").code == 0
    args = ("train-latency", "--data", "few", "--from", "toaster.safetensors", "--out", "kettle.safetensors")
    done = cli(*args)
    assert done.code == 0
    text = re.sub(r" +", " ", done.out)
    assert "predictor roofline:default, adapted from toaster.safetensors" in text
    assert "expected error unknown: too few networks" in text
    assert "better to adapt" not in text
    kettle = Surrogate.load(folder / "kettle.safetensors")
    assert kettle.metric == "kettle.latency_ms"
    assert kettle.n_labels == 13
    mean, _ = kettle.predict([graph_of(channels) for channels in CHANNELS])
    np.testing.assert_allclose(mean, [latency_ms(channels, 4.0) for channels in CHANNELS], rtol=0.1)
    # What it was adapted from is unchanged.
    before, _ = Surrogate.load(folder / "toaster.safetensors").predict([graph_of(64)])
    assert before[0] == pytest.approx(latency_ms(64), rel=0.1)


def test_a_shipped_model_is_adapted(cli: CommandLine, folder: Path) -> None:
    write_measured(folder / "few", device="kettle", speed=4.0)
    args = ("train-latency", "--data", "few", "--from", "cortexA76_cpu", "--out", "kettle.safetensors", "--json")
    found = cli(*args).json
    assert (found["metric"], found["adapted_from"]) == ("kettle.latency_ms", "cortexA76_cpu")
    assert found["expected_error"]["mape_pct"] < 20


def test_one_device_of_several(cli: CommandLine, folder: Path, refused: Callable[..., str]) -> None:
    write_measured(folder)
    lines = (folder / "latencies.csv").read_text().splitlines()
    twice = [lines[0], *lines[1:], *(line.replace("my toaster", "kettle") for line in lines[1:])]
    (folder / "latencies.csv").write_text("\n".join(twice))
    args = ("train-latency", "--data", ".", "--out", "a.safetensors")
    assert refused(*args) == "latencies.csv has latencies of several devices; name one of my toaster, kettle"
    assert "did you mean 'kettle'?" in refused(*args, "--on", "ketle")
    assert cli(*args, "--on", "kettle", "--json").json["device"] == "kettle"


def test_a_table_without_devices(cli: CommandLine, folder: Path) -> None:
    write_measured(folder)
    text = (folder / "latencies.csv").read_text()
    (folder / "latencies.csv").write_text(text.replace("my toaster,", "").replace("device,", ""))
    args = ("train-latency", "--data", ".", "--out", "a.safetensors", "--json")
    assert cli(*args, "--on", "kettle").json["metric"] == "kettle.latency_ms"
    assert cli(*args).json["metric"] == "unnamed_device.latency_ms"


def test_nnlqp(cli: CommandLine, folder: Path) -> None:
    lines = []
    for number, channels in enumerate(CHANNELS):
        write_model(folder / "onnx" / "a" / f"{number}.onnx", channels)
        lines.append(f"{number:05d} onnx/a/{number}.onnx 1 {latency_ms(channels)} a 10 train")
    (folder / "gt_stage.txt").write_text("\n".join(lines))
    args = ("train-latency", "--data", ".", "--out", "a.safetensors", "--on", "gpu-T4-trt7.1-fp32", "--json")
    found = cli(*args).json
    assert (found["device"], found["metric"]) == ("gpu-T4-trt7.1-fp32", "gpu-T4-trt7.1-fp32.latency_ms")
    assert found["notes"][-1].startswith("all networks count as one family")


def test_a_file_that_cannot_be_read_is_left_out(cli: CommandLine, folder: Path) -> None:
    write_measured(folder)
    for number in range(5):
        write_cycle(folder / "narrow" / f"net{number}.onnx")
    done = cli("train-latency", "--data", ".", "--out", "a.safetensors")
    assert done.code == 1
    assert "5 of 1 family; 5 could not be read" in done.out
    bad = [line for line in done.err.splitlines() if "cycle" in line]
    assert [line.split(":")[0] for line in bad] == ["warning"] * 3 + ["error"] * 2
    assert [f"net{number}.onnx" in line for number, line in enumerate(bad)] == [True] * 5
    assert (folder / "a.safetensors").exists()
    done = cli("train-latency", "--data", ".", "--out", "a.safetensors", "--json", "--quiet")
    assert done.code == 1
    assert [f"error: {line}" for line in json.loads(done.out)["unread"]] == done.err.splitlines()


def test_another_predictor(cli: CommandLine, folder: Path, refused: Callable[..., str]) -> None:
    write_measured(folder)
    args = ("train-latency", "--data", ".", "--out", "a.safetensors")
    assert cli(*args, "--predictor", "roofline:additive", "--json").json["predictor"] == "roofline:additive"
    save_device(folder / "simple.safetensors", predictor="flops-regression")
    assert "predictor 'flops-regression' does not adapt" in refused(*args[:-1], "b", "--from", "simple.safetensors")


def test_an_existing_file_is_replaced_and_kept_if_the_fit_fails(cli: CommandLine, folder: Path) -> None:
    (folder / "a.safetensors").write_text("earlier")
    write_measured(folder)
    table = folder / "latencies.csv"
    good = table.read_text()
    table.write_text(good.replace("0.14,", "-0.14,"))
    assert cli("train-latency", "--data", ".", "--out", "a.safetensors").code == 2
    assert (folder / "a.safetensors").read_text() == "earlier"
    table.write_text(good)
    assert cli("train-latency", "--data", ".", "--out", "a.safetensors").code == 0
    assert Surrogate.load(folder / "a.safetensors").n_labels == 10


def test_ctrl_c_while_it_is_validated_keeps_the_model(
    cli: CommandLine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_measured(folder)

    def stops(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("nassurrogate.benchmarks.evaluation.networks.held_out.held_out_error", stops)
    done = cli("train-latency", "--data", ".", "--out", "a.safetensors")
    assert (done.code, done.out) == (130, "")
    assert done.err.endswith("error: interrupted: the model is in a.safetensors; its error was not measured\n")
    assert Surrogate.load(folder / "a.safetensors").n_labels == 10


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ("0.14,", "-0.14,"),
            "latencies.csv, line 2: latency_ms is '-0.14'; expected a positive number of milliseconds",
        ),
        (("0.14,", "0,"), "expected a positive number of milliseconds"),
        (("0.14,", "nan,"), "line 2"),
        (("0.14,", "fast,"), "line 2"),
        (("latency_ms", "latency_s"), "column 'latency_s' is in another unit; expected milliseconds"),
        (("latency_ms", "latency"), "column 'latency' does not say its unit"),
        (("model,", "network,"), "needs columns 'model' and 'latency_ms'"),
        (("net3.onnx", "gone.onnx"), "no file at narrow/gone.onnx"),
        (("net3.onnx", "net2.onnx"), "was measured in line 4 already; keep one of them"),
    ],
)
def test_data_that_is_refused(refused: Callable[..., str], folder: Path, change: tuple[str, str], message: str) -> None:
    write_measured(folder)
    table = folder / "latencies.csv"
    table.write_text(table.read_text().replace(*change))
    assert re.search(message, refused("train-latency", "--data", ".", "--out", "a.safetensors"))


def test_too_few_networks(refused: Callable[..., str], folder: Path) -> None:
    args = ("train-latency", "--data", ".", "--out", "a.safetensors")
    assert refused(*args) == ". needs a table measured.csv, or one other CSV; found none"
    write_measured(folder, [8])
    assert refused(*args) == ". has one network on my toaster; expected at least 2, better 20"
    (folder / "latencies.csv").write_text("device,model,latency_ms\n")
    assert refused(*args) == "latencies.csv has no rows below its header"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--out", "a"], "the following arguments are required: --data"),
        (["--data", "."], "the following arguments are required: --out"),
        (["--data", "nowhere", "--out", "a"], "no folder at nowhere"),
        (["--data", ".", "--out", "."], "cannot write the model to .: it is a folder"),
        (["--data", ".", "--out", "a", "--jobs", "0"], "--jobs must be a whole number from 1, got 0"),
        (["--data", ".", "--out", "a", "--seed", "-1"], "seed must be a whole number from 0"),
        (["--data", ".", "--out", "a", "--from", "cortexA75_cpu"], "did you mean 'cortexA76_cpu'"),
        (["--data", ".", "--out", "a", "--from", "cortexA76_cpu", "--predictor", "roofline"], "contradicts --from"),
        (["--data", ".", "--out", "a", "--predictor", "rofline"], "did you mean 'roofline'"),
        (["--data", ".", "--out", "a", "--predictor", "gcn"], "gcn"),
        (["--data", ".", "--out", "a", "--device", "warp9"], "warp9"),
    ],
)
def test_bad_options(refused: Callable[..., str], args: list[str], message: str) -> None:
    assert message in refused("train-latency", *args)
