"""Charts as SVG inside a page: two axes, and what is drawn between them. The colours come from the page's style."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

from nassurrogate.display.markup import Markup, element

_WIDTH, _HEIGHT = 460.0, 300.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 58.0, 12.0, 14.0, 46.0
_MOST_TOOLTIPS = 1000
_SHAPES: Final = {"circle": "●", "square": "■", "diamond": "◆", "cross": "✕", "ring": "◯"}

Shape: TypeAlias = Literal["circle", "square", "diamond", "cross", "ring"]
Points: TypeAlias = Sequence[tuple[float, float]]


class Chart:
    """Collects the parts of a chart, first the lowest ones.

    Args:
        title: above the chart.
        x, y: (low, high) limits of the axes.
        x_label, y_label: what the axes show, with units.
        whole_x: whether only whole numbers are meant on the x axis.
        y_zero: the y axis starts at 0 and grows like a logarithm from this value on; None: it is linear.
    """

    def __init__(
        self,
        title: str,
        x: tuple[float, float],
        y: tuple[float, float],
        x_label: str,
        y_label: str,
        *,
        whole_x: bool = False,
        y_zero: float | None = None,
    ) -> None:
        self.title = title
        self._x, self._y = x, y
        self._x_label, self._y_label = x_label, y_label
        self._whole_x, self._y_zero = whole_x, y_zero
        self._parts: list[Markup] = []
        self._legend: list[Markup] = []
        self._notes: list[str] = []

    # What `plot_view` asks of a view.

    def get_xlim(self) -> tuple[float, float]:
        """The ends of the x axis."""
        return self._x

    def get_ylim(self) -> tuple[float, float]:
        """The ends of the y axis."""
        return self._y

    def get_xlabel(self) -> str:
        """What the x axis shows."""
        return self._x_label

    # --- parts -------------------------------------------------------------------------------------------------

    def line(self, points: Points, name: str, label: str | None = None, *, steps: bool = False) -> None:
        """A line through points, or horizontal up to the next point if they are `steps`."""
        path = []
        for place, (x, y) in enumerate(points):
            if steps and place:
                path.append(f"H{self._across(x):.1f}V{self._up(y):.1f}")
            else:
                path.append(f"{'L' if place else 'M'}{self._across(x):.1f} {self._up(y):.1f}")
        self._add(element("path", d="".join(path), class_=f"line {name}"), label, "line", name)

    def band(self, low: Points, high: Points, name: str, label: str, *, steps: bool = False) -> None:
        """The area between two lines of the same x."""
        if steps:
            low, high = _as_steps(low), _as_steps(high)
        corners = [*low, *reversed(high)]
        path = "M" + "L".join(f"{self._across(x):.1f} {self._up(y):.1f}" for x, y in corners) + "z"
        self._add(element("path", d=path, class_=f"band {name}"), label, "band", name)

    def dots(
        self, points: Points, name: str, label: str | None, tooltips: Sequence[str] = (), shape: Shape = "circle"
    ) -> None:
        """A mark at each point inside the limits."""
        with_tips = len(tooltips) == len(points) <= _MOST_TOOLTIPS
        for place, (x, y) in enumerate(points):
            if self._holds(x, y):
                mark = _mark(shape, self._across(x), self._up(y))
                tip = element("title", tooltips[place]) if with_tips else None
                self._parts.append(element("g", tip, mark, class_=f"dot {name}"))
        if label is not None:
            self._legend.append(_key(_SHAPES[shape], name, label))

    def bars(self, points: Sequence[tuple[float, float, float]], name: str, label: str) -> None:
        """Vertical bars of ± the third value around points inside the limits."""
        for x, y, half in points:
            if self._holds(x, y):
                low, high = max(y - half, self._y[0]), min(y + half, self._y[1])
                at = self._across(x)
                self._parts.append(
                    element("path", d=f"M{at:.1f} {self._up(low):.1f}V{self._up(high):.1f}", class_=name)
                )
        self._legend.append(_key("│", name, label))

    def horizontal(self, y: float, name: str, label: str) -> None:
        """A line across the chart, if it is inside the limits."""
        if self._y[0] <= y <= self._y[1]:
            self.line([(self._x[0], y), (self._x[1], y)], name, label)

    def vertical(self, x: float, name: str, label: str) -> None:
        """A line from bottom to top, if it is inside the limits."""
        if self._x[0] <= x <= self._x[1]:
            self.line([(x, self._y[0]), (x, self._y[1])], name, label)

    def shade(self, left: float, right: float, name: str) -> None:
        """Fill the chart between two values of x."""
        left, right = max(left, self._x[0]), min(right, self._x[1])
        if left < right:
            at = self._across(left)
            height = _HEIGHT - _TOP - _BOTTOM
            self._parts.append(
                element("rect", x=at, y=_TOP, width=self._across(right) - at, height=height, class_=f"shade {name}")
            )

    def note(self, text: str) -> None:
        """A line below the legend."""
        self._notes.append(text)

    def markup(self) -> Markup:
        """The chart with its title and legend."""
        drawing = element(
            "svg",
            element("title", self.title),
            *self._axes(),
            *self._parts,
            viewBox=f"0 0 {_WIDTH:g} {_HEIGHT:g}",
            role="img",
            class_="chart",
        )
        notes = [element("p", note, class_="note") for note in self._notes]
        legend = element("ul", *self._legend, class_="legend")
        return element("figure", element("h3", self.title), drawing, element("figcaption", legend, *notes))

    # --- drawing -----------------------------------------------------------------------------------------------

    def _add(self, part: Markup, label: str | None, kind: str, name: str) -> None:
        self._parts.append(part)
        if label is not None:
            self._legend.append(_key("━" if kind == "line" else "■", f"{kind} {name}", label))

    def _axes(self) -> list[Markup]:
        bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
        parts = []
        for tick, text in _ticks(*self._x, 6, whole=self._whole_x):
            at = self._across(tick)
            parts.append(element("path", d=f"M{at:.1f} {_TOP:g}V{bottom:g}", class_="grid"))
            parts.append(element("text", text, x=at, y=bottom + 16, class_="tick"))
        ticks = _ticks(*self._y, 5) if self._y_zero is None else _decades(self._y[1], self._y_zero)
        for tick, text in ticks:
            at = self._up(tick)
            parts.append(element("path", d=f"M{_LEFT:g} {at:.1f}H{right:g}", class_="grid"))
            parts.append(element("text", text, x=_LEFT - 7, y=at + 4, class_="tick up"))
        parts.append(element("path", d=f"M{_LEFT:g} {bottom:g}H{right:g}", class_="axis"))
        middle = (_TOP + bottom) / 2
        parts.append(element("text", _cut(self._x_label), x=(_LEFT + right) / 2, y=_HEIGHT - 8, class_="label"))
        parts.append(
            element(
                "text", _cut(self._y_label), x=14.0, y=middle, class_="label", transform=f"rotate(-90 14 {middle:g})"
            )
        )
        return parts

    def _holds(self, x: float, y: float) -> bool:
        return self._x[0] <= x <= self._x[1] and self._y[0] <= y <= self._y[1]

    def _across(self, x: float) -> float:
        low, high = self._x
        return _LEFT + (min(max(x, low), high) - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT)

    def _up(self, y: float) -> float:
        low, high = (self._bent(end) for end in self._y)
        share = (self._bent(min(max(y, self._y[0]), self._y[1])) - low) / (high - low)
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)

    def _bent(self, y: float) -> float:
        return y if self._y_zero is None else math.asinh(y / self._y_zero)


def _mark(shape: Shape, x: float, y: float) -> Markup:
    if shape == "circle":
        return element("circle", cx=x, cy=y, r=3.6)
    if shape == "square":
        return element("rect", x=x - 3.2, y=y - 3.2, width=6.4, height=6.4)
    if shape == "ring":
        return element("circle", cx=x, cy=y, r=7.5)
    reach = 4.6 if shape == "diamond" else 3.8
    outline = {
        "diamond": f"M{x:.1f} {y - reach:.1f}L{x + reach:.1f} {y:.1f}L{x:.1f} {y + reach:.1f}L{x - reach:.1f} {y:.1f}z",
        "cross": f"M{x - reach:.1f} {y - reach:.1f}L{x + reach:.1f} {y + reach:.1f}"
        f"M{x - reach:.1f} {y + reach:.1f}L{x + reach:.1f} {y - reach:.1f}",
    }
    return element("path", d=outline[shape])


def _key(sign: str, name: str, label: str) -> Markup:
    return element("li", element("span", sign, class_=f"key {name}", aria_hidden="true"), label)


def _as_steps(points: Points) -> list[tuple[float, float]]:
    found: list[tuple[float, float]] = []
    for x, y in points:
        if found:
            found.append((x, found[-1][1]))
        found.append((x, y))
    return found


def _ticks(low: float, high: float, wanted: int, *, whole: bool = False) -> list[tuple[float, str]]:
    """Round values inside the limits, with their texts.

    >>> _ticks(0.3, 10.2, 5)
    [(2.0, '2'), (4.0, '4'), (6.0, '6'), (8.0, '8'), (10.0, '10')]
    """
    rough = (high - low) / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(size * power for size in (1, 2, 5, 10) if size * power >= rough * 0.999)
    if whole:
        step = max(1.0, round(step))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    values = [place * step for place in range(first, last + 1)]
    if whole:
        values = [value for value in values if value >= 1] or [1.0]
    return [(value, _number(value, decimals)) for value in values]


def _number(value: float, decimals: int) -> str:
    if value and not 1e-4 <= abs(value) < 1e7:
        return f"{value:.3g}"
    return f"{value:,.{min(decimals, 6)}f}"


def _decades(high: float, zero: float) -> list[tuple[float, str]]:
    """0 and the powers of ten up to the limit."""
    found = [(0.0, "0")]
    exponent = math.floor(math.log10(zero)) + 1
    while 10.0**exponent <= high:
        found.append((10.0**exponent, f"{10.0**exponent:g}"))
        exponent += 1
    return [*found, (high, f"{high:.2g}")] if len(found) < 3 else found


def _cut(label: str) -> str:
    return label if len(label) <= 48 else label[:47] + "…"
