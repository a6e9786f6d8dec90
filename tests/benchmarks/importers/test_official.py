"""The importers of official files give what the packages' own APIs say of the same files."""

from __future__ import annotations

import bz2
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import nas_201_api.api_201
import nas_201_api.api_utils
import nats_bench
import nats_bench.api_utils
import numpy as np
import pytest
import torch

from nassurrogate.benchmarks import load_benchmark
from nassurrogate.benchmarks.importers import import_file
from nassurrogate.benchmarks.tabular import store
from nassurrogate.spaces import get_space

CELLS = [15624, 3, 77, 1234]
# data set → (the table's data set and evaluation set) for validation and for test, as the paper has them
SPLITS = {
    "cifar10": (("cifar10-valid", "x-valid"), ("cifar10", "ori-test")),
    "cifar100": (("cifar100", "x-valid"), ("cifar100", "x-test")),
    "ImageNet16-120": (("ImageNet16-120", "x-valid"), ("ImageNet16-120", "x-test")),
}


def expected_by_api(results_of: Any, dataset: str, place: int) -> dict[str, dict[int, float | None]]:
    """metric → seed → value, asked of the package's own `ArchResults` and `ResultsCount`."""
    (train, valid), (test, test_set) = SPLITS[dataset]
    full, less = results_of(place, "200"), results_of(place, "12")
    values: dict[str, dict[int, float | None]] = {}

    def put(metric: str, seed: int, value: float | None) -> None:
        values.setdefault(metric, {})[seed] = value

    for seed in full.get_dataset_seeds(train):
        trial = full.query(train, seed)
        put("val_accuracy_pct", seed, full.get_metrics(train, valid, is_random=seed)["accuracy"])
        put("val_loss_nats", seed, full.get_metrics(train, valid, is_random=seed)["loss"])
        put("test_accuracy_pct", seed, full.get_metrics(test, test_set, is_random=seed)["accuracy"])
        put("test_loss_nats", seed, full.get_metrics(test, test_set, is_random=seed)["loss"])
        put("train_time_s", seed, trial.get_times()["T-train@total"])
        latency = trial.get_latency()
        put("latency_ms", seed, latency * 1e3 if latency > 0 else None)
        put("table_flops_m", seed, trial.flop)
        put("table_params_m", seed, trial.params)
    for seed in less.get_dataset_seeds(train):
        put("val_accuracy_12ep_pct", seed, less.get_metrics(train, valid, is_random=seed)["accuracy"])
        put("train_time_12ep_s", seed, less.query(train, seed).get_times()["T-train@total"])
    return values


def check_every_value(table: str, results_of: Any, cells: list[int]) -> None:
    imported = store.load_import(table).columns
    for dataset in SPLITS:
        bench = load_benchmark("nb201", dataset, table=table)
        for place, index in enumerate(cells):
            for metric, by_seed in expected_by_api(results_of, dataset, place).items():
                column = imported.get((dataset, metric))
                if column is None:
                    assert set(by_seed.values()) == {None}, (dataset, metric)
                    continue
                got = column.values[index].tolist() + [float("nan")] * 3
                expected = [by_seed.get(seed) for seed in (777, 888, 999)]
                # Sums of 200 numbers may be added in another order.
                for value, wanted in zip(got, expected, strict=False):
                    assert value == pytest.approx(np.nan if wanted is None else wanted, rel=1e-12, nan_ok=True), metric
            mean = results_of(place, "200").get_metrics(*SPLITS[dataset][0], is_random=False)["accuracy"]
            assert bench.query(index).value == pytest.approx(mean, rel=1e-12)


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "2020"])
@pytest.mark.parametrize(
    "flaws",
    [
        {},
        {"numpy_numbers": True},
        {"no_latency": True},
        {"old_style": True},
        {"weights": {"stem.weight": torch.ones(3, 4), "half": torch.ones(2).half(), "steps": torch.tensor(7)}},
    ],
    ids=["plain", "numpy", "no-latency", "old-style", "weights"],
)
def test_pth_gives_what_its_package_says(official: Any, tmp_path: Path, zipped: bool, flaws: dict[str, Any]) -> None:
    cells = CELLS[:2] if flaws else CELLS
    content = official.content(nas_201_api.api_utils, cells, **flaws)
    path = tmp_path / "NAS-Bench-201-v1_1-096897.pth"
    torch.save(content, path, _use_new_zipfile_serialization=zipped)

    summary = import_file("nb201", path)

    assert summary.name == "NAS-Bench-201-v1_1-096897"
    assert summary.info.n_cells == len(cells)
    # The package's loader predates `weights_only`: it is given what torch reads of the very file.
    api = nas_201_api.NASBench201API(torch.load(path, weights_only=False), verbose=False)
    assert list(map(get_space("nb201").parse, cells)) == list(map(get_space("nb201").parse, api.meta_archs))
    check_every_value(summary.name, lambda place, hp: api.query_meta_info_by_index(place, hp), cells)


