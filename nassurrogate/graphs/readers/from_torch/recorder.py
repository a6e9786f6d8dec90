"""Records what a module does to tensors as a graph of torch.fx, by running it once on tensors without data.

Unlike `torch.fx.symbolic_trace`, it follows control flow that depends on shapes, and it sees inside modules such as
`nn.MultiheadAttention`.
"""

from __future__ import annotations

import logging
import types
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import is_dataclass
from typing import Any

import torch
from torch import fx
from torch._subclasses.fake_tensor import FakeTensor
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree

from nassurrogate.errors import one_line
from nassurrogate.graphs.readers.from_torch.copies import Copy
from nassurrogate.graphs.readers.from_torch.names import operation_name, works_in_place
from nassurrogate.graphs.readers.from_torch.trees import leaves, map_leaves


class UnreadableError(Exception):
    """A module that cannot be recorded; the message says why."""


class RefusedInputError(Exception):
    """A module that does not accept inputs of these shapes; the message names the operation and the shapes."""


def record(copied: Copy, inputs: Sequence[torch.Tensor], known: Container[str]) -> fx.Graph:
    """The operations of a module in order. The values of all nodes are in `meta["val"]`.

    Constants are `get_attr` nodes with their original in `meta["constant"]`.

    Args:
        inputs: its inputs, without data.
        known: names of the operations to keep whole. Others that torch writes in Python are read from inside.

    Raises `RefusedInputError` if an operation does not accept its inputs, and `UnreadableError` if the control flow
    depends on numbers or if something acts on tensors where it cannot be seen.
    """
    recorder = _Recorder(copied, known)
    for number, tensor in enumerate(inputs):
        recorder.place(f"input_{number}", tensor)
    try:
        with quiet(), torch.no_grad(), copied.mode, recorder:
            output = copied.module(*inputs)
        return recorder.finished(output)
    except UnreadableError:
        raise
    except Exception as error:
        if error is recorder.failure:
            raise RefusedInputError(f"{recorder.failed_call}: {one_line(error)}") from error
        raise UnreadableError(_DEPENDS.get(type(error).__name__) or one_line(error)) from error


_DEPENDS = {
    "DataDependentOutputException": "its control flow depends on the numbers in a tensor",
    "DynamicOutputShapeException": "the shape of a tensor depends on the numbers in another",
}
"""What torch's errors mean here."""
_LEAVE_TORCH = frozenset(("numpy", "item", "tolist", "array", "bool", "int", "float", "index"))
"""Methods that hand the numbers of a tensor to Python."""


