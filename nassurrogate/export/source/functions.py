"""Calls of torch's functions and of methods of tensors as Python."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final

import torch
from torch.nn import functional as F

from nassurrogate.export.source.errors import NoSourceError

Show = Callable[[Any], str]
_INFIX: Final = {
    "add": "+",
    "sub": "-",
    "mul": "*",
    "div": "/",
    "truediv": "/",
    "true_divide": "/",
    "floordiv": "//",
    "floor_divide": "//",
    "remainder": "%",
    "mod": "%",
    "matmul": "@",
    "pow": "**",
    "gt": ">",
    "lt": "<",
    "ge": ">=",
    "le": "<=",
    "eq": "==",
    "ne": "!=",
    "and": "&",
    "or": "|",
    "xor": "^",
}
_PREFIX: Final = {"neg": "-", "invert": "~"}
_IN_PLACE: Final = {"add_": "+=", "sub_": "-=", "mul_": "*=", "div_": "/="}
_NAMESPACES: Final = {
    "F": F,
    "torch": torch,
    "torch.linalg": torch.linalg,
    "torch.fft": torch.fft,
    "torch.special": torch.special,
}
_SIMPLE = re.compile(r"[A-Za-z_][\w.]*(\[[\w\"', :.-]*\])*|\d+(\.\d+)?(e-?\d+)?|float\(\"\w+\"\)")


def call_text(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], show: Show) -> str:
    """A call as an expression; `setitem` as a statement.

    Args:
        function: of torch.
        args, kwargs: its arguments.
        show: the text of an argument.

    Raises `NoSourceError` for a function that is not public.
    """
    name = str(getattr(function, "__name__", type(function).__name__))
    if name == "__get__":  # a property of tensors, such as T
        return f"{_operand(show(args[0]))}.{function.__self__.__name__}"  # type: ignore[attr-defined]
    bare = name[2:-2] if name.startswith("__") and name.endswith("__") else name
    if bare in ("getitem", "setitem"):
        place = f"{_operand(show(args[0]))}[{_index(args[1], show)}]"
        return place if bare == "getitem" else f"{place} = {show(args[2])}"
    if not kwargs and len(args) == 2:
        if bare in _INFIX:
            return f"{_operand(show(args[0]))} {_INFIX[bare]} {_operand(show(args[1]))}"
        if bare != name and bare[0] == "r" and bare[1:] in _INFIX:
            return f"{_operand(show(args[1]))} {_INFIX[bare[1:]]} {_operand(show(args[0]))}"
    if not kwargs and len(args) == 1 and bare in _PREFIX:
        return f"{_PREFIX[bare]}{_operand(show(args[0]))}"
    parts = [show(arg) for arg in args]
    named = [f"{key}={show(value)}" for key, value in kwargs.items() if not is_default(function, key, value)]
    public = _public_names().get(_identity(function))
    if public is not None:
        return f"{public}({', '.join(parts + named)})"
    if args and getattr(torch.Tensor, name, None) is not None and not name.startswith("_"):
        return f"{_operand(parts[0])}.{name}({', '.join(parts[1:] + named)})"
    raise NoSourceError(f"it calls {getattr(function, '__module__', None) or 'torch'}.{name}, which is not public")


def is_default(function: Callable[..., Any], name: str, value: Any) -> bool:
    """Whether an argument may be left out."""
    if name.startswith("_") or value is None:
        return True  # `_stacklevel`; None stands for a default throughout torch
    if not isinstance(value, bool | int | float | str):
        return False
    default = _defaults(function).get(name, inspect.Parameter.empty)
    return type(default) is type(value) and bool(default == value)


def _defaults(function: Callable[..., Any]) -> dict[str, Any]:
    public = _public_names().get(_identity(function), "")
    # Pools are closures over a function whose name has an underscore.
    function = getattr(F, public.replace("F.", "_", 1), function) if public.startswith("F.") else function
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # functions in C have no signature
        return {}
    return {name: parameter.default for name, parameter in parameters.items()}


def in_place_text(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], show: Show
) -> str | None:
    """The statement `x += y`; None for anything but arithmetic in place."""
    name = str(getattr(function, "__name__", ""))
    if kwargs or len(args) != 2 or name not in _IN_PLACE:
        return None
    return f"{show(args[0])} {_IN_PLACE[name]} {show(args[1])}"


def _operand(shown: str) -> str:
    """In parentheses unless it binds closer than any operator."""
    return shown if _SIMPLE.fullmatch(shown) else f"({shown})"


def _index(index: Any, show: Show) -> str:
    parts = index if isinstance(index, tuple) and type(index) is tuple and index else (index,)
    return ", ".join(_slice(part, show) if isinstance(part, slice) else show(part) for part in parts)


def _slice(part: slice, show: Show) -> str:
    start, stop, step = ("" if end is None else show(end) for end in (part.start, part.stop, part.step))
    return f"{start}:{stop}:{step}" if step else f"{start}:{stop}"


@cache
def _public_names() -> dict[Any, str]:
    """The name of every public function of torch; functions of neural networks by the name that they have in `F`."""
    names: dict[Any, str] = {}
    for prefix, namespace in _NAMESPACES.items():
        for name, function in vars(namespace).items():
            if not name.startswith("_") and callable(function) and not isinstance(function, type):
                names.setdefault(_identity(function), f"{prefix}.{name}")
    return names


def _identity(function: Any) -> Any:
    try:
        hash(function)
    except TypeError:
        return id(function)
    return function
