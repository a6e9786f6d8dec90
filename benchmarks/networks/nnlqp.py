"""Reads NNLQP, a data set of latencies of ONNX models (Liu et al., ICPP 2022; github.com/ModelTC/NNLQP).

A part of it (`unseen_structure`, `multi_platform`) is a folder with `onnx/…`, models without weights, and a text file
with one measurement a line, its fields separated by spaces:

    00428 onnx/nnmeter_alexnet/nnmeter_alexnet_transform_0427.onnx 1 5.38 alexnet 1 train

They are the id, the path of the model, the batch size, the latency in ms, the family, the id of the platform, and in
`gt_stage.txt` (in `multi_platform` also in `gt.txt`) whether it belongs to the training or the test set.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

import numpy as np

from nassurrogate.benchmarks.networks.measured import STAGES, MeasuredNetworks
from nassurrogate.benchmarks.networks.onnx_files import OnnxFile, Progress, log_unread, read_onnx_files
from nassurrogate.errors import InputError, brief
from nassurrogate.files.given_path import as_path
from nassurrogate.graphs.operator_graph import OperatorGraph
from nassurrogate.tables.faults import Faults

STAGED, UNSTAGED = "gt_stage.txt", "gt.txt"
PLATFORMS: Final = {
    2: "cpu-openppl-fp32", 9: "hi3559A-nnie11-int8", 10: "gpu-T4-trt7.1-fp32", 12: "gpu-T4-trt7.1-int8",
    13: "gpu-P4-trt7.1-fp32", 14: "gpu-P4-trt7.1-int8", 16: "hi3519A-nnie12-int8", 18: "atlas300-acl-fp16",
    23: "mul270-neuware-int8",
}  # fmt: skip
"""The platforms of `multi_platform`, as the authors' demo names them."""
_MOST_BYTES = 1 << 28
_MOST_BATCH = 1 << 16


class _Line(NamedTuple):
    """One measurement; `stage` is empty if the line has none."""

    file: OnnxFile
    name: str
    latency_ms: float
    family: str
    platform: int
    stage: str


def read_nnlqp(
    folder: str | Path,
    *,
    platform: int | None = None,
    families: Sequence[str] | None = None,
    labels: str | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
) -> MeasuredNetworks:
    """The measurements of one platform; models are read for the batch size that they were measured with.

    Args:
        folder: one part of the data set, such as `dataset/unseen_structure`.
        platform: its id; None: the only one.
        families: those to read, as the lines name them; None: all.
        labels: the file of measurements; None: `gt_stage.txt`, or `gt.txt` if there is none.
        jobs: number of processes that read the models; all 20,000 take some minutes.
        progress: called with (models read, models in total).

    `stages` of the result is the published split, None if a line has none. Models that cannot be read are logged and
    left out (`unread`).

    Raises `InputError`, with the first faults in one line, for malformed lines, latencies that are not positive, and
    missing models; for a platform or a family without lines; and if no model can be read.
    """
    place = as_path(folder, "the folder of NNLQP")
    source = _labels_file(place, labels)
    lines = _chosen(_lines(source, place), platform, families, source)
    found = read_onnx_files([line.file for line in lines], jobs=jobs, progress=progress)
    kept: list[_Line] = []
    graphs: list[OperatorGraph] = []
    unread: list[str] = []
    for line in lines:
        graph = found[line.file]
        if isinstance(graph, InputError):
            unread.append(str(graph))
        else:
            kept.append(line)
            graphs.append(graph)
    log_unread(unread, len(lines))
    return MeasuredNetworks(
        PLATFORMS.get(kept[0].platform, f"NNLQP platform {kept[0].platform}"),
        graphs,
        [line.name for line in kept],
        [line.family for line in kept],
        np.array([line.latency_ms for line in kept]),
        stages=[line.stage for line in kept] if all(line.stage for line in kept) else None,
        unread=unread,
    )


