"""A third party's package, one file each for a space, a benchmark, a searcher, a predictor and a metric.

It works through entry points, in the real command line, and as plain objects that nobody registered. It is not
installed: a copy of it and what an installer writes beside it stand on the path of the processes that are started.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nassurrogate import InputError, Surrogate
from nassurrogate.benchmarks import Benchmark, evaluate
from nassurrogate.search import run
from tests.distribution import write_distribution

PACKAGE = Path(__file__).parent / "package"
PROJECT = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
GROUPS: dict[str, dict[str, str]] = PROJECT["entry-points"]
KINDS = ("spaces", "benchmarks", "searchers", "predictors", "metrics")
BROKEN = {
    "nassurrogate.spaces": {"bad-space": "no_such_module:SPACE", "bad-name": "bad_plugins:SPACE"},
    "nassurrogate.benchmarks": {"bad-benchmark": "bad_plugins:raises"},
    "nassurrogate.searchers": {"bad-searcher": "bad_plugins:SPACE"},
    "nassurrogate.predictors": {"bad-predictor": "bad_plugins:Absent"},
    "nassurrogate.metrics": {"bad_metric": "bad_plugins:raises"},
}
BAD_MODULE = """
from nassurrogate.spaces import CategoricalSpace

SPACE = CategoricalSpace("another name", {"slot": [1, 2]})

def raises():
    raise RuntimeError("first line\\nsecond line")
"""
LARGE = 5**30
Command = Callable[..., Any]


def install(site: Path, name: str, groups: dict[str, dict[str, str]]) -> None:
    """Write the metadata that an installer writes next to a package."""
    sections = [
        "\n".join([f"[{group}]", *(f"{key} = {value}" for key, value in points.items())])
        for group, points in groups.items()
    ]
    write_distribution(site, name, "\n\n".join(sections) + "\n", {})


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the path of a process, with the package installed."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(
        PACKAGE / "nassurrogate_plugins", folder / "nassurrogate_plugins", ignore=shutil.ignore_patterns("__pycache__")
    )
    install(folder, PROJECT["name"], GROUPS)
    return folder


@pytest.fixture(scope="module")
def broken_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A further one, with plug-ins that do not load."""
    folder = tmp_path_factory.mktemp("broken")
    (folder / "bad_plugins.py").write_text(BAD_MODULE)
    install(folder, "bad-plugins", BROKEN)
    return folder


