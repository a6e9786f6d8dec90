"""Folders of measured networks: ONNX files or node lists with a table."""

from __future__ import annotations

import gzip
import json
import logging
from pathlib import Path

import numpy as np
import pytest

from nassurrogate import InputError
from nassurrogate.benchmarks.networks import read_measured
from nassurrogate.graphs.readers.node_list import NodeListReader
from tests.benchmarks.networks.models import graph_of, write_model

ROWS = "model,family,latency_ms,std_ms,device\nnets/a.onnx,small,1.5,.1,phone\nnets/b,small,2.5,,phone\n"


@pytest.fixture
def nets(tmp_path: Path) -> Path:
    """A folder with three models and no table."""
    for name, channels in (("a", 4), ("b", 8), ("c", 16)):
        write_model(tmp_path / "nets" / f"{name}.onnx", channels, weights=True)
    return tmp_path


def test_onnx_files_with_a_table(nets: Path) -> None:
    (nets / "measured.csv").write_text(ROWS)
    calls: list[tuple[int, int]] = []
    data = read_measured(nets, progress=lambda done, total: calls.append((done, total)))
    assert data.device == "phone"
    assert data.graphs == (graph_of(4), graph_of(8))
    assert (data.names, data.families) == (("nets/a.onnx", "nets/b"), ("small", "small"))
    assert data.latency_ms.tolist() == [1.5, 2.5]
    assert data.std_ms is not None
    assert data.std_ms[0] == 0.1
    assert np.isnan(data.std_ms[1])
    assert calls == [(1, 2), (2, 2)]
    assert data.stages is None
    assert data.unread == ()
    assert read_measured(str(nets / "measured.csv"), "phone").names == data.names


def test_a_table_needs_no_more_than_models_and_latencies(nets: Path) -> None:
    """The family is the folder, in semicolons or commas, and any one CSV is the table."""
    (nets / "mine.csv").write_text("latency_ms;model\n1.5;nets/a.onnx\n4;nets/c.onnx\n")
    data = read_measured(nets, "my phone")
    assert (data.device, data.families) == ("my phone", ("nets", "nets"))
    assert read_measured(nets).device == "unnamed device"


def test_a_name_without_its_suffix_may_have_a_dot(nets: Path) -> None:
    (nets / "nets" / "a.onnx").rename(nets / "nets" / "a_v1.5.onnx")
    (nets / "mine.csv").write_text("model,latency_ms\nnets/a_v1.5,1\nnets/b,2\n")
    assert read_measured(nets).graphs == (graph_of(4), graph_of(8))


def test_one_of_several_devices(nets: Path) -> None:
    (nets / "measured.csv").write_text(ROWS + "nets/a.onnx,small,0.5,,server\n")
    assert read_measured(nets, "server").latency_ms.tolist() == [0.5]
    with pytest.raises(InputError, match="name one of phone, server"):
        read_measured(nets)
    with pytest.raises(InputError, match="did you mean 'phone'"):
        read_measured(nets, "phoen")


def test_several_processes_read_the_same(nets: Path) -> None:
    (nets / "measured.csv").write_text(ROWS)
    alone, together = read_measured(nets), read_measured(nets, jobs=2)
    assert alone.graphs == together.graphs
    assert [graph.name for graph in alone.graphs] == [graph.name for graph in together.graphs] == ["a", "b"]
    with pytest.raises(InputError, match="jobs"):
        read_measured(nets, jobs=0)


def test_damaged_models_are_left_out(nets: Path, caplog: pytest.LogCaptureFixture) -> None:
    (nets / "nets" / "a.onnx").write_bytes(b"not a model")
    (nets / "measured.csv").write_text(ROWS)
    with caplog.at_level(logging.WARNING):
        data = read_measured(nets)
    assert data.names == ("nets/b",)
    assert len(data.unread) == 1
    assert "a.onnx" in data.unread[0]
    assert "1 of 2 networks could not be read" in caplog.text
    (nets / "nets" / "b.onnx").write_bytes(b"")
    with pytest.raises(InputError, match="none of the 2 networks"):
        read_measured(nets)


