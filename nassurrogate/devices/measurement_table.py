"""The table of measured latencies."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from nassurrogate.devices.measuring import Measurement
from nassurrogate.errors import InputError
from nassurrogate.files.atomic_file import write_atomically

COLUMNS: Final = (
    "device", "model", "latency_ms", "iqr_ms", "p25_ms", "p75_ms", "n_repeats", "threads",
)  # fmt: skip


def write_measurements(path: Path, measurements: Sequence[Measurement], device: str) -> int:
    """Write a CSV file, completely or not at all, with a row for every model that has a latency; returns their number.

    The path of a model below the file's folder is written relative to it, so that they can be moved together; other
    paths are absolute. A column `family` may be added by hand.

    Args:
        path: an existing file is replaced.
        measurements: one per model.
        device: a name for this machine.

    Raises `InputError` if the file cannot be written.
    """
    measured = [each for each in measurements if each.status == "ok"]
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for each in measured:
        times = (each.latency_ms, each.iqr_ms, each.p25_ms, each.p75_ms)
        shown = [f"{value:.6g}" for value in times]
        writer.writerow([device, _model(each.model, path.parent), *shown, each.n_repeats, each.threads])
    try:
        content = text.getvalue().encode()
    except UnicodeEncodeError as error:
        raise InputError("the name of a model is not valid UTF-8, which a table cannot hold; rename it") from error
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, lambda file: file.write(content))
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error
    return len(measured)


def _model(model: Path, folder: Path) -> str:
    # Not resolved: a link among the models is a model by that name.
    place, base = Path(os.path.abspath(model)), Path(os.path.abspath(folder))
    return (place.relative_to(base) if place.is_relative_to(base) else place).as_posix()
