"""Labels in the file of a predictor, which is refitted to them when it is loaded."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError, brief
from nassurrogate.spaces import CellSpace, Space

TARGET, INDEX, STRINGS = "labels.target", "labels.index", "labels.arch"
_MAX_LABELS = 1_000_000
_MAX_BYTES = 1 << 28


def label_arrays(space: Space, archs: Sequence[Architecture], targets: np.ndarray) -> dict[str, np.ndarray]:
    """n architectures and their (n,) targets as named arrays: cells by index, others by string (JSON in UTF-8)."""
    if isinstance(space, CellSpace):
        return {INDEX: space.indices(archs), TARGET: targets}
    text = json.dumps([space.format(arch) for arch in archs])
    return {STRINGS: np.frombuffer(text.encode(), dtype=np.uint8), TARGET: targets}


def holds_labels(tensors: Mapping[str, np.ndarray]) -> bool:
    """Whether the arrays of a saved predictor include its labels."""
    return TARGET in tensors


def read_labels(space: Space, tensors: Mapping[str, np.ndarray]) -> tuple[list[Architecture], np.ndarray]:
    """The inverse of `label_arrays`. Raises `InputError` for arrays that it cannot return."""
    if not isinstance(space, CellSpace):
        return _read_strings(space, tensors[STRINGS], tensors[TARGET])
    index, target = tensors[INDEX], tensors[TARGET]
    if index.dtype != np.int64 or target.dtype != np.float64 or index.ndim != 1 or index.shape != target.shape:
        raise InputError(
            f"labels are {index.dtype}{index.shape} and {target.dtype}{target.shape}, "
            "expected int64(n,) and float64(n,)"
        )
    _check_targets(target)
    return space.parse_many(index), target.copy()


def _read_strings(space: Space, text: np.ndarray, target: np.ndarray) -> tuple[list[Architecture], np.ndarray]:
    if text.dtype != np.uint8 or text.ndim != 1 or target.dtype != np.float64 or target.ndim != 1:
        raise InputError(
            f"labels are {text.dtype}{text.shape} and {target.dtype}{target.shape}, expected uint8(n,) and float64(n,)"
        )
    _check_targets(target)
    if len(text) > _MAX_BYTES:
        raise InputError(f"the strings of {len(target)} labels take {len(text)} bytes, expected at most {_MAX_BYTES}")
    try:
        strings = json.loads(text.tobytes())
    except (ValueError, RecursionError) as error:
        raise InputError(f"the strings of the labels are not JSON ({' '.join(str(error).split())[:80]})") from error
    if not isinstance(strings, list) or not all(isinstance(string, str) for string in strings):
        raise InputError(f"the strings of the labels must be a list of strings, got {brief(strings)}")
    if len(strings) != len(target):
        raise InputError(f"{len(strings)} architectures need as many targets, got {len(target)}")
    return [space.parse_printed(string) for string in strings], target.copy()


def _check_targets(target: np.ndarray) -> None:
    if not 1 <= len(target) <= _MAX_LABELS or not np.isfinite(target).all():
        raise InputError(f"expected 1 to {_MAX_LABELS} labels, all finite, got {len(target)}")
