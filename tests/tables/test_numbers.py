"""Numbers that real files hold: read alike by every command, or refused in one line with the remedy."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from nassurrogate.benchmarks import load_benchmark
from tests.command_line import CommandLine
from tests.tables.rows import IMPORT, NB201, TRAIN, A, B, labels


def test_two_columns_of_one_name(refused: Callable[..., str], folder: Path) -> None:
    (folder / "mine.csv").write_text(f"arch,val_accuracy_pct,val_accuracy_pct\n{A},91.2,8.8\n")
    for command in (TRAIN, IMPORT):
        assert "two columns are named 'val_accuracy_pct'" in refused(*command)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (".912", "looks like fractions, expected percent; say which: --unit fraction (multiplies it by 100)"),
        ("-.68", "line 2: val_accuracy_pct is -0.68; expected percent, 0 to 100"),
        ("190", "line 2: val_accuracy_pct is 190; expected percent, 0 to 100"),
        ("9312", "line 2: val_accuracy_pct is 9312; expected percent, 0 to 100"),
        ("91,2", r"line 2 has 3 fields; the header names 2 columns (a decimal comma? write 91.2, not 91,2)"),
        ('"91,2"', "line 2: val_accuracy_pct is '91,2'; expected a number with a decimal point, such as 91.2"),
    ],
)
def test_what_no_percentage_can_be(refused: Callable[..., str], folder: Path, value: str, message: str) -> None:
    (folder / "mine.csv").write_text(f"arch,val_accuracy_pct\n{A},{value}\n")
    for command in (TRAIN, (*IMPORT, "--dataset", "cifar10")):
        assert message in refused(*command)


def test_fractions_are_read_where_the_user_says_so(cli: CommandLine, folder: Path) -> None:
    (folder / "mine.csv").write_text(f"arch,val_accuracy_pct\n{A},.912\n{B},.5\n")
    assert cli(*TRAIN, "--unit", "fraction").code == 0
    assert labels() == {A: pytest.approx(91.2), B: 50.0}
    assert cli(*IMPORT, "--dataset", "cifar10", "--unit", "fraction").code == 0
    assert load_benchmark("nb201", table="mine").query(7).value == pytest.approx(91.2)


def test_a_mark_for_missing_must_be_declared(cli: CommandLine, refused: Callable[..., str], folder: Path) -> None:
    (folder / "mine.csv").write_text(f"arch,phone_latency_ms\n{A},-1\n{B},3.5\n0,4.5\n")
    options = ("--metric", "phone_latency_ms")
    for command in ((*TRAIN, *options), IMPORT):
        assert re.search("line 2: phone_latency_ms is -1; expected a positive .*--missing-value -1 ", refused(*command))
    done = cli(*TRAIN, *options, "--missing-value", -1)
    assert "1 row has no phone_latency_ms and is left out" in done.err
    assert labels() == {B: 3.5, NB201.parse(0).string: 4.5}


def test_errors_that_look_like_fractions_are_refused_and_mixtures_are_noted(
    cli: CommandLine, refused: Callable[..., str], folder: Path
) -> None:
    (folder / "mine.csv").write_text("index,cifar10_val_error_pct\n0,.08\n1,.12\n")
    assert "looks like fractions, expected percent" in refused(*IMPORT)
    assert "looks like fractions, expected percent" in refused(*TRAIN, "--metric", "val_error_pct")
    (folder / "mine.csv").write_text("index,cifar10_test_accuracy_pct\n" + "0,.9\n1,91\n2,.8\n3,85\n")
    for command in (IMPORT, (*TRAIN, "--metric", "test_accuracy_pct")):
        done = cli(*command)
        assert done.code == 0
        assert "2 of 4 values of cifar10_test_accuracy_pct are at most 1 and look like fractions" in done.err


def test_an_accuracy_without_a_unit_is_asked_for_it(
    cli: CommandLine, refused: Callable[..., str], folder: Path
) -> None:
    (folder / "mine.csv").write_text("index,cifar10_val_acc\n0,.9\n1,.8\n")
    message = "column 'cifar10_val_acc' may be in percent or fractions (its values are 0.8 to 0.9)"
    for command in (IMPORT, TRAIN):
        assert message in refused(*command)
        assert "'cifar10_val_acc' is read as val_accuracy_pct" in cli(*command, "--unit", "fraction").err
    assert list(labels().values()) == [90.0, 80.0]
    assert load_benchmark("nb201", table="mine").query(1).value == 80.0


def test_units_in_any_case_and_none_and_text(cli: CommandLine, folder: Path) -> None:
    (folder / "mine.csv").write_text("index,power_mW,current_uA,board,synflow\n0,1.5,2,nucleo,-7\n1,2.5,3,nucleo,8\n")
    done = cli(*IMPORT, "--json")
    assert done.code == 0
    assert json.loads(done.out)["columns"] == {"*": ["power_mW", "current_uA", "synflow"]}
    assert "columns without numbers are skipped: board" in done.err
    assert "columns without a unit are read unchanged: synflow" in done.err
    metrics = load_benchmark("nb201", "cifar10").metrics
    assert [metrics[name].unit for name in ("power_mW", "current_uA", "synflow")] == ["mW", "uA", "unknown"]


def test_only_accuracies_and_errors_are_fractions(cli: CommandLine, folder: Path) -> None:
    (folder / "mine.csv").write_text("index,val_accuracy,sparsity_pct,gpu_utilization_pct\n7,.91,.5,45\n12,.92,.6,46\n")
    assert cli(*IMPORT, "--unit", "fraction", "--dataset", "cifar10").code == 0
    bench = load_benchmark("nb201", "cifar10", table="mine")
    found = [bench.query(7, name).value for name in ("val_accuracy_pct", "sparsity_pct", "gpu_utilization_pct")]
    assert found == [91.0, 0.5, 45.0]


def test_thousands_have_two_readings(refused: Callable[..., str], folder: Path) -> None:
    (folder / "mine.csv").write_text("arch;phone_latency_ms\n0;1,200\n1;1,100\n")
    assert "with a decimal point, such as 1.200, or without separators, such as 1200" in refused(*IMPORT)
