"""The slots of a `CategoricalSpace`, and the validation of their declaration.

Shapes: G slots, C choices of a slot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from nassurrogate.errors import InputError, brief, nearest, unknown_choice
from nassurrogate.spaces.categorical.codes import Conditions

Value: TypeAlias = "str | int | float | bool | None"
_LOG_FACTOR = 4.0
"""Choices that span this factor are placed by their logarithms."""
_LARGEST = 1e100


@dataclass(frozen=True)
class Slot:
    """The choices of one slot, for cases where a plain list does not say enough.

    Args:
        choices: at least one, all different: strings, numbers, True, False or None.
        ordered: whether the choices have an order; None: if all are numbers. Numbers are placed on the scale by their
            value, or its logarithm if they span a factor of 4 or more; other choices by their position in the list.
        when: earlier slot → its value or values for which this slot is active; all entries must hold. The value of an
            inactive slot makes no difference.

    >>> Slot([3, 5], when={"operation": "convolution"}).when
    {'operation': 'convolution'}
    """

    choices: Sequence[Value]
    ordered: bool | None = None
    when: Mapping[str, Any] | None = None


def checked_slots(space: str, slots: Mapping[str, Sequence[Value] | Slot]) -> dict[str, Slot]:
    """The slots, with choices and the values of `when` as tuples of plain Python values.

    Raises `InputError` for an invalid declaration.
    """
    if not isinstance(slots, Mapping) or not slots:
        raise InputError(
            f"the slots of space {space!r} must be a dict of at least one name → list of choices, got {brief(slots)}"
        )
    checked: dict[str, Slot] = {}
    for name, declared in slots.items():
        if not isinstance(name, str) or name.split() != [name] or "=" in name or not name.isprintable():
            raise InputError(f"a slot of space {space!r} needs a name without spaces and '=', got {brief(name)}")
        slot = declared if isinstance(declared, Slot) else Slot(declared)
        place = f"{name!r} of space {space!r}"
        if not isinstance(slot.ordered, bool | None):
            raise InputError(f"ordered of {place} must be True, False or None, got {brief(slot.ordered)}")
        checked[name] = Slot(_checked_choices(place, slot.choices), slot.ordered, _checked_when(name, slot, checked))
    return checked


def _checked_choices(place: str, choices: object) -> tuple[Value, ...]:
    if not isinstance(choices, Sequence | np.ndarray) or not _is_list(choices):
        raise InputError(f"the choices of {place} must be a list, got {brief(choices)}")
    values = tuple(value.item() if isinstance(value, np.generic) else value for value in choices)
    for value in values:
        if not isinstance(value, str | int | float | None) or not _is_finite(value):
            raise InputError(
                f"a choice of {place} must be a string, a finite number, True, False or None, got {brief(value)}; "
                "give other values a name, and look them up by name in `build`"
            )
        if isinstance(value, str) and (value.split() != [value] or not value.isprintable()):
            raise InputError(f"a choice of {place} must be a string without spaces, got {brief(value)}")
    # 1 and 1.0 are equal; 1 and "1" print alike.
    if not values or any(
        text_of(value) == text_of(other) or find_choice([other], value) is not None
        for number, value in enumerate(values)
        for other in values[:number]
    ):
        raise InputError(f"the choices of {place} must be at least one, all different, got {brief(values)}")
    return values


def _is_list(value: object) -> Any:
    if isinstance(value, np.ndarray):
        return value.ndim == 1
    return isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray)


def _is_finite(value: str | int | float | None) -> bool:
    return isinstance(value, str | None) or abs(value) <= _LARGEST  # False for NaN


def _checked_when(name: str, slot: Slot, before: Mapping[str, Slot]) -> dict[str, tuple[Value, ...]] | None:
    """The condition of a slot: a tuple of declared values for each slot that it depends on."""
    if slot.when is None:
        return None
    if not isinstance(slot.when, Mapping):
        raise InputError(
            f"when of {name!r} maps slots to values, such as {{'operation': 'conv'}}, got {brief(slot.when)}"
        )
    found = {}
    for other, wanted in slot.when.items():
        if not isinstance(other, str) or other not in before:
            raise unknown_choice("slot", other, before, place=f" before {name!r}; when takes only earlier slots")
        values = list(wanted) if _is_list(wanted) or isinstance(wanted, Set) else [wanted]
        if not values:
            raise InputError(f"{name!r} can never be active: its `when` lists no value of {other!r}")
        choices = before[other].choices
        codes = [require_choice(choices, value, f" of {other!r}, on which {name!r} depends") for value in values]
        found[other] = tuple(choices[code] for code in sorted(set(codes)))
    return found


def conditions_of(slots: Mapping[str, Slot]) -> Conditions:
    """The conditions of checked slots, by slot number and code."""
    names = list(slots)
    return tuple(
        tuple(
            (names.index(other), frozenset(slots[other].choices.index(value) for value in values))
            for other, values in (slot.when or {}).items()
        )
        for slot in slots.values()
    )


def levels_of(slot: Slot) -> tuple[float, ...] | None:
    """(C,) position of each choice on the slot's scale, from 0 to 1; None if the choices have no order."""
    numbers = [value for value in slot.choices if isinstance(value, int | float) and not isinstance(value, bool)]
    are_numbers = len(numbers) == len(slot.choices)
    if not (are_numbers if slot.ordered is None else slot.ordered):
        return None
    scale = np.array(numbers if are_numbers else range(len(slot.choices)), dtype=np.float64)
    if are_numbers and scale.min() > 0 and scale.max() >= _LOG_FACTOR * scale.min():
        scale = np.log(scale)
    span = scale.max() - scale.min()
    return tuple(((scale - scale.min()) / span).tolist()) if span > 0 else (0.0,) * len(scale)


def checked_shape(space: str, shape: object) -> tuple[int, ...] | None:
    """The shape of one example as a tuple. Raises `InputError` unless it is None or positive whole numbers."""
    if shape is None:
        return None
    sides = tuple(shape) if isinstance(shape, Sequence) and not isinstance(shape, str | bytes) else ()
    if not sides or not all(isinstance(side, int) and not isinstance(side, bool) and side > 0 for side in sides):
        raise InputError(f"input_shape of space {space!r} must be sizes such as (3, 32, 32), got {brief(shape)}")
    return sides


def text_of(value: Value) -> str:
    """A choice as it is printed."""
    return value if isinstance(value, str) else repr(value)


def find_choice(choices: Sequence[Value], value: object) -> int | None:
    """The code of a value, which may be a NumPy scalar; None if it is not a choice."""
    if isinstance(value, np.generic):
        value = value.item()
    if not isinstance(value, str | int | float | None):
        return None
    for code, choice in enumerate(choices):
        # True == 1 in Python, but they are different choices.
        if value == choice and isinstance(value, bool) == isinstance(choice, bool):
            return code
    return None


def require_choice(choices: Sequence[Value], value: object, place: str) -> int:
    """The code of a value. Raises `InputError`, with the nearest choice, if it is not a choice."""
    code = find_choice(choices, value)
    if code is not None:
        return code
    texts = [text_of(choice) for choice in choices]
    close = nearest(value if isinstance(value, str) else repr(value), texts)
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, int | float) and not isinstance(value, bool) and _is_finite(value):
        numbers = [v for v in choices if isinstance(v, int | float) and not isinstance(v, bool)]
        close = repr(min(numbers, key=lambda number: abs(number - value))) if numbers else None
    hint = f"; did you mean {close}?" if close else ""
    raise InputError(f"unknown choice {brief(value)}{place}; known: {', '.join(texts)}{hint}")
