"""A table of a public repository, rebuilt in shape."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nassurrogate.spaces import EnumerableSpace

Expected = Mapping[tuple[str, str], Mapping[int, Sequence[float]]]
"""(data set or "*", metric) → index → one value a seed; cells that are not named must be missing."""


def strings(space: Any, indices: Sequence[int]) -> list[str]:
    assert isinstance(space, EnumerableSpace)
    return [arch.string for arch in space.take(list(indices))]


def text(rows: Sequence[Sequence[object]], **dialect: Any) -> bytes:
    """Rows as the csv module writes them; the first holds the names."""
    out = io.StringIO()
    csv.writer(out, **{"lineterminator": "\n"} | dialect).writerows(rows)
    return out.getvalue().encode()


@dataclass(frozen=True)
class Shape:
    """One public table.

    Args:
        source: the repository and file that it is modelled on.
        content: of the file.
        options: `(name, value)` pairs for `data import`.
        expected: what arrives.
        is_all: whether nothing else arrives.
    """

    source: str
    space: str
    content: bytes
    options: tuple[tuple[str, str], ...]
    expected: Expected
    is_all: bool = True
