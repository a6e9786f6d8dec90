"""HTML and SVG written element by element; every text and every attribute is escaped."""

from __future__ import annotations

import html
from typing import Final

from nassurrogate.errors import printable

_VOID: Final = frozenset({"meta", "br", "wbr", "hr", "col"})
"""Elements of HTML without an end tag."""


class Markup(str):
    """Finished markup. Any other text is escaped where it is put into an element."""

    __slots__ = ()


def element(name: str, /, *children: str | None, **attributes: str | float | None) -> Markup:
    """One element with its children.

    Args:
        name: of the element.
        children: `Markup` as it is, other texts escaped, None left out. Unprintable characters are shown by their
            codes, line breaks apart.
        attributes: underscores become hyphens, and one at the end is dropped (`class_`); None: left out.

    >>> print(element("td", "a<b", element("b", "bold"), class_="wide", data_n=3))
    <td class="wide" data-n="3">a&lt;b<b>bold</b></td>
    """
    written = "".join(
        f' {key.removesuffix("_").replace("_", "-")}="{_escaped(_text(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Markup(f"<{name}{written}>")
    return Markup(f"<{name}{written}>{joined(*children)}</{name}>")


def joined(*parts: str | None) -> Markup:
    """The parts one after the other; texts that are not `Markup` are escaped.

    >>> print(joined("a<b", element("br"), None))
    a&lt;b<br>
    """
    return Markup("".join(part if isinstance(part, Markup) else _escaped(part) for part in parts if part is not None))


def _text(value: str | float) -> str:
    """A number with at most two decimals, enough for coordinates in pixels."""
    if isinstance(value, str):
        return value
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def _escaped(text: str) -> str:
    return html.escape(printable(text, keep="\n"), quote=True)
