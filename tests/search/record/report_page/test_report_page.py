"""The page of a run: what it shows, from what, and what it leaves open."""

from __future__ import annotations

import json
import shutil

import pytest

from nassurrogate.errors import InputError
from nassurrogate.search import read_ledger, run
from nassurrogate.search.record.report_page import write_report
from tests.search.record.conftest import BOUND
from tests.search.record.report_page.conftest import SPACE, changed_ledger, page_of


def test_the_page_of_a_finished_run_tells_what_matters(finished):
    result, folder = finished
    page = page_of(folder)
    best = result["best"]
    for fact in (
        best["arch"], f"{best['value']:.2f} %", BOUND, "20 of 20", f"{result['regret_points']:.3f}", "seed 0",
        "gradient-boosting", "nb201/cifar10", "margin", f"{len(result['top'])} of 20 queries",
        read_ledger(folder).header["created"],
    ):  # fmt: skip
        assert fact in page.text, fact
    assert page.count("svg", class_="chart") == 4
    assert page.count("svg", class_="network-drawing") == 1
    assert "Not finished" not in page.text
    assert "Failures" not in page.text


def test_it_is_one_page_without_scripts_that_loads_nothing(finished):
    page = page_of(finished[1])
    assert page.count("script") == page.count("link") == page.count("img") == page.count("iframe") == 0
    for name, attributes in page.elements:
        assert not {"src", "href", "srcset", "action"} & attributes.keys(), name
    content = (finished[1] / "report.html").read_text(encoding="utf-8")
    assert "prefers-color-scheme:dark" in content
    assert "url(" not in content
    assert "@import" not in content
    policy = {"http-equiv": "Content-Security-Policy", "content": "default-src 'none'; style-src 'unsafe-inline'"}
    assert ("meta", policy) in page.elements