def test_pth_with_references_far_back_is_read_exactly(
    official: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = official.content(nas_201_api.api_utils, CELLS)
    # One list shared by records of different cells: the stream has forgotten it, and reads the file a second time.
    shared = [0.25, 0.75]
    for infos in content["arch2infos"].values():
        for record in infos["full"]["all_results"].values():
            record["latency"] = shared
    path = tmp_path / "shared.pth"
    torch.save(content, path)
    monkeypatch.setattr("nassurrogate.benchmarks.pickles.stream.GENERATION", 1000)
    read: list[int] = []

    import_file("nb201", path, name="shared", progress=lambda done, total: read.append(done))

    assert read.count(1 << 20) == 2, "the file should have been started twice"

    bench = load_benchmark("nb201", "cifar100", table="shared")
    assert [bench.query(index, "latency_ms").value for index in CELLS] == [500.0] * len(CELLS)
    api = nas_201_api.NASBench201API(content, verbose=False)
    check_every_value("shared", lambda place, hp: api.query_meta_info_by_index(place, hp), CELLS)


PEAK = """
import sys
from pathlib import Path
from nassurrogate.benchmarks.importers.nb201_pth import read_pth
read_pth(Path(sys.argv[1]))
# Not `ru_maxrss`, which a process inherits from the one that started it.
print(int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) >> 10)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak memory from /proc")
def test_memory_does_not_grow_with_the_file(official: Any, tmp_path: Path) -> None:
    peaks_mib = []
    for n_cells in (50, 150):
        path = tmp_path / f"{n_cells}.pth"
        content = official.content(nas_201_api.api_utils, list(range(n_cells)))
        torch.save(content, path, _use_new_zipfile_serialization=False)
        peaks_mib.append(int(subprocess.check_output([sys.executable, "-c", PEAK, str(path)])))
    assert peaks_mib[1] < 256
    assert peaks_mib[1] - peaks_mib[0] < 32, "100 cells more are 29 MB of file and 400 MB of objects"


@pytest.mark.parametrize("as_folder", [True, False], ids=["folder", "file"])
def test_nats_gives_what_its_package_says(official: Any, tmp_path: Path, as_folder: bool) -> None:
    content = official.content(nats_bench.api_utils, CELLS, schedules=("12", "200"))
    if as_folder:
        path = official.write_folder(tmp_path / "NATS-tss-v1_0-3ffb9-simple", content)
    else:
        path = tmp_path / "NATS-tss-v1_0-3ffb9.pickle.pbz2"
        path.write_bytes(bz2.compress(pickle.dumps(content, protocol=4)))

    summary = import_file("nb201", path)

    api = nats_bench.create(str(path), "tss", fast_mode=as_folder, verbose=False)
    for place in range(len(CELLS)):
        api._prepare_info(place)
    check_every_value(summary.name, lambda place, hp: api.query_meta_info_by_index(place, hp), CELLS)


def test_nats_folder_may_lack_cells(official: Any, tmp_path: Path) -> None:
    content = official.content(nats_bench.api_utils, CELLS, schedules=("12", "200"))
    folder = official.write_folder(tmp_path / "partial", content)
    (folder / "000001.pickle.pbz2").unlink()

    assert import_file("nb201", folder).info.n_cells == len(CELLS) - 1

    bench = load_benchmark("nb201", "cifar10", table="partial")
    lacking = bench.query(CELLS[1], "test_accuracy_pct")
    assert np.isnan(lacking.value)
    assert lacking.missing


def test_embedded_table_stays_the_base_unless_another_is_chosen(official: Any, tmp_path: Path) -> None:
    embedded = load_benchmark("nb201", "cifar10")
    path = tmp_path / "official.pth"
    torch.save(official.content(nas_201_api.api_utils, CELLS), path)
    summary = import_file("nb201", path)

    bench = load_benchmark("nb201", "cifar10")
    assert bench.query(CELLS[0]).value == embedded.query(CELLS[0]).value
    assert np.isfinite(bench.query(CELLS[0], "test_accuracy_pct").value)
    assert summary.shadowed["cifar10/val_accuracy_pct"] == "embedded"
    assert "cifar10/test_accuracy_pct" not in summary.shadowed
    chosen = load_benchmark("nb201", "cifar10", table="official")
    assert chosen.query(CELLS[0]).value != embedded.query(CELLS[0]).value
    alone = load_benchmark("nb201", "cifar10", table="embedded")
    assert alone.sha256 == embedded.sha256


def test_an_import_is_checked_listed_and_removed(official: Any, tmp_path: Path) -> None:
    path = tmp_path / "official.pth"
    torch.save(official.content(nas_201_api.api_utils, CELLS[:1]), path)
    seen: list[tuple[int, int]] = []
    import_file("nb201", path, progress=lambda done, total: seen.append((done, total)))

    assert seen
    assert all(0 <= done <= total for done, total in seen)
    (info,) = store.check_imports()
    assert info.damage == ""
    assert info.source_file == str(path)
    assert set(info.columns) == {"cifar10", "cifar100", "ImageNet16-120"}
    assert store.remove_import("official").name == "official"
    assert store.list_imports() == []
