"""Reads the measured networks that a protocol is run on: a folder of one's own, or a part of NNLQP."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nassurrogate.benchmarks.networks import MeasuredNetworks, read_measured, read_nnlqp
from nassurrogate.benchmarks.networks.folder import TABLE
from nassurrogate.benchmarks.networks.nnlqp import PLATFORMS, STAGED, UNSTAGED
from nassurrogate.errors import InputError, unknown_choice
from nassurrogate.files.given_path import as_path


@dataclass(frozen=True)
class NetworkData:
    """Measured networks, and where they come from.

    Attributes:
        networks: all of them, on one device.
        source: the folder.
        is_nnlqp: whether they are NNLQP's, so that its published figures are comparable.
    """

    networks: MeasuredNetworks
    source: str
    is_nnlqp: bool = False


def read_data(
    folder: str | Path,
    device: str | None = None,
    *,
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> NetworkData:
    """The networks of a folder on one device.

    Args:
        folder: a part of NNLQP if it has `gt_stage.txt` or `gt.txt`; else see `read_measured`.
        device: its name, or the id of a platform of NNLQP; None: the only one.
        jobs: number of processes that read ONNX files.
        progress: called with (networks read, networks in total).

    Raises `InputError` for unusable folders and unknown devices, and for a folder that could be of both kinds.
    """
    place = as_path(folder, "the folder of measured networks")
    official = [name for name in (STAGED, UNSTAGED) if (place / name).is_file()]
    if not official:
        found = read_measured(place, device, jobs=jobs, progress=progress)
        return NetworkData(found, str(folder))
    if (place / TABLE).is_file():
        raise InputError(f"{place} has both {TABLE} and NNLQP's {official[0]}; move one of them away")
    platform = None if device is None else _platform(device)
    return NetworkData(read_nnlqp(place, platform=platform, jobs=jobs, progress=progress), str(folder), is_nnlqp=True)


def _platform(device: str) -> int:
    """The id of a platform of NNLQP, by its name or as text."""
    ids = {name: number for number, name in PLATFORMS.items()}
    if device in ids:
        return ids[device]
    if device.isdecimal() and len(device) <= 9:
        return int(device)
    raise unknown_choice("device", device, ids, place=" of NNLQP (a name, or the id of a platform)")
