"""Exported source: used where this package is not installed, it is the module that it was written from."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from nassurrogate.export import export_network, network_source
from nassurrogate.export.agreement import TOLERANCE, example
from tests.export.conftest import Used, store
from tests.export.networks import CASES, ConvNet, ResNet, Shared, ViT
from tests.networks import IMAGE, NETWORKS

BATCHES = (1, 5)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, nn.Module]]:
    """A folder with the source of every case, and the modules."""
    folder, modules = tmp_path_factory.mktemp("source"), {}
    for name, case in CASES.items():
        torch.manual_seed(0)
        module = modules[name] = case.make()
        made = export_network(module, case.shape, folder / f"{name}.py", with_weights=True, dtype=case.dtype)
        assert made.difference <= TOLERANCE
        dtype = case.dtype or next(module.parameters()).dtype
        store(module, [example((batch, *case.shape), dtype, seed=batch) for batch in BATCHES], folder / f"{name}.pt")
    return folder, modules


@pytest.fixture(scope="module")
def reports(written: tuple[Path, dict[str, nn.Module]], used_by_a_stranger: Used) -> dict[str, dict[str, Any]]:
    return used_by_a_stranger(written[0])


@pytest.mark.parametrize("name", CASES)
def test_it_has_the_module_s_weights_and_outputs(
    name: str, reports: dict[str, dict[str, Any]], written: tuple[Path, dict[str, nn.Module]]
) -> None:
    assert sorted(reports[name]["names"]) == sorted(written[1][name].state_dict())
    assert reports[name]["difference"] <= TOLERANCE


@pytest.mark.parametrize("name", CASES)
def test_it_can_be_trained_from_its_own_initialisation(name: str, reports: dict[str, dict[str, Any]]) -> None:
    first, *_, last = reports[name]["losses"]
    assert last < first


@pytest.mark.parametrize("name", CASES)
def test_it_needs_torch_alone(name: str, written: tuple[Path, dict[str, nn.Module]]) -> None:
    tree = ast.parse((written[0] / f"{name}.py").read_text())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported <= {"torch", "torch.nn", "collections"}
    assert [node.name for node in tree.body if isinstance(node, ast.ClassDef)][-1] == "Network"


def test_a_network_of_blocks_is_written_as_its_author_would() -> None:
    text = network_source(ResNet(), (3, 16, 16))
    assert text.count("class ") == 3
    assert "class Residual(nn.Module):\n    def __init__(self, channels: int) -> None:" in text
    assert "self.layer1 = nn.Sequential(Residual(8), Residual(8))" in text
    assert "        y += x\n        return self.relu(y)" in text
    assert "for block in self.blocks:\n            x = block(x)" in network_source(ViT(), (3, 16, 16))


def test_sizes_are_read_from_the_input_where_the_module_does_so() -> None:
    class Pixels(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3, 2, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.conv(x)
            batch, channels, height, width = y.shape
            return y.view(batch * 2, channels // 2, height * width)

    text = network_source(Pixels(), (3, 8, 8))
    assert "return x.view(2 * x.shape[0], 2, x.shape[2] * x.shape[3])" in text
    assert "Batches may have any size. So may axis 2 and axis 3 of the input." in text
    assert "Batches may have any size.\n" in network_source(ConvNet(), (3, 16, 16))


def test_flags_of_training_stay_flags() -> None:
    class Flags(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return nn.functional.dropout(self.layer(x), 0.3, training=self.training)

    assert "F.dropout(x, p=0.3, training=self.training)" in network_source(Flags(), (4,))


def test_shared_parts_and_tied_weights_stay_one(tmp_path: Path) -> None:
    export_network(Shared(), (12,), tmp_path / "shared.py")
    made = _network(tmp_path / "shared.py")
    assert made.again is made.first is made.stack[2]
    assert made.head.weight is made.stack[0].weight
    assert sum(p.numel() for p in made.parameters()) == sum(p.numel() for p in Shared().parameters())


def test_the_module_stays_as_it_is() -> None:
    module = ResNet().train()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    drawn = torch.random.get_rng_state()
    network_source(module, (3, 16, 16))
    assert all(part.training for part in module.modules())
    assert all(torch.equal(before[name], tensor) for name, tensor in module.state_dict().items())
    assert not any(part._forward_hooks for part in module.modules())
    assert torch.equal(drawn, torch.random.get_rng_state())


def test_text_of_the_user_cannot_leave_the_docstring(tmp_path: Path) -> None:
    about = {"space": 'a"""\nraise SystemExit\n"""\\', "note": 'ends in a quote "'}
    text = network_source(nn.Sequential(nn.Linear(2, 2)), (2,), about=about)
    (docstring, *rest) = ast.parse(text).body
    assert isinstance(docstring, ast.Expr)
    assert not any(isinstance(node, ast.Raise) for node in rest)


def test_what_it_is_stands_at_its_head() -> None:
    text = network_source(nn.Sequential(nn.Linear(6, 2)), (6,), about={"space": "mine", "architecture": "width=6"})
    head = ast.get_docstring(ast.parse(text))
    assert head is not None
    assert head.startswith("A network of mine in PyTorch.\n")
    for fact in (
        "architecture: +width=6",
        "parameters: +14",
        "multiply-accumulates: 12 for one input",
        r"\(B, 6\), float32",
    ):
        assert re.search(fact, head)


def _network(path: Path) -> Any:
    namespace: dict[str, Any] = {"__name__": "exported"}
    exec(path.read_text(), namespace)
    return namespace["Network"]()


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NETWORKS if name not in ("vgg11_bn", "vit_b16")])
def test_networks_as_published(name: str) -> None:
    torch.manual_seed(0)
    module = NETWORKS[name]()
    text = network_source(module, IMAGE[1:])
    made: dict[str, Any] = {"__name__": "exported"}
    exec(text, made)
    assert made["Network"]().state_dict().keys() == module.state_dict().keys()


class Padded(nn.Module):
    """Pads odd sizes and even ones differently."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, stride=2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        height, width = x.shape[-2:]
        y = self.conv(F.pad(x, (0, width % 2 + 1, 0, height % 2 + 1)))
        return F.avg_pool2d(y, y.shape[-2:]).flatten(1)


def test_sizes_that_follow_no_rule_are_promised_in_multiples_alone(tmp_path: Path) -> None:
    text = export_network(Padded(), (3, 8, 8), tmp_path / "model.py").path.read_text()
    assert "x = F.pad(x, (0, 1, 0, 1))" in text
    assert "The size of axis 2 and axis 3 of the input may be a multiple of 8 and 8." in text
