"""A run that was cut off goes on to the ledger that it would have written."""

from __future__ import annotations

import itertools
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nassurrogate import Surrogate
from nassurrogate.benchmarks import LABEL, CallableBenchmark
from nassurrogate.search import SearchInterrupted, SearchSettings, read_ledger, run
from nassurrogate.spaces import get_space
from tests.search.conftest import FAST
from tests.search.ledgers import comparable, cut_off, files, header_bytes, without_times
from tests.search.trainings import SPACE, accuracy

GB = {
    "predictor": "gradient-boosting",
    "predictor_config": FAST,
    "settings": SearchSettings(pool_size=100, inner_proposals=20),
}


def finished(folder: Path, **options: Any) -> Path:
    """A run that was never interrupted."""
    run(**{"budget": 8, "seed": 3, "plots": False, "run_dir": folder, **options})
    return folder


def assert_resumes(whole: Path, cut: Path, **objects: Any) -> None:
    result = run(resume=cut, plots=False, **objects)
    assert comparable(cut) == comparable(whole)
    expected = json.loads((whole / "summary.json").read_text())
    assert {**without_times(result), "run_dir": ""} == {**without_times(expected), "run_dir": ""}


TABLE_RUNS = {
    "default": {"constraints": "latency_ms<=14"},
    "single trainings": {**GB, "labels": "single"},
    "cheaper equivalents": {
        "constraints": "flops_m<=8 and latency_ms<=8.5", "allow_equivalent": True, "budget": 30, "predictor": "none",
    },
    "another objective": {**GB, "objective": "latency_ms"},
    "batches": {**GB, "settings": SearchSettings(n_init=3, batch_size=3, n_confirm=2, pool_size=100)},
    "no random start": {"settings": SearchSettings(n_init=0), "constraints": "latency_ms<=14"},
    "oracle": {"predictor": "oracle"},
    **{
        f"{searcher} with {predictor}": {"searcher": searcher, **config}
        for searcher, (predictor, config) in itertools.product(
            ("random", "evolution", "optuna-tpe", "optuna-nsga2"), {"none": {"predictor": "none"}, "gb": GB}.items()
        )
    },
}  # fmt: skip


@pytest.mark.parametrize("name", TABLE_RUNS)
def test_runs_of_all_kinds_go_on_as_if_never_interrupted(tmp_path, name):
    whole = finished(tmp_path / "whole", **TABLE_RUNS[name])
    at = (header_bytes(whole) + 2 * (whole / "ledger.jsonl").stat().st_size) // 3
    assert_resumes(whole, cut_off(whole, at, tmp_path / "cut"))


@pytest.fixture(scope="module")
def short_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished(tmp_path_factory.mktemp("short") / "whole", space=SPACE, evaluate=accuracy)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_ledger_that_was_cut_at_any_byte_becomes_whole(short_run, tmp_path, data):
    at = data.draw(st.integers(header_bytes(short_run), (short_run / "ledger.jsonl").stat().st_size), label="cut")
    shutil.rmtree(tmp_path / "cut", ignore_errors=True)
    assert_resumes(short_run, cut_off(short_run, at, tmp_path / "cut"), space=SPACE, evaluate=accuracy)


def test_a_saved_surrogate_and_known_results_are_read_again(tmp_path, bench):
    archs = bench.space.sample(20, np.random.default_rng(0))
    labels = [evaluation.values[LABEL] for evaluation in bench.evaluate(archs)]
    saved = Surrogate("nb201", predictor="gradient-boosting", config=FAST)
    saved.fit(archs, labels, dataset="cifar10").save(tmp_path / "model.safetensors")
    table = tmp_path / "known.csv"
    table.write_text(
        f"arch,{LABEL}\n" + "".join(f"{arch},{label}\n" for arch, label in zip(archs, labels, strict=True))
    )
    for name, options in {
        "surrogate": {"surrogate": tmp_path / "model.safetensors"},
        "requeried": {"surrogate": str(tmp_path / "model.safetensors"), "requery_known": True},
        "known": {"known": table, **GB},
    }.items():
        whole = finished(tmp_path / name, budget=5, **options)
        at = (header_bytes(whole) + (whole / "ledger.jsonl").stat().st_size) // 2
        assert_resumes(whole, cut_off(whole, at, tmp_path / f"{name}-cut"))


