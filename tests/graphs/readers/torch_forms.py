"""Modules written as one function, for tests of single operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from nassurrogate.graphs.operator_graph import OperatorGraph
from nassurrogate.graphs.readers.torch_reader import read_torch

SHAPE = (1, 4, 8, 8)


class Form(nn.Module):
    """Applies a function to its inputs, after the parts that the function needs."""

    def __init__(self, function: Callable[..., Any], *parts: nn.Module | nn.Parameter) -> None:
        super().__init__()
        self.function = function
        self.modules_used = nn.ModuleList(part for part in parts if isinstance(part, nn.Module))
        self.parameters_used = nn.ParameterList(part for part in parts if isinstance(part, nn.Parameter))

    def forward(self, *inputs: torch.Tensor) -> Any:
        return self.function(*self.modules_used, *self.parameters_used, *inputs)


def read(
    function: Callable[..., Any],
    *shapes: tuple[int, ...],
    parts: tuple[nn.Module | nn.Parameter, ...] = (),
    dtypes: torch.dtype | None = None,
) -> OperatorGraph:
    """The graph of a function of tensors of these shapes, `SHAPE` by default."""
    return read_torch(Form(function, *parts), list(shapes or (SHAPE,)), dtypes)


def kinds(graph: OperatorGraph) -> list[str]:
    """Kinds of the operators in order, without the inputs."""
    return [operator.kind for operator in graph.operators if operator.kind != "Input"]
