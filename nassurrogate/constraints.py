"""Bounds on what costs no training: latency, parameters, FLOPs."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

import numpy as np

from nassurrogate.errors import InputError, brief, require_name

Operator: TypeAlias = Literal["<=", ">=", "<", ">"]
OPERATORS: tuple[Operator, ...] = ("<=", ">=", "<", ">")

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_METRIC = rf"(?!{_NUMBER}(?![\w.-]))\w(?:[\w.-]*\w)?"
"""Whatever an imported column may be called, `1080ti_1_ms` too, but no number."""
_PARTS = re.compile(rf"\s*({_METRIC})\s*([^\w\s.+-]+)\s*(\S.*?)\s*", re.ASCII)
_REVERSED = re.compile(rf"\s*({_NUMBER})\s*([<>]=?)\s*({_METRIC})\s*", re.ASCII)
_MEANT: dict[str, Operator] = {"=": "<=", "==": "<=", "=<": "<=", "≤": "<=", "=>": ">=", "≥": ">="}
_MIRROR: dict[str, Operator] = {"<=": ">=", ">=": "<=", "<": ">", ">": "<"}


@dataclass(frozen=True)
class Constraint:
    """A metric, an operator and a bound that every chosen architecture must keep.

    Args:
        metric: name of the metric, with its unit: `latency_ms`, `params_m`, …
        operator: `<=`, `>=`, `<` or `>`.
        bound: finite, in the metric's unit.
        source: where the metric's values come from; `"table"` means an exact look-up.

    Raises `InputError` for an unknown operator, or a bound that is not a finite number.

    >>> limit = Constraint.parse("latency_ms<=12")
    >>> limit.check(np.array([11.5, 12.0, 12.5, np.nan])).tolist()
    [True, True, False, False]
    >>> str(limit)
    'latency_ms<=12'
    """

    metric: str
    operator: Operator
    bound: float
    source: str = "table"

    def __post_init__(self) -> None:
        require_name("metric", self.metric)
        require_name("operator", self.operator)
        if self.operator not in OPERATORS:
            raise InputError(
                f"unknown operator {brief(self.operator)} in a constraint on {self.metric}; expected one of {_listed()}"
                f"; did you mean {_MEANT.get(self.operator, '<=')!r}?"
            )
        if isinstance(self.bound, bool) or not isinstance(self.bound, int | float) or not math.isfinite(self.bound):
            raise InputError(
                f"the bound of a constraint must be a finite number, got {brief(self.bound)}; for example "
                f"'{self.metric}{self.operator}12'"
            )
        object.__setattr__(self, "bound", float(self.bound))

    @classmethod
    def parse(cls, text: str, *, source: str = "table") -> Constraint:
        """The constraint written as `METRIC OPERATOR NUMBER`, spaces allowed. Raises `InputError` for anything else.

        >>> Constraint.parse("params_m < 1.5")
        Constraint(metric='params_m', operator='<', bound=1.5, source='table')
        """
        if not isinstance(text, str):
            raise InputError(f"a constraint is a text such as 'latency_ms<=12', got {brief(text)}")
        swapped = _REVERSED.fullmatch(text)
        if swapped is not None:
            number, operator, metric = swapped.groups()
            raise _unparsable(text, "the metric comes first", f"{metric}{_MIRROR[operator]}{number}")
        parts = _PARTS.fullmatch(text)
        if parts is None:
            raise _unparsable(text, "expected METRIC, operator and bound", _repaired(text))
        metric, operator, number = parts.groups()
        if operator not in OPERATORS:
            nearest = _MEANT.get(operator) or (">=" if ">" in operator else "<=")
            bound = number if re.fullmatch(_NUMBER, number, re.ASCII) else "12"
            reason = f"unknown operator {brief(operator)}, expected one of {_listed()}"
            raise _unparsable(text, reason, f"{metric}{nearest}{bound}")
        if re.fullmatch(_NUMBER, number, re.ASCII):
            return cls(metric, cast(Operator, operator), float(number), source)
        leading = re.match(_NUMBER, number, re.ASCII)
        reason = f"the bound must be one finite number in the metric's unit, got {brief(number)}"
        raise _unparsable(text, reason, f"{metric}{operator}{leading.group() if leading else '12'}")

    def check(self, values: np.ndarray | float) -> np.ndarray:
        """Which values keep the bound: booleans of the shape of `values`. NaN (unknown) never does."""
        given = np.asarray(values, dtype=np.float64)
        compare = {"<=": np.less_equal, ">=": np.greater_equal, "<": np.less, ">": np.greater}[self.operator]
        return np.asarray(compare(given, self.bound))

    def violation(self, values: np.ndarray | float) -> np.ndarray:
        """By how much each value breaks the bound, in the metric's unit: feasible where ≤ 0; NaN gives infinity.

        The negated violation is the margin. For `<` and `>` the nearest float inside the bound is the limit.

        >>> Constraint.parse("latency_ms<=12").violation(np.array([10.0, 12.0, 15.0])).tolist()
        [-2.0, 0.0, 3.0]
        """
        given = np.asarray(values, dtype=np.float64)
        limit = self.bound
        if self.operator in ("<", ">"):
            limit = math.nextafter(limit, -math.inf if self.operator == "<" else math.inf)
        with np.errstate(over="ignore", invalid="ignore"):
            broken = given - limit if self.operator in ("<=", "<") else limit - given
        return np.where(np.isnan(broken), np.where(self.check(given), -np.inf, np.inf), broken)

    def __str__(self) -> str:
        return f"{self.metric}{self.operator}{self.bound!r}".removesuffix(".0")


def _listed() -> str:
    return ", ".join(OPERATORS)


def _unparsable(text: str, reason: str, nearest: str) -> InputError:
    return InputError(f"cannot read the constraint {brief(text)}: {reason}; did you mean {nearest!r}?")


def _repaired(text: str) -> str:
    metric = re.search(rf"(?<![\w.])(?!{_NUMBER}(?![\w.]))\w+", text, re.ASCII)
    number = re.search(rf"(?<![\w.]){_NUMBER}(?![\w.])", text, re.ASCII)
    return f"{metric.group() if metric else 'latency_ms'}<={number.group() if number else '12'}"