def test_objects_that_no_file_can_hold_are_given_again(tmp_path):
    whole = finished(tmp_path / "whole", space=SPACE, evaluate=accuracy)
    cut = cut_off(whole, (whole / "ledger.jsonl").stat().st_size - 700, tmp_path / "cut")
    assert_resumes(whole, cut, space=SPACE, evaluate=accuracy)
    benchmark = CallableBenchmark(SPACE, accuracy)
    whole = finished(tmp_path / "of a benchmark", benchmark=benchmark)
    cut = cut_off(whole, (whole / "ledger.jsonl").stat().st_size - 700, tmp_path / "cut too")
    assert_resumes(whole, cut, benchmark=benchmark)


def test_failures_are_not_repeated(tmp_path):
    def fails(arch):
        assert arch.choices["depth"] != 2
        return accuracy(arch)

    whole = finished(tmp_path / "whole", space=SPACE, evaluate=fails, budget=14, seed=0)
    queries = read_ledger(whole).queries
    assert any(query.status == "failed" for query in queries[:10])
    data = (whole / "ledger.jsonl").read_bytes().splitlines(keepends=True)
    cut = cut_off(whole, len(b"".join(data[:11])), tmp_path / "cut")
    asked = []

    def fails_again(arch):
        asked.append(arch.string)
        return fails(arch)

    fails_again.__qualname__ = fails.__qualname__
    assert_resumes(whole, cut, space=SPACE, evaluate=fails_again)
    assert asked == [query.arch for query in queries[10:]]


def test_ctrl_c_and_a_time_limit_are_resumed_to_the_same_ledger(tmp_path):
    whole = finished(tmp_path / "whole", space=SPACE, evaluate=accuracy, budget=12)
    stopped = tmp_path / "stopped"

    def stop_at_5(event):
        if event.query is not None and event.done == 5:
            raise KeyboardInterrupt

    with pytest.raises(SearchInterrupted):
        finished(stopped, space=SPACE, evaluate=accuracy, budget=12, listener=stop_at_5)
    assert json.loads((stopped / "summary.json").read_text())["stop_reason"] == "interrupted"
    result = run(resume=stopped, space=SPACE, evaluate=accuracy, plots=False, time_limit_s=1e-6)
    assert (result["stop_reason"], result["queries"]) == ("time", 5)
    assert_resumes(whole, stopped, space=SPACE, evaluate=accuracy)


def test_a_finished_run_is_left_as_it_is(tmp_path):
    events = []
    whole = finished(tmp_path / "whole", **GB)
    before = files(whole)
    result = run(resume=whole, listener=events.append)
    assert files(whole) == before
    assert result == json.loads(before["summary.json"])
    assert [event.kind for event in events] == ["result"]
    # Nothing of it is needed: not even the function that evaluated.
    own = finished(tmp_path / "own", space=SPACE, evaluate=accuracy)
    assert run(resume=own)["queries"] == 8


def test_a_finished_run_without_a_summary_gets_one(tmp_path):
    whole = finished(tmp_path / "whole", **GB)
    cut = cut_off(whole, (whole / "ledger.jsonl").stat().st_size, tmp_path / "cut")
    assert_resumes(whole, cut)
    assert (cut / "ledger.jsonl").read_bytes() == (whole / "ledger.jsonl").read_bytes()


def test_more_budget_than_architectures(tmp_path):
    whole = finished(tmp_path / "whole", space=SPACE, evaluate=accuracy, budget=40)
    assert json.loads((whole / "summary.json").read_text())["stop_reason"] == "exhausted"
    cut = cut_off(whole, (whole / "ledger.jsonl").stat().st_size - 2_000, tmp_path / "cut")
    assert_resumes(whole, cut, space=SPACE, evaluate=accuracy)
    assert run(resume=whole)["queries"] == 24


def test_relative_paths_mean_what_they_meant(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    archs = get_space("nb201").sample(5, np.random.default_rng(0))
    Path("known.csv").write_text(f"arch,{LABEL}\n" + "".join(f"{arch},{80 + i}\n" for i, arch in enumerate(archs)))
    whole = finished(Path("whole"), known="known.csv", **GB).absolute()
    cut = cut_off(whole, header_bytes(whole), tmp_path / "cut")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert_resumes(whole, cut)
