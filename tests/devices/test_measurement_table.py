"""The CSV of latencies, and the name of this machine."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from nassurrogate.devices import Measurement
from nassurrogate.devices.measurement_table import COLUMNS, write_measurements
from nassurrogate.devices.this_machine import device_name, processor
from nassurrogate.errors import InputError

MEASURED = Measurement(Path("models/a, b.onnx"), 1.23456789, 1, 1.5, 20, 2, "ok")
FAILED = Measurement(Path("bad.onnx"), status="failed", reason="truncated")
MISSING = Measurement(Path("late.onnx"))


def test_pandas_reads_it(folder: Path) -> None:
    path = folder / "new" / "latencies.csv"
    assert write_measurements(path, [MEASURED, FAILED, MISSING], "my device, 2 threads") == 1
    table = pd.read_csv(path)
    assert tuple(table.columns) == COLUMNS
    [row] = table.to_dict("records")
    assert row == {
        "device": "my device, 2 threads",
        "model": (folder / "models" / "a, b.onnx").as_posix(),
        "latency_ms": 1.23457,
        "iqr_ms": 0.5,
        "p25_ms": 1,
        "p75_ms": 1.5,
        "n_repeats": 20,
        "threads": 2,
    }


def test_models_below_the_table_are_relative_to_it(folder: Path) -> None:
    for out, model in (("t.csv", "models/a, b.onnx"), ("models/t.csv", "a, b.onnx")):
        write_measurements(folder / out, [MEASURED], "here")
        assert pd.read_csv(folder / out)["model"].tolist() == [model]


def test_what_cannot_be_written(folder: Path) -> None:
    strange = Measurement(Path("\udcff.onnx"), 1, 1, 1, 1, 1, "ok")
    with pytest.raises(InputError, match="not valid UTF-8"):
        write_measurements(folder / "t.csv", [strange], "here")
    (folder / "folder").mkdir()
    with pytest.raises(InputError, match="cannot write"):
        write_measurements(folder / "folder", [MEASURED], "here")
    assert [path.name for path in folder.iterdir()] == ["folder"]


@pytest.mark.parametrize(
    ("cpu", "name"),
    [
        ("AMD Ryzen 9 5950X 16-Core Processor", "AMD_Ryzen_9_5950X_16-Core_ort1.20.0"),
        ("Intel(R) Core(TM) i7-8700 CPU @ 3.20GHz", "Intel_Core_i7-8700_ort1.20.0"),
        ("Apple M2", "Apple_M2_ort1.20.0"),
        ("", "cpu_ort1.20.0"),
    ],
)
def test_device_names(cpu: str, name: str) -> None:
    assert device_name(cpu=cpu, version="1.20.0") == name


def test_this_machine_has_a_name() -> None:
    assert processor()
    assert device_name().split("_ort")[0]
    assert device_name(4) == f"{device_name()}_4threads"