def test_the_ledger_alone_suffices(finished, tmp_path):
    """Of a run that was killed after 12 queries, in the middle of a line."""
    lines = (finished[1] / "ledger.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "ledger.jsonl").write_bytes(b"".join(lines[:13]) + lines[13][:40])
    queries = read_ledger(tmp_path).queries
    best = max(queries, key=lambda query: query.value)
    page = page_of(tmp_path)
    for fact in ("Not finished: 12 of 20 queries", best.arch, f"{best.value:.2f} %", "cut off", "parameters", "margin"):
        assert fact in page.text, fact
    assert page.count("svg", class_="chart") == 4
    assert "predictor calls" not in page.text.lower()


def test_a_run_without_a_query_has_a_page(finished, tmp_path):
    page = page_of(changed_ledger(finished[1], tmp_path / "run", lambda records: records[:1]))
    assert "Not finished: 0 of 20 queries" in page.text
    assert "Nothing yet" in page.text
    assert page.count("svg") == 0


def test_failures_are_listed_with_their_reasons(own_run):
    page = page_of(own_run)
    assert "3 of 18 evaluations gave no label (17 %)" in page.text
    assert page.text.count("MemoryError: out of <b>memory</b>") >= 3
    assert page.count("b", class_="memory") == 0
    assert "failed" in page.text


def test_what_is_unknown_stays_unknown(own_run):
    page = page_of(own_run)
    assert "unknown (the optimum is not known)" in page.text
    assert "No drawing: the space 'mine' was declared in Python" in page.text
    assert "how much they vary is unknown" in page.text
    assert page.count("svg", class_="chart") == 2


def test_the_choices_of_the_best_are_listed(own_run):
    best = json.loads((own_run / "summary.json").read_text(encoding="utf-8"))["best"]
    assert best["choices"] == {"kernel": 3, "width": 64, "op": best["choices"]["op"]}
    assert "Its choices kernel 3 width 64 op" in page_of(own_run).text


def test_a_run_all_of_whose_evaluations_fail_has_a_page(tmp_path):
    def fail(arch):
        raise RuntimeError("no GPU")

    with pytest.raises(InputError, match="all failed"):
        run(space=SPACE, evaluate=fail, budget=8, seed=0, run_dir=tmp_path / "run", plots=False)
    page = page_of(tmp_path / "run")
    assert "Nothing: all 5 evaluations failed." in page.text
    assert "Not finished: 5 of 8 queries (all of them failed)" in page.text
    assert "no GPU" in page.text


def test_single_trainings_have_a_band_of_their_noise(bench, tmp_path):
    folder = tmp_path / "run"
    run(budget=10, seed=1, labels="single", predictor="none", benchmark=bench, run_dir=folder, plots=False)
    page = page_of(folder)
    assert page.count("path", class_="band noise") == 1
    assert "The noise of one training is assumed" in page.text


@pytest.mark.parametrize(
    "damage",
    ["{", "[]", "null", '"a"', "[" * 3000, b"\xff\xfe", {"best": None}, {"best": {}}, {"regret_points": "0"},
     {"queries": 17}, {"top": []}, {"top": [{"arch": "made up"}]}, {"notes": [1]}, {"optimum": {"value": "x"}},
     {"predictor_calls": None}, {"seed": 5}, {"phases": {"init": "3"}}, {"objective": {}}, {"constraints": ["<"]}],
)  # fmt: skip
def test_a_damaged_summary_is_left_out(own_run, tmp_path, damage):
    shutil.copy(own_run / "ledger.jsonl", tmp_path)
    if isinstance(damage, dict):
        damage = json.dumps(json.loads((own_run / "summary.json").read_text(encoding="utf-8")) | damage)
    (tmp_path / "summary.json").write_bytes(damage if isinstance(damage, bytes) else damage.encode())
    page = page_of(tmp_path)
    assert "everything here is from the ledger alone" in page.text
    assert page.count("svg", class_="chart") == 2


@pytest.mark.parametrize(
    ("field", "value"),
    [("label", float("nan")), ("label", "90"), ("label", float("inf")), ("arch", 5), ("phase", "lost"), ("key", None),
     ("predicted_std", []), ("number", 3), ("number", True), ("feasible", 1), ("values", {"a": "b"}), ("reason", None),
     ("cost_train_time_s", 10**400), ("elapsed_s", None)],
)  # fmt: skip
def test_a_damaged_query_is_refused_with_its_line(finished, tmp_path, field, value):
    folder = changed_ledger(
        finished[1], tmp_path / "run", lambda records: [*records[:4], records[4] | {field: value}, *records[5:]]
    )
    with pytest.raises(InputError, match=f"^line 5 of .*ledger.jsonl is damaged: (it is query|{field} is)"):
        write_report(folder)


@pytest.mark.parametrize(
    ("field", "value"),
    [("budget", "20"), ("seed", None), ("space", 5), ("constraints", "a<1"), ("constraints", ["a"]), ("objective", {}),
     ("objective", {"name": "x", "unit": None, "direction": None, "needs_training": True, "belongs_to": "function"}),
     ("settings", []), ("feasible_share", "all"), ("oracle", 3)],
)  # fmt: skip
def test_a_damaged_header_is_refused(finished, tmp_path, field, value):
    folder = changed_ledger(
        finished[1],
        tmp_path / "run",
        lambda records: [records[0] | {"config": records[0]["config"] | {field: value}}, *records[1:]],
    )
    with pytest.raises(InputError, match=r"^line 1 of .*ledger.jsonl"):
        write_report(folder)


@pytest.mark.parametrize("field", ["n_space", "n_feasible", "surrogate_labels", "fidelity", "is_table"])
def test_a_header_of_an_earlier_release_may_lack_fields(finished, tmp_path, field):
    def without(records):
        config = {name: value for name, value in records[0]["config"].items() if name != field}
        return [records[0] | {"config": config}, *records[1:]]

    folder = changed_ledger(finished[1], tmp_path / "run", without)
    (folder / "summary.json").unlink(missing_ok=True)
    assert page_of(folder).count("svg", class_="chart")


def test_a_lost_line_is_noticed(finished, tmp_path):
    folder = changed_ledger(finished[1], tmp_path / "run", lambda records: [*records[:6], *records[7:]])
    with pytest.raises(InputError, match=r"line 7 of .* is damaged: it is query 7, expected 6"):
        write_report(folder)


def test_numbers_too_large_to_draw_end_no_page(finished, tmp_path):
    huge = [1.7e308, -1.7e308]
    folder = changed_ledger(
        finished[1],
        tmp_path / "run",
        lambda records: [records[0], *(r | {"label": huge[i % 2]} for i, r in enumerate(records[1:]))],
    )
    assert "cannot be drawn" in page_of(folder).text


def test_a_table_that_has_changed_is_not_used(finished, tmp_path):
    folder = changed_ledger(
        finished[1], tmp_path / "run", lambda records: [records[0] | {"table_sha256": "0" * 64}, *records[1:12]]
    )
    page = page_of(folder)
    assert "is not the one of the run any more" in page.text
    assert "unknown (the optimum is not known)" in page.text
    assert page.count("svg", class_="network-drawing") == 1


def test_a_problem_file_that_has_changed_is_not_run(finished, tmp_path):
    witness = tmp_path / "witness"
    problem = tmp_path / "problem.py"
    problem.write_text(f"open({str(witness)!r}, 'w')\n", encoding="utf-8")
    config = {"problem": {"path": str(problem), "sha256": "0" * 64}, "is_table": False}
    folder = changed_ledger(
        finished[1],
        tmp_path / "run",
        lambda records: [records[0] | {"config": records[0]["config"] | config}, *records[1:]],
    )
    page = page_of(folder)
    assert f"No drawing: the problem file {problem} has changed since the run" in page.text
    assert not witness.exists()


PROBLEM = """\
import torch
from nassurrogate.spaces import CategoricalSpace


def build(arch):
    width = arch.choices["width"]
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, width, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(width * 36, 10)
    )


def evaluate(arch):
    return 90.0 + arch.choices["width"]


space = CategoricalSpace("tiny", {"width": [1, 2, 3]}, build=build, input_shape=(1, 8, 8))
"""


def test_the_network_of_a_problem_file_is_drawn(tmp_path):
    problem = tmp_path / "problem.py"
    problem.write_text(PROBLEM, encoding="utf-8")
    from nassurrogate.benchmarks import load_problem

    loaded = load_problem(problem)
    run(
        space=loaded.space, evaluate=lambda arch: 90.0 + arch.choices["width"], budget=3, seed=0,
        run_dir=tmp_path / "own", plots=False,
    )  # fmt: skip
    config = {"problem": {"path": str(problem), "sha256": loaded.sha256}}
    folder = changed_ledger(
        tmp_path / "own",
        tmp_path / "run",
        lambda records: [records[0] | {"config": records[0]["config"] | config}, *records[1:]],
    )
    page = page_of(folder)
    assert page.count("svg", class_="network-drawing") == 1
    assert "Conv 3×3" in page.text
    assert "Its choices width 3" in page.text


def test_it_is_written_completely_or_not_at_all(finished, tmp_path, monkeypatch):
    out = tmp_path / "page.html"
    assert write_report(finished[1], out) == out
    before = out.read_bytes()
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(InputError, match=r"cannot write the report .*No space left on device"):
        write_report(finished[1], out)
    assert out.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
