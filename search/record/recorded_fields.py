"""The fields of ledgers and summaries, which anybody may have written: checked before anything relies on them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from nassurrogate.errors import InputError, brief

Check: TypeAlias = Callable[[Any], bool]


def require(record: Any, checks: Mapping[str, Check], place: str) -> None:
    """Raise `InputError` with the place for a record whose fields are not what they should be."""
    if not isinstance(record, Mapping):
        raise InputError(f"{place} is damaged: expected an object, got {brief(record)}")
    for name, check in checks.items():
        if name not in record and getattr(check, "optional", False):
            continue
        if name not in record:
            raise InputError(f"{place} is damaged: it lacks {name}")
        if not check(record[name]):
            raise InputError(f"{place} is damaged: {name} is {brief(record[name])}")


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 64


def _number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= sys.float_info.max  # False for NaN; an int may be larger than any float


def _truth(value: Any) -> bool:
    return isinstance(value, bool)


def _mapping(value: Any) -> bool:
    return isinstance(value, Mapping)


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_text, value))


def _numbers(value: Any) -> bool:
    return isinstance(value, Mapping) and all(map(_number, value.values()))


def _or_none(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _optional(check: Check) -> Check:
    """May be missing, as in files of earlier releases."""

    def checked(value: Any) -> bool:
        return value is None or check(value)

    checked.optional = True  # type: ignore[attr-defined]
    return checked


HEADER: Final = {"config": _mapping, "created": _optional(_text), "packages": _optional(_mapping)}
CONFIG: Final = {
    **dict.fromkeys(("space", "dataset", "searcher", "predictor", "labels"), _text),
    **dict.fromkeys(("budget", "seed"), _whole),
    "constraints": _texts,
    "oracle": _truth,
    "is_table": _optional(_truth),
    "fidelity": _optional(_whole),
    **dict.fromkeys(("n_space", "n_feasible", "n_feasible_classes", "n_unknown", "n_known"), _optional(_whole)),
    **dict.fromkeys(("surrogate_labels", "workers"), _optional(_whole)),
    "feasible_share": _optional(_number),
    **dict.fromkeys(("settings", "predictor_config", "problem", "arguments", "metric_sources"), _optional(_mapping)),
    **dict.fromkeys(("surrogate", "table", "device", "surrogate_labels_sha256"), _optional(_text)),
}
QUERY: Final = {
    "number": _whole,
    **dict.fromkeys(("proposed_by", "arch", "key", "status", "reason", "label_kind"), _text),
    **dict.fromkeys(("index", "label_seed", "n_seeds", "fidelity", "asked"), _or_none(_whole)),
    **dict.fromkeys(("label", "cost_train_time_s", "predicted_mean", "predicted_std"), _or_none(_number)),
    "elapsed_s": _number,
    "feasible": _truth,
    "values": _or_none(_numbers),
}
ASKED: Final = {"asked": _whole, "arch": _text}
CHANGED: Final = {"header": _mapping}
ROW: Final = {
    "arch": _text,
    "value": _number,
    "queries": _whole,
    "index": _or_none(_whole),
    "predicted_value": _or_none(_number),
    "choices": _optional(_mapping),
    "test_accuracy_pct": _optional(_number),
}
OPTIMUM: Final = {"arch": _text, "value": _number}
SUMMARY_FIELDS: Final = {
    **dict.fromkeys(("stop_reason", "selected_by"), _text),
    **dict.fromkeys(("queries", "n_failed", "predictor_calls"), _whole),
    "best": _mapping,
    "top": lambda value: isinstance(value, list) and bool(value),
    **dict.fromkeys(("regret_points", "label_cost_s"), _or_none(_number)),
    "wall_s": _optional(_number),
    "optimum": _or_none(_mapping),
    "notes": _texts,
    "phases": _numbers,
}
