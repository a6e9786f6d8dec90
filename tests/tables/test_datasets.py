"""How real files name data sets: read alike by every command, or refused in one line with the remedy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from nassurrogate.benchmarks import load_benchmark
from nassurrogate.surrogate import Surrogate
from tests.command_line import CommandLine
from tests.tables.rows import IMPORT, NB201, TRAIN, A, B, labels


def test_a_known_data_set_is_meant_however_it_is_spelled(
    cli: CommandLine, refused: Callable[..., str], folder: Path
) -> None:
    (folder / "mine.csv").write_text("index,CIFAR10_test_accuracy_pct,imagenet16-120_test_accuracy_pct\n0,90,40\n")
    assert cli(*IMPORT).code == 0
    assert load_benchmark("nb201", "CIFAR-10").query(0, "test_accuracy_pct").value == 90.0
    assert load_benchmark("nb201", "imagenet16-120").query(0, "test_accuracy_pct").value == 40.0
    (folder / "mine.csv").write_text("index,test_accuracy_pct\n0,91\n")
    assert cli(*IMPORT, "--dataset", "cifar-10").code == 0
    assert load_benchmark("nb201", "cifar10").query(0, "test_accuracy_pct").value == 91.0
    done = cli("search", "--dataset", "cifar-10", "--budget", 1, "--predictor", "none", "--seed", 0, "--no-plots")
    assert "nb201/cifar10" in done.out
    (folder / "mine.csv").write_text("index,cifar11_test_accuracy_pct\n0,91\n")
    line = refused(*IMPORT)
    assert "'cifar11'; known: cifar10, cifar100, ImageNet16-120; did you mean 'cifar10" in line
    assert "a new one needs --new-dataset cifar11" in line
    assert cli(*IMPORT, "--new-dataset", "cifar11").code == 0
    (folder / "mine.csv").write_text("index,val_accuracy_pct\n0,91\n")
    assert "unknown data set 'svhn'" in refused(*IMPORT, "--dataset", "svhn")
    assert cli(*IMPORT, "--dataset", "svhn", "--new-dataset").code == 0
    assert load_benchmark("nb201", "svhn").query(0).value == 91.0


def test_a_column_that_names_no_data_set_is_meant_before_others(cli: CommandLine, folder: Path) -> None:
    (folder / "mine.csv").write_text("index,val_accuracy_pct,cifar100_val_accuracy_pct\n7,90,70\n12,91,71\n")
    assert cli(*TRAIN).code == 0
    assert labels() == {A: 90.0, B: 91.0}
    assert cli(*TRAIN, "--metric", "cifar100_val_accuracy_pct").code == 0
    assert labels() == {A: 70.0, B: 71.0}


def test_one_data_set_of_an_import_may_know_less_than_all(cli: CommandLine, folder: Path) -> None:
    rows = "".join(f"{index},500,{5 if index < 60 else ''}\n" for index in range(NB201.size or 0))
    (folder / "mine.csv").write_text(f"index,latency_ms,cifar10_latency_ms\n{rows}")
    assert cli(*IMPORT).code == 0
    assert load_benchmark("nb201", "cifar10").query(3, "latency_ms").value == 500.0


def test_a_new_data_set_is_refused_alike_until_it_is_declared(
    cli: CommandLine, refused: Callable[..., str], folder: Path
) -> None:
    (folder / "mine.csv").write_text("index,svhn_val_accuracy_pct\n7,90\n12,91\n")
    said = {refused(*command) for command in (TRAIN, IMPORT)}
    assert len(said) == 1
    assert "a new one needs --new-dataset svhn" in said.pop()
    assert cli(*TRAIN, "--new-dataset", "svhn").code == 0
    assert Surrogate.load("m").dataset == "svhn"


def test_a_data_set_without_a_column_has_no_effect_and_says_so(cli: CommandLine, folder: Path) -> None:
    (folder / "mine.csv").write_text("index,cifar100_val_accuracy_pct\n7,70\n12,71\n")
    assert "so --dataset cifar10 has no effect" in cli(*IMPORT, "--dataset", "cifar10").err
    (folder / "mine.csv").write_text("index,cifar10_val_accuracy_pct,cifar100_val_accuracy_pct\n7,90,70\n12,91,71\n")
    assert "no effect" not in cli(*TRAIN, "--dataset", "cifar10").err
    assert labels() == {A: 90.0, B: 91.0}
