"""The numbers of a column, and whether they can be what its name says."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Final

import numpy as np

from nassurrogate.errors import brief
from nassurrogate.metric import Metric, ends_with_unit
from nassurrogate.tables.faults import Faults
from nassurrogate.tables.options import ShareUnit
from nassurrogate.tables.raw import RawTable

MISSING: Final = frozenset(("", "na", "n/a", "#n/a", "nan", "null", "none", "<na>"))
"""Fields that hold no value, in any case."""
_NUMBER: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?inf(?:inity)?", re.IGNORECASE)
_DECIMAL_COMMA: Final = re.compile(r"[+-]?\d+,\d+")
_TIMES: Final = re.compile(r"latency|runtime|energy|power", re.IGNORECASE)
_MOST_TOLD = 2
"""Fields without a number that a message shows of one column."""
_FEW = 0.1
"""Below this share, values up to 1 among percents are what an untrained network has: 1 % of 100 classes."""


def number_of(value: object) -> float:
    """The number of one field, NaN where it is missing. Raises `ValueError` for what is neither."""
    if value is None:
        return math.nan
    if isinstance(value, str):
        text = value.strip()
        if text.casefold() in MISSING:
            return math.nan
        if not _NUMBER.fullmatch(text):
            raise ValueError
        return float(text)
    if isinstance(value, bool | bytes | list | dict):
        raise ValueError
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, OverflowError) as error:
        raise ValueError from error


def numbers_of(values: Sequence[object]) -> tuple[np.ndarray, list[int]]:
    """((R,) numbers, NaN where missing or no number; the rows that hold no number)."""
    found = np.full(len(values), np.nan)
    bad = []
    for row, value in enumerate(values):
        try:
            found[row] = number_of(value)
        except ValueError:
            bad.append(row)
    return found, bad


def tell_no_numbers(raw: RawTable, name: str, rows: Sequence[int], faults: Faults) -> None:
    """Say which fields hold no number."""
    for row in rows[:_MOST_TOLD]:
        value = raw.columns[name][row]
        comma = isinstance(value, str) and _DECIMAL_COMMA.fullmatch(value.strip())
        hint = f" with a decimal point, such as {value.replace(',', '.')}" if comma else ""  # type: ignore[attr-defined]
        faults.add(f"{raw.place(row)}: {name} is {brief(value)}; expected a number{hint or ' or nothing'}")
    if len(rows) > _MOST_TOLD:
        faults.add(f"{len(rows) - _MOST_TOLD:,} more rows hold no number in {name!r}")


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
    """((R,) values in the metric's unit, notes); what they cannot be goes into `faults`.

    Args:
        metric: what the column is.
        values: (R,) numbers as they stand in the file.
        unit: what the user says of accuracies and errors.
        is_share: whether it is one.
        missing_value: the number that stands for "missing".
    """
    if missing_value is not None:
        values = np.where(values == missing_value, np.nan, values)
    before = len(faults.found)
    _refuse(raw, name, values, np.isinf(values), "a finite number or nothing", faults)
    values = np.where(np.isinf(values), np.nan, values)
    if is_share and unit == "fraction":
        _refuse(raw, name, values, (values < 0) | (values > 1), "a fraction, 0 to 1, as --unit fraction says", faults)
        return 100.0 * values, []
    if metric.is_percent:
        _refuse(raw, name, values, (values < 0) | (values > 100), "percent, 0 to 100", faults)
        if len(faults.found) == before and unit is None:
            return values, _fractions(raw, name, values, faults)
    # A cost without a unit in its name is one all the same: −1 would be the fastest.
    is_cost = metric.direction == "minimize" and not metric.needs_training
    if metric.is_positive or is_cost:
        wrong = values <= 0 if metric.is_positive or _TIMES.search(metric.name) else values < 0
        given = values[wrong][0] if wrong.any() else 0.0
        _refuse(
            raw, name, values, wrong,
            "a positive number or nothing; if it stands for 'does not run' or 'unknown', say so: "
            f"--missing-value {given:g} (in Python: missing_value={given:g})", faults,
        )  # fmt: skip
    return values, []


def _refuse(raw: RawTable, name: str, values: np.ndarray, wrong: np.ndarray, expected: str, faults: Faults) -> None:
    rows = np.flatnonzero(wrong)
    if len(rows):
        more = f" ({len(rows):,} such rows)" if len(rows) > 1 else ""
        faults.add(f"{raw.place(int(rows[0]))}: {name} is {values[rows[0]]:.10g}; expected {expected}{more}")


def _fractions(raw: RawTable, name: str, values: np.ndarray, faults: Faults) -> list[str]:
    """Percents that look like fractions: refused where all do, said where some do."""
    present = values[~np.isnan(values)]
    if not len(present) or present.max() <= 0:
        return []
    small = (present > 0) & (present <= 1)
    if present.max() <= 1:
        faults.add(
            f"{name} is at most {present.max():g}: it looks like fractions, expected percent; say which: "
            "--unit fraction multiplies it by 100, --unit percent takes it as it is"
        )
        return []
    if small.mean() >= _FEW and (small & (present != np.floor(present))).any():
        mixed = f"{int(small.sum()):,} of {len(present):,} values of {name} are at most 1"
        return [f"warning: {raw.source}: {mixed} and look like fractions among percents; they are read as percents"]
    return []


def unit_question(name: str, values: np.ndarray) -> str:
    """What to say of an accuracy or an error whose name has no unit."""
    present = values[np.isfinite(values)]
    seen = f" (its values run from {present.min():g} to {present.max():g})" if len(present) else ""
    return f"column {name!r} may be percent or fractions{seen}; say which: --unit percent or --unit fraction"


def is_text(metric: str, n_bad: int, values: np.ndarray) -> bool:
    """Whether a column holds remarks rather than broken numbers: not one number, and no unit in its name."""
    return n_bad > 0 and bool(np.isnan(values).all()) and not ends_with_unit(metric)
