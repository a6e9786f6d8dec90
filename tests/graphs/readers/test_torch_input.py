"""What `read_torch` refuses, and what it leaves as it was."""

from __future__ import annotations

import copy
import threading
from typing import Any

import pytest
import torch
from torch import nn

from nassurrogate.errors import InputError
from nassurrogate.graphs.readers.torch_reader import read_torch
from tests.graphs.readers.torch_forms import SHAPE, Form, kinds


def refusal(module: Any, shape: Any = SHAPE, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        read_torch(module, shape, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_not_a_module() -> None:
    assert refusal("resnet18") == "a torch module is expected, got 'resnet18'"
    assert refusal(nn.ReLU) == "a torch module is expected, got the class ReLU; make one of it: ReLU(…)"


@pytest.mark.parametrize(
    "shape", ["1,3", (), 3, (1, 3.0), (1, -3), (1, 0, 8), ("a",), [(1, 3), 5], (True, 3), None, [()], {1, 2}]
)
def test_no_shape(shape: Any) -> None:
    if shape == [()]:  # a scalar is a shape
        assert kinds(read_torch(nn.ReLU(), shape)) == ["Relu"]
        return
    assert "shape" in refusal(nn.ReLU(), shape)
    assert "such as (1, 3, 224, 224)" in refusal(nn.ReLU(), shape)


def test_wrong_shape_names_operation_and_shapes() -> None:
    message = refusal(nn.Sequential(nn.ReLU(), nn.Conv2d(3, 6, 3)), (1, 5, 8, 8), name="mine")
    assert message.startswith(
        "mine does not accept inputs of shape (1, 5, 8, 8): conv2d of (1, 5, 8, 8) and (6, 3, 3, 3)"
    )
    assert "linear of (1, 7)" in refusal(nn.Linear(8, 2), (1, 7))
    assert "expected 4D input" in refusal(nn.BatchNorm2d(3), (1, 3))


def test_wrong_number_of_inputs() -> None:
    assert "positional argument" in refusal(nn.Bilinear(2, 2, 2), (1, 2))


def test_an_image_that_a_pool_shrinks_to_nothing() -> None:
    assert "max_pool2d" in refusal(nn.Sequential(nn.MaxPool2d(4), nn.MaxPool2d(4)), (1, 3, 8, 8))


def test_lazy_parameters() -> None:
    assert refusal(nn.Sequential(nn.LazyLinear(3))) == (
        "Sequential has no shapes yet, as 0.weight is lazy; call it once on an input to set them"
    )


def test_wrong_types() -> None:
    assert "dtypes is one torch.dtype, or one for each of the 1 inputs" in refusal(nn.ReLU(), dtypes="long")
    assert refusal(nn.Embedding(10, 8), (2, 5)).endswith("for indices, give read_torch dtypes=torch.long")


def test_scripted_module() -> None:
    assert "TorchScript" in refusal(torch.jit.script(nn.ReLU()))


def test_both_reasons_are_told_for_control_flow_that_depends_on_numbers() -> None:
    message = refusal(Form(lambda x: x if x.sum() > 0 else -x))
    assert "recording: its control flow depends on the numbers in a tensor; torch.export: " in message


def test_shapes_that_depend_on_numbers() -> None:
    assert "depends on numbers" in refusal(Form(lambda x: x[x > 0]))


def test_no_output_depends_on_the_input() -> None:
    expected = "Form returns no tensor that depends on its inputs"
    assert refusal(Form(lambda x: torch.ones(3))) == expected
    assert refusal(Form(lambda x: None)) == expected


def test_attributes_that_cannot_be_copied() -> None:
    module = nn.ReLU()
    module.lock = threading.Lock()  # type: ignore[assignment]
    assert refusal(module).startswith("ReLU cannot be copied: ")


class Counting(nn.Module):
    """Changes itself whenever it runs."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(4, 6, 1), nn.BatchNorm2d(6), nn.Dropout(0.5))
        self.layers[0].weight.requires_grad_(False)
        self.calls = 0
        self.last: torch.Tensor | None = None
        self.mask = torch.ones(6, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        self.last = self.layers(x) * self.mask
        return self.last


@pytest.mark.parametrize("training", [True, False])
def test_the_module_stays_as_it_is(training: bool) -> None:
    module = Counting().train(training)
    module.layers[1].eval()
    before = _tensors(module)
    values = copy.deepcopy(module.state_dict())
    modes = [part.training for part in module.modules()]
    state = torch.get_rng_state()
    graph = read_torch(module, SHAPE)
    assert kinds(graph) == ["Conv", "Mul"]
    assert torch.equal(torch.get_rng_state(), state)
    assert modes == [part.training for part in module.modules()]
    assert _tensors(module) == before
    assert all(torch.equal(values[name], x) for name, x in module.state_dict().items())
    assert (module.calls, module.last, len(module._forward_hooks)) == (0, None, 0)


def _tensors(module: Counting) -> dict[str, tuple[Any, ...]]:
    """Which tensors a module holds, where they are, and how often they were changed."""
    tensors = {**dict(module.named_parameters()), **dict(module.named_buffers()), "mask": module.mask}
    return {name: (id(x), x.data_ptr(), x.device, x.requires_grad, x._version) for name, x in tensors.items()}


def test_noise_uses_no_global_random_state() -> None:
    state = torch.get_rng_state()
    assert kinds(read_torch(Form(lambda x: x + torch.randn_like(x)), SHAPE)) == ["Add"]
    assert torch.equal(torch.get_rng_state(), state)


def test_wrappers_are_read_through() -> None:
    expected = read_torch(nn.Sequential(nn.Conv2d(4, 6, 1)), SHAPE)
    assert read_torch(nn.DataParallel(nn.Sequential(nn.Conv2d(4, 6, 1))), SHAPE) == expected
    assert read_torch(torch.compile(nn.Sequential(nn.Conv2d(4, 6, 1))), SHAPE) == expected  # type: ignore[arg-type]


def test_names() -> None:
    assert read_torch(nn.ReLU(), SHAPE).name == "ReLU"
    assert read_torch(nn.ReLU(), SHAPE, name="mine").name == "mine"
