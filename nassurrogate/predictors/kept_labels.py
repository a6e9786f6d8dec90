"""Labels inside a saved predictor, which learns again from them when it is loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError
from nassurrogate.spaces import Space

_MAX_LABELS = 1_000_000


def label_arrays(space: Space, archs: Sequence[Architecture], targets: np.ndarray) -> dict[str, np.ndarray]:
    """n architectures and their (n,) targets as named arrays."""
    index = np.array([space.index(arch) for arch in archs], dtype=np.int64)
    return {"labels.index": index, "labels.target": targets}


def read_labels(space: Space, tensors: Mapping[str, np.ndarray]) -> tuple[list[Architecture], np.ndarray]:
    """The inverse of `label_arrays`. Raises `InputError` for arrays that it cannot have written."""
    index, target = tensors["labels.index"], tensors["labels.target"]
    if index.dtype != np.int64 or target.dtype != np.float64 or index.ndim != 1 or index.shape != target.shape:
        raise InputError(
            f"labels are {index.dtype}{index.shape} and {target.dtype}{target.shape}, "
            "expected int64(n,) and float64(n,)"
        )
    if not 1 <= len(index) <= _MAX_LABELS or not np.isfinite(target).all():
        raise InputError(f"expected 1 to {_MAX_LABELS} labels, all finite, got {len(index)}")
    return space.parse_many(index), target.copy()