def _labels_file(folder: Path, labels: str | None) -> Path:
    if not folder.is_dir():
        raise InputError(f"no folder at {folder}; expected a part of NNLQP, with {STAGED} or {UNSTAGED} and onnx/")
    names = [STAGED, UNSTAGED] if labels is None else [labels]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    parts = ", ".join(path.parent.name for path in sorted(folder.glob(f"*/{UNSTAGED}")))
    hint = f"; it has the parts {parts}, give one of them" if parts else ""
    raise InputError(f"{folder} has no {' or '.join(names)}{hint}")


def _lines(source: Path, folder: Path) -> list[_Line]:
    try:
        with source.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        text = content.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {source}: {getattr(error, 'strerror', None) or error}") from error
    if len(content) > _MOST_BYTES:
        raise InputError(f"{source} is larger than {_MOST_BYTES:,} bytes")
    faults = Faults(str(source))
    found: list[_Line] = []
    for number, row in enumerate(text.splitlines(), start=1):
        if not row.strip():
            continue
        try:
            found.append(_line(row, folder))
        except InputError as error:
            faults.add(f"line {number}: {error}")
            if faults.are_enough:
                break
    faults.raise_any()
    if not found:
        raise InputError(f"{source} has no measurements")
    return found


def _line(row: str, folder: Path) -> _Line:
    fields = row.split()
    if len(fields) not in (6, 7):
        raise InputError(
            f"expected id, path, batch size, latency, family, platform and maybe train or test, got {brief(row)}"
        )
    _, path, batch, latency, family, platform, *stage = fields
    if stage and stage[0] not in STAGES:
        raise InputError(f"the stage is train or test, got {brief(stage[0])}")
    if not batch.isdecimal() or not 0 < len(batch) <= 6 or not 0 < int(batch) <= _MOST_BATCH:
        raise InputError(f"the batch size is a whole number from 1, got {brief(batch)}")
    if not platform.isdecimal() or len(platform) > 9:
        raise InputError(f"the platform is a whole number, got {brief(platform)}")
    try:
        latency_ms = float(latency)
    except ValueError:
        raise InputError(f"the latency is a number of milliseconds, got {brief(latency)}") from None
    if not 0 < latency_ms < math.inf:
        raise InputError(f"the latency is a positive number of milliseconds, got {brief(latency)}")
    inside = PurePosixPath(path)
    if inside.is_absolute() or ".." in inside.parts or "\\" in path:
        raise InputError(f"the path of a model lies in the folder, got {brief(path)}")
    name = inside.name.removesuffix(".onnx") + (f"_batch{int(batch)}" if int(batch) > 1 else "")
    file = OnnxFile(folder / as_path(os.fspath(inside), "a model"), int(batch))
    return _Line(file, name, latency_ms, family, int(platform), stage[0] if stage else "")


def _chosen(lines: list[_Line], platform: int | None, families: Sequence[str] | None, source: Path) -> list[_Line]:
    platforms = sorted({line.platform for line in lines})
    if platform is None and len(platforms) > 1:
        listed = ", ".join(f"{each} ({PLATFORMS.get(each, 'unnamed')})" for each in platforms)
        raise InputError(f"{source} has several platforms; name one of {listed}")
    wanted = platforms[0] if platform is None else platform
    found = [line for line in lines if line.platform == wanted]
    if not found:
        raise InputError(f"{source} has no platform {brief(wanted)}; it has {', '.join(map(str, platforms))}")
    if families is not None:
        if isinstance(families, str):
            raise InputError(f"families are a list of names, got {brief(families)}")
        known = sorted({line.family for line in found})
        for family in families:
            if family not in known:
                raise InputError(f"{source} has no family {brief(family)}; it has {', '.join(known)}")
        found = [line for line in found if line.family in families]
    faults = Faults(str(source))
    for file in dict.fromkeys(line.file for line in found):
        if not file.path.is_file():
            faults.add(f"no model at {file.path}")
    faults.raise_any()
    return found
