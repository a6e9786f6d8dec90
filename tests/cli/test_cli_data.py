"""`nassurrogate data`, `spaces`, `predictors` and `searchers`."""

from __future__ import annotations

import os
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nassurrogate.benchmarks import load_benchmark
from nassurrogate.predictors import (
    DEFAULT_PREDICTOR,
    OPEN_PREDICTOR,
    SEARCH_PREDICTOR,
    predictor_class,
    predictor_names,
)
from nassurrogate.search import searcher_names
from nassurrogate.spaces import get_space
from tests.command_line import CommandLine

OPTIONS = ("--missing-value", "-1", "--new-dataset", "svhn")


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
    done = cli("data", "import", "nb201", table, "--name", "phone", *OPTIONS, "--json")
    assert done.json["n_cells"] == 2
    assert done.json["shadowed"] == {"cifar10/latency_ms": "embedded"}
    metrics = cli("data", "list", "--json").json["metrics"]
    mine = {(entry["dataset"], entry["metric"]): entry for entry in metrics if entry["table"] == "phone"}
    assert mine["*", "phone_latency_ms"]["n_cells"] == 1
    assert mine["cifar10", "latency_ms"]["taken_from"] == "embedded"
    assert "not used; taken from embedded" in cli("data", "list").out
    assert "svhn" in cli("spaces").out
    assert cli("data", "check", "--json").json["good"] == ["embedded", "phone"]
    assert cli("data", "remove", "phone").code == 0
    assert cli("data", "check", "--json").json["good"] == ["embedded"]


def test_an_import_says_what_is_shadowed(cli: CommandLine, table: Path) -> None:
    done = cli("data", "import", "nb201", table, *OPTIONS)
    assert "every data set: phone_latency_ms" in done.out
    assert (
        "not used: cifar10/latency_ms, as table 'embedded' covers at least as many architectures; use --table phone"
        in done.out
    )


def test_what_is_computed_is_never_taken_from_an_import(cli: CommandLine, folder: Path) -> None:
    (folder / "mine.csv").write_text("index,cifar10_params_m\n0,0.001\n")
    done = cli("data", "import", "nb201", "mine.csv")
    assert "not used: cifar10/params_m, which is computed from the string" in done.out
    assert "--table" not in done.out


def test_the_direction_of_an_unknown_metric_is_kept(
    cli: CommandLine, refused: Callable[..., str], folder: Path
) -> None:
    (folder / "mine.csv").write_text("index,cifar10_use_count,cifar10_harm_count,cifar10_fun_count\n0,1,2,3\n1,2,3,4\n")
    options = ("--larger-is-better", "use_count", "--smaller-is-better", "cifar10_harm_count")
    assert cli("data", "import", "nb201", "mine.csv", *options).code == 0
    metrics = {entry["metric"]: entry for entry in cli("data", "list", "--json").json["metrics"]}
    found = {name: metrics[name]["direction"] for name in ("use_count", "harm_count", "fun_count")}
    assert found == {"use_count": "maximize", "harm_count": "minimize", "fun_count": None}
    assert (metrics["val_accuracy_pct"]["direction"], metrics["latency_ms"]["direction"]) == ("maximize", "minimize")
    better = {line.split()[1]: line.split()[3] for line in cli("data", "list").out.splitlines()[1:]}
    assert (better["use_count"], better["harm_count"], better["fun_count"]) == ("larger", "smaller", "unknown")
    assert load_benchmark("nb201", "cifar10").metrics["use_count"].larger_is_better
    train = ("train", "--labels", 2, "--out", "m", "--predictor", "ridge", "--metric")
    assert cli(*train, "use_count").code == 0
    assert "'fun_count' is better; give --larger-is-better" in refused(*train, "fun_count")
    assert cli(*train, "fun_count", "--smaller-is-better").code == 0


def test_directions_that_contradict_are_refused(refused: Callable[..., str], folder: Path) -> None:
    (folder / "mine.csv").write_text("index,cifar10_use_count\n0,1\n")
    for options, message in (
        (["--larger-is-better", "use_cuont"], "unknown metric 'use_cuont' of mine.csv; .*did you mean 'use_count'"),
        (
            ["--larger-is-better", "a", "--smaller-is-better", "a"],
            "'a' is given to both --larger-is-better and --smaller-is-better",
        ),
        (
            ["--larger-is-better", "use_count", "--smaller-is-better", "cifar10_use_count"],
            "use_count cannot be both maximised and minimised",
        ),
    ):
        assert re.search(message, refused("data", "import", "nb201", "mine.csv", *options))
    (folder / "phone.csv").write_text("index,phone_ms\n0,1\n")
    line = refused("data", "import", "nb201", "phone.csv", "--larger-is-better", "phone_ms")
    assert "'phone_ms' is known to be better when smaller" in line


def test_a_name_is_taken_once(cli: CommandLine, refused: Callable[..., str], table: Path) -> None:
    assert cli("data", "import", "nb201", table, *OPTIONS).code == 0
    assert "(--replace)" in refused("data", "import", "nb201", table, *OPTIONS)
    assert cli("data", "import", "nb201", table, "--missing-value=-1", "--replace").code == 0  # svhn is known by now


