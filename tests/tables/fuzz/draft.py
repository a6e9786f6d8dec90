"""A table in the making."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from nassurrogate.spaces import EnumerableSpace


@dataclass
class Draft:
    """A table in the making: `names`, rows of values, and the options that go with it.

    Args:
        truth: architecture → its values, as the table begins.
        is_ragged: whether some rows have a field too many or too few.
    """

    space: EnumerableSpace
    names: list[str]
    rows: list[list[Any]]
    metric: str
    truth: dict[str, list[float]]
    options: list[str] = field(default_factory=list)
    is_ragged: bool = False
    habits: list[str] = field(default_factory=list)

    def column(self, name: str) -> int:
        return self.names.index(name)

    def numbers(self) -> list[int]:
        """Columns that hold numbers, by position."""
        identities = {"arch", "index", "hash", "arch_str", "Arch", "INDEX", "architecture", "cell"}
        return [place for place, name in enumerate(self.names) if name not in identities]
