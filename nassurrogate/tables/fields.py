"""Reads the architecture in one field of a table: a string, an index, a dict or a list."""

from __future__ import annotations

import ast
import json
import re
from numbers import Integral, Real
from typing import Any, Final

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError, brief
from nassurrogate.spaces import CellSpace, EnumerableSpace, Space

ARCH, INDEX, HASH = "arch", "index", "hash"
MATRIX: Final = "module_adjacency"
OPS: Final = "module_operations"
"""Names of the parts of a cell in the official API of NAS-Bench-101."""
IDENTITY: Final = (ARCH, INDEX, HASH, MATRIX, OPS)
"""Names of the columns that say which architecture a row describes."""
WHOLE: Final = re.compile(r"([+-]?\d{1,18})(?:\.0*)?")
"""A whole number, possibly as spreadsheets write it: 12.0."""
_LARGEST: Final = 10**18
"""Larger than any index of any space."""
_CODES = re.compile(r"[(\[]\s*\d+(?:\s*,\s*\d+)+\s*[)\]]")
_ARRAY = re.compile(r"\barray\((?P<values>[^()]*?)(?:,\s*dtype=\w+)?\)")
_GAP = re.compile(r"(?<=[\d.\]'\"])\s+(?=[\d\['\"])")


def read_architecture(space: Space, value: object) -> Architecture:
    """The architecture in one field: text, an index if the space has an order, a dict or a list."""
    if value is None or (isinstance(value, float) and value != value):
        raise InputError("arch is missing")
    if isinstance(value, dict | list):
        return _of_structure(space, value)
    if isinstance(value, str):
        return architecture_of_text(space, value)
    if isinstance(value, Real) and not isinstance(value, bool):
        whole = _whole(value)
        if whole is not None and abs(whole) >= _LARGEST:
            raise InputError(f"expected an architecture of {space.name}, got {brief(value)}")
        return architecture_of_text(space, repr(value) if whole is None else str(whole))
    raise InputError(f"expected an architecture of {space.name}, got {brief(value)}")


def is_architecture(space: Space, text: str) -> bool:
    """Whether a text names an architecture of the space."""
    try:
        architecture_of_text(space, text)
    except InputError:
        return False
    return True


def architecture_of_text(space: Space, value: object) -> Architecture:
    """The architecture that a text names. Raises `InputError` if it names none."""
    text = str(value).strip()
    if not text:
        raise InputError("arch is missing")
    whole = WHOLE.fullmatch(text)
    if whole is not None and isinstance(space, CellSpace):
        text = _without_zeros(whole.group(1))  # a spreadsheet writes 12 as 12.0
    if text[0] in "{[" and not isinstance(space, CellSpace):
        return _of_structure(space, literal(text))
    try:
        return space.parse_text(text)
    except InputError as error:
        if _CODES.fullmatch(text):
            raise InputError(
                f"{brief(text)} is a tuple of operation codes, whose order differs between libraries; give the "
                f"{space.name} string"
            ) from error
        if text[0] not in "{[":
            raise
    return _of_structure(space, literal(text))


def _of_structure(space: Space, value: Any) -> Architecture:
    """The architecture of a dict of choices, or of a matrix and its operations."""
    if not isinstance(space, CellSpace):
        return space.parse(value)
    if isinstance(value, dict) and {MATRIX, OPS} <= set(value):
        value = {"matrix": value[MATRIX], "ops": value[OPS]}
    try:
        return space.parse_text(json.dumps(value))
    except (TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"expected an architecture of {space.name}, got {brief(value)}") from error


def literal(value: object) -> Any:
    """The Python or JSON value of a text, including arrays as NumPy prints them; other values unchanged."""
    if not isinstance(value, str):
        return value
    for text in (value, _GAP.sub(", ", _ARRAY.sub(r"\g<values>", value))):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            pass
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            pass
    raise InputError(f"cannot read {brief(value)} as a dict or a list")


def architecture_at(space: EnumerableSpace, value: object) -> Architecture:
    """The architecture of an index, given as a number or as text. Raises `InputError` if there is none."""
    text = value.strip() if isinstance(value, str) else value
    if text is None or text == "" or (isinstance(text, float) and text != text):
        raise InputError("index is missing")
    if isinstance(text, str):
        whole = WHOLE.fullmatch(text)
        number = int(_without_zeros(whole.group(1))) if whole is not None else None
    else:
        number = _whole(text)
    if number is None:
        raise InputError(f"index is {brief(value)}; expected a whole number from 0 to {space.size - 1}")
    if not 0 <= number < space.size:
        raise InputError(f"index {brief(number)} is outside {space.name}; indices run from 0 to {space.size - 1}")
    return space.take([number])[0]


def _without_zeros(digits: str) -> str:
    """The digits of an index. Raises `InputError` for leading zeros: in a macro string, they are operations."""
    if len(digits.lstrip("+-")) > 1 and digits.lstrip("+-").startswith("0"):
        raise InputError(f"{digits!r} has leading zeros, so it is not an index")
    return digits


def _whole(value: object) -> int | None:
    """The value if it is a whole number of any size; None otherwise."""
    if isinstance(value, Integral) and not isinstance(value, bool):
        return int(value)
    return int(value) if isinstance(value, float) and value.is_integer() else None
