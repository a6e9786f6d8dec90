"""What sections are made of: lists of facts, tables, boxes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from nassurrogate.display.markup import Markup, element, joined

_BORDERS: Final = re.compile(
    r"(?<=\|\+)(?=\|)|(?<=[^\s|+])(?=\|[^\s|+])"  # the nodes, then the edges of an nb201 string
    r"|(?<=,)(?=[^\s\d])"  # lists, but not numbers
)
_LONGEST_UNBROKEN: Final = 48
"""Characters of a cell that is not wrapped."""


def section(title: str, *parts: Markup | None) -> Markup | None:
    """A section with its heading; None without any part."""
    shown = [part for part in parts if part]
    return element("section", element("h2", title), *shown) if shown else None


def facts(rows: Iterable[tuple[str, str | None]], *, short: bool = False) -> Markup | None:
    """Names and values; those that are None or empty are left out.

    Args:
        short: whether all fit next to each other on a phone.
    """
    shown = [joined(element("dt", name), element("dd", value)) for name, value in rows if value]
    return element("dl", *shown, class_="short" if short else None) if shown else None


def facts_in_columns(rows: Iterable[tuple[str, str | None]]) -> Markup:
    """Names and values, in two columns where there is room."""
    shown = [row for row in rows if row[1]]
    half = (len(shown) + 1) // 2
    return element("div", facts(shown[:half]), facts(shown[half:]), class_="columns")


def table(header: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[str] = ()) -> Markup:
    """A table that scrolls in a box of its own; long cells are wrapped.

    Args:
        header: names of the columns.
        rows: one text for each.
        numeric: names of the columns to align on the right.
    """
    head = element("tr", *(element("th", name, class_="number" if name in numeric else None) for name in header))
    body = [
        element("tr", *(_cell(cell, is_number=name in numeric) for name, cell in zip(header, row, strict=True)))
        for row in rows
    ]
    return element("div", element("table", element("thead", head), element("tbody", *body)), class_="scroll")


def _cell(text: str, *, is_number: bool) -> Markup:
    if len(text) > _LONGEST_UNBROKEN:
        return element("td", element("div", breakable(text)), class_="wide")
    return element("td", text, class_="number" if is_number else None)


def breakable(text: str) -> Markup:
    """The text, which may be broken between the operations of an architecture, before it is broken anywhere else."""
    return joined(*(joined(part, element("wbr")) for part in _BORDERS.split(text)))


def notes(lines: Sequence[str]) -> Markup | None:
    """A list of sentences; None without any."""
    return element("ul", *(element("li", line) for line in lines), class_="notes") if lines else None


def paragraph(text: str) -> Markup:
    """A sentence or two."""
    return element("p", text)
