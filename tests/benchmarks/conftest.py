"""An empty cache for every test of benchmarks, and small files in the official formats.

The files are built with the classes of the official packages themselves.
"""

from __future__ import annotations

import bz2
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nassurrogate.spaces import get_space

EVAL_SETS = {
    "cifar10-valid": ("x-valid", "ori-test"),
    "cifar10": ("ori-test",),
    "cifar100": ("x-valid", "x-test", "ori-test"),
    "ImageNet16-120": ("x-valid", "x-test", "ori-test"),
}
SEEDS = (777, 888, 999)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of imported tables."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("NASSURROGATE_CACHE", str(folder))
    return folder


def strings(indices: list[int]) -> list[str]:
    """Official strings of these cells."""
    space = get_space("nb201")
    return [space.parse(index).string for index in indices]


def results_of(
    api: Any, index: int, arch: str, epochs: int, seeds: tuple[int, ...], rng: np.random.Generator, **flaws: Any
) -> Any:
    """An `ArchResults` of the package `api` with random numbers.

    flaws: `weights` (a state dict to carry), `numpy_numbers`, `no_latency`, `old_style` (only last epochs, no times).
    """
    results = api.ArchResults(index, arch)
    convert = np.float64 if flaws.get("numpy_numbers") else float
    for dataset, names in EVAL_SETS.items():
        for seed in seeds:
            config = {"channel": 16, "num_cells": 5, "arch_str": arch, "class_num": 10}
            record = api.ResultsCount(
                f"{dataset}-{seed}", flaws.get("weights"), {}, {}, float(rng.uniform(0.1, 1.6)),
                float(rng.uniform(5, 200)), config,
                seed, epochs, None if flaws.get("no_latency") else rng.uniform(0.01, 0.03, 4).tolist(),
            )  # fmt: skip

            def series(low: float, high: float) -> OrderedDict[int, Any]:
                return OrderedDict(
                    (epoch, convert(value)) for epoch, value in enumerate(rng.uniform(low, high, epochs))
                )

            record.update_train_info(series(10, 99), series(10, 99), series(0, 3), series(5, 20))
            if flaws.get("old_style"):
                for name in names:
                    record.update_OLD_eval(
                        name, {epochs - 1: float(rng.uniform(10, 99))}, {epochs - 1: float(rng.uniform(0, 3))}
                    )
            else:
                every: list[dict[str, Any]] = [
                    {f"{name}@{epoch}": None for name in names for epoch in range(epochs)} for _ in range(3)
                ]
                for store, (low, high) in zip(every, ((10, 99), (0, 3), (1, 2)), strict=True):
                    for key in store:
                        store[key] = convert(rng.uniform(low, high))
                record.update_eval(*every)
            results.update(dataset, seed, record)
    return results


def official_dict(
    api: Any, indices: list[int], *, schedules: tuple[str, str] = ("less", "full"), seed: int = 0, **flaws: Any
) -> dict[str, Any]:
    """The dictionary that an official file holds, of a few cells; later cells have fewer seeds."""
    rng = np.random.default_rng(seed)
    archs = strings(indices)
    infos = {}
    for place, arch in enumerate(archs):
        seeds = SEEDS[: 3 - place % 3]
        few, many = schedules
        infos[place] = {
            many: results_of(api, place, arch, 200, seeds, rng, **flaws).state_dict(),
            few: results_of(api, place, arch, 12, (777,), rng, **flaws).state_dict(),
        }
    return {
        "meta_archs": archs, "arch2infos": infos, "evaluated_indexes": set(infos), "total_archs": len(archs),
        "basestr": "C16N5",
    }  # fmt: skip


def write_nats_folder(folder: Path, content: dict[str, Any]) -> Path:
    """The `-simple` folder of the dictionary."""
    folder.mkdir(parents=True)
    meta = {"meta_archs": content["meta_archs"], "evaluated_indexes": sorted(content["evaluated_indexes"])}
    (folder / "meta.pickle.pbz2").write_bytes(bz2.compress(pickle.dumps(meta, protocol=4)))
    for index, infos in content["arch2infos"].items():
        (folder / f"{index:06d}.pickle.pbz2").write_bytes(bz2.compress(pickle.dumps(infos, protocol=4)))
    return folder


class OfficialFiles:
    """Builds official files; what tests need of this module."""

    seeds = SEEDS
    content = staticmethod(official_dict)
    write_folder = staticmethod(write_nats_folder)


@pytest.fixture(scope="session")
def official() -> OfficialFiles:
    """The builder of official files."""
    return OfficialFiles()
