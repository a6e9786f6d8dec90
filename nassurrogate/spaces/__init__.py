"""Search spaces, and the registry that finds them by name.

Another package adds a space by an entry point: group `nassurrogate.spaces`, name = the space's name, value = the
`Space`, or a function without arguments that returns it. A space can also be passed directly wherever a name is taken.
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

from nassurrogate.errors import InputError, brief, unknown_choice
from nassurrogate.runtime.plug_ins import find_plug_in, load_plug_in, place_of, plug_ins
from nassurrogate.spaces.base import ArchLike, Gene, Space
from nassurrogate.spaces.enumerable import CellSpace, EnumerableSpace

if TYPE_CHECKING:
    from nassurrogate.spaces.categorical.space import CategoricalSpace, Slot

__all__ = [
    "ArchLike",
    "CategoricalSpace",
    "CellSpace",
    "EnumerableSpace",
    "Gene",
    "Slot",
    "Space",
    "SpaceLike",
    "get_space",
    "space_names",
]

SpaceLike: TypeAlias = "str | Space"
"""Anything that names a space: a registered name, or the space itself."""
ENTRY_POINT_GROUP = "nassurrogate.spaces"
_BUILT_IN = {
    "nb201": "nassurrogate.spaces.nb201:NB201",
    "nb101": "nassurrogate.spaces.nb101:NB101",
    "macro": "nassurrogate.spaces.macro:Macro",
    "networks": "nassurrogate.spaces.networks:Networks",
}


def space_names() -> list[str]:
    """Names that `get_space` accepts: built-in ones first, then plug-ins."""
    return list(dict.fromkeys([*_BUILT_IN, *(point.name for point in plug_ins(ENTRY_POINT_GROUP))]))


def get_space(space: SpaceLike) -> Space:
    """The search space of that name, always the same instance; a `Space` is returned unchanged.

    Raises `InputError` for an unknown name, and for a space that takes the name of a built-in one.

    >>> get_space("nb201").size
    15625
    """
    if isinstance(space, Space):
        _check_own_name(space)
        return space
    if not isinstance(space, str):
        raise InputError(f"space must be a name such as 'nb201', or a Space, got {brief(space)}")
    return _shared_instance(space)


def _check_own_name(space: Space) -> None:
    name = getattr(space, "name", None)
    if not isinstance(name, str) or not name.strip():
        raise InputError(f"a space needs a name, got {brief(name)}")
    if name in _BUILT_IN and _shared_instance(name) != space:
        raise InputError(f"the given space has the name of a built-in space, {name!r}; give it a different name")


@cache
def _shared_instance(name: str) -> Space:
    if name in _BUILT_IN:
        module, _, attribute = _BUILT_IN[name].partition(":")
        made: Space = getattr(importlib.import_module(module), attribute)()
        return made
    point = find_plug_in(ENTRY_POINT_GROUP, name)
    if point is None:
        raise unknown_choice("space", name, space_names())
    space, place = load_plug_in("space", point, made=Space), place_of("space", point)
    if not isinstance(space, Space):
        raise InputError(f"{place}, which is not a Space")
    if space.name != point.name:
        raise InputError(f"{place}, but calls itself {brief(space.name)}")
    return space


def __getattr__(name: str) -> Any:
    # Imported on first use: most commands need no declared space.
    if name in ("CategoricalSpace", "Slot"):
        return getattr(importlib.import_module("nassurrogate.spaces.categorical"), name)
    raise AttributeError(f"module 'nassurrogate.spaces' has no attribute {name!r}")
