"""`measure`: the table, the CSV, models that fail, Ctrl-C, two measurements at once."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from nassurrogate.benchmarks.networks.folder import read_measured
from nassurrogate.devices import LatencyRun, Measurement
from tests.command_line import CommandLine
from tests.devices.tiny_models import write_model

QUICK = ("--repeats", 2, "--warmup", 0)


def test_a_table_a_csv_and_json(cli: CommandLine, folder: Path) -> None:
    write_model(folder / "a.onnx")
    write_model(folder / "b.onnx", ("batch", 4), operator="Relu")
    done = cli("measure", "a.onnx", "b.onnx", *QUICK, "--out", "new/t.csv", "--device-name", " my laptop ", "--seed", 3)
    assert done.code == 0
    about, _, header, *rows = done.out.splitlines()
    assert about == "my laptop, 1 thread"
    assert header.split() == ["model", "median", "ms", "IQR", "ms", "IQR", "%", "runs"]
    assert [row.split()[0] for row in rows] == ["a.onnx", "b.onnx"]
    assert "note: b.onnx: the batch size of input 'x' is open; 1 is measured" in done.err
    table = pd.read_csv(folder / "new" / "t.csv")
    assert table["device"].tolist() == ["my laptop"] * 2
    assert table["model"].tolist() == [str(folder / "a.onnx"), str(folder / "b.onnx")]
    assert table["latency_ms"].between(table["p25_ms"], table["p75_ms"]).all()

    found = cli("measure", "a.onnx", *QUICK, "--json", "--quiet").json
    assert (found["schema_version"], found["rounds"], found["complete"], found["out"]) == (1, 2, True, None)
    [model] = found["models"]
    assert (model["model"], model["status"]) == ("a.onnx", "ok")
    assert model["latency_ms"] > 0
    assert found["device"].rpartition("_ort")[2]


def test_the_csv_is_a_table_of_measured_networks(cli: CommandLine, folder: Path) -> None:
    for name in ("resnet/a.onnx", "vgg/b.onnx"):
        (folder / name).parent.mkdir()
        write_model(folder / name, operator="Relu")
    assert cli("measure", "resnet/a.onnx", "vgg/b.onnx", *QUICK, "--out", "t.csv", "--device-name", "here").code == 0
    measured = read_measured(folder)
    assert measured.device == "here"
    assert list(measured.families) == ["resnet", "vgg"]
    assert measured.latency_ms.tolist() == pd.read_csv(folder / "t.csv")["latency_ms"].tolist()


def test_the_same_note_is_printed_once(cli: CommandLine, folder: Path) -> None:
    for name in "abc":
        write_model(folder / f"{name}.onnx", (None, 4))
    done = cli("measure", "a.onnx", "b.onnx", "c.onnx", *QUICK)
    assert done.err.count("note:") == 1
    assert "note: a.onnx and 2 more: the batch size" in done.err


def test_one_failing_model_does_not_stop_the_others(cli: CommandLine, folder: Path) -> None:
    write_model(folder / "a.onnx")
    (folder / "bad.onnx").write_bytes(b"\xff" * 100)
    models = ("bad.onnx", "a.onnx", "none.onnx")
    done = cli("measure", *models, *QUICK, "--quiet", "--out", "t.csv")
    assert done.code == 1
    assert done.err.splitlines() == [
        "error: bad.onnx: it is not an ONNX file, or it is truncated",
        "error: none.onnx: there is no such file",
    ]
    assert "a.onnx" in done.out
    assert pd.read_csv(folder / "t.csv")["model"].tolist() == ["a.onnx"]
    done = cli("measure", *models, *QUICK, "--json")
    assert done.code == 1
    assert [model["status"] for model in json.loads(done.out)["models"]] == ["failed", "ok", "failed"]


def test_a_table_is_not_replaced_by_nothing(cli: CommandLine, folder: Path) -> None:
    (folder / "t.csv").write_text("earlier")
    done = cli("measure", "none.onnx", "--out", "t.csv")
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines()[-1] == "error: none.onnx: there is no such file"
    assert (folder / "t.csv").read_text() == "earlier"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "the following arguments are required: MODEL"),
        (["a.onnx", "--repeats", 0], "repeats must be a whole number from 1, got 0"),
        (["a.onnx", "--warmup", -1], "warmup must be a whole number from 0, got -1"),
        (["a.onnx", "--threads", 9999], "threads must be a whole number from 1 to"),
        (["a.onnx", "--input-shape", "x=1x?"], "--input-shape expects NAME=1x3x224x224"),
        (["a.onnx", "--device-name", ""], "--device-name is empty"),
        (["a.onnx", "--device-name", "two\nlines"], r"--device-name is 'two\nlines'; expected a name in one line"),
        (["a.onnx", "--out", "."], "cannot write the latencies to .: it is a folder"),
        (["a.onnx", "--output", "t.csv"], "did you mean '--out'?"),
        ([""], "model must be a path, got ''"),
    ],
)
def test_bad_options(refused: Callable[..., str], args: list[Any], message: str) -> None:
    assert message in refused("measure", *args)


def test_an_input_that_no_model_has(cli: CommandLine, folder: Path) -> None:
    write_model(folder / "a.onnx", inputs=("image",))
    done = cli("measure", "a.onnx", "--input-shape", "imgae=1x3x8x8", "--quiet", "--out", "t.csv")
    assert (done.code, done.out) == (2, "")
    assert done.err == "error: unknown input 'imgae' in --input-shape; known: image; did you mean 'image'?\n"
    assert not (folder / "t.csv").exists()


def test_a_disturbed_measurement_has_a_warning(cli: CommandLine, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spread = Measurement(folder / "a.onnx", 2, 1, 3, 20, 1, "ok")
    monkeypatch.setattr(LatencyRun, "measure", lambda *_: None)
    monkeypatch.setattr(LatencyRun, "measurements", lambda _: [spread])
    monkeypatch.setattr(LatencyRun, "waited_pct", 30.0)
    err = cli("measure", "a.onnx").err
    assert "warning: other programs took the core 30 % of the time" in err
    assert "the runs of 1 of 1 models spread by more than 10 %" in err


def test_ctrl_c_keeps_the_rows(process: Any, folder: Path) -> None:
    write_model(folder / "a.onnx", (1, 64, 256, 256), operator="Exp")
    write_model(folder / "b.onnx")
    running = process.start("measure", "a.onnx", "b.onnx", "--repeats", 1_000_000, "--out", "t.csv")
    while not (folder / "t.csv").exists():
        assert running.poll() is None
        time.sleep(0.01)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "a.onnx" in out
    assert err.splitlines()[-1].endswith(" of 1000000 rounds are complete; what was measured is in t.csv")
    table = pd.read_csv(folder / "t.csv")
    assert table["model"].tolist() == ["a.onnx", "b.onnx"]
    assert (table["latency_ms"] > 0).all()


def test_two_at_once_take_turns(process: Any, folder: Path) -> None:
    write_model(folder / "a.onnx")
    first = process.start("measure", "a.onnx", "--repeats", 1_000_000, "--out", "t.csv")
    while not (folder / "t.csv").exists():
        assert first.poll() is None
        time.sleep(0.01)
    second = process.start("measure", "a.onnx", *QUICK, "--out", "u.csv")
    assert second.stderr.readline() == (
        "warning: another measurement is running on this machine; waiting for it to end\n"
    )
    assert not (folder / "u.csv").exists()
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=60)
    second.communicate(timeout=60)
    assert (first.returncode, second.returncode) == (130, 0)
    assert len(pd.read_csv(folder / "u.csv")) == 1
