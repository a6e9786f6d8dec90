"""Reads the numbers of a column and checks them against its name."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import islice
from typing import Final, cast

import numpy as np

from nassurrogate.errors import brief
from nassurrogate.metric import Metric, ends_with_unit
from nassurrogate.tables.faults import Faults
from nassurrogate.tables.formats.raw import Nested, RawTable
from nassurrogate.tables.options import ShareUnit

MISSING: Final = frozenset(("", "na", "n/a", "#n/a", "nan", "null", "none", "<na>"))
"""Fields that mean a missing value, compared without case."""
_NUMBER: Final = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|[+-]?inf(?:inity)?", re.IGNORECASE)
_DIGITS: Final = re.compile(r"[0-9+.eE-]*")
_LONGEST: Final = 100
"""The most characters of a number."""
_DECIMAL_COMMA: Final = re.compile(r"[+-]?\d+,\d+")
_THOUSANDS: Final = re.compile(r"[+-]?\d{1,3},\d{3}")
_TIMES: Final = re.compile(r"latency|runtime|energy|power", re.IGNORECASE)
_AT_ONCE: Final = 1 << 12
_MOST_SHOWN = 2
"""The most fields without a number that a message shows per column."""
_FEW = 0.1
"""A smaller share of values up to 1 is plausible among percentages: an untrained network gets 1 % with 100 classes."""


def number_of(value: object) -> float:
    """The number in one field, NaN if missing. Raises `ValueError` for anything else."""
    if value is None:
        return math.nan
    if isinstance(value, str):
        text = value.strip()
        if text.casefold() in MISSING:
            return math.nan
        if len(text) > _LONGEST or not _NUMBER.fullmatch(text):
            raise ValueError
        return float(text)
    if isinstance(value, bool | bytes | list | dict):
        raise ValueError
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, OverflowError) as error:
        raise ValueError from error


def numbers_of(values: Sequence[object]) -> tuple[np.ndarray, list[int]]:
    """(R,) numbers, NaN where missing or malformed, and the malformed rows.

    If most malformed fields have a decimal comma, their numbers are included, so that the column does not look like
    text; but their rows still count as malformed.
    """
    found = np.full(len(values), np.nan)
    bad = []
    commas: dict[int, float] = {}
    rest = iter(values)
    at_once = 1 if isinstance(values, Nested) else _AT_ONCE  # long lists are not unpacked together
    for begin in range(0, len(values), at_once):
        some = list(islice(rest, at_once))
        if _are_plain(some):
            try:
                found[begin : begin + len(some)] = list(map(float, some))  # type: ignore[arg-type]
                continue
            except (ValueError, OverflowError):
                pass  # one of them is missing or malformed
        for row, value in enumerate(some, start=begin):
            try:
                found[row] = number_of(value)
            except ValueError:
                bad.append(row)
                if _has_decimal_comma(value):
                    commas[row] = float(str(value).replace(",", "."))
    if 2 * len(commas) > len(bad):
        found[list(commas)] = list(commas.values())
    return found, bad


def _are_plain(values: Sequence[object]) -> bool:
    """Whether `float` reads these values correctly: they are numbers, or short texts of digits."""
    types = set(map(type, values))
    if types != {str}:
        return types <= {int, float}
    texts = cast("Sequence[str]", values)
    return max(map(len, texts)) <= _LONGEST and _DIGITS.fullmatch("".join(texts)) is not None


def _has_decimal_comma(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST and _DECIMAL_COMMA.fullmatch(value.strip()) is not None


def report_no_numbers(raw: RawTable, name: str, rows: Sequence[int], faults: Faults) -> None:
    """Add the fields that are not numbers to `faults`."""
    for row in rows[:_MOST_SHOWN]:
        value = raw.columns[name][row]
        comma = _has_decimal_comma(value)
        point, none = (str(value).strip().replace(",", each) for each in (".", ""))
        hint = f" with a decimal point, such as {point}" if comma else ""
        if comma and _THOUSANDS.fullmatch(str(value).strip()):
            hint += f", or without separators, such as {none}"
        faults.add(f"{raw.place(row)}: {name} is {brief(value)}; expected a number{hint or ' or nothing'}")
    if len(rows) > _MOST_SHOWN:
        faults.add(f"{len(rows) - _MOST_SHOWN:,} more rows have no number in {name!r}")


def checked_values(
    raw: RawTable,
    name: str,
    metric: Metric,
    values: np.ndarray,
    faults: Faults,
    *,
    unit: ShareUnit | None,
    is_share: bool,
    missing_value: float | None,
) -> tuple[np.ndarray, list[str]]:
    """(R,) values in the metric's unit, and notes; impossible values are added to `faults`.

    Args:
        metric: the column's metric.
        values: (R,) numbers as in the file.
        unit: the unit of accuracies and errors, if the user gave one.
        is_share: whether the metric is an accuracy or an error.
        missing_value: the number that marks a missing value.
    """
    if missing_value is not None:
        values = np.where(values == missing_value, np.nan, values)
    before = len(faults)
    _refuse(raw, name, values, np.isinf(values), "a finite number or nothing", faults)
    values = np.where(np.isinf(values), np.nan, values)
    if is_share and unit == "fraction":
        _refuse(raw, name, values, (values < 0) | (values > 1), "a fraction from 0 to 1 (--unit fraction)", faults)
        return 100.0 * values, []
    if metric.is_percent:
        _refuse(raw, name, values, (values < 0) | (values > 100), "percent, 0 to 100", faults)
        if len(faults) == before and unit is None and is_share:
            return values, _fractions(raw, name, values, faults)
    # Negative costs are refused even without a unit: −1 would be the fastest.
    is_cost = metric.direction == "minimize" and not metric.needs_training
    if metric.is_positive or is_cost:
        wrong = values <= 0 if metric.is_positive or _TIMES.search(metric.name) else values < 0
        given = values[wrong][0] if wrong.any() else 0.0
        _refuse(
            raw, name, values, wrong,
            "a positive number or nothing; if it marks a missing value, use "
            f"--missing-value {given:g} (in Python: missing_value={given:g})", faults,
        )  # fmt: skip
    return values, []


def _refuse(raw: RawTable, name: str, values: np.ndarray, wrong: np.ndarray, expected: str, faults: Faults) -> None:
    rows = np.flatnonzero(wrong)
    if len(rows):
        first = values[rows[0]]
        same = int((values[rows] == first).sum())
        counts = [f"{same:,} such rows"] if same > 1 else []
        if others := len(rows) - same:
            counts.append(f"{others:,} more with other such values")
        more = f" ({'; '.join(counts)})" if counts else ""
        faults.add(f"{raw.place(int(rows[0]))}: {name} is {first:.10g}; expected {expected}{more}")


def _fractions(raw: RawTable, name: str, values: np.ndarray, faults: Faults) -> list[str]:
    """Percentages that look like fractions: refused if all do, noted if some do."""
    present = values[~np.isnan(values)]
    if not len(present) or present.max() <= 0:
        return []
    small = (present > 0) & (present <= 1)
    if present.max() <= 1:
        faults.add(
            f"{name} is at most {present.max():g}: it looks like fractions, expected percent; say which: "
            "--unit fraction (multiplies it by 100) or --unit percent (keeps it as it is)"
        )
        return []
    if small.mean() >= _FEW and (small & (present != np.floor(present))).any():
        mixed = f"{int(small.sum()):,} of {len(present):,} values of {name} are at most 1"
        return [f"warning: {raw.source}: {mixed} and look like fractions among percentages; they are read as percent"]
    return []


def unit_question(name: str, values: np.ndarray) -> str:
    """The question about an accuracy or an error whose name has no unit."""
    present = values[np.isfinite(values)]
    seen = f" (its values are {present.min():g} to {present.max():g})" if len(present) else ""
    return f"column {name!r} may be in percent or fractions{seen}; say which: --unit percent or --unit fraction"


def is_text(metric: str, n_bad: int, values: np.ndarray) -> bool:
    """Whether a column holds text rather than malformed numbers: it has no number, and its name no unit."""
    return n_bad > 0 and bool(np.isnan(values).all()) and not ends_with_unit(metric)
