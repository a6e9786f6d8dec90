"""Finds the architecture of each row.

It may be named in four ways: `arch` (the space's string, an index in digits, a dict), `index` (in the official order)
and, for NAS-Bench-101, `hash`, or `module_adjacency` and `module_operations` as in the official API. If a table has
several, they must agree; so must any other column that holds architectures.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Final

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError, nearest
from nassurrogate.spaces import EnumerableSpace, Space, get_space
from nassurrogate.tables.faults import Faults
from nassurrogate.tables.fields import (
    ARCH,
    HASH,
    IDENTITY,
    INDEX,
    MATRIX,
    OPS,
    WHOLE,
    architecture_at,
    architecture_of_text,
    is_architecture,
    literal,
    read_architecture,
)
from nassurrogate.tables.formats.raw import RawTable, require_column

_INDICES: Final = re.compile(r"(?:(?:arch|architecture|cell|net|model)[_-]?)?(?:idx|index)", re.IGNORECASE)
_NUMBERING: Final = re.compile(
    r"(?:(?:arch|architecture|cell|net|model|config|file|row|run|trial)[_-]?)?(?:idx|index|id|i|number|no)|seed",
    re.IGNORECASE,
)
_BUILT_IN: Final = ("nb201", "nb101", "macro")
"""Spaces whose architectures and orders are recognised in tables for another one."""
_TRIED = 5
"""The number of values of a text column that are tried first to see whether it holds architectures."""
_MOST_SHOWN = 2
"""The most rows without an architecture that a message shows."""


def find_architectures(
    raw: RawTable, space: Space, arch_column: str | None, faults: Faults, reserved: Sequence[str] = ()
) -> tuple[list[Architecture] | None, list[str], list[str]]:
    """The architecture of every row, the names of the columns that identify it, and notes.

    The architectures are None if a row has no readable one; `faults` gives the reason.

    If no column has one of the names above, a text column with an architecture in every row is used, or a column
    whose name means an index, such as `arch_idx`.

    Args:
        reserved: names of columns that have another meaning.

    Raises `InputError`, with the columns found and the nearest one, if no column names the architectures.
    """
    for name in raw.columns:
        if not WHOLE.fullmatch(name) and is_architecture(space, name):
            raise InputError(f"{raw.source}: the first line holds an architecture; expected names of columns")
    notes: list[str] = []
    readers = _readers(raw, space, arch_column, notes, reserved)
    found: list[Architecture] | None = None
    first_key = ""
    before = len(faults)
    for key, read in readers.items():
        archs = _read_all(raw, space, key, read, faults)
        if archs is None:
            continue
        if found is None:
            found, first_key = archs, key
        else:
            _compare(raw, found, first_key, archs, key, faults)
    used = [name for key in readers for name in key.split(" and ")]
    for name in _running_numbers(raw, [*used, *reserved]):
        used.append(name)
        notes.append(_about_numbers(raw, name, space, found))
    if found is not None and len(faults) == before:
        for name in _further(raw, space, [*used, *reserved]):
            archs = [architecture_of_text(space, value) for value in raw.columns[name]]
            if arch_column is not None:
                notes.append(f"{raw.source}: the architectures in column {name!r} are ignored")
            elif _compare(raw, found, first_key, archs, name, faults):
                notes.append(f"{raw.source}: column {name!r} names the same architectures as {first_key!r}")
            used.append(name)
    if arch_column is not None:
        for name in (n for n in raw.columns if n.casefold() in IDENTITY and n not in used):
            notes.append(f"{raw.source}: column {name!r} is ignored, as {arch_column!r} names the architectures")
            used.append(name)
    complete = found is not None and len(faults) == before
    return (found if complete else None), used, notes


def _running_numbers(raw: RawTable, used: Sequence[str]) -> list[str]:
    """Columns that number rows or architectures; they are never metrics."""
    return [name for name in raw.columns if name not in used and _NUMBERING.fullmatch(name)]


def _about_numbers(raw: RawTable, name: str, space: Space, found: list[Architecture] | None) -> str:
    if found is not None and isinstance(space, EnumerableSpace):
        try:
            if [architecture_at(space, value) for value in raw.columns[name]] == found:
                return f"{raw.source}: column {name!r} holds the official indices of the same architectures"
        except InputError:
            pass
    return f"{raw.source}: column {name!r} holds identifiers, not a metric, and is skipped"


Reader = Callable[[int], Architecture]
"""Row (from 0) → its architecture; raises `InputError` if it is unreadable."""


def _readers(
    raw: RawTable, space: Space, arch_column: str | None, notes: list[str], reserved: Sequence[str]
) -> dict[str, Reader]:
    """Identifying column (or columns) → its reader."""
    by_case = {name.casefold(): name for name in raw.columns}

    def of(name: str) -> Reader:
        return lambda row: read_architecture(space, raw.columns[name][row])

    def index_of(name: str) -> Reader:
        assert isinstance(space, EnumerableSpace)
        return lambda row: architecture_at(space, raw.columns[name][row])

    if arch_column is not None:
        require_column(raw, arch_column, "asked for by --arch-column")
        if _INDICES.fullmatch(arch_column) and isinstance(space, EnumerableSpace):
            return {arch_column: index_of(arch_column)}
        return {arch_column: of(arch_column)}
    readers: dict[str, Reader] = {}
    if isinstance(space, EnumerableSpace) and INDEX in by_case:
        readers[by_case[INDEX]] = index_of(by_case[INDEX])
    if ARCH in by_case:
        readers[by_case[ARCH]] = of(by_case[ARCH])
    if space.name == "nb101":
        if HASH in by_case:
            readers[by_case[HASH]] = of(by_case[HASH])
        if MATRIX in by_case and OPS in by_case:
            matrix, ops = by_case[MATRIX], by_case[OPS]
            readers[f"{matrix} and {ops}"] = lambda row: read_architecture(
                space, {MATRIX: literal(raw.columns[matrix][row]), OPS: literal(raw.columns[ops][row])}
            )
    if not readers:
        for name in _further(raw, space, reserved)[:1]:
            notes.append(f"{raw.source}: column {name!r} names the architectures")
            readers[name] = of(name)
    if not readers and isinstance(space, EnumerableSpace):
        for name in [name for name in raw.columns if _INDICES.fullmatch(name)][:1]:
            notes.append(f"{raw.source}: column {name!r} is read as the official index")
            readers[name] = index_of(name)
    if not readers:
        raise _no_identity(raw, space)
    return readers


def _no_identity(raw: RawTable, space: Space) -> InputError:
    expected = [ARCH, *([INDEX] if isinstance(space, EnumerableSpace) else [])]
    if space.name == "nb101":
        expected += [HASH, f"{MATRIX} and {OPS}"]
    listed = ", ".join(map(repr, raw.columns)) or "none with a name"
    problem = (
        f"{raw.source} has no column that names the architectures; expected {' or '.join(expected)}; its columns: "
        f"{listed}"
    )
    halves = {MATRIX, OPS} & {name.casefold() for name in raw.columns}
    if space.name == "nb101" and len(halves) == 1:
        return InputError(f"{problem}; {min(halves)!r} also needs {min({MATRIX, OPS} - halves)!r}")
    if len(raw.columns) == 1:
        return InputError(f"{problem}; columns must be separated by commas, semicolons or tabs")
    close = next((near for name in expected if (near := nearest(name, raw.columns))), None)
    hint = f"; did you mean --arch-column {close}?" if close else "; choose one with --arch-column NAME"
    return InputError(problem + hint)


# --- rows ------------------------------------------------------------------------------------------------------------


def _read_all(raw: RawTable, space: Space, key: str, read: Reader, faults: Faults) -> list[Architecture] | None:
    archs: list[Architecture] = []
    bad = 0
    other = ""
    for row in range(len(raw.places)):
        try:
            archs.append(read(row))
        except InputError as error:
            if not bad:
                other = _space_of(raw.columns.get(key, [None])[row] if key in raw.columns else None)
            bad += 1
            if bad <= _MOST_SHOWN:
                faults.add(f"{raw.place(row)}: {error}{other}")
    if bad > _MOST_SHOWN:
        faults.add(f"{bad - _MOST_SHOWN:,} more rows have no valid {space.name} architecture in {key!r}")
    return None if bad else archs


def _space_of(value: object) -> str:
    """A hint at the other built-in space that an unreadable architecture belongs to; empty if none."""
    if not isinstance(value, str):
        return ""
    for name in _BUILT_IN:
        try:
            get_space(name).parse(value)
        except InputError:
            continue
        return f"; it belongs to {name}"
    return ""


# --- agreement -------------------------------------------------------------------------------------------------------


def _compare(
    raw: RawTable, found: list[Architecture], first_key: str, other: list[Architecture], key: str, faults: Faults
) -> bool:
    """Whether two columns name the same architectures; if not, the first differing row is added to `faults`."""
    differ = [row for row, (a, b) in enumerate(zip(found, other, strict=True)) if a != b]
    if not differ:
        return True
    row = differ[0]
    faults.add(
        f"{raw.place(row)}: {first_key} {_shown(found[row], first_key)} and {key} {_shown(other[row], key)} disagree"
        f"{_official(other[row], first_key)} ({len(differ)} of {len(found)} rows disagree); choose one: "
        f"--arch-column {first_key.split(' and ')[0]} or --arch-column {key.split(' and ')[0]}"
    )
    return False


def _shown(arch: Architecture, key: str) -> str:
    return str(arch.index) if key.casefold() == INDEX else arch.string


def _official(arch: Architecture, first_key: str) -> str:
    return f"; the official index of the latter is {arch.index}" if first_key.casefold() == INDEX else ""


def _further(raw: RawTable, space: Space, used: Sequence[str]) -> list[str]:
    """Names of other text columns with an architecture of the space in every row."""
    return [name for name in raw.columns if name not in used and _holds_architectures(raw.columns[name], space)]


def _holds_architectures(values: Sequence[object], space: Space) -> bool:
    known = cache(lambda value: is_architecture(space, value))
    texts = [value for value in values if isinstance(value, str) and value.strip()]
    # Digits may be any counts, even in a space whose strings are digits.
    if not texts or len(texts) < len(values) or all(WHOLE.fullmatch(text) for text in texts):
        return False
    return all(map(known, texts[:_TRIED])) and all(map(known, texts))


def check_order(
    raw: RawTable, space: Space, archs: Sequence[Architecture], used: Sequence[str], faults: Faults
) -> None:
    """Refuse indices that cover another space exactly: they are most likely indices of that space."""
    if not isinstance(space, EnumerableSpace) or not all(_holds_numbers(raw, name) for name in used):
        return
    indices = {arch.index for arch in archs}
    if len(indices) < len(archs) or max(indices) != len(indices) - 1:
        return
    for name in _BUILT_IN:
        other = get_space(name)
        if name != space.name and isinstance(other, EnumerableSpace) and other.size == len(indices) != space.size:
            faults.add(
                f"its {len(indices):,} rows have the indices 0 to {other.size - 1}: that is all of {name}, not of "
                f"{space.name} ({space.size:,}); if they are {space.name} architectures, give their strings in a "
                "column arch"
            )


def _holds_numbers(raw: RawTable, name: str) -> bool:
    return name in raw.columns and all(WHOLE.fullmatch(str(value).strip()) for value in raw.columns[name])
