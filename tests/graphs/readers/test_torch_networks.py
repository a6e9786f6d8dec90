"""Whole networks read from torch modules, beside PyTorch's own counters and their ONNX form."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from nassurrogate.graphs.readers.from_torch.copies import Copy
from nassurrogate.graphs.readers.from_torch.exported import export
from nassurrogate.graphs.readers.from_torch.translation import translate
from nassurrogate.graphs.readers.onnx_reader import read_onnx
from nassurrogate.graphs.readers.torch_reader import read_torch
from nassurrogate.graphs.simplification import simplified
from tests.networks import IMAGE, NETWORKS
from tests.networks.onnx_export import export_onnx

PARAMETERS = {
    "alexnet": 61_100_840,
    "convnext_tiny": 28_589_128,
    "densenet121": 7_978_856,
    "efficientnet_b0": 5_288_548,
    "googlenet": 6_624_904,
    "mnasnet": 4_383_312,
    "mobilenet_v2": 3_504_872,
    "mobilenet_v3_large": 5_483_032,
    "resnet18": 11_689_512,
    "resnet50": 25_557_032,
    "shufflenet_v2": 2_278_604,
    "squeezenet": 1_235_496,
    "vgg11_bn": 132_868_840,
    "vit_b16": 86_567_656,
    "vit_multihead": 5_717_416,
    "vit_tiny": 5_717_416,
}
"""As torchvision and timm count them."""
QUICK = ("mobilenet_v3_large", "resnet18", "shufflenet_v2", "vit_multihead")
"""A few networks with all sorts of operators, for slower checks."""
SMALL = tuple(name for name, count in PARAMETERS.items() if count < 12_000_000)


def without_data(name: str) -> nn.Module:
    with torch.device("meta"):
        return NETWORKS[name]().eval()


def test_all_networks_are_listed() -> None:
    assert set(PARAMETERS) == set(NETWORKS)


@pytest.mark.parametrize("name", NETWORKS)
def test_flops_and_params_are_those_of_pytorch(name: str) -> None:
    module = without_data(name)
    graph = read_torch(module)
    # With gradients enabled, nn.MultiheadAttention takes the path that the counter sees.
    with FlopCounterMode(display=False) as counter:
        module(torch.empty(IMAGE, device="meta"))
    assert graph.flops == counter.get_total_flops()
    assert sum(p.numel() for p in module.parameters()) == PARAMETERS[name]
    assert graph.params == PARAMETERS[name] - _folded_away(module)


def _folded_away(module: nn.Module) -> int:
    """Parameters that vanish as batch norms become a bias: one per channel, or both where there is a bias already."""
    leaves = [part for part in module.modules() if not list(part.children())]
    saved = 0
    for conv, norm in pairwise(leaves):  # what is listed next runs next, or has another width
        if isinstance(norm, nn.BatchNorm2d) and getattr(conv, "out_channels", 0) == norm.num_features:
            saved += norm.num_features * (1 if conv.bias is None else 2)
    return saved


@pytest.mark.parametrize("name", QUICK)
def test_onnx_form_is_the_same_graph(name: str, tmp_path: Path) -> None:
    assert_same_in_onnx(name, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(NETWORKS) - set(QUICK)))
def test_onnx_form_of_the_others_is_the_same_graph(name: str, tmp_path: Path) -> None:
    assert_same_in_onnx(name, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_onnx_form_by_torch_export_is_the_same_graph(name: str, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    assert_same_in_onnx(name, tmp_path, dynamo=True)


def assert_same_in_onnx(name: str, folder: Path, *, dynamo: bool = False) -> None:
    module = NETWORKS[name]()
    for parameter in module.parameters():  # the exporter drops a bias of zeros
        parameter.data.fill_(0.5)
    expected = read_torch(module)
    found = read_onnx(export_onnx(module, folder / f"{name}.onnx", dynamo=dynamo))
    assert Counter(o.kind for o in found.operators) == Counter(o.kind for o in expected.operators)
    assert (found.flops, found.params) == (expected.flops, expected.params)
    assert found == expected


@pytest.mark.parametrize("name", ["resnet18", "vit_tiny"])
def test_exported_graph_is_the_recorded_one(name: str) -> None:
    module = without_data(name)
    copied = Copy(module)
    translation = translate(export(copied, copied.inputs([IMAGE], [torch.float32])))
    assert simplified(*translation[:3]) == list(read_torch(module).operators)


def test_a_network_reads_the_same_on_every_device_and_in_every_type() -> None:
    expected = read_torch(NETWORKS["resnet18"]())
    modules = [without_data("resnet18"), *(without_data("resnet18").to(t) for t in (torch.float16, torch.bfloat16))]
    modules += [NETWORKS["resnet18"]().cuda()] if torch.cuda.is_available() else []
    assert [read_torch(module) == expected for module in modules] == [True] * len(modules)


def test_other_sizes_and_batches_are_other_graphs() -> None:
    module = without_data("squeezenet")
    graphs = {read_torch(module, shape) for shape in (IMAGE, (2, 3, 224, 224), (1, 3, 192, 192))}
    assert len(graphs) == 3
    assert read_torch(module, (2, 3, 224, 224)).flops == 2 * read_torch(module).flops
