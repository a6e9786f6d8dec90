"""The look of a drawing: colours by what an operator does, for light and dark themes."""

from __future__ import annotations

from typing import Final

_CLASSES: Final = {
    "input": "input",
    "convolution": "convolution",
    "matrix product": "product",
    "recurrent": "product",
    "pool": "pool",
    "reduction": "pool",
    "activation": "pointwise",
    "normalisation": "pointwise",
    "elementwise": "sum",
    "data movement": "move",
    "resampling": "move",
}
_COLOURS: Final = {
    "input": ("transparent", "#6b7585", "transparent", "#98a2b3"),
    "convolution": ("#e2ecfb", "#5a8bd4", "#1c3053", "#6d9ee6"),
    "product": ("#ece5fa", "#9270cf", "#322750", "#a98ce0"),
    "pool": ("#def2e8", "#41a077", "#15382a", "#57bb8f"),
    "pointwise": ("#fcecd5", "#cf9136", "#3f2d13", "#dca44d"),
    "sum": ("#eceff3", "#8791a1", "#2b313b", "#8d97a6"),
    "move": ("#f5f6f8", "#a9b1bd", "#21262e", "#6f7988"),
    "other": ("#fbe3ea", "#cc5f7c", "#43202b", "#dd7f98"),
}
"""Class → fill and outline in a light theme, then in a dark one."""


def style_class(group: str) -> str:
    """The class of a group of operators.

    >>> style_class("convolution"), style_class("detection")
    ('convolution', 'other')
    """
    return _CLASSES.get(group, "other")


def _themed(first: int) -> str:
    return "".join(
        f".network-drawing .{name} rect{{fill:{colours[first]};stroke:{colours[first + 1]}}}"
        for name, colours in _COLOURS.items()
    )


STYLE: Final = (
    ".network-drawing{--line:#8b95a5;--ink:#1d2530;--quiet:#586273;--paper:#fff;font:12px/1 system-ui,-apple-system,"
    '"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}'
    ".network-drawing text{fill:var(--ink);text-anchor:middle}"
    ".network-drawing .name{font-weight:600}"
    ".network-drawing .details{font-size:10.5px;fill:var(--quiet)}"
    ".network-drawing .shape{font-size:10.5px;fill:var(--quiet);text-anchor:start;paint-order:stroke;"
    "stroke:var(--paper);stroke-width:4px;stroke-linejoin:round}"
    ".network-drawing .edge{fill:none;stroke:var(--line);stroke-width:1.3}"
    ".network-drawing .head{fill:var(--line)}"
    ".network-drawing .frame{fill:none;stroke:var(--line);stroke-dasharray:5 4}"
    ".network-drawing .pill{fill:var(--ink)}"
    ".network-drawing .times{font-weight:600;fill:var(--paper)}"
    f"{_themed(0)}"
    "@media(prefers-color-scheme:dark){.network-drawing{--line:#6f7a8a;--ink:#e8ebf0;--quiet:#a6afbd;--paper:#14181e}"
    f"{_themed(2)}}}"
)
"""For a `style` element inside the SVG; all rules apply to the class `network-drawing` alone."""
