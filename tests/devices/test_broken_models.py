"""Models that ONNX Runtime cannot load or run: one line says why."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from onnx import TensorProto, helper

from nassurrogate.devices import measure_latency
from nassurrogate.devices.load_errors import explained
from tests.devices.tiny_models import write_convolution, write_cycle


def _reason(path: Path, **options: Any) -> str:
    [found] = measure_latency([path], repeats=1, warmup=0, min_time_s=0, **options)
    assert found.status == "failed"
    assert found.reason.isprintable()
    return found.reason


def test_no_file(folder: Path) -> None:
    assert _reason(folder / "none.onnx") == "there is no such file"
    assert _reason(folder) == "it is a folder; give the .onnx files in it"
    (folder / "empty.onnx").touch()
    assert _reason(folder / "empty.onnx") == "it is empty"
    name = folder / os.fsdecode(b"no\xfftext.onnx")
    write_convolution(folder / "a.onnx").rename(name)
    assert _reason(name) == "its name is not valid UTF-8, which ONNX Runtime needs; rename it"


def test_not_onnx(folder: Path) -> None:
    junk = folder / "junk.onnx"
    junk.write_bytes(b"hello, this is text and nothing else\n" * 9)
    assert _reason(junk) == "it is not an ONNX file, or it is truncated"
    junk.write_bytes(b"\x08\x07")  # a version, and nothing after it
    assert _reason(junk) == "it is not an ONNX file: it has no graph"


def test_truncated(folder: Path) -> None:
    path = write_convolution(folder / "a.onnx")
    content = path.read_bytes()
    for size in (len(content) // 4, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:size])
        assert _reason(path) == "it is not an ONNX file, or it is truncated"


def test_too_new(tiny: Callable[..., Path]) -> None:
    assert "it needs opset 99, but ONNX Runtime" in _reason(tiny("opset.onnx", opset=99))
    assert "it has ONNX IR version 99, but ONNX Runtime" in _reason(tiny("ir.onnx", ir_version=99))


def test_unknown_operators(tiny: Callable[..., Path]) -> None:
    custom = _reason(tiny("custom.onnx", operator="MyOp", domain="my.domain"))
    assert custom.startswith("it has the custom operator my.domain:MyOp, which ONNX Runtime")
    assert "it has the operator MyOp, which ONNX Runtime" in _reason(tiny("unknown.onnx", operator="MyOp"))
    unsupported = _reason(tiny("bf16.onnx", operator="Relu", kind=TensorProto.BFLOAT16))
    assert unsupported.endswith("has no implementation on a CPU for its operator Relu")


def test_cycle(folder: Path) -> None:
    assert _reason(write_cycle(folder / "cycle.onnx")) == "its operators form a cycle"


def test_missing_weights(folder: Path) -> None:
    path = write_convolution(folder / "a.onnx", weights_in="a.weights")
    [found] = measure_latency([path], repeats=1)
    assert found.status == "ok"
    (folder / "a.weights").write_bytes(b"123")
    assert "measuring needs the weights" in _reason(path)
    (folder / "a.weights").unlink()
    assert "measuring needs the weights" in _reason(path)


def test_inputs(tiny: Callable[..., Path], folder: Path) -> None:
    assert "is of type tensor(string)" in _reason(tiny("text.onnx", kind=TensorProto.STRING))
    open_sizes = tiny("open.onnx", (1, 3, "height", "width"))
    assert "--input-shape x=1x3xSIZExSIZE" in _reason(open_sizes)
    assert "does not fit input x=1x3xheightxwidth" in _reason(open_sizes, input_shapes={"x": (1, 4, 8, 8)})
    [found] = measure_latency([open_sizes], input_shapes={"": (1, 3, 8, 8)}, repeats=1)
    assert found.status == "ok"
    constant = helper.make_node("Constant", [], ["y"], value_float=1.0)
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, ())
    model = helper.make_model(
        helper.make_graph([constant], "g", [], [output]), opset_imports=[helper.make_opsetid("", 17)]
    )
    model.ir_version = 8
    (folder / "constant.onnx").write_bytes(model.SerializeToString())
    assert _reason(folder / "constant.onnx") == "it has no inputs: there is nothing to measure"


def test_an_open_batch_is_noted(tiny: Callable[..., Path]) -> None:
    [found] = measure_latency([tiny("a.onnx", ("batch", 3))], repeats=1)
    assert (found.status, found.notes) == ("ok", ("the batch size of input 'x' is open; 1 is measured",))


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(13, "Permission denied", "x"), "it cannot be read: Permission denied"),
        (MemoryError(), "there is not enough memory for it"),
        (RuntimeError("filesystem error: External data file missing"), "cannot be read; measuring needs the weights"),
        (RuntimeError("[ONNXRuntimeError] : 1 : FAIL : Load model from a b.onnx failed:so\x1b[31m"), r"it: so\x1b[31m"),
        (RuntimeError(), "RuntimeError"),
    ],
)
def test_other_errors(error: Exception, reason: str) -> None:
    assert reason in explained(error)
