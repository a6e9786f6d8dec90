"""nn-Meter's lists of nodes as graphs: shapes, padding, folded norms, costs; real files, and hostile ones."""

from __future__ import annotations

import gzip
import json
from copy import deepcopy
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from nassurrogate import InputError
from nassurrogate.graphs.operator_graph import OperatorGraph
from nassurrogate.graphs.readers.network import read_network
from nassurrogate.graphs.readers.node_list import NodeListReader, iterate_node_lists, read_node_lists
from nassurrogate.graphs.simplification import simplified

SMALL: list[Any] = [
    ["Input", [], [1, 16, 16, 3], {}],
    ["Conv", [0], [1, 16, 16, 8], {"k": 3, "s": 1, "p": "SAME", "cin": 3}],
    ["BN", [1], [1, 16, 16, 8], {}],
    ["Relu6", [2], [1, 16, 16, 8], {}],
    ["DWConv", [3], [1, 16, 16, 8], {"k": 5, "s": 1, "p": "same", "cin": 8}],
    ["BN", [4], [1, 16, 16, 8], {}],
    ["add", [5, 3], [1, 16, 16, 8], {}],
    ["AvgPool", [6], [1, 8, 8, 8], {"k": 2, "s": 2, "p": "VALID"}],
    ["Concat", [7, 7], [1, 8, 8, 16], {}],
    ["GlobalAvgPool", [8], [1, 1, 1, 16], {}],
    ["Reshape", [9], [1, 16], {}],
    ["Dense", [10], [1, 10], {"cin": 16}],
]


def read(nodes: object) -> OperatorGraph:
    """The graph of a list of nodes."""
    return NodeListReader().read(nodes)


class Small(nn.Module):
    """The network of `SMALL`."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU6())
        self.depthwise = nn.Sequential(nn.Conv2d(8, 8, 5, padding=2, groups=8, bias=False), nn.BatchNorm2d(8))
        self.classifier = nn.Linear(16, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        x = nn.functional.avg_pool2d(self.depthwise(x) + x, 2)
        x = nn.functional.adaptive_avg_pool2d(torch.cat([x, x], 1), 1)
        out: torch.Tensor = self.classifier(x.flatten(1))
        return out


def test_it_is_the_network_that_pytorch_has() -> None:
    assert read(SMALL) == read_network(Small(), input_shape=(1, 3, 16, 16))


class Gate(nn.Module):
    """Squeeze and excitation with a hard sigmoid."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(4, 4, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scale = nn.functional.hardsigmoid(self.layer(nn.functional.adaptive_avg_pool2d(x, 1)))
        return x * scale


def test_a_hard_sigmoid_is_one_operator() -> None:
    nodes = [
        ["Input", [], [1, 8, 8, 4], {}],
        ["AvgPool", [0], [1, 1, 1, 4], {"k": 8, "s": 1, "p": "VALID"}],
        ["Conv", [1], [1, 1, 1, 4], {"k": 1, "s": 1, "p": "SAME", "cin": 4}],
        ["add", [2], [1, 1, 1, 4], {}],
        ["Relu6", [3], [1, 1, 1, 4], {}],
        ["mul", [4], [1, 1, 1, 4], {}],
        ["mul", [5, 0], [1, 8, 8, 4], {}],
    ]
    graph = read(nodes)
    assert [operator.kind for operator in graph.operators][1:4] == ["GlobalAveragePool", "Conv", "HardSigmoid"]
    assert graph == read_network(Gate(), input_shape=(1, 4, 8, 8))


