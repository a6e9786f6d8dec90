"""Files that hold an ONNX model, parts of one, or something else."""

from __future__ import annotations

import os
import random
import zipfile
from pathlib import Path

import onnx
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from onnx import TensorProto

from nassurrogate.errors import InputError
from nassurrogate.graphs.readers.onnx_reader import read_onnx
from nassurrogate.graphs.readers.onnx_wire import structure_of
from tests.graphs.readers.onnx_models import integers, model, node, weight

MODEL = model(
    [
        node("Conv", "x w b", "c", pads=[1, 1, 1, 1]),
        node("Relu", "c", "r"),
        node("Reshape", "r shape", "f"),
        node("MatMul", "f v"),
    ],
    constants=[weight("w", 64, 3, 3, 3), weight("b", 64), integers("shape", 0, -1), weight("v", 4096, 10)],
)
BYTES = MODEL.SerializeToString()


def message(source: object) -> str:
    """The one line with which a source is refused."""
    with pytest.raises(InputError) as error:
        read_onnx(source)  # type: ignore[arg-type]
    assert len(str(error.value).splitlines()) == 1
    return str(error.value)


def test_a_file_its_bytes_and_the_proto_are_equal(tmp_path: Path) -> None:
    path = tmp_path / "small.onnx"
    path.write_bytes(BYTES)
    graph = read_onnx(path)
    assert graph == read_onnx(str(path)) == read_onnx(BYTES) == read_onnx(MODEL)
    assert [operator.kind for operator in graph.operators] == ["Input", "Conv", "Relu", "Reshape", "Gemm"]
    assert graph.params == 64 * 27 + 64 + 40960
    assert (graph.name, read_onnx(MODEL).name, read_onnx(path, name="mine").name) == ("small", "net", "mine")


def test_external_weights_may_be_missing(tmp_path: Path) -> None:
    path = tmp_path / "external.onnx"
    copy = onnx.ModelProto.FromString(BYTES)
    onnx.save(copy, path, save_as_external_data=True, location="weights.bin", size_threshold=1024)
    (tmp_path / "weights.bin").unlink()
    assert path.stat().st_size < 2000
    assert read_onnx(path) == read_onnx(BYTES)


def test_weights_are_left_out() -> None:
    light = onnx.ModelProto.FromString(structure_of(memoryview(BYTES)))
    assert light.ByteSize() < 2000
    assert [tensor.name for tensor in light.graph.initializer] == ["w", "b", "shape", "v"]
    assert [list(tensor.dims) for tensor in light.graph.initializer] == [[64, 3, 3, 3], [64], [2], [4096, 10]]
    assert light.graph.node == MODEL.graph.node


