"""`torch_key`: equal for modules that compute and learn the same, and for no others."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from nassurrogate.errors import InputError
from nassurrogate.graphs.readers.torch_reader import UnreadableModuleError, torch_key
from tests.graphs.readers.torch_forms import Form
from tests.spaces.categorical.networks import StochasticDepth

SHAPE = (1, 3, 8, 8)


def key(module: nn.Module | Callable[..., Any], shape: tuple[int, ...] = SHAPE) -> str:
    return torch_key(module if isinstance(module, nn.Module) else Form(module), shape)


def conv(**options: Any) -> nn.Conv2d:
    return nn.Conv2d(3, 3, 3, padding=1, **options)


def two(first: nn.Module, second: nn.Module, join: Callable[..., torch.Tensor]) -> nn.Module:
    """Two parts that read the input, and what is made of both."""
    return Form(lambda a, b, x: join(a(x), b(x)), first, second)


class Extra(nn.Module):
    """Has a part that it never uses, and other names than a sequence."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Linear(100, 100)
        self.body = nn.Sequential(conv(), nn.Identity(), nn.ReLU(inplace=True))
        self.label = "extra"

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.unused(torch.zeros(100))
        out: torch.Tensor = self.body(x)
        return out


def scaled(module: nn.Module, factor: float) -> nn.Module:
    """The module with its weights multiplied."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(factor)
    return module


def frozen(module: nn.Module) -> nn.Module:
    return module.requires_grad_(False)


def wide(**options: Any) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(192, 64, **options))


SAME: dict[str, tuple[Any, Any]] = {
    "names and unused parts": (nn.Sequential(conv(), nn.ReLU()), Extra()),
    "functions and methods": (lambda x: F.relu(x), lambda x: x.relu()),
    "in place": (nn.ReLU(), nn.ReLU(inplace=True)),
    "reshapes": (lambda x: x.flatten(1), lambda x: x.reshape(len(x), 3, 64).view(len(x), -1)),
    "a reshape and back": (lambda x: x.flatten(1).reshape(x.shape).relu(), torch.relu),
    "order of a sum": (two(conv(), nn.ReLU(), torch.add), two(nn.ReLU(), conv(), torch.add)),
    "groups of a sum": (
        lambda x: (x.relu() + x.tanh()) + x.sigmoid(),
        lambda x: x.tanh() + (x.sigmoid() + x.relu()),
    ),
    "a sum from 0": (lambda x: sum([x.relu()]), torch.relu),
    "neutral numbers": (lambda x: (x * 1 / 1 + 0).relu(), torch.relu),
    "a product with 0": (two(conv(), nn.ReLU(), lambda a, b: a * 0 + b), lambda x: torch.zeros_like(x) + x.relu()),
    "no dropout": (nn.Dropout(0.0), nn.Identity()),
    "modes": (nn.Sequential(conv(), nn.BatchNorm2d(3)).eval(), nn.Sequential(conv(), nn.BatchNorm2d(3)).train()),
    "draws of weights": (wide(), wide()),
}
OTHER: dict[str, tuple[Any, Any]] = {
    "operations": (nn.ReLU(), nn.ReLU6()),
    "slopes": (nn.LeakyReLU(0.1), nn.LeakyReLU(0.2)),
    "bounds": (nn.Hardtanh(0, 1), nn.Hardtanh(0, 2)),
    "scalars": (lambda x: x * 0.5, lambda x: x * 0.25),
    "rates of dropout": (nn.Dropout(0.1), nn.Dropout(0.2)),
    "kinds of dropout": (nn.Dropout(0.1), nn.Dropout2d(0.1)),
    "stochastic depth": (StochasticDepth(0.1, "mask"), StochasticDepth(0.2, "mask")),
    "momentum": (nn.BatchNorm2d(3), nn.BatchNorm2d(3, momentum=0.2)),
    "epsilon": (nn.BatchNorm2d(3), nn.BatchNorm2d(3, eps=1e-3)),
    "padding": (conv(), conv(padding_mode="circular")),
    "pools": (nn.AvgPool2d(3, 1, 1), nn.AvgPool2d(3, 1, 1, count_include_pad=False)),
    "resizing": (nn.Upsample(scale_factor=2), nn.Upsample(scale_factor=2, mode="bilinear")),
    "axes": (nn.Softmax(1), nn.Softmax(2)),
    "order of a difference": (two(conv(), nn.ReLU(), torch.sub), two(nn.ReLU(), conv(), torch.sub)),
    "sums of sums": (lambda x: (x.relu() + x) + x, lambda x: (x.relu() + x) + x.relu()),
    "sums and products": (lambda x: (x.relu() + x) * x, lambda x: (x.relu() * x) + x),
    "rounding": (lambda x: torch.div(x, 1, rounding_mode="floor"), lambda x: x.clone()),
    "order of a concatenation": (lambda x: torch.cat([x, x.relu()], 1), lambda x: torch.cat([x.relu(), x], 1)),
    "shared layers": (nn.Sequential(*[nn.Conv2d(3, 3, 1)] * 2), nn.Sequential(nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1))),
    "what flows back": (lambda x: x.relu() + x, lambda x: x.relu() + x.detach()),
    "frozen weights": (conv(), frozen(conv())),
    "biases": (conv(), conv(bias=False)),
    "zero weights": (conv(), scaled(conv(), 0.0)),
    "scales of weights": (wide(), scaled(wide(), 3.0)),
    "constants": (Form(lambda x: x * torch.tensor([[[[1.0]]]])), Form(lambda x: x * torch.tensor([[[[2.0]]]]))),
    "types": (lambda x: x.relu(), lambda x: x.relu().double()),
}


@pytest.mark.parametrize("name", SAME)
def test_equal_modules_have_equal_keys(name: str) -> None:
    one, other = SAME[name]
    assert key(one) == key(other)


@pytest.mark.parametrize("name", OTHER)
def test_other_modules_have_other_keys(name: str) -> None:
    one, other = OTHER[name]
    assert key(one) != key(other)
    assert key(one) == key(one)


def test_shapes_and_types_count() -> None:
    assert key(nn.ReLU()) != key(nn.ReLU(), (1, 3, 8, 9))
    assert key(conv()) != key(conv().half())


def test_constants_count_by_value_and_buffers_too() -> None:
    one, other = nn.BatchNorm2d(3), nn.BatchNorm2d(3)
    assert other.running_mean is not None
    other.running_mean.fill_(2.0)
    assert key(one) != key(other)


@pytest.mark.parametrize("drawn", ["torch", "python"])
def test_random_control_flow_in_training_has_no_key(drawn: str) -> None:
    """It is read at inference, but what the rate is shows nowhere."""
    with pytest.raises(UnreadableModuleError, match=r"draws random numbers|depends on the numbers"):
        key(StochasticDepth(0.1, drawn))


def test_modules_stay_as_they_are() -> None:
    module = nn.Sequential(conv(), nn.BatchNorm2d(3), nn.Dropout(0.5))
    module[1].eval()
    before, state = [part.training for part in module.modules()], copy.deepcopy(module.state_dict())
    generator = torch.get_rng_state()
    key(module)
    assert [part.training for part in module.modules()] == before
    assert all(torch.equal(module.state_dict()[name], value) for name, value in state.items())
    assert torch.equal(torch.get_rng_state(), generator)


def test_many_sums_of_a_tensor_with_itself_are_quick() -> None:
    def doubled(times: int) -> Callable[..., Any]:
        def run(x: torch.Tensor) -> torch.Tensor:
            for _ in range(times):
                x = x + x
            return x

        return run

    assert key(doubled(40)) == key(doubled(40)) != key(doubled(41))


def test_a_module_without_outputs_has_no_key() -> None:
    with pytest.raises(InputError, match="returns no tensor"):
        key(lambda x: None)
