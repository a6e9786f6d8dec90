"""`predict-latency`: the table, JSON, breakdown and plot, warnings, and everything that may be wrong with a file."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from nassurrogate import Surrogate
from nassurrogate.devices.latency_models import latency_metric, shipped_devices
from tests.benchmarks.networks.models import graph_of
from tests.command_line import CommandLine
from tests.devices.tiny_models import write_convolution, write_cycle
from tests.devices.tiny_models import write_model as write_tiny
from tests.graphs.readers.onnx_models import integers, model, node, weight

CHANNELS = (4, 8, 16, 32, 64, 128)


def save_device(path: Path, device: str = "toaster", predictor: str | None = None) -> Path:
    """A file as train-latency writes it, from a few small networks."""
    surrogate = Surrogate("networks", predictor=predictor, metric=latency_metric(device), seed=0)
    surrogate.fit([graph_of(channels) for channels in CHANNELS], [0.1 + 0.01 * channels for channels in CHANNELS])
    return surrogate.save(path, keep_labels=False)


@pytest.fixture(scope="session")
def toaster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model of a device that knows convolutions, pools and linear layers."""
    return save_device(tmp_path_factory.mktemp("device") / "toaster.safetensors")


def write_network(path: Path, channels: int = 24, **options: Any) -> Path:
    """A network like those that the toaster has learned."""
    nodes = [
        node("Conv", "x w", "1", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
        node("Relu", "1", "2"),
        node("GlobalAveragePool", "2", "3"),
        node("Flatten", "3", "4"),
        node("Gemm", "4 v", "y", transB=1),
    ]
    options.setdefault("inputs", {"x": (1, 3, 32, 32)})
    onnx.save(model(nodes, constants=[weight("w", channels, 3, 3, 3), weight("v", 10, channels)], **options), path)
    return path


def test_a_table_of_models_and_devices(cli: CommandLine, folder: Path, toaster: Path) -> None:
    write_network(folder / "a.onnx", 24)
    write_network(folder / "b.onnx", 48)
    save_device(folder / "kettle.safetensors", "kettle")
    done = cli("predict-latency", "a.onnx", "b.onnx", "a.onnx", "--on", toaster, "--on", "kettle.safetensors")
    assert (done.code, done.err) == (0, "")
    header, *rows = (re.split(r"  +", line.strip()) for line in done.out.splitlines())
    assert header == ["model", "device", "ms", "90 % interval", "GMACs", "Mparams"]
    assert [row[:2] for row in rows] == [[m, d] for m in ("a.onnx", "b.onnx") for d in ("toaster", "kettle")]
    latency = [float(row[2]) for row in rows]
    assert latency[0] == latency[1] < latency[2] == latency[3]
    assert latency[0] == pytest.approx(0.34, rel=0.1)
    low, high = map(float, rows[0][3].split(" to "))
    assert low < latency[0] < high


def test_json_has_what_the_table_has(cli: CommandLine, folder: Path, toaster: Path) -> None:
    write_network(folder / "a.onnx")
    found = cli("predict-latency", "a.onnx", "--on", toaster, "--json").json
    assert (found["schema_version"], found["plot"]) == (1, None)
    assert found["models"] == [{"model": "a.onnx", "status": "ok", "reason": ""}]
    [row] = found["predictions"]
    assert (row["model"], row["device"]) == ("a.onnx", "toaster")
    assert row["params_m"] == pytest.approx((24 * 27 + 240) / 1e6)
    assert row["flops_m"] == pytest.approx((24 * 27 * 16 * 16 + 240) / 1e6)
    # The interval is log-normal.
    assert row["high_ms"] / row["latency_ms"] == pytest.approx(row["latency_ms"] / row["low_ms"])
    surrogate = Surrogate.load(toaster)
    mean, std = surrogate.predict([str(folder / "a.onnx")])
    assert row["latency_ms"] == mean[0]
    assert np.log(row["high_ms"] / mean[0]) == pytest.approx(1.645 * std[0] / mean[0], rel=1e-3)


def test_two_files_of_one_device_are_told_apart(cli: CommandLine, folder: Path, toaster: Path) -> None:
    write_network(folder / "a.onnx")
    (folder / "copy.safetensors").write_bytes(toaster.read_bytes())
    rows = cli("predict-latency", "a.onnx", "--on", toaster, "--on", "copy.safetensors", "--json").json["predictions"]
    assert [row["device"] for row in rows] == [str(toaster), "copy.safetensors"]


def test_the_breakdown_adds_up(cli: CommandLine, folder: Path, toaster: Path) -> None:
    write_network(folder / "a.onnx")
    args = ("predict-latency", "a.onnx", "--on", toaster, "--breakdown")
    [row] = cli(*args, "--slowest", 2, "--json").json["predictions"]
    kinds = {kind["kind"]: kind for kind in row["kinds"]}
    assert set(kinds) == {"Conv 3x3/2", "GlobalAveragePool", "Reshape", "Gemm"}  # the Relu is fused
    assert sum(kind["latency_ms"] for kind in row["kinds"]) == pytest.approx(row["latency_ms"])
    assert [kind["latency_ms"] for kind in row["kinds"]] == sorted(
        (k["latency_ms"] for k in row["kinds"]), reverse=True
    )
    assert len(row["slowest"]) == 2
    assert row["slowest"][0]["latency_ms"] == row["kinds"][0]["latency_ms"]
    text = cli(*args).out
    assert "a.onnx on toaster: " in text
    assert re.search(r"^Conv 3x3/2 +1 +[\d.]+ +[\d.]+  convolution$", text, re.MULTILINE)
    assert re.search(r"^all +4 +[\d.]+ +100\.0$", text, re.MULTILINE)
    assert re.search(r"^Conv 3x3/2 +[\d.]+ +[\d.]+ +1  1x24x16x16$", text, re.MULTILINE)


def test_a_plot_of_every_prediction(cli: CommandLine, folder: Path, toaster: Path) -> None:
    for name in ("a$1.onnx", "b.onnx"):
        write_network(folder / name)
    done = cli("predict-latency", "a$1.onnx", "b.onnx", "--on", toaster, "--plot", "t.svg")
    assert (done.code, done.err) == (0, "the plot is in t.svg\n")
    text = (folder / "t.svg").read_text()
    assert "a$1.onnx on toaster" in text
    assert "b.onnx on toaster" in text
    assert cli("predict-latency", "b.onnx", "--on", toaster, "--plot", "t.png").code == 0
    assert (folder / "t.png").read_bytes().startswith(b"\x89PNG")


def test_a_plot_that_cannot_be_written_takes_no_prediction_along(
    cli: CommandLine, folder: Path, toaster: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    write_network(folder / "a.onnx")
    monkeypatch.setattr("nassurrogate.devices.latency_plot.write_atomically", full)
    done = cli("predict-latency", "a.onnx", "--on", toaster, "--plot", "t.png", "--json")
    assert (done.code, done.err) == (2, "error: cannot write t.png: No space left on device\n")
    found = json.loads(done.out)
    assert (found["plot"], len(found["predictions"])) == (None, 1)
    assert "a.onnx" in cli("predict-latency", "a.onnx", "--on", toaster, "--plot", "t.png").out


def test_odd_names_of_files(cli: CommandLine, folder: Path, toaster: Path) -> None:
    """A line break stays out of the table, and bytes that are no text out of the plot; its folder is made."""
    names = ["two\nlines.onnx", os.fsdecode(b"no\xfftext.onnx")]
    for name in names:
        write_network(folder / name)
    done = cli("predict-latency", *names, "--on", toaster, "--plot", "new/t.svg")
    assert (done.code, len(done.out.splitlines())) == (0, 3)
    assert r"two\nlines.onnx " in done.out
    assert r"no\udcfftext.onnx on toaster" in (folder / "new" / "t.svg").read_text()


def test_a_matrix_product_of_many_rows_is_one(cli: CommandLine, folder: Path, toaster: Path) -> None:
    """It may cost what a convolution does, but nobody calls a Gemm a convolution."""
    nodes = [node("MatMul", "x w", "1"), node("ReduceMean", "1", "2", axes=[1], keepdims=0), node("MatMul", "2 v", "y")]
    weights = [weight("w", 8, 8), weight("v", 8, 8)]
    onnx.save(model(nodes, {"x": (1, 50, 8)}, weights), folder / "a.onnx")
    found = cli("predict-latency", "a.onnx", "--on", toaster, "--breakdown", "--json").json
    roles = {row["kind"]: (row["role"], row["n_kernels"]) for row in found["predictions"][0]["kinds"]}
    assert roles["Gemm"] == ("matrix product", 2)


def test_a_warning_where_the_network_is_unlike_the_training_data(cli: CommandLine, folder: Path, toaster: Path) -> None:
    onnx.save(model([node("Softmax", "x", "1"), node("Erf", "1", "y")], {"x": (1, 512, 512)}), folder / "a.onnx")
    write_network(folder / "big.onnx", 2048)
    done = cli("predict-latency", "a.onnx", "big.onnx", "--on", toaster)
    assert done.code == 0
    lines = done.err.splitlines()
    assert re.match(
        r"warning: a\.onnx on toaster: 100 % of the time is in operators that no network .*Softmax, Erf|Erf, Softmax",
        lines[0],
    )
    assert "the interval is wide, up to" in lines[0]
    assert re.match(r"warning: big\.onnx .* more than twice as large as any in the training data \(.*Conv", lines[1])
    assert "`train-latency --from`" in lines[2]


# --- bad input -------------------------------------------------------------------------------------------------------


def write_branch(path: Path) -> None:
    """An If whose branches are graphs of their own."""
    output = helper.make_tensor_value_info("z", TensorProto.FLOAT, None)
    branch = helper.make_graph([node("Identity", "x", "z")], "branch", [], [output])
    chosen = node("If", "c", "y", then_branch=branch, else_branch=branch)
    onnx.save(model([chosen], {"x": (1, 3), "c": (1,)}, types={"c": TensorProto.BOOL}), path)


def write_loop(path: Path) -> None:
    """A Loop."""
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("i", "c", "v", "d", "w")]
    body = helper.make_graph([node("Identity", "c", "d"), node("Identity", "v", "w")], "body", values[:3], values[3:])
    onnx.save(model([node("Loop", "n _ x", "y", body=body)], constants=[integers("n", 3)]), path)


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "no file": (lambda path: None, "there is no file x.onnx"),
    "a folder": (lambda path: path.mkdir(), "x.onnx is a folder"),
    "an empty file": (lambda path: path.touch(), "x.onnx is empty"),
    "no ONNX file": (lambda path: path.write_text("# notes on networks\n"), "x.onnx "),
    "an image": (lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n"), "x.onnx is not an ONNX model but a PNG image"),
    "a truncated file": (
        lambda path: path.write_bytes(write_network(path).read_bytes()[:900]),
        "x.onnx is a truncated ONNX file",
    ),
    "a cycle": (write_cycle, "cycle"),
    "no operators": (lambda path: onnx.save(model([]), path), "is empty: its graph has no operators"),
    "open sizes": (
        lambda path: write_network(path, inputs={"x": ("N", 3, "H", "W")}),
        "has open sizes in its shape (N, 3, H, W): give all, for example",
    ),
    "an empty input": (lambda path: write_network(path, inputs={"x": (1, 3, 0, 32)}), "is empty: its shape is"),
    "an empty tensor": (
        lambda path: onnx.save(model([node("Slice", "x s s", "y")], {"x": (1, 3, 8, 8)}, [integers("s", 0)]), path),
        "computes an empty tensor",
    ),
    "an If": (write_branch, "has the operator If 'y', which has a graph of its own"),
    "a Loop": (write_loop, "has the operator Loop 'y', which has a graph of its own"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_one_bad_file_does_not_stop_the_others(cli: CommandLine, folder: Path, toaster: Path, case: str) -> None:
    write, reason = BROKEN[case]
    write(folder / "x.onnx")
    write_network(folder / "good.onnx")
    done = cli("predict-latency", "x.onnx", "good.onnx", "--on", toaster)
    assert done.code == 1
    assert [line.split()[0] for line in done.out.splitlines()] == ["model", "good.onnx"]
    [line] = done.err.splitlines()
    assert line.startswith("error: ")
    assert "x.onnx" in line
    assert re.search(reason if ".*" in reason else re.escape(reason), line)
    done = cli("predict-latency", "x.onnx", "good.onnx", "--on", toaster, "--json", "--quiet")
    assert done.code == 1
    found = json.loads(done.out)
    assert [row["status"] for row in found["models"]] == ["failed", "ok"]
    assert found["models"][0]["reason"] == line.removeprefix("error: ")
    assert [row["model"] for row in found["predictions"]] == ["good.onnx"]


def test_all_files_are_bad(cli: CommandLine, folder: Path, toaster: Path) -> None:
    done = cli("predict-latency", "x.onnx", "y.onnx", "--on", toaster, "--plot", "t.png")
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines() == ["error: there is no file x.onnx", "error: there is no file y.onnx"]
    assert not (folder / "t.png").exists()
    done = cli("predict-latency", "x.onnx", "--on", toaster, "--json")
    assert (done.code, json.loads(done.out)["predictions"]) == (1, [])


def test_what_a_library_raises_does_not_stop_the_others(
    cli: CommandLine, folder: Path, toaster: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nassurrogate.devices import model_files

    read = model_files.read_network

    def fails(path: Path) -> Any:
        if path.name == "x.onnx":
            raise RuntimeError("of a kind\nthat nobody expects")
        return read(path)

    monkeypatch.setattr(model_files, "read_network", fails)
    write_network(folder / "good.onnx")
    done = cli("predict-latency", "x.onnx", "good.onnx", "--on", toaster)
    assert done.code == 1
    assert "good.onnx" in done.out
    assert done.err == "error: x.onnx: cannot be read (RuntimeError: of a kind that nobody expects)\n"


@pytest.mark.parametrize(
    ("inputs", "shape"),
    [
        ({"x": (1, 3, "H", "W")}, "x=1x3x32x32"),
        ({"x": (1, 3, "H", "W")}, "1x3x32x32"),
        ({"x": ("N", 3, 32, 32)}, "1x3x32x32"),
        ({"x": (1, 3, 32, 32)}, "mask=1x7"),  # of the other model
    ],
)
def test_open_sizes_are_given(
    cli: CommandLine, folder: Path, toaster: Path, inputs: dict[str, Any], shape: str
) -> None:
    write_network(folder / "fixed.onnx")
    write_network(folder / "open.onnx", inputs=inputs)
    write_tiny(folder / "mask.onnx", (1, 7), operator="Relu", inputs=("mask",))
    [fixed] = cli("predict-latency", "fixed.onnx", "--on", toaster, "--json").json["predictions"]
    given = () if shape.startswith("1") else ("mask.onnx",)
    found = cli("predict-latency", "open.onnx", *given, "--on", toaster, "--input-shape", shape, "--json").json
    assert found["predictions"][0] == {**fixed, "model": "open.onnx"}


def test_an_open_batch_size_is_one(cli: CommandLine, folder: Path, toaster: Path) -> None:
    write_network(folder / "open.onnx", inputs={"x": ("N", 3, 32, 32)})
    done = cli("predict-latency", "open.onnx", "--on", toaster)
    assert done.code == 0
    assert done.err == "warning: open: the open batch size of the input 'x' is taken as 1\n"


def test_an_input_that_no_model_has(refused: Callable[..., str], folder: Path, toaster: Path) -> None:
    write_tiny(folder / "a.onnx", inputs=("image",))
    message = refused("predict-latency", "a.onnx", "--on", toaster, "--input-shape", "imgae=1x3x8x8")
    assert message == "unknown input 'imgae' in --input-shape; known: image; did you mean 'image'?"


def test_missing_external_weights_do_not_matter(cli: CommandLine, folder: Path, toaster: Path) -> None:
    write_convolution(folder / "inside.onnx")
    write_convolution(folder / "a.onnx", weights_in="a.weights")
    (folder / "a.weights").unlink()
    rows = cli("predict-latency", "a.onnx", "inside.onnx", "--on", toaster, "--json").json["predictions"]
    assert rows[0]["latency_ms"] == rows[1]["latency_ms"]


def test_a_newer_opset_and_an_unknown_domain_have_a_warning(cli: CommandLine, folder: Path, toaster: Path) -> None:
    write_network(folder / "new.onnx", opset=99)
    done = cli("predict-latency", "new.onnx", "--on", toaster)
    assert done.code == 0
    assert done.err.startswith("warning: new uses opset 99, newer than the installed onnx package knows")
    write_tiny(folder / "own.onnx", (1, 3, 64, 64), operator="Fancy", domain="my.ops")
    done = cli("predict-latency", "own.onnx", "--on", toaster)
    assert done.code == 0
    assert "own has unknown operators: my.ops.Fancy" in done.err
    assert "100 % of the time is in operators that no network in the training data has (my.ops.Fancy)" in done.err


@pytest.mark.slow  # it makes a sparse file, which some systems write out
def test_weights_of_two_gigabytes_are_not_read(cli: CommandLine, folder: Path, toaster: Path) -> None:
    """They are a hole in a sparse file, in a second part of the graph, as the format allows."""
    out_channels = 17_000
    bytes_ = 4 * out_channels * 3 * 104 * 104
    assert bytes_ > 1 << 31
    tensor = TensorProto(name="w", dims=(out_channels, 3, 104, 104), data_type=TensorProto.FLOAT)

    def field(number: int, size: int) -> bytes:
        head, rest = bytearray([number << 3 | 2]), size
        while rest >= 128:
            head.append(rest & 127 | 128)
            rest >>= 7
        return bytes([*head, rest])

    raw = field(9, bytes_)
    about = tensor.SerializeToString() + raw
    inner = field(5, len(about) + bytes_)
    small = model([node("Conv", "x w", "y", kernel_shape=[104, 104])], {"x": (1, 3, 104, 104)})
    with (folder / "large.onnx").open("wb") as file:
        file.write(small.SerializeToString() + field(7, len(inner) + len(about) + bytes_) + inner + about)
        file.truncate(file.tell() + bytes_)
    assert os.path.getsize(folder / "large.onnx") > 1 << 31
    [row] = cli("predict-latency", "large.onnx", "--on", toaster, "--json").json["predictions"]
    assert row["params_m"] == pytest.approx(bytes_ / 4e6)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--on", "toster"], r"unknown device 'toster'; known: .*, or the path of a file that train-latency wrote$"),
        (["--on", "cortexA76-cpu"], r"unknown device .*; did you mean 'cortexA76_cpu'\?"),
        (["--on", ""], "a device, if it is none of .*cortexA76_cpu, must be a path, got ''"),
        (["--on", "."], "no model file at|is a folder|not a"),
        ([], "the following arguments are required: --on"),
        (["--on", "a.onnx"], "a.onnx is not a"),
        (["--on", "cells.safetensors"], r"predicts val_accuracy_pct of nb201; expected a file that train-latency"),
        (["--on", "T", "--input-shape", "x=1x?"], "--input-shape expects NAME=1x3x224x224"),
        (["--on", "T", "--slowest", "-1"], "--slowest must be a whole number from 0, got -1"),
        (["--on", "T", "--plot", "t.gif"], "unknown ending 'gif' of the plot 't.gif'; known: png, svg, pdf"),
        (["--on", "T", "--plot", "."], "cannot write the plot to .: it is a folder"),
        (["--on", "T", "--device", "warp9"], "warp9"),
        (["--on", "simple.safetensors", "--breakdown"], "--breakdown needs a predictor that adds up .*'flops-regr"),
        (["--on", "simple.safetensors", "--plot", "t.png"], "--plot needs a predictor that adds up"),
    ],
)
def test_bad_options(
    refused: Callable[..., str], folder: Path, toaster: Path, model: Path, args: list[str], message: str
) -> None:
    write_network(folder / "a.onnx")
    (folder / "cells.safetensors").write_bytes(model.read_bytes())
    save_device(folder / "simple.safetensors", predictor="flops-regression")
    given = [str(toaster) if arg == "T" else arg for arg in args]
    assert re.search(message, refused("predict-latency", "a.onnx", *given))


def test_a_plot_has_a_largest_number_of_panels(refused: Callable[..., str], toaster: Path) -> None:
    models = [f"{number}.onnx" for number in range(25)]
    message = refused("predict-latency", *models, "--on", toaster, "--plot", "t.png")
    assert message.startswith("a plot shows at most 24 predictions, got 25")


def test_any_predictor_of_networks_will_do(cli: CommandLine, folder: Path) -> None:
    write_network(folder / "a.onnx")
    save_device(folder / "simple.safetensors", predictor="flops-regression")
    [row] = cli("predict-latency", "a.onnx", "--on", "simple.safetensors", "--json").json["predictions"]
    assert 0 <= row["low_ms"] < row["latency_ms"] < row["high_ms"]
    assert row["unknown_share"] == 0


def test_the_help_names_the_shipped_devices_and_their_licence(cli: CommandLine) -> None:
    text = " ".join(cli("predict-latency", "--help").out.split())
    assert all(name in text for name in shipped_devices())
    assert "nn-Meter (MIT licence, (c) Microsoft)" in text
