"""What two ledgers of the same run have in common, and runs that were cut off."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

LEDGER = "ledger.jsonl"


def comparable(folder: Path) -> list[dict[str, Any]]:
    """The lines of a run's ledger, without when it was written and how long anything took."""
    return [without_times(json.loads(line)) for line in (folder / LEDGER).read_bytes().splitlines()]


def without_times(record: dict[str, Any]) -> dict[str, Any]:
    """A record without `created` and fields that end in `_s`."""
    return {name: value for name, value in record.items() if name != "created" and not name.endswith("_s")}


def header_bytes(folder: Path) -> int:
    """The length of a ledger's first line."""
    return (folder / LEDGER).read_bytes().index(b"\n") + 1


def cut_off(folder: Path, at: int, into: Path) -> Path:
    """A run folder that holds the first bytes of a ledger, as a run leaves it that is killed while it writes."""
    into.mkdir(parents=True)
    (into / LEDGER).write_bytes((folder / LEDGER).read_bytes()[:at])
    return into


def files(folder: Path) -> dict[str, bytes]:
    """The content of all files in a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