def test_a_file_of_gigabytes_is_read(tmp_path: Path) -> None:
    """Its data is a hole in a sparse file."""
    size = 5 * 2**30
    tensor = TensorProto(name="v", data_type=TensorProto.FLOAT, dims=[8, size // 32])
    small = model([node("MatMul", "x v")], {"x": (1, 8)})
    graph = small.graph.SerializeToString()
    header = tensor.SerializeToString() + b"\x4a" + _varint(size)  # field 9, raw_data
    length = len(header) + size
    body = graph + b"\x2a" + _varint(length) + header  # field 5, initializer
    small.ClearField("graph")
    path = tmp_path / "large.onnx"
    with path.open("wb") as file:
        file.write(small.SerializeToString() + b"\x3a" + _varint(len(body) + size) + body)  # field 7, graph
        file.truncate(file.tell() + size)
    assert read_onnx(path).params == size // 4


def _varint(value: int) -> bytes:
    parts = []
    while value >= 128:
        parts.append(value % 128 + 128)
        value //= 128
    return bytes([*parts, value])


def test_what_is_no_file(tmp_path: Path) -> None:
    assert message(tmp_path / "no.onnx") == f"there is no file {tmp_path / 'no.onnx'}"
    assert message(tmp_path) == f"{tmp_path} is a folder, not an ONNX file"
    assert message(3) == "an ONNX model is a file, bytes or a ModelProto, got 3"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.onnx")
    assert message(tmp_path / "pipe.onnx").startswith(f"{tmp_path / 'pipe.onnx'} is not a regular file")
    assert message("/dev/null").startswith("/dev/null is not a regular file")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"hello world, this is text\n", "is not an ONNX model: it has an unknown field 13"),
        (b'{"graph": 1}', "is not an ONNX model: field 15 has the wire type 3, which is not in use"),
        (b"\x89PNG\r\n\x1a\n0000", "is not an ONNX model but a PNG image"),
        (b"\x1f\x8b\x08\x00\x00", "is not an ONNX model but a gzip archive; unpack it first"),
        (b"\x00\x00\x00\x00TFL3", "is not an ONNX model but a TensorFlow Lite model; convert it to ONNX"),
        (b"\x08\x08", "is not an ONNX model: it has no graph"),
        (b"\x08\x08\x3a\x00", "is empty: its graph has no operators"),
        (b"\x08" + b"\xff" * 11, "is not an ONNX model: a number has more than 10 bytes"),
        (
            b"\x08\x08\x3a\xff\xff\xff\xff\x0f",
            "is a truncated ONNX file: field 7 has 4,294,967,295 bytes, but only 0 are",
        ),
        (b"\x08\x08\x3a\x02\x0a\x05", "is a truncated ONNX file: field 1 has 5 bytes, but only 0 are left"),
        (b"\x08\x08\x3a\x02\x0b\x05", "is a damaged ONNX file: field 1 has the wire type 3, which is not in use"),
        (b"\x08\x08\x3a\x01\xff", "is a damaged ONNX file: a number is cut off"),
    ],
)
def test_what_is_no_model(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "a.onnx"
    path.write_bytes(content)
    assert reason in message(path)


def test_checkpoints_of_pytorch(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data.pkl", "")
    reason = "a zip archive, as torch.save writes; export the module to ONNX, or give the module itself"
    assert message(path) == f"{path} is not an ONNX model but {reason}"
    torch.save({"a": 1}, path, _use_new_zipfile_serialization=False)
    assert "is not an ONNX model but a pickle, as torch.save writes" in message(path)


@pytest.mark.parametrize("length", [20, 100, len(BYTES) // 2, len(BYTES) - 20])
def test_what_is_cut_off(length: int) -> None:
    assert "is a truncated ONNX file" in message(BYTES[:length])


@given(st.integers(0, len(BYTES) - 1))
def test_nothing_that_is_cut_off_is_read(length: int) -> None:
    message(BYTES[:length])


@given(st.binary(max_size=200))
@example(b"\x08\x08\x3a\x08\x0a\x06\x2a\x04\x32\x02\x0a\x00")  # a graph in an attribute
def test_no_bytes_do_more_than_be_refused(content: bytes) -> None:
    message(content)


@given(st.integers())
def test_damaged_models_are_read_or_refused(seed: int) -> None:
    generator = random.Random(seed)
    damaged = bytearray(structure_of(memoryview(BYTES)))
    for _ in range(generator.choice([1, 2, 10])):
        damaged[generator.randrange(len(damaged))] = generator.randrange(256)
    try:
        graph = read_onnx(bytes(damaged))
    except InputError as error:
        assert len(str(error).splitlines()) == 1  # noqa: PT017
    else:
        assert graph.n_operators > 1


def test_deep_nesting_is_not_entered() -> None:
    graph = b""
    for _ in range(5000):  # a graph in an attribute of a node in a graph
        attribute = b"\x32" + _varint(len(graph)) + graph
        in_node = b"\x2a" + _varint(len(attribute)) + attribute
        graph = b"\x0a" + _varint(len(in_node)) + in_node
    assert message(b"\x08\x08\x3a" + _varint(len(graph)) + graph) == "network has no outputs"


def test_names_that_are_no_text() -> None:
    assert "is a damaged ONNX file" in message(BYTES.replace(b"Conv", b"Co\xff\xfe"))
