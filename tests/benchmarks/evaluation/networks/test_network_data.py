"""Folders that C3 and C4 are run on: one's own, and NNLQP in its published form."""

from __future__ import annotations

from pathlib import Path

import pytest

from nassurrogate import InputError
from nassurrogate.benchmarks.evaluation.networks import read_data
from tests.benchmarks.evaluation.networks.made_up import write_folder
from tests.benchmarks.networks.models import write_model

LINES = """\
1 onnx/nnmeter_alexnet/nnmeter_alexnet_transform_0427.onnx 1 5.38124 alexnet 10 train
2 onnx/nnmeter_alexnet/nnmeter_alexnet_transform_0428.onnx 1 6.11 alexnet 10 test
3 onnx/nnmeter_alexnet/nnmeter_alexnet_transform_0427.onnx 1 9.5 alexnet 2 train
"""


@pytest.fixture
def nnlqp(tmp_path: Path) -> Path:
    """A part of NNLQP with two platforms."""
    for number, channels in ((427, 4), (428, 8)):
        write_model(tmp_path / "onnx" / "nnmeter_alexnet" / f"nnmeter_alexnet_transform_{number:04d}.onnx", channels)
    (tmp_path / "gt_stage.txt").write_text(LINES)
    return tmp_path


def test_a_folder_of_ones_own(tmp_path: Path) -> None:
    write_folder(tmp_path / "own", {"thin": 4, "wide": 3}, {"phone": 1.0, "server": 0.1})
    found = read_data(tmp_path / "own", "server")
    assert (found.networks.device, len(found.networks), found.is_nnlqp) == ("server", 7, False)
    assert found.networks.family_names == ["thin", "wide"]
    with pytest.raises(InputError, match="did you mean 'phone'"):
        read_data(tmp_path / "own", "phoen")


@pytest.mark.parametrize("device", ["gpu-T4-trt7.1-fp32", "10"])
def test_a_platform_of_nnlqp_by_its_name_or_id(nnlqp: Path, device: str) -> None:
    found = read_data(nnlqp, device)
    assert (found.networks.device, found.is_nnlqp) == ("gpu-T4-trt7.1-fp32", True)
    assert found.networks.stages == ("train", "test")
    assert found.source == str(nnlqp)


def test_unclear_folders_and_platforms_are_refused(nnlqp: Path) -> None:
    with pytest.raises(InputError, match=r"did you mean 'gpu-T4-trt7\.1-fp32'"):
        read_data(nnlqp, "gpu-T4-trt7.1-fp23")
    with pytest.raises(InputError, match="no platform 9"):
        read_data(nnlqp, "9")
    with pytest.raises(InputError, match="several platforms"):
        read_data(nnlqp)
    (nnlqp / "measured.csv").write_text("model,latency_ms\na,1\n")
    with pytest.raises(InputError, match=r"both measured\.csv and NNLQP's gt_stage\.txt"):
        read_data(nnlqp)
    with pytest.raises(InputError, match="no folder"):
        read_data(nnlqp / "none")
