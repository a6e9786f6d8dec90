"""What cannot be exported is refused with the reason, and nothing is written."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from nassurrogate.errors import InputError
from nassurrogate.export import export_network, network_source


class Layered(nn.Module):
    """A linear layer, and a forward that a test gives."""

    def __init__(self, forward: Callable[[Layered, torch.Tensor], Any]) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.act = forward
        self.table = torch.randn(50, 50)
        self.register_buffer("average", torch.zeros(1))

    def forward(self, x: torch.Tensor) -> Any:
        return self.act(self, x)


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        return x * x

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        return gradient


def _without_gradients(self: Layered, x: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return self.layer(x)


def _keeps_an_average(self: Layered, x: torch.Tensor) -> torch.Tensor:
    self.average = 0.9 * self.average + x.mean()
    return self.layer(x) + self.average


def _as_often_as_inputs(self: Layered, x: torch.Tensor) -> torch.Tensor:
    for _ in range(len(x)):
        x = self.layer(x)
    return x


FORWARDS: dict[str, tuple[Callable[[Layered, torch.Tensor], Any], str]] = {
    "if": (lambda self, x: self.layer(x) if x.sum() > 0 else x, "its forward reads numbers out of a tensor"),
    "item": (lambda self, x: self.layer(x) * x.mean().item(), "its forward reads numbers out of a tensor"),
    "chance": (lambda self, x: self.layer(x) * random.randrange(1 << 30), "depends on"),
    "batch": (_as_often_as_inputs, "depends on the size of the batch"),
    "no_grad": (_without_gradients, "runs without gradients"),
    "function": (lambda self, x: Square.apply(self.layer(x)), "custom autograd function"),
    "attribute": (lambda self, x: self.layer(x) + self.table[0, :4], "it reads table, 2500 numbers"),
    "state": (_keeps_an_average, "in training mode, the outputs differ"),
}


@pytest.mark.parametrize("name", FORWARDS)
def test_forwards_that_have_no_source(name: str) -> None:
    forward, reason = FORWARDS[name]
    with pytest.raises(InputError, match=reason) as caught:
        network_source(Layered(forward), (4,))
    assert str(caught.value).startswith("Layered cannot be written as source: ")
    assert str(caught.value).endswith("; .onnx and .pt2 may work")
    assert "\n" not in str(caught.value)


def _hooked() -> nn.Module:
    module = nn.Sequential(nn.Linear(4, 4))
    module[0].register_forward_hook(lambda *_: None)
    return module


def _normed() -> nn.Module:
    return nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(4, 4)))


def _changed() -> nn.Module:
    module = nn.Sequential(nn.Linear(4, 4), nn.Softmax(dim=1))
    module[0].weight = nn.Parameter(torch.zeros(5, 4))
    module[0].bias = nn.Parameter(torch.zeros(5))
    return module


class Made(nn.Linear):
    """Takes an argument that the layer does not keep."""

    def __init__(self, size: int) -> None:
        super().__init__(size, size)
        self.register_parameter("extra", nn.Parameter(torch.zeros(size)))


MODULES: dict[str, tuple[Callable[[], Any], str]] = {
    "class": (lambda: nn.Linear, "got the class Linear"),
    "nothing": (lambda: None, "a torch module is expected, got None"),
    "layer": (lambda: nn.Linear(4, 4), "it is a single layer of torch.nn"),
    "hook": (_hooked, "its part 0 has hooks"),
    "parametrization": (_normed, "its part 0 has parametrizations"),
    "changed layer": (_changed, "0: Linear cannot be made again: its parameters are not those of its constructor"),
    "other parameters": (lambda: nn.Sequential(Made(4)), "0: Linear cannot be made again"),
    "shape": (lambda: nn.Sequential(nn.Linear(5, 5)), r"does not accept inputs of shape \(3, 4\)"),
    "script": (lambda: torch.jit.script(nn.Sequential(nn.Linear(4, 4))), "it is a TorchScript module"),
    "no tensor": (lambda: Layered(lambda self, x: 3), "returns no tensor"),
}


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.filterwarnings("ignore")
def test_modules_that_have_no_source(name: str) -> None:
    make, reason = MODULES[name]
    with pytest.raises(InputError, match=reason):
        network_source(make(), (4,))


@pytest.mark.parametrize("shape", [(), (0, 3), 5, "3", (3.0,), None, (-1,)])
def test_shapes_that_are_none(shape: Any) -> None:
    with pytest.raises(InputError, match="input_shape is the shape of one example"):
        network_source(nn.Sequential(nn.Linear(4, 4)), shape)


def test_numbers_that_are_not_trained_need_the_weights(tmp_path: Path) -> None:
    class Fixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(40, 2)
            self.register_buffer("table", torch.randn(40, 40))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.layer(x @ self.table)

    with pytest.raises(InputError, match="would lack the numbers of table, which are not trained"):
        export_network(Fixed(), (40,), tmp_path / "model.py")
    made = export_network(Fixed(), (40,), tmp_path / "model.py", with_weights=True)
    assert made.weights == tmp_path / "model.safetensors"
    assert "only they hold the numbers of table." in " ".join(made.path.read_text().split())


MODULE = nn.Sequential(nn.Linear(4, 4))


@pytest.mark.parametrize(
    ("name", "reason"),
    [("model.txt", "unknown suffix '.txt'"), ("model", "unknown suffix ''"), ("model.pt", "known: .py, .onnx, .pt2")],
)
def test_other_suffixes(name: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=reason):
        export_network(MODULE, (4,), tmp_path / name)


def test_source_that_somebody_wrote_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    path.write_text("precious = 1\n")
    with pytest.raises(InputError, match="was not written by an export"):
        export_network(MODULE, (4,), path)
    assert path.read_text() == "precious = 1\n"
    path.unlink()
    for _ in range(2):  # what an export wrote is replaced
        export_network(MODULE, (4,), path, with_weights=True)
    path.write_text(path.read_text() + "\n# trained by hand\n")
    with pytest.raises(InputError, match="has been changed since"):
        export_network(MODULE, (4,), path)
    assert path.read_text().endswith("# trained by hand\n")


def test_trained_weights_are_never_replaced(tmp_path: Path) -> None:
    weights = tmp_path / "model.safetensors"
    save_file(MODULE.state_dict(), weights)
    before = weights.read_bytes()
    with pytest.raises(InputError, match="exists and was not written by an export"):
        export_network(MODULE, (4,), tmp_path / "model.py", with_weights=True)
    assert weights.read_bytes() == before
    assert not (tmp_path / "model.py").exists()


def test_weights_beside_a_form_that_holds_them(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds them itself"):
        export_network(MODULE, (4,), tmp_path / "model.onnx", with_weights=True)


def test_folders_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot write the network"):
        export_network(MODULE, (4,), tmp_path / "file" / "model.py")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
