"""Parses bounds: `latency_ms<=12`, `12<=latency_ms<=14`, several joined by `and`; suggests a fix for anything else.

A text is split into clauses, which are parsed one by one; the error for an invalid clause suggests a valid one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

from nassurrogate.errors import InputError, brief

Operator: TypeAlias = Literal["<=", ">=", "<", ">"]
OPERATORS: tuple[Operator, ...] = ("<=", ">=", "<", ">")
MEANT: dict[str, Operator] = {
    "=": "<=", "==": "<=", "=<": "<=", "≤": "<=", "=>": ">=", "≥": ">=",
    "!<=": ">", "!>=": "<", "!<": ">=", "!>": "<=",
}  # fmt: skip
"""Operators of other notations → the operator that is probably meant."""
Bound: TypeAlias = tuple[str, Operator, float]
"""(metric, operator, bound), with the metric on the left."""

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_METRIC = rf"(?!{_NUMBER}(?![\w.-]))\w(?:[\w.-]*\w)?"
"""Any possible name of an imported column, such as `1080ti_1_ms`, but no number."""
_SIGN = r"[^\w\s.,&+-]+"
_PLAIN = re.compile(rf"({_METRIC})\s*({_SIGN})\s*(\S.*)", re.ASCII)
_REVERSED = re.compile(rf"({_NUMBER})(\w*)\s*({_SIGN})\s*({_METRIC})", re.ASCII)
_BETWEEN = re.compile(rf"({_NUMBER})(\w*)\s*({_SIGN})\s*({_METRIC})\s*({_SIGN})\s*({_NUMBER})\s*(\w*)", re.ASCII)
_FOLLOWING = re.compile(rf"({_METRIC})\s*({_SIGN})\s*({_NUMBER})\s*({_SIGN})\s*({_NUMBER})", re.ASCII)
"""Two bounds to the right of their metric: not valid, but clear enough to suggest the right form."""
_JOINT = re.compile(r"\s*(?:,|&&?|(?<=\s)and(?=\s))\s*", re.ASCII | re.IGNORECASE)
_DECIMAL_COMMA = re.compile(rf"(.*{_SIGN}\s*[+-]?\d+),(\d+)", re.ASCII)
_EITHER = re.compile(r"\sor\s|\|", re.ASCII | re.IGNORECASE)
_RANGE = re.compile(
    rf"({_METRIC})\s+(?:in|between|from|is)?\s*[\[(]?\s*({_NUMBER})\s*(?:,|\.\.\.?|and|to|-)\s*({_NUMBER})\s*[\])]?",
    re.ASCII | re.IGNORECASE,
)
_COMPARED = r"[<>=≤≥]{1,2}"
_WHOLE = r"(?![\w.])"
"""The end of a number."""
_ANY_BOUND = re.compile(
    rf"(?<![\w.])(?:{_NUMBER}\s*{_COMPARED}\s*)?{_METRIC}\s*{_COMPARED}\s*{_NUMBER}{_WHOLE}"
    rf"|(?<![\w.]){_NUMBER}\s*{_COMPARED}\s*{_METRIC}(?![\w.-])",
    re.ASCII,
)
"""A bound, or two around a metric, anywhere in a text."""
_NOT = re.compile(
    rf"(?:(?:not\b|!|~|¬)\s*\(?\s*({_METRIC})|({_METRIC})\s+not)\s*({_COMPARED})\s*({_NUMBER})\s*\)?",
    re.ASCII | re.IGNORECASE,
)
_NEGATED = re.compile(r"\bnot\b|[!~¬]|\bexcept\b|\bunless\b", re.ASCII | re.IGNORECASE)
_OPPOSITE: dict[Operator, Operator] = {"<=": ">", ">=": "<", "<": ">=", ">": "<="}
_FROM_BELOW = re.compile(
    r"\b(?:at least|(?<!no )more than|greater|larger|over|above|min|minimum|exceeds?|no less)\b",
    re.ASCII | re.IGNORECASE,
)
_NO_METRIC = frozenset({
    "a", "above", "and", "are", "at", "be", "below", "exactly", "exceed", "exceeds", "except", "greater", "has", "is",
    "larger", "least", "less", "max", "maximum", "min", "minimum", "more", "most", "must", "no", "not", "only", "or",
    "over", "should", "smaller", "than", "that", "the", "to", "under", "unless", "where", "with",
})  # fmt: skip
"""Words around a bound, which are taken for the metric only if there is no other word."""
_EXAMPLE_METRIC, _EXAMPLE_BOUND = "latency_ms", "12"


def read_bounds(text: str) -> list[Bound]:
    """All bounds in a text. Raises `InputError` for anything else, with the probable meaning.

    >>> read_bounds("12<=latency_ms<14 and 1>=params_m")
    [('latency_ms', '>=', 12.0), ('latency_ms', '<', 14.0), ('params_m', '<=', 1.0)]
    """
    _refuse_decimal_comma(text)
    _refuse_range(text)
    clauses = [_Clause(part.strip(), text) for part in _JOINT.split(text)]
    return [bound for clause in clauses for bound in clause.bounds()]


def mirrored(operator: Operator) -> Operator:
    """The operator with its two sides swapped.

    >>> mirrored("<=")
    '>='
    """
    return cast(Operator, operator.translate(str.maketrans("<>", "><")))


def plain(bound: float) -> str:
    """A bound as people write it: 12, not 12.0.

    >>> plain(12.0), plain(0.5)
    ('12', '0.5')
    """
    return repr(bound).removesuffix(".0")


@dataclass(frozen=True)
class _Clause:
    """The part of a text between two separators."""

    clause: str
    text: str

    def bounds(self) -> list[Bound]:
        between = _BETWEEN.fullmatch(self.clause)
        if between is not None:
            return self._between(*between.groups())
        swapped = _REVERSED.fullmatch(self.clause)
        if swapped is not None:
            return [self._reversed(*swapped.groups())]
        negated = _NOT.fullmatch(self.clause)
        if negated is not None:
            metric, its_metric, operator, number = negated.groups()
            meant = f"{metric or its_metric}{_OPPOSITE[_meant(operator)]}{number}"
            raise self._unreadable("write the opposite bound instead of 'not'", meant)
        parts = _PLAIN.fullmatch(self.clause)
        if parts is None:
            raise self._joined() or self._unreadable("expected METRIC, operator and bound", self._repaired())
        return [self._plain(*parts.groups())]

    def _plain(self, metric: str, operator: str, number: str) -> Bound:
        is_number = re.fullmatch(_NUMBER, number, re.ASCII) is not None
        if not is_number and (several := self._joined()):
            raise several
        if operator not in OPERATORS:
            meant = f"{metric}{_meant(operator)}{number if is_number else _EXAMPLE_BOUND}"
            raise self._unreadable(_unknown(operator), meant)
        if not is_number:
            raise self._no_bound(metric, operator, number)
        return metric, operator, float(number)

    def _reversed(self, number: str, unit: str, operator: str, metric: str) -> Bound:
        above = mirrored(_meant(operator)) if any(sign in operator for sign in "<>≤≥") else "<="
        meant = f"{metric}{above}{number}"
        if operator not in OPERATORS:
            raise self._unreadable(_unknown(operator), meant)
        if unit:
            raise self._unreadable(_not_a_number(number + unit), meant)
        return metric, mirrored(operator), float(number)

    def _between(
        self, first: str, unit: str, operator: str, metric: str, second_operator: str, second: str, second_unit: str
    ) -> list[Bound]:
        meant = f"{first}{_meant(operator)}{metric}{_meant(second_operator)}{second}"
        for sign in (operator, second_operator):
            if sign not in OPERATORS:
                raise self._unreadable(_unknown(sign), meant)
        for number, its_unit in ((first, unit), (second, second_unit)):
            if its_unit:
                raise self._unreadable(_not_a_number(number + its_unit), meant)
        bounds: list[Bound] = [
            (metric, mirrored(cast(Operator, operator)), float(first)),
            (metric, cast(Operator, second_operator), float(second)),
        ]
        low, high = sorted(bound for *_, bound in bounds)
        meant = f"{plain(low)}<={metric}<={plain(high)}"
        if operator[0] != second_operator[0]:
            side = "below" if second_operator[0] == ">" else "above"
            raise self._unreadable(f"both are bounds from {side}", meant)
        given = float(first), float(second)
        closed = operator in ("<=", ">=") and second_operator in ("<=", ">=")
        if (given[0] > given[1] if operator[0] == "<" else given[0] < given[1]) or (low == high and not closed):
            raise self._unreadable("nothing lies between its two bounds", meant)
        return bounds

    def _joined(self) -> InputError | None:
        """The error for several bounds that are joined by anything but a separator; None if the clause is not that."""
        found = _ANY_BOUND.findall(self.clause)
        if len(found) < 2 or not re.fullmatch(r"[\s;/:]*", _ANY_BOUND.sub("", self.clause)):
            return None
        meant = " and ".join(re.sub(_COMPARED, lambda sign: _meant(sign.group()), bound) for bound in found)
        count = "two" if len(found) == 2 else "several"
        return self._unreadable(f"join {count} bounds with 'and'", meant if _is_read(meant) else "")

    def _no_bound(self, metric: str, operator: str, number: str) -> InputError:
        """The error for a malformed bound."""
        following = _FOLLOWING.fullmatch(self.clause)
        if following is not None:
            _, first, one, second, two = following.groups()
            low, high = (two, one) if _meant(first)[0] == "<" else (one, two)
            meant = f"{low}<={metric}<={high}" if _meant(first)[0] != _meant(second)[0] else ""
            return self._unreadable("with two bounds, the metric goes between them", meant)
        if _EITHER.search(number):
            return self._unreadable("all bounds must hold; join them with 'and', not 'or'", "")
        leading = re.match(_NUMBER, number, re.ASCII)
        if leading is None:
            return self._unreadable(_not_a_number(number), f"{metric}{operator}{_EXAMPLE_BOUND}")
        if re.search(_COMPARED, number[leading.end() :]):  # more than one bound: a hint must not drop the others
            return self._unreadable("after the bound, expected nothing or 'and' and another one", "")
        digits = number.replace("_", "")
        meant = digits if re.fullmatch(_NUMBER, digits, re.ASCII) else leading.group()
        return self._unreadable(_not_a_number(number), f"{metric}{operator}{meant}")

    def _repaired(self) -> str:
        """The nearest valid clause, made of a bound or a metric and a number in the text; empty if it might mislead."""
        if _NEGATED.search(self.clause):
            return ""
        found = _ANY_BOUND.search(self.clause)
        if found is not None:
            meant = re.sub(_COMPARED, lambda sign: _meant(sign.group()), found.group())
            return meant if len(re.findall(_COMPARED, self.clause)) == len(re.findall(_COMPARED, meant)) else ""
        metric = _metric_in(self.clause) or _metric_in(self.text) or _EXAMPLE_METRIC
        number = re.search(rf"(?<![\w.]){_NUMBER}{_WHOLE}", self.clause, re.ASCII)
        below = re.match(r"\s*>", self.clause) or _FROM_BELOW.search(self.clause)
        return f"{metric}{'>=' if below else '<='}{number.group() if number else _EXAMPLE_BOUND}"

    def _unreadable(self, reason: str, meant: str) -> InputError:
        part = brief(self.text) if self.clause == self.text.strip() else f"{brief(self.clause)} in {brief(self.text)}"
        hint = f"; did you mean {meant!r}?" if meant else ""
        return InputError(f"cannot read the constraint {part}: {reason}{hint}")


def _metric_in(text: str) -> str:
    """The first word that may name a metric; empty if there is none."""
    words = re.findall(rf"(?<![\w.])(?!{_NUMBER}(?![\w.]))\w+", text, re.ASCII)
    return next((word for word in words if word.casefold() not in _NO_METRIC), words[0] if words else "")


def _meant(operator: str) -> Operator:
    if operator in OPERATORS:
        return operator
    return MEANT.get(operator, ">=" if ">" in operator else "<=")


def _unknown(operator: str) -> str:
    return f"unknown operator {brief(operator)}, expected one of {', '.join(OPERATORS)}"


def _not_a_number(text: str) -> str:
    return f"the bound must be one finite number in the metric's unit, got {brief(text)}"


def _is_read(text: str) -> bool:
    try:
        read_bounds(text)
    except InputError:
        return False
    return True


def _refuse_decimal_comma(text: str) -> None:
    """Refuse a comma between digits: it does not separate bounds, and only the user knows whether it is decimal."""
    found = _DECIMAL_COMMA.fullmatch(text.strip())
    if found is None:
        return
    whole, rest = found.groups()
    readings = [f"{whole}.{rest}", *([f"{whole}{rest}"] if len(rest) == 3 else [])]
    raise InputError(
        f"cannot read the constraint {brief(text)}: a comma separates two bounds; a number has a decimal point and no "
        f"thousands separator; did you mean {' or '.join(map(repr, readings))}?"
    )


def _refuse_range(text: str) -> None:
    found = _RANGE.fullmatch(text.strip())
    if found is not None:
        metric, low, high = found.groups()
        raise InputError(
            f"cannot read the constraint {brief(text)}: expected METRIC, operator and bound; did you mean "
            f"{f'{low}<={metric}<={high}'!r}?"
        )
