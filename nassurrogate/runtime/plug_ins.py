"""Plug-ins of other packages, found by entry points; any error in their code becomes one line that names it."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar, cast

from nassurrogate.errors import InputError, brief, one_line, require_name, unknown_choice

T = TypeVar("T")


def plug_ins(group: str) -> list[EntryPoint]:
    """The entry points of a group, sorted by name."""
    return sorted(entry_points(group=group), key=lambda point: point.name)


def find_plug_in(group: str, name: str) -> EntryPoint | None:
    """The entry point of that name; None if there is none."""
    return next((point for point in plug_ins(group) if point.name == name), None)


def place_of(kind: str, point: EntryPoint) -> str:
    """The beginning of a message about a plug-in."""
    return f"{kind} {point.name!r} is registered as {point.value}"


def load_plug_in(kind: str, point: EntryPoint, *, made: type | None = None) -> Any:
    """The object of an entry point.

    Args:
        kind: for messages: `"space"`, `"searcher"`, …
        point: the entry point.
        made: a class; anything but an instance of it is called without arguments to make one.

    Raises `InputError` if it does not load.
    """
    try:
        loaded = point.load()
        return loaded if made is None or isinstance(loaded, made) else loaded()
    except Exception as error:  # another package's module may raise anything while it is imported
        raise InputError(f"{place_of(kind, point)} but does not load ({one_line(error)})") from error


@dataclass(frozen=True)
class ClassRegistry(Generic[T]):
    """Classes by name: those of this package, imported on demand, and those of plug-ins.

    Args:
        kind: for messages.
        base: the base class of all.
        group: of the entry points.
        built_in: name → `module:Class`.
        attributes: that a class must define besides its abstract methods.
    """

    kind: str
    base: type[T]
    group: str
    built_in: Mapping[str, str]
    attributes: Sequence[str]

    def names(self) -> list[str]:
        """Built-in ones first, then plug-ins."""
        return list(dict.fromkeys([*self.built_in, *(point.name for point in plug_ins(self.group))]))

    def find(self, name: str) -> type[T]:
        """The class of a name. Raises `InputError` for an unknown name, or a plug-in that does not load."""
        require_name(self.kind, name)
        if name in self.built_in:
            module, _, attribute = self.built_in[name].partition(":")
            return cast("type[T]", getattr(importlib.import_module(module), attribute))
        point = find_plug_in(self.group, name)
        if point is None:
            raise unknown_choice(self.kind, name, self.names())
        return self._checked(load_plug_in(self.kind, point), place_of(self.kind, point))

    def given(self, cls: object, example: str) -> type[T]:
        """A class that was passed instead of a name.

        Raises `InputError` if it is not a complete class of this kind, or has the name of another one.
        """
        if not inspect.isclass(cls):
            raise InputError(
                f"{self.kind} must be a name such as {example!r} or a subclass of {self.base.__name__}, got "
                f"{brief(cls)}"
            )
        place = f"{self.kind} was given as the class {cls.__qualname__}"
        checked = self._checked(cls, place)
        name = checked.name  # type: ignore[attr-defined]
        if not isinstance(name, str) or not name or ":" in name:
            raise InputError(f"{place}, whose name must be text without a colon, got {brief(name)}")
        if name in self.names() and self.find(name) is not cls:
            raise InputError(f"{place}, which has the name of another one, {name!r}; give it a name of its own")
        return checked

    def _checked(self, loaded: object, place: str) -> type[T]:
        if not (isinstance(loaded, type) and issubclass(loaded, self.base)):
            raise InputError(f"{place}, which is not a subclass of {self.base.__name__}")
        abstract = getattr(loaded, "__abstractmethods__", ())
        missing = [*abstract, *(name for name in self.attributes if not hasattr(loaded, name))]
        if missing:
            raise InputError(f"{place}, which does not define {', '.join(sorted(missing))}")
        return loaded