@pytest.mark.parametrize(
    ("table", "about"),
    [
        ("model,latency_ms\nnets/a,-1\n", "line 2: latency_ms is '-1'"),
        ("model,latency_ms\nnets/a,0\n", "positive"),
        ("model,latency_ms\nnets/a,nan\n", "positive"),
        ("model,latency_ms\nnets/a,\n", "positive"),
        ("model,latency_ms\nnets/a,inf\n", "positive"),
        ("model,latency_ms\nnets/a,fast\n", "fast"),
        ("model,latency_ms\nnets/a,1 ms\n", "1 ms"),
        ('model,latency_ms\nnets/a,"1,5"\n', "decimal point"),
        ("model,latency\nnets/a,1\n", "does not say its unit"),
        ("model,latency_s\nnets/a,1\n", "another unit"),
        ("model,time\nnets/a,1\n", "needs columns 'model' and 'latency_ms'"),
        ("file,latency_ms\nnets/a,1\n", "needs columns"),
        ("model,latency_ms,std_ms\nnets/a,1,-2\n", "std_ms is -2"),
        ("model,latency_ms\n,1\n", "expected a name"),
        ("model,latency_ms,device\nnets/a,1,\n", "device"),
        ("model,latency_ms\nnets/none,1\n", "no file at"),
        ("model,latency_ms\nnets/a,1\nnets/a,2\n", "line 3: 'nets/a' was measured in line 2 already"),
        ("model,latency_ms\nnets/a,1\n./nets/a.onnx,2\n", "line 3: './nets/a.onnx' is the file of line 2 again"),
        ("model,latency_ms,family\nnets/a,1,x\nnets/a,2,y\n", "line 3: 'nets/a' is the file of line 2 again"),
        ("model,latency_ms\nnets/a,-1\nnets/b,-2\n", "2 problems"),
        ("", "empty"),
    ],
)
def test_faults_of_a_table_are_named_in_one_line(nets: Path, table: str, about: str) -> None:
    (nets / "measured.csv").write_text(table)
    with pytest.raises(InputError) as caught:
        read_measured(nets)
    assert about in str(caught.value)
    assert "measured.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_folders_without_a_table_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no folder"):
        read_measured(tmp_path / "none")
    with pytest.raises(InputError, match="needs a table"):
        read_measured(tmp_path)
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(ROWS)
    with pytest.raises(InputError, match=r"a\.csv, b\.csv"):
        read_measured(tmp_path)


NODES = [["Input", [], [1, 8, 8, 3], {}], ["Conv", [0], [1, 8, 8, 4], {"k": 1, "s": 1, "p": "SAME", "cin": 3}]]


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    """A folder of node lists."""
    (tmp_path / "graphs").mkdir()
    content = json.dumps({"graphs": {"small_0": NODES[:1], "small_1": NODES}}).encode()
    (tmp_path / "graphs" / "small.json.gz").write_bytes(gzip.compress(content))
    (tmp_path / "measured.csv").write_text("device,family,model,latency_ms\nphone,small,small_1,3\n")
    return tmp_path


def test_node_lists_with_a_table(lists: Path) -> None:
    data = read_measured(lists, "phone")
    assert data.graphs == (NodeListReader().read(NODES),)
    assert (data.names, data.families, data.latency_ms.tolist()) == (("small_1",), ("small",), [3.0])


def test_progress_is_that_of_the_lists_which_take_long_to_read(lists: Path) -> None:
    (lists / "graphs" / "big.json").write_text(json.dumps({"graphs": {"a": NODES, "b": NODES}}))
    with (lists / "measured.csv").open("a") as table:
        table.write("phone,big,a,3\nphone,big,b,3\n")
    calls: list[tuple[int, int]] = []
    read_measured(lists, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(1, 3), (3, 3)]


@pytest.mark.parametrize(
    ("row", "about"), [("small,small_9", "no network 'small_9'"), ("../small,small_1", "family is"), (",a", "a name")]
)
def test_networks_that_no_list_has_are_refused(lists: Path, row: str, about: str) -> None:
    (lists / "measured.csv").write_text(f"device,family,model,latency_ms\nphone,{row},3\n")
    with pytest.raises(InputError, match=about):
        read_measured(lists)


def test_the_measured_phones(shared_data: Path, tmp_path: Path) -> None:
    """300 networks of one family: their FLOPs explain most of their latency."""
    table = (shared_data / "latency" / "measured.csv").read_text().splitlines()
    rows = [row for row in table if row.startswith("cortexA76_cpu_tflite21,vgg,")][:300]
    (tmp_path / "graphs").symlink_to(shared_data / "latency" / "graphs")
    (tmp_path / "measured.csv").write_text("\n".join([table[0], *rows]))
    data = read_measured(tmp_path, "cortexA76_cpu_tflite21")
    assert len(data) == 300
    assert data.family_names == ["vgg"]
    assert np.corrcoef([graph.flops for graph in data.graphs], data.latency_ms)[0, 1] > 0.9
