"""Parts with a forward of their own as classes; parts that differ in numbers alone share one, with arguments."""

from __future__ import annotations

import keyword
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

from nassurrogate.export.source.expressions import (
    WIDTH,
    Call,
    Expression,
    Literal,
    filled,
    literals_in,
    outline,
    text,
    written,
)
from nassurrogate.export.source.forward import Forward

_SIZES: Final = frozenset(
    ("in_channels", "out_channels", "num_features", "in_features", "out_features", "num_channels", "normalized_shape")
)
"""Arguments of layers that are numbers of channels."""
_RESERVED: Final = frozenset(("torch", "nn", "F", "OrderedDict", "Network"))


@dataclass(frozen=True)
class Template:
    """One part.

    Attributes:
        name: of the class that it is of.
        base: `nn.Module`, or a container that holds its parts.
        start: the call of the base's constructor.
        statements: of `__init__`: how they begin, and the expression that follows.
        forward: its method; None if it is never called.
    """

    name: str
    base: str
    start: Expression
    statements: Sequence[tuple[str, Expression]]
    forward: Forward | None

    def literals(self) -> list[Literal]:
        """All literals of `__init__`, in order."""
        expressions = [self.start, *(made for _, made in self.statements)]
        return [literal for expression in expressions for literal in literals_in(expression)]

    @property
    def key(self) -> object:
        """Equal for parts that can share a class."""
        statements = tuple((start, outline(made)) for start, made in self.statements)
        return self.name, self.base, outline(self.start), statements, self.forward


@dataclass
class Classes:
    """The classes that have been written so far."""

    texts: list[str] = field(default_factory=list)
    _names: Counter[str] = field(default_factory=Counter)

    def add(self, templates: Sequence[Template], *, name: str | None = None) -> list[Call]:
        """Write the classes of some parts. Returns how each part is made.

        Args:
            templates: the parts; those of equal keys share a class.
            name: of the class; None: that of the part's class.
        """
        groups: dict[object, list[int]] = {}
        for position, template in enumerate(templates):
            groups.setdefault(template.key, []).append(position)
        made: dict[int, Call] = {}
        for positions in groups.values():
            members = [templates[position] for position in positions]
            chosen = name or self._free_name(members[0].name)
            literals = [member.literals() for member in members]
            arguments = _arguments(literals)
            self.texts.append(_class_text(chosen, members[0], arguments))
            for position, own in zip(positions, literals, strict=True):
                given: dict[str, Expression] = {
                    argument: Literal(own[slots[0]].value, argument) for argument, slots in arguments.items()
                }
                first = [*given.values()][:1]
                made[position] = Call(chosen, first, dict([*given.items()][1:]))
        return [made[position] for position in range(len(templates))]

    def _free_name(self, wanted: str) -> str:
        name = wanted if wanted.isidentifier() and not keyword.iskeyword(wanted) else "Part"
        name = name.lstrip("_") or "Part"
        name = f"{name}Part" if name in _RESERVED else name
        while True:
            self._names[name] += 1
            if self._names[name] == 1:
                return name
            numbered = f"{name}{self._names[name]}"
            if not self._names[numbered]:
                self._names[numbered] = 1
                return numbered


def _arguments(literals: Sequence[Sequence[Literal]]) -> dict[str, list[int]]:
    """Name of every argument, with the places of the literals that it gives; literals that never differ have none."""
    columns: dict[object, list[int]] = {}
    for slot, first in enumerate(literals[0]):
        values = [own[slot].value for own in literals]
        if any(not _same(value, first.value) for value in values):
            columns.setdefault(tuple((type(value), repr(value)) for value in values), []).append(slot)
    named: dict[str, list[int]] = {}
    kinds = [[literals[0][slot].name for slot in slots] for slots in columns.values()]
    only_one = sum(not _SIZES.isdisjoint(names) for names in kinds) == 1
    for names, slots in zip(kinds, columns.values(), strict=True):
        is_size = only_one and len(_SIZES.intersection(names)) > 1
        wanted = "channels" if is_size else names[0] or "value"
        name, number = wanted, 1
        while name in named:
            number += 1
            name = f"{wanted}_{number}"
        named[name] = slots
    return named


def _same(first: Any, second: Any) -> bool:
    return type(first) is type(second) and repr(first) == repr(second)


def _class_text(name: str, template: Template, arguments: Mapping[str, Sequence[int]]) -> str:
    names = {slot: argument for argument, slots in arguments.items() for slot in slots}
    slots = count()

    def show(literal: Literal) -> str:
        return names.get(next(slots)) or text(literal.value)

    literals = template.literals()
    shown_args = [f"{argument}: {_type(literals[places[0]].value)}" for argument, places in arguments.items()]
    statements = [("", template.start), *template.statements]
    if not template.statements and template.forward is not None and not template.literals():
        statements = []  # what is inherited does
    body = _signature(shown_args) if statements else []
    for start, made in statements:
        body.append(f"    {start}{written(filled(made, show), indent=2, before=len(start))}")
    lines = [f"class {name}({template.base}):", *(f"    {line}" for line in body)]
    if template.forward is not None:
        lines += [""] if statements else []
        lines += [f"    {line}" for line in _method(template.forward)]
    return "\n".join(lines)


def _signature(arguments: Sequence[str]) -> list[str]:
    line = f"def __init__({', '.join(['self', *arguments])}) -> None:"
    if len(line) + 4 <= WIDTH:
        return [line]
    return ["def __init__(", *(f"    {argument}," for argument in ["self", *arguments]), ") -> None:"]


def _method(forward: Forward) -> list[str]:
    typed = [f"{name}: torch.Tensor" if is_tensor else name for name, is_tensor in forward.arguments]
    returned = " -> torch.Tensor" if forward.returns_tensor else ""
    return [f"def forward({', '.join(['self', *typed])}){returned}:", *(f"    {line}" for line in forward.lines)]


def _type(value: object) -> str:
    return type(value).__name__ if isinstance(value, bool | int | float | str | tuple) else "object"
