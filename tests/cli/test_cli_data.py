"""`nassurrogate data`, `spaces`, `predictors` and `searchers`."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nassurrogate.predictors import DEFAULT_PREDICTOR, predictor_names
from nassurrogate.search import searcher_names

CommandLine = Callable[..., Any]


@pytest.fixture
def table(folder: Path) -> Path:
    """A small table of one's own."""
    path = folder / "phone.csv"
    path.write_text("index,phone_latency_ms,cifar10_latency_ms,svhn_val_accuracy_pct\n0,1.5,2,90\n1,-1,3,91\n")
    return path


def test_the_embedded_table_is_listed_with_units(cli: CommandLine) -> None:
    metrics = cli("data", "list", "--json").json["metrics"]
    found = {(entry["dataset"], entry["metric"]): entry for entry in metrics}
    latency = found["cifar10", "latency_ms"]
    assert (latency["unit"], latency["n_cells"], latency["costs_a_query"]) == ("ms", 15_625, False)
    assert "batch size: unknown" in latency["note"]
    assert found["cifar10", "val_accuracy_pct"]["costs_a_query"]
    assert {dataset for dataset, _ in found} == {"cifar10", "cifar100", "ImageNet16-120"}
    assert "cifar100" not in cli("data", "list", "--dataset", "cifar10").out


def test_a_table_is_imported_listed_checked_and_removed(cli: CommandLine, table: Path) -> None:
    done = cli("data", "import", "nb201", table, "--name", "phone", "--missing-value", "-1", "--json")
    assert done.json["n_cells"] == 2
    assert done.json["shadowed"] == {"cifar10/latency_ms": "embedded"}
    metrics = cli("data", "list", "--json").json["metrics"]
    mine = {(entry["dataset"], entry["metric"]): entry for entry in metrics if entry["table"] == "phone"}
    assert mine["*", "phone_latency_ms"]["n_cells"] == 1
    assert mine["cifar10", "latency_ms"]["taken_from"] == "embedded"
    assert "not used: embedded has it" in cli("data", "list").out
    assert "svhn" in cli("spaces").out
    assert cli("data", "check", "--json").json["good"] == ["embedded", "phone"]
    assert cli("data", "remove", "phone").code == 0
    assert cli("data", "check", "--json").json["good"] == ["embedded"]


def test_an_import_says_what_is_shadowed(cli: CommandLine, table: Path) -> None:
    done = cli("data", "import", "nb201", table, "--missing-value", "-1")
    assert "every data set: phone_latency_ms" in done.out
    assert "not used: cifar10/latency_ms, which the table 'embedded' has already; --table phone" in done.out


def test_what_is_computed_is_never_taken_from_an_import(cli: CommandLine, folder: Path) -> None:
    (folder / "mine.csv").write_text("index,cifar10_params_m\n0,0.001\n")
    done = cli("data", "import", "nb201", "mine.csv")
    assert "not used: cifar10/params_m, which is computed from the string" in done.out
    assert "--table" not in done.out


def test_a_name_is_taken_once(cli: CommandLine, refused: Callable[..., str], table: Path) -> None:
    assert cli("data", "import", "nb201", table, "--missing-value=-1").code == 0
    assert "(--replace)" in refused("data", "import", "nb201", table, "--missing-value=-1")
    assert cli("data", "import", "nb201", table, "--missing-value=-1", "--replace").code == 0


def test_damage_is_found(cli: CommandLine, refused: Callable[..., str], table: Path) -> None:
    path = Path(cli("data", "import", "nb201", table, "--missing-value", "-1", "--json").json["path"])
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert str(path) in refused("data", "check")
    assert refused("data", "check", "--json") == refused("data", "check")
    assert str(path) in refused("search", "--budget", 1, "--predictor", "none")
    for damaged in (bytes(content), b"x"):
        path.write_bytes(damaged)
        listed = cli("data", "list", "--json")
        assert listed.json["imports"][0]["damage"]
        assert {entry["table"] for entry in listed.json["metrics"]} == {"embedded", "computed"}
        assert "damaged" in listed.err
    assert cli("data", "remove", "phone").code == 0


class _Code:
    def __reduce__(self) -> Any:
        return os.mkdir, ("it-ran",)


def test_files_that_are_none_are_refused(cli: CommandLine, refused: Callable[..., str], folder: Path) -> None:
    (folder / "evil.pth").write_bytes(pickle.dumps(_Code()))
    done = cli("data", "import", "nb201", "evil.pth", "-q")
    assert (done.code, done.out) == (2, "")
    assert "mkdir" in done.err
    assert not (folder / "it-ran").exists()
    assert "unknown space 'nb200'" in refused("data", "import", "nb200", "evil.pth")
    assert "cannot read absent" in refused("data", "import", "nb201", "absent")
    assert "expected a number, got 'x'" in refused("data", "import", "nb201", "evil.pth", "--missing-value", "x")
    assert "--option=VALUE" in refused("data", "import", "nb201", "evil.pth", "--missing-value", "-1e3")
    assert "unknown import 'phone'" in refused("data", "remove", "phone")
    assert "unknown data set 'svhn'" in refused("data", "list", "--dataset", "svhn")
    for action in (["list"], ["check"], ["remove", "x"]):
        assert "unknown space 'nb200'" in refused("data", *action, "--space", "nb200")


def test_spaces(cli: CommandLine) -> None:
    found = {space["name"]: (space["size"], space["n_classes"]) for space in cli("spaces", "--json").json["spaces"]}
    assert found == {"nb201": (15_625, 5_425), "nb101": (423_624, 423_624)}
    assert "nor_conv_3x3" in cli("spaces").out


def test_searchers(cli: CommandLine) -> None:
    found = cli("searchers", "--json").json["searchers"]
    assert [entry["name"] for entry in found] == searcher_names()
    assert all(entry["description"] for entry in found)
    assert all(name in cli("searchers").out for name in searcher_names())


def test_predictors(cli: CommandLine) -> None:
    done = cli("predictors", "--json").json
    assert [entry["name"] for entry in done["predictors"]] == predictor_names()
    assert [entry["name"] for entry in done["predictors"] if entry["default"]] == [DEFAULT_PREDICTOR]
    assert set(done["search_only"]) == {"none", "oracle"}
    assert "paper" in cli("predictors").out
