"""Whole networks as both exporters of PyTorch write them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from nassurrogate.graphs.readers.onnx_reader import read_onnx
from tests.networks import IMAGE, NETWORKS
from tests.networks.onnx_export import export_onnx


def trained(module: nn.Module) -> nn.Module:
    """The module with all vectors random: exporters drop a bias of zeros."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for tensor in (*module.parameters(), *module.buffers()):
            if tensor.is_floating_point() and tensor.numel() < 10_000:
                tensor.uniform_(0.5, 1.5, generator=generator)
    return module.eval()


def counted_flops(module: nn.Module, shape: tuple[int, ...]) -> int:
    """What PyTorch counts, on the way without data and with gradients, where it sees attention."""
    with FlopCounterMode(display=False) as counter:
        module.to("meta")(torch.zeros(shape, device="meta"))
    return int(counter.get_total_flops())


class Mixed(nn.Module):
    """One of everything that exporters spell out."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.groups = nn.GroupNorm(2, 8)
        self.gate = nn.Linear(8, 8)
        self.tokens = nn.LayerNorm(8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.up = nn.ConvTranspose2d(8, 4, 2, stride=2)
        self.head = nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.hardswish(self.groups(F.silu(self.norm(self.stem(x)))))
        x = x * F.hardsigmoid(self.gate(x.mean((2, 3))))[:, :, None, None]
        left, right = x.chunk(2, dim=1)
        x = torch.cat([F.mish(right), F.gelu(left, approximate="tanh")], dim=1)
        rows = self.tokens(x.flatten(2).transpose(1, 2))
        rows = rows + self.attention(rows, rows, rows, need_weights=False)[0]
        x = F.gelu(self.up(rows.transpose(1, 2).reshape(x.shape)))
        return self.head(F.adaptive_avg_pool2d(F.dropout(x, 0.1, self.training), 1).flatten(1))  # type: ignore[no-any-return]


def test_what_is_spelt_out_is_recognised(tmp_path: Path) -> None:
    module, shape = trained(Mixed()), (1, 3, 16, 16)
    graph = read_onnx(export_onnx(module, tmp_path / "mixed.onnx", shape))
    kinds = {operator.kind for operator in graph.operators}
    assert {"Silu", "HardSwish", "HardSigmoid", "Mish", "Gelu", "GroupNormalization", "LayerNormalization"} <= kinds
    assert {"GlobalAveragePool", "Split", "Gemm", "MatMul", "Softmax", "ConvTranspose"} <= kinds
    assert not kinds & {"BatchNormalization", "Sigmoid", "Erf", "Tanh", "InstanceNormalization", "Div", "ReduceMean"}
    assert graph.params == sum(p.numel() for p in module.parameters()) - 8  # the scale of the batch norm is folded
    assert graph.flops == counted_flops(module, shape)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mixed", *NETWORKS])
def test_both_exporters_write_one_network(name: str, tmp_path: Path) -> None:
    module, shape = (Mixed(), (1, 3, 16, 16)) if name == "mixed" else (NETWORKS[name](), IMAGE)
    trained(module)
    by_script = read_onnx(export_onnx(module, tmp_path / "script.onnx", shape))
    by_dynamo = read_onnx(export_onnx(module, tmp_path / "dynamo.onnx", shape, dynamo=True))
    assert by_script == by_dynamo
    assert by_script.flops == counted_flops(module, shape)
