"""Python expressions that make a module's parts, with the numbers in them as places that a class may leave open."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import numpy as np
import torch

from nassurrogate.export.source.errors import NoSourceError

WIDTH: Final = 100
"""Columns of a line, unless a name or number is longer."""
_INDENT: Final = "    "


@dataclass(frozen=True)
class Literal:
    """A value of Python; `name` says what it is, such as `kernel_size`."""

    value: Any
    name: str = ""


@dataclass(frozen=True)
class Call:
    """A call with positional and named arguments."""

    function: str
    args: Sequence[Expression] = ()
    kwargs: Mapping[str, Expression] = field(default_factory=dict)


@dataclass(frozen=True)
class Items:
    """A list; or pairs of a key and an expression in the form of a dict."""

    parts: Sequence[Expression] = ()
    keys: Sequence[str] | None = None


@dataclass(frozen=True)
class Raw:
    """Text that is the same wherever the expression stands."""

    text: str


Expression: TypeAlias = "Literal | Call | Items | Raw"


def literals_in(expression: Expression) -> Iterator[Literal]:
    """All literals, in order."""
    if isinstance(expression, Literal):
        yield expression
    elif isinstance(expression, Call):
        for part in (*expression.args, *expression.kwargs.values()):
            yield from literals_in(part)
    elif isinstance(expression, Items):
        for part in expression.parts:
            yield from literals_in(part)


def filled(expression: Expression, show: Callable[[Literal], str]) -> Expression:
    """The expression with text for every literal; `show` is called once for each, in order."""
    if isinstance(expression, Literal):
        return Raw(show(expression))
    if isinstance(expression, Call):
        args = [filled(part, show) for part in expression.args]
        return Call(expression.function, args, {k: filled(part, show) for k, part in expression.kwargs.items()})
    if isinstance(expression, Items):
        return Items([filled(part, show) for part in expression.parts], expression.keys)
    return expression


def outline(expression: Expression) -> str:
    """The expression with a mark for every literal: equal for expressions that differ in literals alone."""
    return in_one_line(filled(expression, lambda _: "\0"))


def in_one_line(expression: Expression) -> str:
    """The text; literals by their values."""
    if isinstance(expression, Raw):
        return expression.text
    if isinstance(expression, Literal):
        return text(expression.value)
    opening, parts, closing = _opened(expression)
    return opening + ", ".join(prefix + in_one_line(part) for prefix, part in parts) + closing


def written(expression: Expression, *, indent: int = 0, before: int = 0) -> str:
    """The text: in one line if it fits, else with one argument a line.

    Args:
        expression: what to write.
        indent: of the line in which it starts, in steps.
        before: number of characters before it in that line.
    """
    line = in_one_line(expression)
    if isinstance(expression, Raw | Literal) or len(_INDENT) * indent + before + len(line) <= WIDTH:
        return line
    opening, parts, closing = _opened(expression)
    inner = [
        f"{_INDENT * (indent + 1)}{prefix}{written(part, indent=indent + 1, before=len(prefix) + 1)},"
        for prefix, part in parts
    ]
    return "\n".join([opening, *inner, _INDENT * indent + closing])


def _opened(expression: Call | Items) -> tuple[str, list[tuple[str, Expression]], str]:
    """What a list of arguments begins and ends with, and each of them with what comes before it."""
    if isinstance(expression, Call):
        bare = [("", part) for part in expression.args]
        return f"{expression.function}(", [*bare, *((f"{k}=", part) for k, part in expression.kwargs.items())], ")"
    if expression.keys is None:
        return "[", [("", part) for part in expression.parts], "]"
    pairs = zip(expression.keys, expression.parts, strict=True)
    return "{", [(f"{text(key)}: ", part) for key, part in pairs], "}"


_TORCH_CONSTANTS = (torch.dtype, torch.memory_format, torch.layout)


def text(value: Any) -> str:
    """A value as Python source that needs `torch` at most. Raises `NoSourceError` for what has no such text.

    >>> text((1, float("inf"), torch.float32, "a"))
    '(1, float("inf"), torch.float32, "a")'
    """
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return repr(float(value)) if math.isfinite(value) else f'float("{value}")'
    if value is ...:
        return "..."
    if value is None or isinstance(value, bool | complex):
        return repr(value)
    if isinstance(value, int):
        return repr(int(value))
    if isinstance(value, _TORCH_CONSTANTS):
        return str(value)
    if isinstance(value, list):
        return f"[{', '.join(map(text, value))}]"
    if isinstance(value, tuple):
        return f"({', '.join(map(text, value))}{',' if len(value) == 1 else ''})"
    raise NoSourceError(f"it uses a value of type {type(value).__name__}")


def _quoted(value: str) -> str:
    shown = repr(value)
    return f'"{shown[1:-1]}"' if shown[0] == "'" and '"' not in shown else shown
