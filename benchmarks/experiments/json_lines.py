"""Results as JSON lines: appended as soon as they are known, so that a killed run can resume where it stopped."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)


def numbered_lines(path: Path) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """Every line of a file with its number from 1: its object, or None if it is damaged. No file, no lines.

    Raises `OSError` if the file cannot be read.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return
    for number, line in enumerate(content.splitlines(), start=1):
        try:
            found = json.loads(line)
        except ValueError:
            found = None
        yield number, found if isinstance(found, dict) else None


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The objects of a file, one per line; a damaged line, such as half of one, is skipped with a warning."""
    found = []
    for number, line in numbered_lines(path):
        if line is None:
            logger.warning("%s: line %d is damaged and is skipped", path, number)
        else:
            found.append(line)
    return found


def append_lines(path: Path, *lines: Mapping[str, Any]) -> None:
    """Append objects, one per line; the folder is made if need be, and half a line of a killed process is ended first.

    Raises `ValueError` for NaN and infinities, which JSON lacks, and `OSError` if the file cannot be written.
    """
    text = "".join(json.dumps(line, allow_nan=False) + "\n" for line in lines)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        if file.seek(0, 2) and (file.seek(-1, 2), file.read(1))[1] != b"\n":
            text = "\n" + text
        file.write(text.encode())
