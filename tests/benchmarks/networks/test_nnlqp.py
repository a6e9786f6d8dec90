"""NNLQP in exactly the form in which it is published."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from nassurrogate import InputError
from nassurrogate.benchmarks.networks import read_nnlqp
from tests.benchmarks.networks.models import graph_of, write_model

STAGED = """\
00428 onnx/nnmeter_alexnet/nnmeter_alexnet_transform_0427.onnx 1 5.38124 alexnet 1 train
00429 onnx/nnmeter_alexnet/nnmeter_alexnet_transform_0428.onnx 1 6.11 alexnet 1 test
12001 onnx/nnmeter_resnet18/nnmeter_resnet18_transform_0000.onnx 1 1.25 resnet18 1 train
"""
MULTI = """\
553312 onnx/nnmeter_alexnet/nnmeter_alexnet_transform_0427.onnx 8 90.88183 alexnet 2 train
559608 onnx/nnmeter_alexnet/nnmeter_alexnet_transform_0427.onnx 8 11.1463 alexnet 23 train
549409 onnx/nnmeter_alexnet/nnmeter_alexnet_transform_0428.onnx 8 64.11547 alexnet 2 test
"""


@pytest.fixture
def part(tmp_path: Path) -> Path:
    """`unseen_structure` with three models."""
    part = tmp_path / "unseen_structure"
    for family, number, channels in (("alexnet", 427, 4), ("alexnet", 428, 8), ("resnet18", 0, 16)):
        write_model(part / "onnx" / f"nnmeter_{family}" / f"nnmeter_{family}_transform_{number:04d}.onnx", channels)
    (part / "gt_stage.txt").write_text(STAGED)
    (part / "gt.txt").write_text("\n".join(line.rpartition(" ")[0] for line in STAGED.splitlines()))
    return part


def test_the_part_with_one_platform(part: Path) -> None:
    data = read_nnlqp(part)
    assert data.device == "NNLQP platform 1"
    assert data.graphs == (graph_of(4), graph_of(8), graph_of(16))
    assert data.names == (
        "nnmeter_alexnet_transform_0427", "nnmeter_alexnet_transform_0428", "nnmeter_resnet18_transform_0000"
    )  # fmt: skip
    assert data.families == ("alexnet", "alexnet", "resnet18")
    assert data.latency_ms.tolist() == [5.38124, 6.11, 1.25]
    assert data.stages == ("train", "test", "train")
    assert data.of_stage("test").graphs == (graph_of(8),)


def test_the_file_without_stages(part: Path) -> None:
    assert read_nnlqp(part, labels="gt.txt").stages is None
    (part / "gt_stage.txt").unlink()
    assert read_nnlqp(part).stages is None
    with pytest.raises(InputError, match=r"has no gt_stage\.txt"):
        read_nnlqp(part, labels="gt_stage.txt")


def test_several_platforms_at_a_batch_of_eight(part: Path) -> None:
    (part / "gt_stage.txt").unlink()
    (part / "gt.txt").write_text(MULTI)
    with pytest.raises(InputError, match=r"several platforms; name one of 2 \(cpu-openppl-fp32\), 23"):
        read_nnlqp(part)
    data = read_nnlqp(part, platform=2)
    assert data.device == "cpu-openppl-fp32"
    assert data.graphs == (graph_of(4, 8), graph_of(8, 8))
    assert data.graphs[0].flops == 8 * graph_of(4).flops
    assert data.graphs[0].params == graph_of(4).params
    assert data.names[0] == "nnmeter_alexnet_transform_0427_batch8"
    assert read_nnlqp(part, platform=23).latency_ms.tolist() == [11.1463]
    with pytest.raises(InputError, match="no platform 3"):
        read_nnlqp(part, platform=3)


def test_some_families(part: Path) -> None:
    assert read_nnlqp(part, families=["resnet18"]).graphs == (graph_of(16),)
    with pytest.raises(InputError, match="no family 'vgg'"):
        read_nnlqp(part, families=["vgg"])
    with pytest.raises(InputError, match="list"):
        read_nnlqp(part, families="alexnet")


def test_several_processes_and_progress(part: Path) -> None:
    calls: list[tuple[int, int]] = []
    data = read_nnlqp(part, jobs=2, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(1, 3), (2, 3), (3, 3)]
    assert data.graphs == read_nnlqp(part).graphs


def test_models_that_cannot_be_read_are_left_out(part: Path, caplog: pytest.LogCaptureFixture) -> None:
    (part / "onnx/nnmeter_alexnet/nnmeter_alexnet_transform_0427.onnx").write_bytes(b"\x08")
    with caplog.at_level(logging.WARNING):
        data = read_nnlqp(part)
    assert data.families == ("alexnet", "resnet18")
    assert len(data.unread) == 1
    assert "0427" in data.unread[0]
    assert "1 of 3" in caplog.text


def test_missing_models_are_named(part: Path) -> None:
    (part / "onnx/nnmeter_alexnet/nnmeter_alexnet_transform_0427.onnx").unlink()
    with pytest.raises(InputError, match=r"no model at .*0427\.onnx"):
        read_nnlqp(part)


def test_the_folder_above_is_refused_with_its_parts(part: Path) -> None:
    with pytest.raises(InputError, match="it has the parts unseen_structure"):
        read_nnlqp(part.parent)
    with pytest.raises(InputError, match="no folder"):
        read_nnlqp(part / "none")


_PATH = "onnx/nnmeter_alexnet/nnmeter_alexnet_transform_0427.onnx"


@pytest.mark.parametrize(
    "line",
    [
        f"1 {_PATH} 1 5.3 alexnet", f"1 {_PATH} 1 5.3 alexnet 1 train more", f"1 {_PATH} 1 5.3 alexnet 1 valid",
        f"1 {_PATH} 0 5.3 alexnet 1 train", f"1 {_PATH} -1 5.3 alexnet 1 train", f"1 {_PATH} x 5.3 alexnet 1 train",
        f"1 {_PATH} 1 0 alexnet 1 train", f"1 {_PATH} 1 -5 alexnet 1 train", f"1 {_PATH} 1 nan alexnet 1 train",
        f"1 {_PATH} 1 inf alexnet 1 train", f"1 {_PATH} 1 fast alexnet 1 train", f"1 {_PATH} 1 5.3 alexnet gpu train",
        "1 /etc/passwd 1 5.3 alexnet 1 train", "1 onnx/../../secret 1 5.3 alexnet 1 train",
        f"1 {_PATH} 99999999 5.3 alexnet 1 train", f"1 {_PATH} 1 5.3 alexnet 9999999999999 train", "nonsense",
        "1 onnx\\a.onnx 1 5.3 alexnet 1 train", "1 a\0b 1 5.3 alexnet 1 train",
    ],
)  # fmt: skip
def test_malformed_lines_are_refused(part: Path, line: str) -> None:
    (part / "gt_stage.txt").write_text(STAGED + line + "\n")
    with pytest.raises(InputError) as caught:
        read_nnlqp(part)
    assert "line 4" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xff\xfe\x00", b"x\n" * 5000])
def test_files_of_another_kind_are_refused(part: Path, content: bytes) -> None:
    (part / "gt_stage.txt").write_bytes(content)
    with pytest.raises(InputError, match=r"gt_stage\.txt"):
        read_nnlqp(part)
