"""Tables of measured latencies: one row for each network and device."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from nassurrogate.errors import InputError, brief, unknown_choice
from nassurrogate.metric_names import ends_with_unit
from nassurrogate.tables.faults import Faults
from nassurrogate.tables.formats.detection import raw_table, read_bytes
from nassurrogate.tables.formats.raw import RawTable
from nassurrogate.tables.values import numbers_of, report_no_numbers


class Measurement(NamedTuple):
    """One row.

    Attributes:
        model: the network's name, or the path of its file.
        family: its family; None if the table has none.
        device: where it was measured; None if the table does not say.
        latency_ms: positive.
        std_ms: NaN if unknown.
        place: where the row is, such as `line 12`.
    """

    model: str
    family: str | None
    device: str | None
    latency_ms: float
    std_ms: float
    place: str


def read_measurements(path: Path) -> list[Measurement]:
    """All rows of a table with columns model and latency_ms, and if it has them family, std_ms and device.

    Raises `InputError`, with all faults in one line, for missing columns or names, a latency in another unit or without
    one, latencies that are not positive, and for a network that was measured twice on one device.
    """
    raw = raw_table(read_bytes(path), str(path))
    _require_columns(raw)
    faults = Faults(str(path))
    latencies = _numbers(raw, "latency_ms", faults)
    for row in np.flatnonzero(~((latencies > 0) & np.isfinite(latencies))).tolist():
        given = raw.columns["latency_ms"][row]
        faults.add(f"{raw.place(row)}: latency_ms is {brief(given)}; expected a positive number of milliseconds")
    has_std = "std_ms" in raw.columns
    deviations = _numbers(raw, "std_ms", faults) if has_std else np.full(len(latencies), np.nan)
    for row in np.flatnonzero((deviations < 0) | np.isinf(deviations)).tolist():
        faults.add(f"{raw.place(row)}: std_ms is {deviations[row]:g}; expected a number from 0, or nothing")
    found = _rows(raw, latencies, deviations, faults)
    faults.raise_any()
    return found


def _require_columns(raw: RawTable) -> None:
    for name in ("model", "latency_ms"):
        if name in raw.columns:
            continue
        for column in raw.columns:
            if name == "latency_ms" and "latency" in column.casefold():
                unit = "is in another unit" if ends_with_unit(column) else "does not say its unit"
                raise InputError(
                    f"{raw.source}: column {brief(column)} {unit}; expected milliseconds in a column 'latency_ms'"
                )
        listed = ", ".join(map(repr, list(raw.columns)[:10]))
        raise InputError(f"{raw.source} needs columns 'model' and 'latency_ms'; it has {listed}")


def _numbers(raw: RawTable, name: str, faults: Faults) -> np.ndarray:
    values, bad = numbers_of(raw.columns[name])
    report_no_numbers(raw, name, bad, faults)
    values[bad] = 1.0  # reported already
    return values


def _rows(raw: RawTable, latencies: np.ndarray, deviations: np.ndarray, faults: Faults) -> list[Measurement]:
    columns = {name: list(raw.columns[name]) for name in ("model", "family", "device") if name in raw.columns}
    found: list[Measurement] = []
    seen: dict[tuple[str | None, ...], str] = {}
    for row, (latency, deviation) in enumerate(zip(latencies.tolist(), deviations.tolist(), strict=True)):
        place = raw.place(row)
        names = {name: str(column[row] if column[row] is not None else "").strip() for name, column in columns.items()}
        for name, text in names.items():
            if not text or not text.isprintable():
                faults.add(f"{place}: {name} is {brief(text)}; expected a name")
        model, family, device = names["model"], names.get("family"), names.get("device")
        before = seen.setdefault((device, family, model), place)
        if before is not place:
            on = f" on {device}" if device else ""
            faults.add(f"{place}: {brief(model)}{on} was measured in {before} already; keep one of them")
        found.append(Measurement(model, family, device, latency, deviation, place))
    return found


def of_device(rows: list[Measurement], device: str | None, source: str) -> tuple[list[Measurement], str]:
    """The rows of one device, and its name.

    Args:
        rows: of all devices.
        device: its name; None: the only one. For a table without devices, any name.
        source: the table's name, for messages.

    Raises `InputError` for a device that the table does not have, and for several devices if none is named.
    """
    named = list(dict.fromkeys(row.device for row in rows if row.device is not None))
    if not named:
        return rows, device or "unnamed device"
    if device is None:
        if len(named) > 1:
            raise InputError(f"{source} has latencies of several devices; name one of {', '.join(named)}")
        device = named[0]
    if device not in named:
        raise unknown_choice("device", device, named, place=f" in {source}")
    return [row for row in rows if row.device == device], device
