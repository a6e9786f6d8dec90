"""Search spaces, one file each."""

from __future__ import annotations

from functools import cache

from nassurrogate.errors import require_name, unknown_choice
from nassurrogate.spaces.base import ArchLike, Space

__all__ = ["ArchLike", "Space", "get_space", "space_names"]


def space_names() -> list[str]:
    """Names that `get_space` knows."""
    return ["nb201", "nb101"]


def get_space(name: str) -> Space:
    """The search space of that name, one shared instance. Raises `InputError` for an unknown name.

    >>> get_space("nb201").size
    15625
    """
    require_name("space", name)
    return _the_only(name)


@cache
def _the_only(name: str) -> Space:
    if name == "nb201":
        from nassurrogate.spaces.nb201 import NB201

        return NB201()
    if name == "nb101":
        from nassurrogate.spaces.nb101 import NB101

        return NB101()
    raise unknown_choice("space", name, space_names())
