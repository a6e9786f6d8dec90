"""Turns the graph of a module, recorded or exported, into operators."""

from __future__ import annotations

import logging
import operator
from typing import Any, NamedTuple

import torch
from torch import fx
from torch._subclasses.fake_tensor import FakeTensor

from nassurrogate.errors import one_line
from nassurrogate.graphs.operator_graph import Operator, Shape, size_of
from nassurrogate.graphs.readers.from_torch.builder import (
    UNKNOWN,
    Builder,
    Call,
    Computed,
    Constant,
    Handler,
)
from nassurrogate.graphs.readers.from_torch.elementwise import ELEMENTWISE
from nassurrogate.graphs.readers.from_torch.layers import LAYERS
from nassurrogate.graphs.readers.from_torch.movement import MOVEMENT
from nassurrogate.graphs.readers.from_torch.names import operation_name
from nassurrogate.graphs.readers.from_torch.products import PRODUCTS
from nassurrogate.graphs.readers.from_torch.recorder import UnreadableError
from nassurrogate.graphs.readers.from_torch.trees import leaves, map_leaves
from nassurrogate.graphs.simplification import Values

logger = logging.getLogger(__name__)

HANDLERS: dict[str, Handler] = {**PRODUCTS, **LAYERS, **ELEMENTWISE, **MOVEMENT}
"""How each operation of torch is written in operators."""

_MADE_FROM_SHAPES = frozenset(
    (
        *("zeros_like", "ones_like", "empty_like", "full_like", "rand_like", "randn_like", "randint_like"),
        *("new_zeros", "new_ones", "new_empty", "new_full", "new_tensor", "fill", "zero"),
    )
)
"""Operations that read nothing but the shape of their input."""
_FITTED = frozenset(("expand_as", "view_as", "reshape_as", "type_as", "to"))
"""Operations that read nothing but the shape and the type of their second input."""


class Translation(NamedTuple):
    """What `simplified` reads, and the shapes of constants that the network returns.

    Attributes:
        operators: all of them.
        outputs: positions of those that the network returns.
        values: their constants.
        constant_outputs: shapes of what it returns and no input changes.
    """

    operators: list[Operator]
    outputs: list[int]
    values: dict[int, Values]
    constant_outputs: list[Shape]


def translate(graph: fx.Graph) -> Translation:
    """The operators of a graph.

    Raises `UnreadableError` for shapes that depend on numbers.
    """
    build = Builder()
    results: dict[fx.Node, Any] = {}
    outputs: list[Computed] = []
    constants: list[Shape] = []
    for node in graph.nodes:
        if node.op == "placeholder":
            results[node] = build.input(_shapes(node)[0])
        elif node.op == "get_attr":
            results[node] = _constant(node) if isinstance(node.meta.get("val"), torch.Tensor) else None
        elif node.op == "output":
            returned = [results.get(x) for x in leaves(node.args) if isinstance(x, fx.Node)]
            outputs = [x for x in returned if isinstance(x, Computed)]
            constants = [x.shape for x in returned if isinstance(x, Constant)]
        else:
            results[node] = _translated(build, node, results)
    return Translation(build.finished(outputs), [x.position for x in outputs], build.values, constants)


def _translated(build: Builder, node: fx.Node, results: dict[fx.Node, Any]) -> Any:
    args, kwargs = map_leaves(lambda x: results.get(x) if isinstance(x, fx.Node) else x, (node.args, node.kwargs))
    name = operation_name(node.target)
    if (name == "_item" or node.target is operator.getitem) and isinstance(args[0], list | tuple):
        return args[0][args[1]] if args[1] < len(args[0]) else None
    call = Call(name, tuple(args), dict(kwargs), _shapes(node))
    tensors = [x for x in leaves((args, kwargs)) if isinstance(x, Computed | Constant)]
    if not call.shapes:
        return None
    fits_another = name in _FITTED and isinstance(call.source, Constant)
    if name in _MADE_FROM_SHAPES or fits_another or not any(isinstance(x, Computed) for x in tensors):
        return _folded(call, tensors)
    handler = HANDLERS.get(name)
    if handler is not None:
        try:
            return handler(build, call)
        except (AttributeError, TypeError, ValueError, LookupError, ArithmeticError) as error:
            # Called in a rare way, which counts as an unknown operation.
            logger.debug("%s is not called as expected: %s", name, one_line(error))
    found = build.add_many(f"torch.{name}", tensors, call.shapes)
    return found if len(found) > 1 else found[0]


def _folded(call: Call, tensors: list[Any]) -> Any:
    """What an operation on constants alone gives: constants, with no more learned numbers than it reads."""
    learned = sum(tensor.learned for tensor in tensors if isinstance(tensor, Constant))
    number = next((x for x in call.args if isinstance(x, int | float)), UNKNOWN) if call.name == "tensor" else UNKNOWN
    found = [Constant(shape, min(learned, size_of(shape)), float(number)) for shape in call.shapes]
    return found if len(found) > 1 else found[0]


def _constant(node: fx.Node) -> Constant:
    """A parameter, a buffer or another tensor of the module; indices and masks are no learned numbers."""
    tensor = node.meta["val"]
    original = node.meta.get("constant")
    number = UNKNOWN
    is_known = isinstance(original, torch.Tensor) and not original.is_meta and not isinstance(original, FakeTensor)
    if isinstance(original, torch.Tensor) and is_known and original.numel() == 1 and not original.is_complex():
        number = float(original.detach())
    is_number = tensor.is_floating_point() or tensor.is_complex() or tensor.dtype in (torch.int8, torch.uint8)
    return Constant(tuple(tensor.shape), tensor.numel() if is_number else 0, number)


def _shapes(node: fx.Node) -> tuple[Shape, ...]:
    value = node.meta.get("val")
    parts = value if isinstance(value, tuple | list) else [value]
    shapes = tuple(tuple(part.shape) for part in parts if isinstance(part, torch.Tensor))
    if any(not isinstance(length, int) for shape in shapes for length in shape):
        raise UnreadableError(f"the shape of what {operation_name(node.target)} computes depends on numbers")
    return shapes