class Shuffle(nn.Module):
    """Shuffled channels, of which one half is convolved."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(2, 2, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.view(1, 2, 2, 8, 8).transpose(1, 2).reshape(1, 4, 8, 8)
        left, right = x.chunk(2, 1)
        return torch.cat([self.layer(left), right], 1)


def test_shuffled_channels_and_a_split() -> None:
    nodes = [
        ["Input", [], [1, 8, 8, 4], {}],
        ["Reshape", [0], [1, 8, 8, 2, 2], {}],
        ["Transpose", [1], [1, 8, 8, 2, 2], {}],
        ["Reshape", [2], [1, 8, 8, 4], {}],
        ["Split", [3], [1, 8, 8, 2], {}],
        ["Split", [3], [1, 8, 8, 2], {}],
        ["Conv", [4], [1, 8, 8, 2], {"k": 1, "s": 1, "p": "SAME", "cin": 2}],
        ["Concat", [6, 5], [1, 8, 8, 4], {}],
    ]
    graph = read(nodes)
    assert graph == read_network(Shuffle(), input_shape=(1, 4, 8, 8))
    split = next(operator for operator in graph.operators if operator.kind == "Split")
    assert split.output_shapes == ((1, 2, 8, 8), (1, 2, 8, 8))
    assert graph.operators[-1].input_slots == (0, 1)


@given(length=st.integers(1, 40), kernel=st.integers(1, 11), stride=st.integers(1, 5), same=st.booleans())
def test_padding_gives_the_listed_shape(length: int, kernel: int, stride: int, same: bool) -> None:
    """TensorFlow's rule, and PyTorch's convolution with the padding in numbers."""
    out = -(-length // stride) if same else (length - kernel) // stride + 1
    if out < 1:
        return
    attributes = {"k": kernel, "s": stride, "p": "SAME" if same else "VALID", "cin": 1}
    nodes = [["Input", [], [1, length, length, 1], {}], ["Conv", [0], [1, out, out, 1], attributes]]
    convolution = read(nodes).operators[1]
    top, left, bottom, right = convolution.padding
    assert (top, bottom) == (left, right)
    assert bottom - top in (0, 1)
    padded = nn.functional.pad(torch.zeros(1, 1, length, length, device="meta"), (left, right, top, bottom))
    found = nn.functional.conv2d(padded, torch.zeros(1, 1, kernel, kernel, device="meta"), stride=stride)
    assert tuple(found.shape) == convolution.output_shape == (1, 1, out, out)


def test_a_norm_is_folded_if_nothing_else_reads_the_convolution() -> None:
    convolution = ["Conv", [0], [1, 4, 4, 2], {"k": 1, "s": 1, "p": "SAME", "cin": 3}]
    nodes = [["Input", [], [1, 4, 4, 3], {}], convolution, ["BN", [1], [1, 4, 4, 2], {}]]
    folded = read(nodes)
    assert [operator.kind for operator in folded.operators] == ["Input", "Conv"]
    assert (folded.operators[1].bias, folded.params) == (True, 8)
    both = read([*nodes, ["Relu", [1], [1, 4, 4, 2], {}]])
    assert [operator.kind for operator in both.operators] == ["Input", "Conv", "BatchNormalization", "Relu"]
    assert [operator.params for operator in both.operators] == [0, 6, 4, 0]
    assert not both.operators[1].bias


@pytest.mark.parametrize("family", ["alexnet", "resnet"])
def test_real_files_have_the_published_flops(family: str, shared_data: Path) -> None:
    path = shared_data / "latency" / "graphs" / f"{family}.json.gz"
    with gzip.open(path) as file:
        flops = json.load(file)["flops"]
    found = dict(islice(iterate_node_lists(path), 50))
    assert len(found) == 50
    assert {name: graph.flops for name, graph in found.items()} == {name: 2 * flops[name] for name in found}


@pytest.mark.slow
@pytest.mark.parametrize(
    "family",
    [
        "alexnet", "densenet", "googlenet", "mnasnet", "mobilenetv1", "mobilenetv2", "mobilenetv3", "proxylessnas",
        "resnet", "shufflenetv2", "squeezenet", "vgg",
    ],
)  # fmt: skip
def test_all_networks_are_in_normal_form(family: str, shared_data: Path) -> None:
    """Most are not simplified, which takes longest: that it would not change them is checked here."""
    path = shared_data / "latency" / "graphs" / f"{family}.json.gz"
    with gzip.open(path) as file:
        flops = json.load(file)["flops"]
    for name, graph in read_node_lists(path).items():
        assert OperatorGraph(simplified(graph.operators)) == graph
        assert graph.flops == 2 * flops[name]


_BROKEN: list[tuple[int, int, Any]] = [
    (1, 0, "conv3d"), (1, 0, None), (1, 0, ["Conv"]), (1, 1, [1]), (1, 1, [2]), (1, 1, [-1]), (1, 1, []), (1, 1, 0),
    (1, 1, [0.0]), (1, 1, ["0"]), (1, 2, []), (1, 2, [1, 16, 16]), (1, 2, [1, 16, 16, 0]), (1, 2, [1, 16, 16, "8"]),
    (1, 2, [1, 16, 16, 1 << 40]), (1, 2, [1, 15, 16, 8]), (1, 2, [1] * 9), (1, 2, None), (1, 3, None), (1, 3, {}),
    (1, 3, {"k": 3, "s": 1, "p": "FULL", "cin": 3}), (1, 3, {"k": 3, "s": 1, "p": 1, "cin": 3}),
    (1, 3, {"k": 3, "s": 0, "p": "SAME", "cin": 3}), (1, 3, {"k": -3, "s": 1, "p": "SAME", "cin": 3}),
    (1, 3, {"k": 3, "s": True, "p": "SAME", "cin": 3}), (1, 3, {"k": 3, "s": 1, "p": "SAME", "cin": 4}),
    (1, 3, {"k": 1 << 30, "s": 1, "p": "SAME", "cin": 3}), (1, 3, {"k": 3, "s": 1, "p": "SAME"}),
    (0, 1, [0]), (2, 2, [1, 16, 16, 4]), (4, 2, [1, 16, 16, 9]), (7, 2, [1, 8, 8, 4]), (7, 1, [10]),
    (11, 3, {"cin": 15}),
]  # fmt: skip


@pytest.mark.parametrize(("node", "place", "value"), _BROKEN, ids=repr)
def test_a_malformed_node_is_refused_in_one_line(node: int, place: int, value: Any) -> None:
    nodes = deepcopy(SMALL)
    nodes[node][place] = value
    with pytest.raises(InputError) as caught:
        read(nodes)
    assert f"node {node}" in str(caught.value)
    assert "\n" not in str(caught.value)


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 20) | st.sampled_from(["Conv", "BN", "Split", "mul", "SAME"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["k", "s", "p", "cin"]), inner),
    max_leaves=6,
)


@given(st.data())
def test_whatever_a_list_holds_it_is_read_or_refused(data: st.DataObject) -> None:
    nodes = deepcopy(SMALL)
    for _ in range(data.draw(st.integers(1, 3))):
        node = nodes[data.draw(st.integers(0, len(nodes) - 1))]
        place = data.draw(st.integers(0, 3))
        if isinstance(node[place], list) and node[place] and data.draw(st.booleans()):
            node[place][data.draw(st.integers(0, len(node[place]) - 1))] = data.draw(_json)
        elif place == 0:
            node[0] = data.draw(st.sampled_from([other[0] for other in SMALL] + ["Split", "Transpose", "mul"]))
        else:
            node[place] = data.draw(_json)
    try:
        graph = read(nodes)
    except InputError:
        return
    assert graph == OperatorGraph(simplified(graph.operators))


@pytest.mark.parametrize("nodes", [None, {}, [], "Conv", [[]], [SMALL[1]], [3], [[*SMALL[0], 1]], [SMALL[0]] * 100_001])
def test_what_is_no_list_of_nodes_is_refused(nodes: Any) -> None:
    with pytest.raises(InputError):
        read(nodes)


def test_parts_of_a_split_add_up() -> None:
    nodes = [["Input", [], [1, 8, 8, 4], {}], *([["Split", [0], [1, 8, 8, 2], {}]] * 3)]
    with pytest.raises(InputError, match="add up"):
        read(nodes)


def test_files_are_read_plain_and_gzipped(tmp_path: Path) -> None:
    content = json.dumps({"graphs": {"a": SMALL, "b": SMALL[:2]}, "flops": {}}).encode()
    (tmp_path / "family.json").write_bytes(content)
    (tmp_path / "family.json.gz").write_bytes(gzip.compress(content, mtime=0))
    plain, packed = (read_node_lists(tmp_path / name) for name in ("family.json", "family.json.gz"))
    assert plain == packed == {"a": read(SMALL), "b": read(SMALL[:2])}
    assert plain["a"].name == "a"


@pytest.mark.parametrize(
    "content",
    [
        b"", b"not JSON", b"[]", b"3", b'{"graphs": []}', b'{"graphs": {"a": 3}}', b"[" * 100_000, b"\x1f\x8b damaged",
        gzip.compress(b'{"graphs": {}}', mtime=0)[:-9], b'{"flops": {}}', b"\xff\xfe",
    ],
    ids=lambda content: repr(content[:20]),
)  # fmt: skip
def test_files_of_another_kind_are_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "family.json.gz").write_bytes(content)
    with pytest.raises(InputError, match=r"family\.json\.gz"):
        read_node_lists(tmp_path / "family.json.gz")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        read_node_lists(tmp_path / "none.json.gz")
    with pytest.raises(InputError, match="path"):
        read_node_lists(3)  # type: ignore[arg-type]
