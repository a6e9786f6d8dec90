"""Nested arguments of operations; `torch.utils._pytree` knows more types and takes several times as long."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch


def map_leaves(function: Callable[[Any], Any], value: Any) -> Any:
    """The value as plain lists, tuples and dictionaries with every leaf replaced; a `torch.Size` is a leaf.

    >>> map_leaves(str, (1, [2, {"x": 3}]))
    ('1', ['2', {'x': '3'}])
    """
    if isinstance(value, tuple) and not isinstance(value, torch.Size):
        return tuple([map_leaves(function, part) for part in value])
    if isinstance(value, list):
        return [map_leaves(function, part) for part in value]
    if isinstance(value, dict):
        return {key: map_leaves(function, part) for key, part in value.items()}
    return function(value)


def leaves(value: Any) -> Iterator[Any]:
    """The leaves in order.

    >>> list(leaves((1, [2, {"x": 3}])))
    [1, 2, 3]
    """
    if isinstance(value, list) or (isinstance(value, tuple) and not isinstance(value, torch.Size)):
        for part in value:
            yield from leaves(part)
    elif isinstance(value, dict):
        yield from leaves(list(value.values()))
    else:
        yield value
