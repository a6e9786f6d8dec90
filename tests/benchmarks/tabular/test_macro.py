"""The table of NAS-Bench-Macro: imports of both forms, what is refused, and the benchmark that comes of it."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nassurrogate import InputError
from nassurrogate.benchmarks import TabularBenchmark, load_benchmark
from nassurrogate.benchmarks.importers import MACRO_TABLE, detect_kind, import_file
from nassurrogate.benchmarks.importers.macro_table import COLUMNS
from nassurrogate.benchmarks.tabular import store
from nassurrogate.cli import main
from nassurrogate.search import run
from nassurrogate.spaces.macro.space import Macro

SPACE = Macro()
Row = list[Any]


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NASSURROGATE_CACHE", str(tmp_path / "cache"))


def made_up() -> list[Row]:
    """Rows of every network, equivalent ones alike: 50 % and more the larger it is."""
    costs = SPACE.exact_costs(SPACE.all()).tolist()
    rows = []
    for arch, (params, flops) in zip(SPACE.all(), costs, strict=True):
        accuracy = 50 + params / 1e5
        rows.append([arch.string, round(accuracy, 2), round(accuracy + 1, 2), round(accuracy - 1, 2), params, flops])
    return rows


def as_csv(path: Path, rows: list[Row], header: tuple[str, ...] = COLUMNS) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def as_json(path: Path, rows: list[Row]) -> Path:
    entries = {
        row[0]: {"test_acc": row[1:4], "mean_acc": sum(row[1:4]) / 3, "std": 0.5, "params": row[4], "flops": row[5]}
        for row in rows
    }
    path.write_text(json.dumps(entries))
    return path


@pytest.mark.parametrize("write", [as_csv, as_json])
def test_both_forms_are_imported(tmp_path: Path, write: Callable[[Path, list[Row]], Path]) -> None:
    rows = made_up()
    path = write(tmp_path / "networks.table", rows[::-1])  # in any order
    assert detect_kind("macro", path) == MACRO_TABLE
    summary = import_file("macro", path, name="mine")
    assert (summary.info.n_cells, summary.shadowed) == (6561, {})
    bench = load_benchmark("macro")
    assert isinstance(bench, TabularBenchmark)
    assert (bench.dataset, bench.objective.name, bench.space) == ("cifar10", "test_accuracy_pct", SPACE)
    assert sorted(bench.metrics) == ["flops_m", "params_m", "test_accuracy_pct"]
    assert bench.free_metrics() == ["flops_m", "params_m"]
    assert (bench.column("test_accuracy_pct").values == np.array([row[1:4] for row in rows])).all()
    arch = SPACE.parse("01201201")
    (evaluation,) = bench.evaluate([arch])
    assert evaluation.values["test_accuracy_pct"] == pytest.approx(np.mean(rows[arch.index][1:4]))
    assert evaluation.n_seeds == {"test_accuracy_pct": 3}
    assert bench.seeds(arch, "test_accuracy_pct") == [0, 1, 2]


def test_the_published_table(shared_data: Path) -> None:
    import_file("macro", shared_data / "macro" / "macro_cifar10.csv")
    bench = load_benchmark("macro", "cifar10")
    assert isinstance(bench, TabularBenchmark)
    accuracy = bench.column("test_accuracy_pct")
    assert accuracy.mean.max() == pytest.approx(93.1267, abs=1e-4)
    assert SPACE.all()[int(accuracy.mean.argmax())].string == "22212202"
    assert np.isfinite(accuracy.values).all()
    assert bench.query("00000000", "test_accuracy_pct", seed=0).value == 45.32


def test_nothing_is_there_before_an_import() -> None:
    with pytest.raises(InputError, match=r"no table of macro yet: get nas-bench-macro_cifar10.json .*import macro"):
        load_benchmark("macro")


def test_the_commands_know_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = as_json(tmp_path / "nas-bench-macro_cifar10.json", made_up())
    assert main(["data", "import", "macro", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "nas-bench-macro_cifar10"
    assert main(["data", "list", "--space", "macro", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    (accuracy,) = [entry for entry in listed["metrics"] if entry["metric"] == "test_accuracy_pct"]
    assert (accuracy["n_seeds"], accuracy["n_cells"], accuracy["unit"]) == (3, 6561, "percent")
    assert main(["data", "check", "--space", "macro"]) == 0
    assert main(["data", "remove", "nas-bench-macro_cifar10", "--space", "macro"]) == 0
    assert store.list_imports("macro") == []


def _changed(row: int, column: int, value: Any) -> Callable[[list[Row]], None]:
    def change(rows: list[Row]) -> None:
        rows[row][column] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_changed(7, 0, "00000020"), "line 9: network 00000020 occurs twice, first in line 8"),
        (_changed(7, 0, "21"), "line 9: malformed macro architecture '21'"),
        (_changed(7, 1, "nan"), "line 9: a test accuracy is 'nan'; expected a finite number"),
        (_changed(7, 1, "inf"), "line 9: a test accuracy is 'inf'"),
        (_changed(7, 3, ""), "line 9: a test accuracy is ''; expected a number"),
        (_changed(7, 3, "good"), "line 9: a test accuracy is 'good'"),
        (_changed(7, 2, 100.5), "line 9: a test accuracy is 100.5; expected percent, 0 to 100"),
        (_changed(7, 2, -1), "line 9: a test accuracy is -1; expected percent"),
        (_changed(7, 4, 800011), "line 9: network 00000021 has params 800011; expected 1623082, as computed"),
        (_changed(7, 5, 1.5), "line 9: network 00000021 has flops 1.5; expected"),
        (lambda rows: rows.pop(7), "6560 of 6561 networks are present: '00000021' is missing"),
        (lambda rows: rows[7].append(1), "line 9 has 7 fields; the header names 6 columns"),
        (lambda rows: [row.__setitem__(slice(1, 4), [0.9] * 3) for row in rows], "they look like fractions"),
    ],
)
def test_tables_that_are_refused(tmp_path: Path, change: Callable[[list[Row]], None], message: str) -> None:
    rows = made_up()
    change(rows)
    with pytest.raises(InputError) as caught:
        import_file("macro", as_csv(tmp_path / "wrong.csv", rows))
    assert message in str(caught.value)
    assert str(caught.value).startswith("wrong.csv: ")
    assert "\n" not in str(caught.value)
    assert store.list_imports("macro") == []


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ((*COLUMNS[:-1], "flop"), "unknown column 'flop'; known: arch, test_acc_1"),
        (COLUMNS[:-1], "expected arch, test_acc_1, test_acc_2, test_acc_3, params, flops, each once"),
        ((*COLUMNS[:-1], "params"), "each once"),
    ],
)
def test_headers_that_are_refused(tmp_path: Path, header: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError) as caught:
        import_file("macro", as_csv(tmp_path / "wrong.csv", [], header))
    assert message in str(caught.value)


def _good() -> dict[str, Any]:
    return {"test_acc": [50.0, 51.0, 52.0], "mean_acc": 51.0, "std": 0.8, "params": 387882, "flops": 7713280}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not readable JSON"),
        ("{" + '"a":{' * 100_000, "is not readable JSON"),
        (b'{"\xff": 1}', "is not readable JSON"),
        ({}, "0 of 6561 networks are present: '00000000' is missing"),
        (
            {"00000000": [50.0, 51.0, 52.0]},
            "network '00000000' is [50.0, 51.0, 52.0]; expected test_acc",
        ),
        ({"00000000": None}, "network '00000000' is None"),
        ({"00000000": {**_good(), "extra": 1}}, "expected test_acc, params, flops"),
        ({"00000000": {**_good(), "test_acc": [50.0]}}, "test_acc is [50.0]; expected 3 numbers"),
        ({"00000000": {**_good(), "test_acc": [50.0, True, 50.0]}}, "a test accuracy is True; expected a number"),
        ({"00000000": {**_good(), "test_acc": [50.0, float("nan"), 50.0]}}, "a test accuracy is nan"),
        ({"00000000": {**_good(), "params": 387883}}, "has params 387883; expected 387882"),
        ({"00000000": {**_good(), "params": [1]}}, "params is [1]; expected a number"),
        (f'{{"00000000": {json.dumps(_good())}, "00000000": {json.dumps(_good())}}}', "occurs twice, first in"),
    ],
)
def test_json_that_is_refused(tmp_path: Path, text: Any, message: str) -> None:
    path = tmp_path / "wrong.json"
    text = json.dumps(text) if isinstance(text, dict) else text
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError) as caught:
        import_file("macro", path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_part_is_imported_as_an_own_table(tmp_path: Path) -> None:
    path = tmp_path / "part.csv"
    path.write_text("arch,cifar10_test_accuracy_pct\n00000000,45.0\n01201201,91.5\n")
    assert import_file("macro", path).info.n_cells == 2
    bench = load_benchmark("macro")
    found = bench.evaluate([SPACE.parse("01201201"), SPACE.parse("22222222")])
    assert [each.status for each in found] == ["ok", "missing"]
    assert found[0].values == {"test_accuracy_pct": 91.5}


def test_a_validation_accuracy_of_ones_own_is_what_a_search_improves(tmp_path: Path) -> None:
    """Beside it the test accuracy is looked up for the chosen network alone."""
    archs = [arch.string for arch in SPACE.all()[:40]]
    path = tmp_path / "val.csv"
    rows = [f"{arch},{50 + place / 10}" for place, arch in enumerate(archs)]
    path.write_text("\n".join(["arch,cifar10_val_accuracy_pct", *rows]) + "\n")
    import_file("macro", path)
    bench = load_benchmark("macro")
    assert bench.objective.name == "val_accuracy_pct"
    options: dict[str, Any] = {"space": "macro", "budget": 6, "seed": 0, "predictor": "none", "write": False}
    result = run(**options)
    assert result["objective"]["name"] == "val_accuracy_pct"
    assert result["best"]["arch"] in archs
    assert result["best"]["test_accuracy_pct"] is None
    assert not any("test accuracy" in note for note in result["notes"])

    import_file("macro", as_csv(tmp_path / "test.csv", made_up()))
    assert load_benchmark("macro").objective.name == "val_accuracy_pct"
    both = run(**options)
    assert both["objective"]["name"] == "val_accuracy_pct"
    assert both["best"]["value"] == result["best"]["value"]
    assert both["best"]["test_accuracy_pct"] == pytest.approx(
        bench_of_test().query(both["best"]["arch"], "test_accuracy_pct").value
    )
    assert not any("test accuracy" in note for note in both["notes"])
    with pytest.raises(InputError, match="a search never sees test_accuracy_pct"):
        run(**options, objective="test_accuracy_pct")


def bench_of_test() -> TabularBenchmark:
    bench = load_benchmark("macro")
    assert isinstance(bench, TabularBenchmark)
    return bench


def test_an_own_table_does_not_name_networks_by_number(tmp_path: Path) -> None:
    path = tmp_path / "numbers.csv"
    path.write_text("arch,cifar10_test_accuracy_pct\n1201201,91.5\n")
    with pytest.raises(InputError, match="were leading zeros lost"):
        import_file("macro", path)
