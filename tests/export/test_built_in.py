"""The networks of the built-in spaces: as published, and as files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nassurrogate import get_space
from nassurrogate.errors import InputError
from nassurrogate.export import export_network
from nassurrogate.export.agreement import TOLERANCE
from nassurrogate.graphs.operator_graph import OperatorGraph
from nassurrogate.graphs.readers.torch_reader import read_torch
from nassurrogate.graphs.simplification import simplified
from nassurrogate.spaces.nb201.space import EDGES

SPACES = ("nb201", "nb101", "macro")
IMAGE = (3, 32, 32)


def _sample(name: str, n: int) -> list[Any]:
    return get_space(name).sample(n, np.random.default_rng(0))


def _params(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("name", SPACES)
def test_parameters_are_those_of_the_published_networks(name: str) -> None:
    space, archs = get_space(name), _sample(name, 8)
    with torch.device("meta"):
        built = [_params(space.build(arch)) for arch in archs]
    assert built == [round(params_m * 1e6) for params_m in space.costs(archs)["params_m"]]


@pytest.mark.parametrize("dataset", ["cifar100", "ImageNet16-120"])
def test_classes_change_the_last_layer_alone(dataset: str) -> None:
    space: Any = get_space("nb201")
    arch = space.parse(1462)
    with torch.device("meta"):
        module = space.build(arch, n_labels={"cifar100": 100, "ImageNet16-120": 120}[dataset])
    assert _params(module) == round(float(space.costs([arch], dataset)["params_m"][0]) * 1e6)


@pytest.mark.parametrize("name", SPACES)
def test_networks_are_those_of_the_operator_graph(name: str) -> None:
    space: Any = get_space(name)
    for arch in _sample(name, 3):
        with torch.device("meta"):
            read = read_torch(space.build(arch), (1, *IMAGE))
        graph = space.operator_graph(arch)
        # In nb201 the graph leaves out what reads a node that nothing reaches: a batch norm makes a constant of it.
        same = OperatorGraph(simplified(read.operators)) == OperatorGraph(simplified(graph.operators))
        assert same == (name != "nb201" or _reads_what_is_reached(space.to_ops(arch)))


def _reads_what_is_reached(ops: Sequence[str]) -> bool:
    """Whether every operation of an nb201 cell starts at a node that the input reaches."""
    reached = {0}
    for (start, end), op in zip(EDGES, ops, strict=True):
        if op != "none" and start not in reached:
            return False
        reached |= {end} if op != "none" else set()
    return True


def test_what_nothing_reaches_is_zero() -> None:
    space: Any = get_space("nb201")
    module = space.build(space.from_ops(["none"] * 6), width=4, cells_per_stage=1).eval()
    with torch.no_grad():
        first, second = module(torch.randn(2, *IMAGE))
    assert torch.equal(first, second)


@pytest.mark.parametrize(
    ("name", "sizes", "reason"),
    [
        ("nb201", {"width": 0}, "width of the nb201 network must be a whole number of at least 1, got 0"),
        ("nb101", {"n_labels": 1}, "n_labels of the nb101 network must be a whole number of at least 2, got 1"),
        ("macro", {"width": 2.5}, "width of the macro network must be a whole number of at least 1, got 2.5"),
        ("nb201", {"cells_per_stage": True}, "cells_per_stage of the nb201 network"),
        ("nb101", {"width": 1}, "leaves a vertex without any"),
    ],
)
def test_sizes_that_make_no_network(name: str, sizes: dict[str, Any], reason: str) -> None:
    space: Any = get_space(name)
    arch = space.parse({"nb201": 1, "nb101": 200_000, "macro": "01201201"}[name])
    with pytest.raises(InputError, match=reason):
        space.build(arch, **sizes)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".py", ".pt2", ".onnx"])
@pytest.mark.parametrize("name", SPACES)
def test_published_networks_in_all_forms(name: str, suffix: str, tmp_path: Path) -> None:
    space: Any = get_space(name)
    for arch in _sample(name, 3):
        torch.manual_seed(0)
        made = export_network(space.build(arch), IMAGE, tmp_path / f"model{suffix}")
        assert made.difference <= TOLERANCE
        assert made.params == round(float(space.costs([arch])["params_m"][0]) * 1e6)