class _Recorder(TorchFunctionMode):
    """Follows tensors by their identity through all calls of torch."""

    def __init__(self, copied: Copy, known: Container[str]) -> None:
        super().__init__()
        self._constants = copied.constants
        self._known = known
        self._bodies: dict[Any, Callable[..., Any] | None] = {}
        self._graph = fx.Graph()
        self._nodes: dict[int, fx.Node] = {}
        self._alive: list[torch.Tensor] = []  # so that no two tensors share an id
        self.failure: Exception | None = None
        self.failed_call = ""

    def place(self, name: str, tensor: torch.Tensor) -> None:
        """Add an input of the network."""
        self._bind(tensor, self._graph.placeholder(name))

    def finished(self, output: Any) -> fx.Graph:
        """The graph with its output, from which all that it does not need is removed."""
        leaves = [leaf for leaf in _leaves(output) if isinstance(leaf, torch.Tensor)]
        self._graph.output(tuple(map(self._node, leaves)))
        return self._graph

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = operation_name(func)
        body = None if name in self._known else self._body(func)
        if body is not None:
            with self:
                return body(*args, **kwargs)
        try:
            result = func(*args, **kwargs)
        except Exception as error:
            if name not in _LEAVE_TORCH and not type(error).__module__.startswith("torch."):
                self.failure, self.failed_call = error, _described(name, args, kwargs)
            raise
        if name == "setitem":
            self._record(func, args, kwargs, args[0])
        elif isinstance(result, torch.Tensor) or _holds_tensors(result):
            self._record(func, args, kwargs, result)
        return result

    def _body(self, function: Any) -> Callable[..., Any] | None:
        if function not in self._bodies:
            self._bodies[function] = _body(function)
        return self._bodies[function]

    def _record(self, func: Any, args: Any, kwargs: dict[str, Any], result: Any) -> None:
        in_place = works_in_place(func, kwargs)
        if isinstance(result, torch.Tensor) and id(result) in self._nodes and not in_place and "out" not in kwargs:
            return  # it returned one of its inputs, such as `contiguous` of what is contiguous
        if in_place and isinstance(result, torch.Tensor) and result._is_view() and id(result) in self._nodes:
            base = result._base
            if base is not None and id(base) in self._nodes and not self._is_constant(base):
                raise UnreadableError(f"{operation_name(func)} changes a part of a tensor in place")
        node = self._graph.call_function(func, *map_leaves(self._argument, (tuple(args), dict(kwargs))))
        if isinstance(result, torch.Tensor):
            self._bind(result, node)
            return
        node.meta["val"] = result
        for position, part in enumerate(result):
            if isinstance(part, torch.Tensor):
                self._bind(part, self._graph.call_function(_item, (node, position)))

    def _is_constant(self, tensor: torch.Tensor) -> bool:
        return self._nodes[id(tensor)].op == "get_attr"

    def _bind(self, tensor: torch.Tensor, node: fx.Node) -> None:
        node.meta["val"] = tensor
        self._nodes[id(tensor)] = node
        self._alive.append(tensor)

    def _argument(self, value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return self._node(value)
        if value is None or isinstance(value, bool | int | float | complex | str | slice | type(...)):
            return value
        if isinstance(value, torch.Size):
            return tuple(value)
        return None  # types, devices and the like: no operator depends on them

    def _node(self, tensor: torch.Tensor) -> fx.Node:
        found = self._nodes.get(id(tensor))
        if found is not None:
            return found
        constant = tensor
        if id(tensor) in self._constants:
            constant = self._constants[id(tensor)][1]
        elif isinstance(tensor, FakeTensor):
            raise UnreadableError("it makes tensors in code that torch does not show, such as a scripted function")
        node = self._graph.create_node("get_attr", f"constant_{len(self._nodes)}")
        node.meta["constant"] = constant
        self._bind(tensor, node)
        return node


@contextmanager
def quiet() -> Iterator[None]:
    """Silence the loggers through which torch reports every error that it raises here."""
    loggers = [logging.getLogger(name) for name in ("torch._subclasses.fake_tensor", *_EXPORT_LOGGERS)]
    before = [logger.disabled for logger in loggers]
    for logger in loggers:
        logger.disabled = True
    try:
        yield
    finally:
        for logger, disabled in zip(loggers, before, strict=True):
            logger.disabled = disabled


_EXPORT_LOGGERS = ("torch.fx.experimental.symbolic_shapes", "torch._export.non_strict_utils", "torch.export._trace")


def _item(values: Any, position: int) -> Any:
    """One of several results; its own function, as `operator.getitem` also indexes tensors."""
    return values[position]


def _leaves(output: Any) -> list[Any]:
    """Everything in nested lists, tuples, dictionaries and data classes."""
    return [
        part
        for leaf in pytree.tree_leaves(output)
        for part in (_leaves(list(vars(leaf).values())) if is_dataclass(leaf) and hasattr(leaf, "__dict__") else [leaf])
    ]


def _holds_tensors(result: Any) -> bool:
    return isinstance(result, tuple | list) and any(isinstance(part, torch.Tensor) for part in result)


def _body(function: Any) -> Callable[..., Any] | None:
    """A function of torch that is written in Python, without the check that hands it to a mode; None for others."""
    if not isinstance(function, types.FunctionType) or not function.__module__.startswith("torch."):
        return None
    checks = {name for name in function.__globals__ if name.startswith("has_torch_function")}
    if not checks & set(function.__code__.co_names):
        return None
    body = types.FunctionType(
        function.__code__,
        {**function.__globals__, **dict.fromkeys(checks, lambda *_: False)},
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    body.__kwdefaults__ = function.__kwdefaults__
    return body


def _described(name: str, args: Any, kwargs: dict[str, Any]) -> str:
    """A call with the shapes of its tensors, such as `linear of (1, 8) and (10, 16)`."""
    shapes = [str(tuple(leaf.shape)) for leaf in leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
    return f"{name} of {' and '.join(shapes[:3]) or 'no tensors'}"