def command(folder: Path, paths: Sequence[Path], *words: str) -> subprocess.CompletedProcess[str]:
    """`nassurrogate …` in a process that finds these paths."""
    environment = {
        **os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths)), "OMP_NUM_THREADS": "1",
        "NASSURROGATE_CACHE": str(folder / "cache"), "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip
    return subprocess.run(
        [sys.executable, "-m", "nassurrogate", *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        stdin=subprocess.DEVNULL,
        check=False,
    )


@pytest.fixture
def nassurrogate(site: Path, tmp_path: Path) -> Command:
    """A command that succeeds; the object that it prints with `--json`."""

    def ask(*words: str) -> Any:
        done = command(tmp_path, [site], *words, "--json")
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        return json.loads(done.stdout)

    return ask


def test_there_is_one_file_each() -> None:
    assert set(GROUPS) == {f"nassurrogate.{kind}" for kind in KINDS}
    modules = [value.partition(":")[0] for points in GROUPS.values() for value in points.values()]
    files = {path.stem for path in (PACKAGE / "nassurrogate_plugins").glob("**/*.py")}
    assert len(modules) == len(set(modules)) == len(KINDS)
    assert files == {"__init__", *(module.rpartition(".")[2] for module in modules)}
    assert all(file.startswith(("__", "my_")) for file in files)


# --- through entry points --------------------------------------------------------------------------------------------


def test_they_are_listed(nassurrogate: Command) -> None:
    spaces = {each["name"]: each for each in nassurrogate("spaces")["spaces"]}
    assert list(spaces)[:3] == ["nb201", "nb101", "macro"]
    assert (spaces["my-space"]["size"], spaces["my-space"]["datasets"]) == (LARGE, ["my-data"])
    assert len(spaces["my-space"]["slots"]) == 30
    searchers = {each["name"]: each for each in nassurrogate("searchers")["searchers"]}
    assert searchers["my-searcher"] == {
        "name": "my-searcher",
        "description": "climbs from the best so far",
        "default": False,
    }
    predictors = {each["name"]: each for each in nassurrogate("predictors")["predictors"]}
    assert predictors["my-predictor"]["presets"] == {"default": {"ridge": 1.0}}
    there = {each["name"]: each for each in nassurrogate("predictors", "--space", "my-space")["predictors"]}
    assert (there["my-predictor"]["works"], there["my-predictor"]["uses"]) == (True, ["30 genes"])
    assert there["space-process"]["default"]


def test_they_search_together(nassurrogate: Command, tmp_path: Path) -> None:
    found = nassurrogate(
        "search", "--space", "my-space", "--searcher", "my-searcher", "--predictor", "my-predictor", "--budget", "16",
        "--seed", "0", "--objective", "my_merit", "--constraint", "params_m<=0.15", "--run-dir", "run",
    )  # fmt: skip
    assert (found["space"], found["dataset"], found["searcher"]) == ("my-space", "my-data", "my-searcher")
    assert found["predictor"] == "my-predictor:default"
    assert found["objective"] == {
        "name": "my_merit", "unit": "points", "direction": "maximize", "needs_training": True, "belongs_to": "function",
    }  # fmt: skip
    assert (found["queries"], found["stop_reason"], found["notes"]) == (16, "budget", [])
    assert (found["is_table"], found["regret_points"], found["feasible_share_is_estimate"]) == (False, None, True)
    assert found["best"]["params_m"] <= 0.15
    assert len(found["best"]["choices"]) == 30
    assert found["best"]["index"] is None
    ledger = [json.loads(line) for line in (tmp_path / "run" / "ledger.jsonl").read_text().splitlines()]
    assert [line["record"] for line in ledger] == ["header"] + ["query"] * 16
    assert all(set(line["values"]) == {"my_merit", "val_accuracy_pct"} for line in ledger[1:])
    assert {line["proposed_by"] for line in ledger[1:]} == {"random", "my-searcher"}
    assert found["best"]["arch"] in {line["arch"] for line in ledger[1:]}


def test_the_defaults_search_there(nassurrogate: Command) -> None:
    found = nassurrogate("search", "--space", "my-space", "--budget", "20", "--seed", "0", "--no-plots")
    assert (found["predictor"], found["objective"]["name"]) == ("space-process:default", "val_accuracy_pct")
    assert found["queries"] == 20


def test_a_model_is_trained_and_found_again_by_name(nassurrogate: Command) -> None:
    trained = nassurrogate(
        "train", "--space", "my-space", "--predictor", "my-predictor", "--metric", "my_merit", "--labels", "60",
        "--seed", "1", "--config", "ridge=2", "--out", "model",
    )  # fmt: skip
    assert (trained["space"], trained["dataset"], trained["metric"]) == ("my-space", "my-data", "my_merit")
    assert (trained["unit"], trained["direction"], trained["n_labels"]) == ("points", "maximize", 60)
    archs = [
        " ".join(f"kernel{n}={k} width{n}=40 expansion{n}=3" for n in range(10)) for k in (1, 9)
    ]  # as they are printed
    scored = nassurrogate("score", "model", *archs, "--top", "1")
    assert (scored["space"], scored["predictor"], scored["n_scored"]) == ("my-space", "my-predictor:default", 2)
    assert (scored["metric"], scored["direction"]) == ("my_merit", "maximize")
    assert scored["scores"][0]["arch"] in archs
    assert scored["scores"][0]["index"] is None
    guided = nassurrogate(
        "search", "--space", "my-space", "--surrogate", "model", "--objective", "my_merit", "--budget", "6",
        "--seed", "0", "--no-plots",
    )  # fmt: skip
    assert (guided["surrogate_labels"], guided["predictor"], guided["queries"]) == (60, "my-predictor:default", 6)


def test_they_are_evaluated(nassurrogate: Command) -> None:
    found = nassurrogate(
        "evaluate", "--protocol", "G", "--space", "my-space", "--objective", "my_merit", "--labels", "40,80",
        "--predictor", "my-predictor,space-process", "--splits", "2", "--test-size", "60",
    )  # fmt: skip
    rows = {(row["predictor"], row["labels"]): row["kendall_tau_mean"] for row in found["rows"]}
    assert set(rows) == {(name, n) for name in ("my-predictor", "space-process") for n in (40, 80)}
    assert rows["my-predictor", 80] > 0.2
    assert rows["space-process", 80] > 0.2


# --- as plain objects ------------------------------------------------------------------------------------------------


@pytest.fixture
def mine(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The same classes and values, with nothing registered."""
    monkeypatch.syspath_prepend(str(PACKAGE))
    from nassurrogate_plugins import my_benchmark, my_metric, my_predictor, my_searcher, my_space

    return SimpleNamespace(
        space=my_space.SPACE,
        train=my_benchmark.train,
        benchmark=my_benchmark.BENCHMARK,
        merit=my_metric.MERIT,
        searcher=my_searcher.MySearcher,
        predictor=my_predictor.MyPredictor,
    )


def test_objects_search_together(mine: SimpleNamespace) -> None:
    asked: dict[str, Any] = {
        "searcher": mine.searcher, "predictor": mine.predictor, "budget": 13, "seed": 0, "write": False,
        "constraints": "params_m<=0.15",
    }  # fmt: skip
    by_function = run(space=mine.space, evaluate=mine.train, objective=mine.merit, **asked)
    by_benchmark = run(benchmark=mine.benchmark, objective=mine.merit, **asked)
    assert by_function["objective"] == mine.merit.as_dict()
    assert (by_function["searcher"], by_function["predictor"]) == ("my-searcher", "my-predictor:default")
    assert by_function["best"] == by_benchmark["best"]
    assert set(by_function["best"]["choices"]) == set(mine.space.slots)
    random = run(space=mine.space, evaluate=lambda arch: mine.train(arch)["val_accuracy_pct"], budget=5, seed=0,
                 predictor="none", searcher=mine.searcher, write=False)  # fmt: skip
    assert (random["queries"], random["objective"]["name"]) == (5, "val_accuracy_pct")


def test_objects_are_learned_saved_and_loaded(mine: SimpleNamespace, tmp_path: Path) -> None:
    archs = mine.space.sample(80, np.random.default_rng(0))
    merits = [mine.train(arch)["my_merit"] for arch in archs]
    surrogate = Surrogate(mine.space, predictor=mine.predictor, metric=mine.merit, seed=0).fit(archs[:60], merits[:60])
    assert surrogate.score(archs[:60]) == pytest.approx(merits[:60], abs=6.0)
    path = surrogate.save(tmp_path / "model")
    loaded = Surrogate.load(path, predictor=mine.predictor, space=mine.space)
    assert (loaded.score(archs) == surrogate.score(archs)).all()
    assert loaded.about_metric == mine.merit
    with pytest.raises(InputError, match=r"unknown space 'my-space'.*load\(path, space=…\)"):
        Surrogate.load(path, predictor=mine.predictor)
    with pytest.raises(InputError, match=r"unknown predictor 'my-predictor'.*load\(path, predictor=…\)"):
        Surrogate.load(path, space=mine.space)
    result = run(benchmark=mine.benchmark, objective=mine.merit, surrogate=loaded, budget=4, seed=0, write=False)
    assert result["surrogate_labels"] == 60


def test_objects_are_evaluated(mine: SimpleNamespace) -> None:
    found = evaluate(
        "G", benchmark=mine.benchmark, objective=mine.merit, labels=40, splits=2, predictors=mine.predictor,
        test_size=50, write=False,
    )  # fmt: skip
    assert [row.predictor for row in found.rows] == ["my-predictor"]
    assert found.metric == mine.merit
    assert found.rows[0].kendall_tau_mean is not None


# --- plug-ins that do not load ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "key", "there", "message"),
    [
        (
            ["spaces"],
            "spaces",
            "my-space",
            [
                "no_such_module:SPACE but does not load",
                "calls itself 'another name'",
                "bad_plugins:raises but does not",
            ],
        ),
        (["searchers"], "searchers", "my-searcher", ["bad_plugins:SPACE, which is not a subclass of Searcher"]),
        (["predictors"], "predictors", "my-predictor", ["bad_plugins:Absent but does not load"]),
        (["predictors", "--space", "my-space"], "predictors", "my-predictor", []),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_one_that_does_not_load_hides_no_other(
    site: Path, broken_site: Path, tmp_path: Path, words: list[str], key: str, there: str, message: list[str]
) -> None:
    done = command(tmp_path, [broken_site, site], *words, "--json")
    assert done.returncode == 0, done.stderr
    found = {each["name"]: each for each in json.loads(done.stdout)[key]}
    assert there in found
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == len(message), done.stderr
    for text in message:
        assert any(text in line for line in lines), done.stderr
    if "--space" in words:
        assert "does not load" in found["bad-predictor"]["reason"]


def test_others_are_searched_though_some_do_not_load(site: Path, broken_site: Path, tmp_path: Path) -> None:
    words = ["--space", "my-space", "--budget", "3", "--seed", "0", "--predictor", "none", "--searcher", "my-searcher"]
    done = command(tmp_path, [broken_site, site], "search", *words, "--no-plots", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["queries"] == 3


@pytest.mark.parametrize(
    ("option", "name", "message"),
    [
        ("--space", "bad-space", "space 'bad-space' is registered as no_such_module:SPACE but does not load"),
        ("--searcher", "bad-searcher", "searcher 'bad-searcher' is registered as bad_plugins:SPACE"),
        ("--predictor", "bad-predictor", "predictor 'bad-predictor' is registered as bad_plugins:Absent but does not"),
        ("--objective", "bad_metric", "metric 'bad_metric' is registered as bad_plugins:raises, which is not a Metric"),
    ],
)
def test_one_that_does_not_load_is_reported_in_one_line(
    site: Path, broken_site: Path, tmp_path: Path, option: str, name: str, message: str
) -> None:
    words = [] if option == "--space" else ["--space", "my-space"]
    done = command(tmp_path, [broken_site, site], "search", *words, option, name, "--budget", "3", "--no-plots")
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, done.stderr
    assert message in lines[0]


def test_the_benchmark_is_one(mine: SimpleNamespace) -> None:
    assert isinstance(mine.benchmark, Benchmark)
    assert mine.benchmark.objective.name == "val_accuracy_pct"
