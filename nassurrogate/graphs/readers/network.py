"""The one door for networks: a model file, an ONNX model in memory, a PyTorch module, or a graph."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from nassurrogate.errors import InputError, brief
from nassurrogate.graphs.operator_graph import OperatorGraph, Shape

_MAX_LENGTH = 1 << 31
GivenShapes: TypeAlias = Shape | tuple[Shape, ...] | dict[str, Shape]
"""The shape of the only input, of several in order, or of several by name."""


def read_network(
    source: Any,
    *,
    input_shape: Sequence[int] | Sequence[Sequence[int]] | Mapping[str, Sequence[int]] | None = None,
    name: str | None = None,
) -> OperatorGraph:
    """The graph of a network.

    Args:
        source: the path of an `.onnx` file, an `onnx.ModelProto`, a `torch.nn.Module` or an `OperatorGraph`.
        input_shape: sizes of the input with the batch, such as (1, 3, 224, 224): needed for a module, and for a model
            file that leaves sizes open. If there are several inputs, a list of shapes for a module, a dict of shapes by
            name for a file.
        name: for messages; None: the file's name without its suffix, the model's own, or the module's class.

    Raises `InputError` for anything else, and for a network that cannot be read.

    >>> import torch
    >>> read_network(torch.nn.Conv2d(3, 4, 1), input_shape=(1, 3, 8, 8)).flops
    1536
    """
    shape = None if input_shape is None else checked_input_shape(input_shape)
    if isinstance(source, OperatorGraph):
        return source if name is None else OperatorGraph(source.operators, name)
    if is_module(source):
        if shape is None:
            raise InputError(
                f"a {type(source).__name__} does not know the shape of its input; give input_shape, such as "
                "(1, 3, 224, 224)"
            )
        if isinstance(shape, dict):
            raise InputError(f"a module takes the shapes of its inputs in order, as a list, got {brief(shape)}")
        from nassurrogate.graphs.readers.torch_reader import read_torch

        return read_torch(source, shape, name=name)
    if isinstance(source, str | os.PathLike) or is_proto(source):
        from nassurrogate.graphs.readers.onnx_reader import read_onnx

        if isinstance(shape, tuple) and isinstance(shape[0], tuple):
            raise InputError(f"a model file takes the shapes of its inputs by name, as a dict, got {brief(shape)}")
        return read_onnx(source, input_shapes=shape, name=name)
    raise InputError(
        f"a network is a path to an .onnx file, an onnx.ModelProto, a torch.nn.Module or an OperatorGraph, got "
        f"{brief(source)}"
    )


def is_module(value: object) -> bool:
    """Whether it is a PyTorch module; imports nothing, as nobody has a module without PyTorch.

    >>> is_module("model.onnx")
    False
    """
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.nn.Module)


def is_proto(value: object) -> bool:
    """Whether it is an ONNX model in memory; imports nothing."""
    onnx = sys.modules.get("onnx")
    return onnx is not None and isinstance(value, onnx.ModelProto)


def checked_input_shape(given: object) -> GivenShapes:
    """The shape or shapes with tuples for sequences.

    Raises `InputError` unless every shape has 1 to 8 positive whole numbers.

    >>> checked_input_shape([1, 3, 32, 32]), checked_input_shape([(1, 8), [1, 4]]), checked_input_shape({"x": [1, 8]})
    ((1, 3, 32, 32), ((1, 8), (1, 4)), {'x': (1, 8)})
    """
    if isinstance(given, Mapping) and given:
        return {str(name): _checked(shape) for name, shape in given.items()}
    if isinstance(given, list | tuple) and given and all(isinstance(part, list | tuple) for part in given):
        return tuple(map(_checked, given))
    return _checked(given)


def _checked(given: object) -> Shape:
    lengths = tuple(given) if isinstance(given, list | tuple) else ()
    if not 1 <= len(lengths) <= 8 or not all(type(n) is int and 0 < n < _MAX_LENGTH for n in lengths):
        raise InputError(
            f"input_shape is the batch and the sizes of the input, such as (1, 3, 224, 224), got {brief(given)}"
        )
    return lengths
