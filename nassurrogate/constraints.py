"""Bounds on metrics that need no training: latency, parameters, FLOPs."""

from __future__ import annotations

import math
import warnings
from dataclasses import InitVar, dataclass

import numpy as np

from nassurrogate.constraint_parser import MEANT, OPERATORS, Operator, plain, read_bounds
from nassurrogate.errors import InputError, brief, require_name

__all__ = ["OPERATORS", "Constraint", "Operator"]


@dataclass(frozen=True)
class Constraint:
    """A bound on a metric, which every chosen architecture must satisfy.

    Args:
        metric: name of the metric, with its unit: `latency_ms`, `params_m`, …
        operator: `<=`, `>=`, `<` or `>`.
        bound: finite, in the metric's unit.
        source: no longer used; passing it is deprecated.

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
    source: InitVar[str | None] = None

    def __post_init__(self, source: str | None) -> None:
        if source is not None:
            _warn_of_source(stacklevel=4)
        require_name("metric", self.metric)
        require_name("operator", self.operator)
        if self.operator not in OPERATORS:
            raise InputError(
                f"unknown operator {brief(self.operator)} in a constraint on {self.metric}; expected one of "
                f"{', '.join(OPERATORS)}; did you mean {MEANT.get(self.operator, '<=')!r}?"
            )
        if isinstance(self.bound, bool) or not isinstance(self.bound, int | float) or not math.isfinite(self.bound):
            raise InputError(
                f"the bound of a constraint must be a finite number, got {brief(self.bound)}; for example "
                f"'{self.metric}{self.operator}12'"
            )
        object.__setattr__(self, "bound", float(self.bound))

    @classmethod
    def parse(cls, text: str, *, source: str | None = None) -> Constraint:
        """A single constraint, written as `METRIC OPERATOR NUMBER` or the other way round; spaces are allowed.

        Raises `InputError` for anything else, including several bounds: `parse_all` reads those.

        >>> Constraint.parse("params_m < 1.5")
        Constraint(metric='params_m', operator='<', bound=1.5)
        >>> str(Constraint.parse("1.5 > params_m"))
        'params_m<1.5'
        """
        if source is not None:
            _warn_of_source()
        found = cls.parse_all(text)
        if len(found) > 1:
            raise InputError(
                f"cannot read {brief(text)} as one constraint: it has {len(found)}, {', '.join(map(str, found))}; "
                "Constraint.parse_all reads several"
            )
        return found[0]

    @classmethod
    def parse_all(cls, text: str, *, source: str | None = None) -> list[Constraint]:
        """All constraints in a text: bounds, also on both sides of a metric, joined by `and`, `&` or a comma.

        Raises `InputError` for anything else, and if nothing lies between two bounds.

        >>> [str(bound) for bound in Constraint.parse_all("12<=latency_ms<=14 and params_m<1")]
        ['latency_ms>=12', 'latency_ms<=14', 'params_m<1']
        """
        if source is not None:
            _warn_of_source()
        if not isinstance(text, str):
            raise InputError(f"a constraint is a text such as 'latency_ms<=12', got {brief(text)}")
        return [cls(metric, operator, bound) for metric, operator, bound in read_bounds(text)]

    def check(self, values: np.ndarray | float) -> np.ndarray:
        """Which values satisfy the bound: booleans of the shape of `values`. NaN (unknown) never does."""
        given = np.asarray(values, dtype=np.float64)
        compare = {"<=": np.less_equal, ">=": np.greater_equal, "<": np.less, ">": np.greater}[self.operator]
        return np.asarray(compare(given, self.bound))

    def violation(self, values: np.ndarray | float) -> np.ndarray:
        """By how much each value violates the bound, in the metric's unit: feasible where ≤ 0; NaN gives infinity.

        The negated violation is the margin. For `<` and `>` the limit is the nearest float inside the bound.

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
        return f"{self.metric}{self.operator}{plain(self.bound)}"


def _warn_of_source(stacklevel: int = 3) -> None:
    warnings.warn(
        "the argument `source` of a constraint has no effect and will be removed in version 0.3",
        DeprecationWarning,
        stacklevel=stacklevel,
    )
