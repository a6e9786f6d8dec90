"""`network_notes`: faults of `build` are named before the first training."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from nassurrogate import Architecture, InputError, get_space
from nassurrogate.spaces import CategoricalSpace
from tests.spaces import declared
from tests.spaces.categorical.networks import Applies, DependsOnNumbers, StochasticDepth

SHAPE = (3, 8, 8)


def notes(build: Callable[..., Any], input_shape: tuple[int, ...] | None = SHAPE) -> list[str]:
    space = CategoricalSpace("mine", {"width": [4, 8]}, build=build, input_shape=input_shape)
    return space.network_notes(np.random.default_rng(0))


def _raises(*_: object) -> Any:
    raise ValueError("odd\nwidth")


FATAL: dict[str, tuple[Callable[..., Any], str]] = {
    "raises": (_raises, "build of space 'mine' raised ValueError: odd width for 'width="),
    "exits": (lambda arch: sys.exit(3), "build of space 'mine' raised SystemExit: 3 for 'width="),
    "returns nothing": (lambda arch: None, "it returned None; does it lack a return?"),
    "returns a class": (lambda arch: nn.ReLU, "ReLU'>; did you mean ReLU(…)?"),
    "returns a tensor": (lambda arch: torch.zeros(1), "must return a torch.nn.Module; for 'width="),
    "refuses the shape": (
        lambda arch: nn.Conv2d(1, 4, 3),
        "does not accept inputs of shape (1, 3, 8, 8): conv2d of (1, 3, 8, 8) and (4, 1, 3, 3)",
    ),
    "refuses it itself": (
        lambda arch: Applies(_raises),
        "raises ValueError: odd width for zeros of shape (2, 3, 8",
    ),
    "takes one input only": (lambda arch: Applies(lambda x: x.view(1, -1)), "returns (1, 384) for a batch of 2 inputs"),
    "returns a loss": (lambda arch: Applies(torch.sum), "returns () for a batch of 2 inputs; expected a shape that"),
    "computes nothing": (lambda arch: Applies(lambda x: None), "returns no tensor that depends on its inputs"),
    "has no forward": (lambda arch: nn.Module(), 'is missing the required "forward" function'),
}


@pytest.mark.parametrize("fault", FATAL)
def test_faults_of_all_networks_are_refused(fault: str) -> None:
    build, message = FATAL[fault]
    with pytest.raises(InputError) as caught:
        notes(build)
    assert message in str(caught.value)
    assert str(caught.value).isprintable()
    assert "'width=" in str(caught.value)


def _on_gpu(arch: Architecture) -> nn.Module:
    return nn.Conv2d(3, 4, 1).to("cuda")


GPU = "networks need a GPU, and there is none here: "
NOTED: dict[str, tuple[Callable[..., Any], str]] = {
    "numbers": (
        lambda arch: DependsOnNumbers(),
        "FLOPs and memory of activations are unknown, and equal networks are not recognised: the network of 'width=",
    ),
    "lazy": (
        lambda arch: nn.LazyConv2d(4, 3),
        "LazyConv2d has no shapes yet, as weight is lazy; call it once",
    ),
    "drawn by Python": (
        lambda arch: StochasticDepth(0.1, "python"),
        "equal networks are not recognised, as one cannot be read in training: the network of 'width=",
    ),
    "drawn by torch": (lambda arch: StochasticDepth(0.1, "torch"), "depends on the numbers in a tensor"),
    "built on a GPU": (_on_gpu, GPU + "build of space 'mine' raised"),
    "run on a GPU": (lambda arch: Applies(lambda x: x.cuda() + 1), GPU + "the network of 'width="),
}


@pytest.mark.parametrize("kind", NOTED)
def test_what_costs_less_than_the_search_is_noted(kind: str) -> None:
    if "GPU" in kind and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    build, message = NOTED[kind]
    (note,) = notes(build)  # once, however many networks were tried
    assert message in note
    assert note.isprintable()


def test_faults_of_some_networks_are_noted() -> None:
    (note,) = declared.FAULTY.network_notes(np.random.default_rng(0))
    assert note == (
        "some networks are faulty, so their evaluations will fail: build of space 'faulty' raised ValueError: too wide "
        "for 'width=16'"
    )


def test_sound_networks_have_no_notes() -> None:
    for space in (declared.BUILT, declared.LISTED_BUILT, declared.PLAIN, get_space("macro"), get_space("nb201")):
        assert space.network_notes(np.random.default_rng(0)) == []

    def training(arch: Architecture) -> nn.Module:
        width = arch.choices["width"]
        return nn.Sequential(nn.Flatten(), nn.Linear(192, width), nn.BatchNorm1d(width)).train()

    assert notes(training) == []


def test_a_shape_that_is_missing_is_noted() -> None:
    (note,) = notes(declared.build, None)
    assert note.startswith("space 'mine' has build but no input_shape: with one, such as input_shape=(3, 32, 32), ")
    with pytest.raises(InputError, match="returned None"):
        notes(lambda arch: None, None)
