"""The scripts that make networks: to measure, and for fits to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from nassurrogate.devices import measure_latency
from nassurrogate.predictors.probe_former import pretrained_networks
from nassurrogate.spaces import get_space


def test_networks_of_all_families_can_be_measured(script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    making = script("make_small_networks")
    monkeypatch.setattr(making, "CANDIDATES", 1)
    paths = making.make(tmp_path / "a", len(making.FAMILIES), (0.05, 0.05), 3)
    assert [path.stem for path in paths] == [f"{family}_0" for family in making.FAMILIES]
    assert {each.status for each in measure_latency(paths, repeats=1, warmup=0, min_time_s=0)} == {"ok"}
    operators = {path.stem: {node.op_type for node in onnx.load(path).graph.node} for path in paths}
    assert {"Conv", "Relu", "Add", "GlobalAveragePool", "Gemm"} <= operators["resnet_0"]
    assert {"Conv", "Clip", "Add"} <= operators["mobilenetv2_0"]
    assert {"Conv", "Sigmoid", "Mul"} <= operators["efficientnet_0"]
    assert {"Softmax", "MatMul", "LayerNormalization"} <= operators["vit_0"]
    assert not any("BatchNormalization" in kinds for kinds in operators.values()), "folded, as for deployment"


def test_the_same_seed_makes_the_same_networks_and_keeps_files(
    script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    making = script("make_small_networks")
    monkeypatch.setattr(making, "CANDIDATES", 2)
    [one] = making.make(tmp_path / "a", 1, (0.05, 0.05), 3)
    [same] = making.make(tmp_path / "b", 1, (0.05, 0.05), 3)
    [other] = making.make(tmp_path / "c", 1, (0.05, 0.05), 4)
    assert one.read_bytes() == same.read_bytes() != other.read_bytes()
    one.write_text("kept")
    assert making.make(tmp_path / "a", 1, (0.05, 0.05), 3) == [one]
    assert one.read_text() == "kept"


def test_the_size_is_near_the_wanted_one(script: Any) -> None:
    making = script("make_small_networks")
    sizes = [making.gflops(*making.draw("vgg", wanted, "0")) for wanted in (0.5, 4.0)]
    assert 0.25 < sizes[0] < 1.5 < 2 < sizes[1] < 8


@pytest.mark.parametrize("space", ["nb201", "nb101"])
def test_what_is_pretrained_is_what_ships(
    space: str, script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file has the weights of the one that ships; they know no label, so there is no head that scores."""
    making = script("make_pretrained")
    monkeypatch.setattr(making, "MOST_CELLS", 256)
    arguments = ["--space", space, "--networks", "2", "--steps", "2", "--device", "cpu", "--out", str(tmp_path)]
    monkeypatch.setattr("sys.argv", ["make_pretrained.py", *arguments])
    making.main()
    shipped = pretrained_networks.pretrained_weights(get_space(space), 64, 2)
    assert shipped is not None
    [path] = tmp_path.iterdir()
    assert path.name == f"{space}_64x2.npz"
    with np.load(path) as made:
        assert str(made["classes_sha256"]) == get_space(space).classes_sha256()
        assert {name: made[name].shape[1:] for name in shipped} == {
            name: value.shape[1:] for name, value in shipped.items()
        }
        assert not any(name.startswith("head.") for name in made.files)
