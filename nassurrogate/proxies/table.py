"""The probes of all cells of a space, computed once and shipped: what `random_networks` measures of untrained networks.

The tables are made by `examples/make_probes.py`, without training and without any table of accuracies or latencies.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from statistics import NormalDist
from typing import Any, BinaryIO

import numpy as np

from nassurrogate.errors import InputError
from nassurrogate.predictors.labels.scale import mean_ranks
from nassurrogate.proxies.names import PROBE_NAMES
from nassurrogate.spaces import CellSpace, Space

SCRIPT = "examples/make_probes.py"
_MOST_HALVES = 1 << 16
"""Classes up to which scores are kept as half-precision numbers; of more, in steps, as bytes."""
_STEPS = 27
"""Of a standard deviation: bytes reach ±4.7, as do the normal scores of half a million ranks."""


def has_probes(space: Space) -> bool:
    """Whether a table of this space's probes is shipped."""
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
            f"the probes shipped for {space.name} are no finite {shape} float16 or int8: run {SCRIPT} again"
        )
    features: np.ndarray = scores.astype(np.float32)
    if scores.dtype == np.int8:
        features /= _STEPS
    features.flags.writeable = False
    return features


def write_probes(file: BinaryIO, space: CellSpace, scores: np.ndarray, settings: dict[str, Any]) -> None:
    """Write the table that `probe_features` reads.

    Args:
        file: where to.
        scores: (n_classes, P), of `normal_scores`.
        settings: what the probes were made with, as JSON has it; kept for readers.
    """
    few = len(scores) <= _MOST_HALVES
    np.savez_compressed(
        file,
        scores=scores.astype(np.float16) if few else np.rint(np.clip(_STEPS * scores, -127, 127)).astype(np.int8),
        names=np.array(PROBE_NAMES),
        classes_sha256=np.array(space.classes_sha256()),
        settings=np.array(json.dumps(settings)),
    )


def normal_scores(runs: Sequence[np.ndarray]) -> np.ndarray:
    """(n, P) normal scores of the ranks of what is measured in several runs.

    Args:
        runs: (n, P) each. A column is standardised over the n rows within its run; the runs are averaged, and rank r of
            n becomes the standard normal's quantile (r − 1/2) / n. Equal values share their mean rank.

    >>> normal_scores([np.array([[5.0], [7.0], [900.0]])]).round(2).ravel().tolist()
    [-0.97, 0.0, 0.97]
    """
    if not runs[0].size:
        return np.empty(runs[0].shape)
    spread = [np.where(run.std(axis=0) > 0, run.std(axis=0), 1) for run in runs]
    mean = np.mean([(run - run.mean(axis=0)) / width for run, width in zip(runs, spread, strict=True)], axis=0)
    ranks = np.apply_along_axis(mean_ranks, 0, mean)
    return _normal_quantiles((ranks - 0.5) / len(mean))


def _normal_quantiles(shares: np.ndarray) -> np.ndarray:
    """Like SciPy's `ndtri` except for the last digits; importing SciPy takes longer than scoring an architecture."""
    different, place = np.unique(shares, return_inverse=True)
    quantile = NormalDist().inv_cdf
    return np.array([quantile(share) for share in different.tolist()])[place].reshape(shares.shape)


def _file(space: Space) -> Traversable:
    return files("nassurrogate.proxies") / "data" / f"{space.name}_probes.npz"
