"""The script that makes the latency models that ship."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nassurrogate import Surrogate
from nassurrogate.benchmarks.networks import MeasuredNetworks
from nassurrogate.files.model_file import read_model
from tests.benchmarks.networks.models import graph_of


def test_a_model_without_labels_and_its_figures(
    script: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    making = script("make_latency_predictors")
    channels = [4, 8, 12, 16, 24, 32, 48, 64]
    data = MeasuredNetworks(
        "a phone", [graph_of(each) for each in channels], [f"{each}" for each in channels],
        ["a", "b"] * 4, np.array([0.1 + 0.01 * each for each in channels]),
    )  # fmt: skip
    paths = [making.make("phone", data, tmp_path / name) for name in ("one", "two")]
    one, two = map(read_model, paths)
    assert one[1] == two[1]
    assert one[0].keys() == two[0].keys()
    assert all(np.array_equal(array, two[0][name]) for name, array in one[0].items())
    model = Surrogate.load(paths[0])
    assert (model.metric, model.labels, model.n_labels) == ("phone.latency_ms", None, 8)
    out = capsys.readouterr().out
    assert "kB, 8 networks, 2 families" in out
    assert "8 networks held out: MAPE " in out


def test_it_makes_what_ships(script: Any) -> None:
    from nassurrogate.devices.latency_models import shipped_devices

    assert sorted(script("make_latency_predictors").DEVICES) == shipped_devices()