def test_damage_is_found(cli: CommandLine, refused: Callable[..., str], table: Path) -> None:
    path = Path(cli("data", "import", "nb201", table, *OPTIONS, "--json").json["path"])
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert str(path) in refused("data", "check")
    assert refused("data", "check", "--json") == refused("data", "check")
    # Only what uses it is refused.
    search = ("search", "--budget", 1, "--predictor", "none", "--no-plots")
    assert str(path) in refused(*search, "--table", "phone")
    assert str(path) in cli(*search, "--constraint", "phone_latency_ms<=2").err
    done = cli(*search)
    assert (done.code, str(path) in done.err) == (0, True)
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
    assert found == {
        "nb201": (15_625, 5_425),
        "nb101": (423_624, 423_624),
        "macro": (6_561, 3_969),
        "networks": (None, None),
    }
    assert "nor_conv_3x3" in cli("spaces").out


@pytest.mark.usefixtures("open_space")
def test_spaces_that_are_plugged_in_are_listed_and_broken_ones_hide_none(cli: CommandLine) -> None:
    done = cli("spaces", "--json")
    assert "warning: space 'broken' is registered as no_such_module:SPACE but does not load" in done.err
    found = {space["name"]: space for space in done.json["spaces"]}
    assert list(found) == ["nb201", "nb101", "macro", "networks", "chain", "tree"]
    assert (found["chain"]["size"], found["chain"]["datasets"]) == (5**30, ["made-up"])
    assert (found["chain"]["n_classes"], found["chain"]["ops"]) == (None, [])
    assert found["chain"]["slots"]["layer0"] == [1, 2, 4, 8, 16]
    assert found["tree"]["size"] is None
    text = cli("spaces").out
    assert "chain  931,322,574,615,478,515,625 architectures\n" in text
    assert "tree  an unknown number of architectures\n" in text
    assert "data sets: none; register a benchmark to add one" in text


@pytest.mark.usefixtures("open_space")
def test_a_benchmark_that_does_not_load_is_reported_where_data_sets_are_listed(cli: CommandLine) -> None:
    done = cli("spaces", "--json")
    (line,) = [line for line in done.err.splitlines() if "benchmark 'broken'" in line]
    assert "no_such_module:TRUTH" in line
    assert "does not load" in line
    assert [space["datasets"] for space in done.json["spaces"] if space["name"] == "chain"] == [["made-up"]]


def test_predictors_of_macro_are_those_of_its_only_accuracy(cli: CommandLine) -> None:
    assert cli("predictors", "--space", "macro", "--json").json["metric"] == "test_accuracy_pct"
    assert "test_accuracy_pct" in cli("predictors", "--space", "macro").out.splitlines()[0]
    asked = cli("predictors", "--space", "macro", "--metric", "val_accuracy_pct", "--json").json
    assert asked["metric"] == "val_accuracy_pct"
    for space in ("nb201", "nb101"):
        assert cli("predictors", "--space", space, "--json").json["metric"] == "val_accuracy_pct"


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


def test_predictors_of_a_space_say_what_they_read(cli: CommandLine, refused: Callable[..., str]) -> None:
    done = cli("predictors", "--space", "nb201", "--json").json
    assert (done["default"], done["default_of_search"]) == (DEFAULT_PREDICTOR, SEARCH_PREDICTOR)
    found = {entry["name"]: entry for entry in done["predictors"]}
    assert list(found) == predictor_names()
    assert found["probe-former"]["uses"] == ["canonical graph", "path counts", "zero-cost proxies"]
    assert found["gcn"]["uses"] == ["canonical graph"]
    assert [entry["name"] for entry in done["predictors"] if entry["default_of_search"]] == [SEARCH_PREDICTOR]
    assert "exact costs" in cli("predictors", "--space", "nb101").out
    latency = cli("predictors", "--space", "nb201", "--metric", "latency_ms", "--json").json
    assert latency["default"] == latency["default_of_search"] == OPEN_PREDICTOR
    on_macro = {entry["name"]: entry for entry in cli("predictors", "--space", "macro", "--json").json["predictors"]}
    assert on_macro["gcn"]["reason"] == (
        "predictor 'gcn' reads cells (graphs with operations on nodes), but space 'macro' has none; "
        "space-process works on any space"
    )
    works = [name for name, entry in on_macro.items() if entry["works"]]
    assert OPEN_PREDICTOR in works
    macro = get_space("macro")
    assert works == [name for name in predictor_names() if isinstance(macro, predictor_class(name).requires)]
    assert "is better; give --larger-is-better" in refused("predictors", "--space", "nb201", "--metric", "x")
    assert cli("predictors", "--space", "nb201", "--metric", "x", "--larger-is-better").code == 0
    assert "--smaller-is-better need --space" in refused("predictors", "--metric", "latency_ms")
    assert "unknown space 'nb200'" in refused("predictors", "--space", "nb200")
