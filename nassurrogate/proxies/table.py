"""The shipped tables of probes, `untrained_networks` of all cells of a space.

The tables are made by `examples/choices/make_probes.py`, without training and without any table of accuracies or
latencies.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, BinaryIO

import numpy as np

from nassurrogate.errors import InputError
from nassurrogate.proxies.names import PROBE_NAMES
from nassurrogate.renamed import renamed
from nassurrogate.spaces import CellSpace, Space

__getattr__ = renamed(__name__, {"normal_scores": "nassurrogate.proxies.normal_scores.normal_scores"})
SCRIPT = "examples/choices/make_probes.py"
_MOST_HALVES = 1 << 16
"""For at most this many classes, scores are stored in half precision; for more, in steps, as bytes."""
_STEPS = 27
"""Steps per standard deviation: bytes reach ±4.7, as do the normal scores of half a million ranks."""


def has_probes(space: Space) -> bool:
    """Whether a table of this space's probes ships with the package."""
    return _file(space).is_file()


@cache
def probe_features(space: CellSpace) -> np.ndarray:
    """(n_classes, P) float32, read-only: the probes of every class as normal scores of their ranks.

    Row c is class c of `space.class_ids()`, column p is `PROBE_NAMES[p]`. Raises `InputError` for a space without a
    table, and `RuntimeError` for a table that was made for other cells or probes.
    """
    if not has_probes(space):
        raise InputError(f"no probes of the space {space.name!r} are shipped; {SCRIPT} makes them")
    with _file(space).open("rb") as file, np.load(file, allow_pickle=False) as table:
        kept = {name: table[name] for name in table.files}
    expected = {"names": np.array(PROBE_NAMES), "classes_sha256": np.array(space.classes_sha256())}
    for name, value in expected.items():
        if name not in kept or not np.array_equal(kept[name], value):
            raise RuntimeError(f"the probes shipped for {space.name} have other {name}: run {SCRIPT} again")
    scores = kept.get("scores", np.empty(0))
    shape = (space.n_classes, len(PROBE_NAMES))
    if scores.shape != shape or scores.dtype not in (np.float16, np.int8) or not np.isfinite(scores).all():
        raise RuntimeError(
            f"the probes shipped for {space.name} are not finite {shape} float16 or int8: run {SCRIPT} again"
        )
    features: np.ndarray = scores.astype(np.float32)
    if scores.dtype == np.int8:
        features /= _STEPS
    features.flags.writeable = False
    return features


def write_probes(file: BinaryIO, space: CellSpace, scores: np.ndarray, settings: dict[str, Any]) -> None:
    """Write the table that `probe_features` reads.

    Args:
        file: to write to.
        scores: (n_classes, P), from `normal_scores`.
        settings: of the probes, JSON-able; for information only.
    """
    few = len(scores) <= _MOST_HALVES
    np.savez_compressed(
        file,
        scores=scores.astype(np.float16) if few else np.rint(np.clip(_STEPS * scores, -127, 127)).astype(np.int8),
        names=np.array(PROBE_NAMES),
        classes_sha256=np.array(space.classes_sha256()),
        settings=np.array(json.dumps(settings)),
    )


def _file(space: Space) -> Traversable:
    return files("nassurrogate.proxies") / "data" / f"{space.name}_probes.npz"
