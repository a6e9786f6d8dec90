"""The nb101 benchmark: what is said before an import, and what an import brings."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest

from nassurrogate import Surrogate
from nassurrogate.benchmarks import LABEL, TEST, dataset_names, load_benchmark
from nassurrogate.benchmarks.importers import import_file
from nassurrogate.errors import InputError
from nassurrogate.prediction_quality import kendall_tau
from nassurrogate.spaces import get_space
from nassurrogate.spaces.nb101.space import NB101

SIZE = 423_624


@pytest.fixture(scope="module")
def space() -> NB101:
    found = get_space("nb101")
    assert isinstance(found, NB101)
    assert len(found.cells) == SIZE  # read here, for every test has an empty cache of its own
    return found


@pytest.fixture
def small(space: NB101, tmp_path: Path) -> Path:
    """A small file of arrays, of the cells 10, 20, 30 and 40."""
    path = tmp_path / "small.npz"
    np.savez(path, **arrays(space))
    return path


def arrays(space: NB101) -> dict[str, np.ndarray]:
    rows = [10, 20, 30, 40]
    return {
        "hash": space.cells["hash"][rows],
        "params": space.cells["params"][rows].astype(np.int32),
        "test_acc_mean": np.array([0.9, 0.91, np.nan, 0.93]),
        "val_index": np.array([3, 0]),
        "val_acc_4_12_36_108": np.array([[0.3, 0.4, 0.5, 0.95], [0.2, 0.3, 0.4, 0.92]], np.float32),
        "train_time_s": np.array([1000.5, 2000.0], np.float32),
    }


def test_before_an_import_it_says_what_to_do() -> None:
    assert dataset_names("nb101") == []
    with pytest.raises(
        InputError, match=r"no table of nb101 yet: get .*only108.tfrecord \(0.5 GB\).* data import nb101"
    ):
        load_benchmark("nb101", "cifar10")
    with pytest.raises(InputError, match="unknown table 'embedded' of nb101; known: none"):
        load_benchmark("nb101", "cifar10", table="embedded")


def test_arrays_are_imported(space: NB101, small: Path) -> None:
    summary = import_file("nb101", small)
    assert (summary.name, summary.info.n_cells, summary.info.kind) == ("small", 4, "NAS-Bench-101 .npz")
    assert summary.shadowed == {}
    assert dataset_names("nb101") == ["cifar10"]
    bench = load_benchmark("nb101", "cifar10")
    assert bench.free_metrics() == ["flops_m", "params_m"]
    assert bench.query(40).value == pytest.approx(95.0)
    assert bench.query(40).cost_train_time_s == 1000.5
    assert bench.query(space.parse(10).string, "val_accuracy_12ep_pct").value == pytest.approx(30.0)
    assert np.flatnonzero(np.isfinite(bench.column(TEST).mean)).tolist() == [10, 20, 40]
    missing = bench.query(20)
    assert np.isnan(missing.value)
    assert "small.npz has no val_accuracy_pct" in missing.missing
    with pytest.raises(InputError, match="unknown data set 'cifar100' of nb101; known: cifar10"):
        load_benchmark("nb101", "cifar100")


@pytest.mark.parametrize("kind", ["S32", "U32"])
def test_hashes_may_be_text(space: NB101, tmp_path: Path, kind: str) -> None:
    names = np.array([space.parse(index).string for index in (10, 20, 30, 40)], dtype=kind)
    np.savez_compressed(tmp_path / "text.npz", **{**arrays(space), "hash": names})
    import_file("nb101", tmp_path / "text.npz")
    assert load_benchmark("nb101", "cifar10").query(40).value == pytest.approx(95.0)


def test_without_rows_every_cell_has_a_validation_accuracy(space: NB101, tmp_path: Path) -> None:
    given = {"hash": space.cells["hash"][[5, 3]], "val_acc_4_12_36_108": np.full((2, 4), 0.5)}
    np.savez(tmp_path / "all.npz", **given)
    import_file("nb101", tmp_path / "all.npz")
    assert np.flatnonzero(load_benchmark("nb101", "cifar10").column(LABEL).mean == 50).tolist() == [3, 5]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"hash": None}, "'hash', which names the cells, is missing"),
        ({"hash": np.zeros((4, 16), np.uint8)}, "row 0 of the array 'hash': no nb101 cell has the hash 0000"),
        ({"hash": np.zeros((4, 8), np.uint8)}, r"'hash' is uint8\(4, 8\)"),
        ({"hash": np.array(["x", "y"])}, "row 0 of the array 'hash' is not a hash: 'x'"),
        ({"hash": np.empty((0, 16), np.uint8)}, "no rows|does not match the cells"),
        ({"params": np.ones(4, np.int32)}, "'params' does not match the cells"),
        ({"test_acc_mean": np.array([90.0, 91.0, 92.0, 93.0])}, "'test_acc_mean' holds 90; expected 0 to 1"),
        ({"test_acc_mean": np.array([0.1, -0.1, 0.2, 0.3])}, "holds -0.1"),
        ({"test_acc_mean": np.array([0.1, np.inf, 0.2, 0.3])}, "holds inf"),
        ({"test_acc_mean": np.full(4, np.nan)}, "the array of test_accuracy_pct is empty"),
        ({"test_acc_mean": np.ones(3)}, r"'test_acc_mean' is float64\(3,\); expected floating point \(4,\)"),
        ({"test_acc_mean": np.array(["a"] * 4)}, "expected floating point"),
        ({"train_time_s": np.array([1.0, -1.0])}, "'train_time_s' holds -1"),
        ({"val_index": np.array([0, 0])}, "different whole numbers"),
        ({"val_index": np.array([0, 4])}, "points outside the 4 rows"),
        ({"val_index": np.array([0.0, 1.0])}, "different whole numbers"),
        ({"val_acc_4_12_36_108": np.ones((2, 3))}, r"expected floating point \(2, 4\)"),
        ({"acc": np.ones(4)}, "unknown array 'acc' in bad.npz; known: hash"),
        ({"test_acc_mean": None, "val_acc_4_12_36_108": None, "train_time_s": None}, "none of the arrays"),
        ({"test_acc_mean": np.array([None] * 4)}, "expected numbers or text"),
    ],
)
def test_bad_arrays(space: NB101, tmp_path: Path, cache: Path, changed: dict[str, object], expected: str) -> None:
    given = arrays(space) | changed
    np.savez(tmp_path / "bad.npz", **{name: values for name, values in given.items() if values is not None})
    with pytest.raises(InputError, match=expected) as caught:
        import_file("nb101", tmp_path / "bad.npz")
    assert "\n" not in str(caught.value)
    assert "bad.npz" in str(caught.value)
    assert not list(cache.rglob("*.safetensors"))


def test_a_cell_named_twice(space: NB101, tmp_path: Path) -> None:
    np.savez(tmp_path / "twice.npz", hash=space.cells["hash"][[10, 10]], test_acc_mean=np.ones(2))
    with pytest.raises(InputError, match=r"twice\.npz: the array 'hash' names a cell twice"):
        import_file("nb101", tmp_path / "twice.npz")


def test_damaged_archives_are_refused(space: NB101, small: Path) -> None:
    content = small.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(content)
        damaged[rng.integers(len(damaged))] ^= 1 << rng.integers(8)
        small.write_bytes(damaged)
        with contextlib.suppress(InputError):  # a flipped bit may well lie where it does no harm
            import_file("nb101", small, replace=True)
    for length in (0, 1, 30, len(content) // 2, len(content) - 1):
        small.write_bytes(content[:length])
        with pytest.raises(InputError):
            import_file("nb101", small, replace=True)


def test_ones_own_tables_name_cells_by_hash_spec_or_index(space: NB101, tmp_path: Path) -> None:
    spec = space.to_spec(space.parse(7)).to_json().replace('"', '""')
    path = tmp_path / "mine.csv"
    path.write_text(f'arch,cifar10_val_accuracy_pct,phone_ms\n{space.parse(5)},91.5,3\n"{spec}",92.5,4\n')
    import_file("nb101", path)
    bench = load_benchmark("nb101", "cifar10")
    assert (bench.query(5).value, bench.query(7).value, bench.query(7, "phone_ms").value) == (91.5, 92.5, 4)
    path.write_text("index,cifar10_params_m\n5,1\n")
    assert import_file("nb101", path, replace=True).shadowed == {"cifar10/params_m": "computed from the string"}


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing\n")
    with pytest.raises(InputError, match=r"notes.txt is not a file that can be imported; expected nasbench_full"):
        import_file("nb101", tmp_path / "notes.txt")
    with pytest.raises(InputError, match="not a regular file"):
        import_file("nb101", tmp_path)


def test_the_published_table(shared_data: Path, space: NB101) -> None:
    path = shared_data / "nb101" / "nb101.npz"
    summary = import_file("nb101", path)
    assert summary.info.n_cells == SIZE
    bench = load_benchmark("nb101", "cifar10")
    with np.load(path, allow_pickle=False) as table:
        assert np.array_equal(bench.column(TEST).mean, 100 * table["test_acc_mean"])
        label = bench.column(LABEL).mean
        known = np.flatnonzero(np.isfinite(label))
        assert np.array_equal(known, np.sort(table["val_index"]))
        assert np.array_equal(label[table["val_index"]], 100 * table["val_acc_4_12_36_108"][:, 3].astype(float))
    # How well one noisy run agrees with the mean of three: the reference of protocol A5.
    assert kendall_tau(label[known], bench.column(TEST).mean[known]) == pytest.approx(0.901, abs=5e-4)

    order = np.random.default_rng(0).permutation(known)
    train, test = order[:172], order[172:2172]
    surrogate = Surrogate("nb101", predictor="gradient-boosting", seed=0).fit(train.tolist(), label[train])
    assert kendall_tau(surrogate.score(test.tolist()), bench.column(TEST).mean[test]) > 0.55
