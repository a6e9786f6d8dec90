"""What a resumed run refuses, where it says so, and how it goes on if changes are accepted."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from nassurrogate.errors import InputError
from nassurrogate.search import Engine, SearchSettings, read_ledger, run
from nassurrogate.spaces import CategoricalSpace
from tests.search.ledgers import comparable, cut_off, files, header_bytes
from tests.search.trainings import SPACE, accuracy

OWN: dict[str, Any] = {"space": SPACE, "evaluate": accuracy}
PROBLEM = """
from nassurrogate.spaces import CategoricalSpace

space = CategoricalSpace("mine", {"kernel": [3, 5], "width": [16, 32, 64], "depth": [1, 2, 3, 4]})

def evaluate(arch):
    return 50.0 + arch.choices["depth"]
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of ten queries of the default predictor."""
    folder = tmp_path_factory.mktemp("refused") / "whole"
    run(**OWN, budget=10, seed=0, run_dir=folder, plots=False)
    return folder


@pytest.fixture
def cut(whole: Path, tmp_path: Path) -> Path:
    """The same run after six of them."""
    lines = (whole / "ledger.jsonl").read_bytes().splitlines(keepends=True)
    return cut_off(whole, len(b"".join(lines[:7])), tmp_path / "cut")


def refusal(folder: str | Path, **options: Any) -> str:
    """The one line of a resume that is refused; its ledger is left as it was."""
    before = files(Path(folder)) if Path(folder).is_dir() else {}
    with pytest.raises(InputError) as caught:
        run(resume=folder, plots=False, **options)
    after = files(Path(folder)) if Path(folder).is_dir() else {}
    after.pop("run.lock", None)
    before.pop("run.lock", None)
    assert after == before
    return str(caught.value)


def rewrite(folder: Path, line: int, **changes: Any) -> None:
    """Change fields of a line of the ledger."""
    path = folder / "ledger.jsonl"
    lines = path.read_text().splitlines()
    lines[line - 1] = json.dumps({**json.loads(lines[line - 1]), **changes})
    path.write_text("\n".join(lines) + "\n")


# --- folders that hold no run ---------------------------------------------------------------------------------------


def test_folders_without_a_run(tmp_path):
    assert f"cannot resume {tmp_path / 'nowhere'}: it is no folder" in refusal(tmp_path / "nowhere")
    assert f"cannot resume {tmp_path}: it holds no run (no ledger.jsonl)" in refusal(tmp_path)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    assert "it is no folder" in refusal(tmp_path / "file")


@pytest.mark.parametrize("content", ["", "no JSON\n", '{"record": "query"}\n', "[]\n", '{"format": "nassurrogate-led'])
def test_a_ledger_without_its_header(tmp_path, content):
    (tmp_path / "ledger.jsonl").write_text(content)
    assert str(tmp_path / "ledger.jsonl") in refusal(tmp_path)


def test_a_ledger_of_an_earlier_release(cut):
    header = json.loads((cut / "ledger.jsonl").read_text().splitlines()[0])
    del header["config"]["arguments"]
    rewrite(cut, 1, config=header["config"])
    assert "cannot resume a run of an earlier release, whose ledger lacks the arguments of the run" in refusal(cut)


def test_a_header_alone_is_a_run_before_its_first_query(whole, tmp_path):
    cut = cut_off(whole, header_bytes(whole), tmp_path / "cut")
    run(resume=cut, plots=False, **OWN)
    assert comparable(cut) == comparable(whole)


# --- damage ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", [2, 4, 6])
@pytest.mark.parametrize("damage", ["", "{", "null", '{"record": "query", "number": 3}'])
def test_a_damaged_line_in_the_middle_is_refused_with_its_place(cut, line, damage):
    path = cut / "ledger.jsonl"
    lines = path.read_text().splitlines()
    lines[line - 1] = damage
    path.write_text("\n".join(lines) + "\n")
    assert f"line {line} of {path}" in refusal(cut, **OWN)


@pytest.mark.parametrize(
    "changes",
    [
        {"arch": "kernel=5 width=64 depth=4"},
        {"arch": "no architecture"},
        {"phase": "confirm"},
        {"label_seed": 3},
        {"proposed_by": "evolution"},
    ],
)
def test_another_query_than_the_search_makes_is_refused_with_its_place(cut, changes):
    rewrite(cut, 4, **changes)
    message = refusal(cut, **OWN)
    assert f"line 4 of {cut / 'ledger.jsonl'}" in message
    assert "--accept-changes" in message


def test_another_answer_changes_what_follows(whole, tmp_path):
    """The last line with an answer that changes nothing before it is as good as any; an earlier one is not."""
    lines = (whole / "ledger.jsonl").read_bytes().splitlines(keepends=True)
    cut = cut_off(whole, len(b"".join(lines[:10])), tmp_path / "cut")
    rewrite(cut, 3, label=10.0, values={"val_accuracy_pct": 10.0})
    assert "but the same search now proposes" in refusal(cut, **OWN)


# --- changes --------------------------------------------------------------------------------------------------------


def test_what_the_ledger_says_is_not_said_again(cut):
    for name, value in {
        "budget": 20,
        "seed": 1,
        "predictor": "gradient-boosting",
        "constraints": ["params_m<=1"],
        "workers": 2,
        "unordered": True,
        "settings": SearchSettings(n_init=4),
    }.items():
        message = refusal(cut, **OWN, **{name: value})
        assert message.startswith(("the run was started with", "the run was started without")), message
        assert f"leave {name} out, or start a new run" in message


def test_objects_are_given_again(cut):
    objects = "started in Python with space=CategoricalSpace and evaluate=accuracy, which no file can hold"
    assert objects in refusal(cut)
    assert objects in refusal(cut, space=SPACE)
    assert "resume it there: run(resume=…, space=…, evaluate=…)" in refusal(cut, evaluate=accuracy)


def test_an_engine_takes_no_other_arguments_than_the_runs(tmp_path):
    with Engine(SPACE, budget=6, seed=0, run_dir=tmp_path / "run") as engine:
        arch = engine.ask()[0]
        engine.tell(arch, accuracy(arch))
    with pytest.raises(InputError, match=r"the run was started with budget=6.*leave budget out"):
        Engine(SPACE, resume=tmp_path / "run", budget=9)
    with Engine(SPACE, resume=tmp_path / "run", budget=6, seed=0) as engine:
        assert len(engine.queries) == 1
    assert "if an Engine wrote it, Engine(space, resume=…)" in refusal(tmp_path / "run")


def test_another_space_and_another_training(cut):
    other = CategoricalSpace("mine", {"kernel": [3, 5], "width": [16, 32, 64], "depth": [1, 2, 3, 5]})
    assert "cannot resume" in refusal(cut, space=other, evaluate=accuracy)
    renamed = CategoricalSpace("yours", {"kernel": [3, 5], "width": [16, 32, 64], "depth": [1, 2, 3, 4]})
    assert "space was 'mine' when the run began, and is 'yours' now" in refusal(cut, space=renamed, evaluate=accuracy)


def test_of_many_fields_the_one_that_differs_is_named(cut):
    header = json.loads((cut / "ledger.jsonl").read_text().splitlines()[0])
    header["config"]["settings"]["beta"] = 1.75
    rewrite(cut, 1, config=header["config"])
    assert "settings.beta was 1.75 when the run began, and is 2.0 now" in refusal(cut, **OWN)


def test_another_table(tmp_path, bench, fake_bench):
    folder = tmp_path / "run"
    labels = bench.column("val_accuracy_pct").mean
    run(benchmark=fake_bench(labels), budget=4, seed=0, run_dir=folder, predictor="none", plots=False)
    (folder / "summary.json").unlink()
    message = refusal(folder, benchmark=fake_bench(labels + 1))
    assert f"the ground truth is another one than when the run began (line 1 of {folder / 'ledger.jsonl'})" in message


def test_a_changed_problem_file(tmp_path):
    problem = tmp_path / "problem.py"
    problem.write_text(PROBLEM)
    folder = tmp_path / "run"
    run(problem=problem, budget=5, seed=0, run_dir=folder, plots=False)
    (folder / "summary.json").unlink()
    problem.write_text(PROBLEM.replace("50.0", "51.0"))
    assert f"the problem file {problem} has changed since the run began" in refusal(folder)
    result = run(resume=folder, accept_changes=True, plots=False)
    assert result["queries"] == 5
    problem.unlink()
    (folder / "summary.json").unlink()
    message = refusal(folder)
    assert (
        f"there is no problem file of the run at {problem}; if it has moved, give its place with --problem" in message
    )


def test_a_problem_file_that_has_moved_is_the_same_problem(tmp_path):
    problem, moved, another = (tmp_path / name for name in ("problem.py", "moved.py", "another.py"))
    problem.write_text(PROBLEM)
    whole = tmp_path / "whole"
    run(problem=problem, budget=6, seed=0, run_dir=whole, plots=False)
    lines = (whole / "ledger.jsonl").read_bytes().splitlines(keepends=True)
    cut = cut_off(whole, len(b"".join(lines[:4])), tmp_path / "cut")
    problem.rename(moved)
    another.write_text(PROBLEM.replace("50.0", "51.0"))
    assert f"the problem file {another} has changed since the run began" in refusal(cut, problem=another)
    for _ in range(2):  # the second time, it is finished
        assert run(resume=cut, problem=moved, plots=False)["queries"] == 6
    assert comparable(cut) == comparable(whole)


def test_known_results_that_have_changed(tmp_path):
    table = tmp_path / "known.csv"
    rows = ["arch,val_accuracy_pct", "kernel=3 width=16 depth=1,70", "kernel=3 width=16 depth=2,72"]
    table.write_text("\n".join(rows))
    folder = tmp_path / "run"
    run(**OWN, known=table, budget=4, seed=0, run_dir=folder, plots=False)
    (folder / "summary.json").unlink()
    table.write_text("\n".join([*rows, "kernel=5 width=16 depth=2,74"]))
    assert "when the run began" in refusal(folder, **OWN)


# --- accepted changes -----------------------------------------------------------------------------------------------


def test_accepted_changes_go_on_from_the_labels_alone(cut):
    before = read_ledger(cut)
    rewrite(cut, 4, proposed_by="evolution")
    result = run(resume=cut, accept_changes=True, plots=False, **OWN)
    after = read_ledger(cut)
    assert result["queries"] == 10
    assert [query.arch for query in after.queries[:6]] == [query.arch for query in before.queries]
    assert len({query.arch for query in after.queries}) == 10
    assert any("from its 6 labels alone" in note for note in result["notes"])
    # Without a change, nothing starts again.
    assert run(resume=cut, plots=False, **OWN) == result


def test_changes_are_accepted_twice_and_every_ledger_resumes(cut, tmp_path):
    rewrite(cut, 4, proposed_by="evolution")
    run(resume=cut, accept_changes=True, plots=False, **OWN)
    (cut / "summary.json").unlink()
    lines = (cut / "ledger.jsonl").read_bytes().splitlines(keepends=True)
    assert [json.loads(line)["record"] for line in lines] == ["header", *["query"] * 6, "changed", *["query"] * 4]
    for n_lines in (8, 9, 11):
        again = cut_off(cut, len(b"".join(lines[:n_lines])), tmp_path / str(n_lines))
        run(resume=again, plots=False, **OWN)
        assert comparable(again) == comparable(cut)
    twice = cut_off(cut, len(b"".join(lines[:10])), tmp_path / "twice")
    rewrite(twice, 9, proposed_by="evolution")
    assert f"line 9 of {twice / 'ledger.jsonl'}" in refusal(twice, **OWN)
    result = run(resume=twice, accept_changes=True, plots=False, **OWN)
    assert result["queries"] == 10
    (twice / "summary.json").unlink()
    ledger = read_ledger(twice)
    assert len({query.arch for query in ledger.queries}) == 10
    assert run(resume=twice, plots=False, **OWN)["best"] == result["best"]
    assert read_ledger(twice).records == ledger.records


# --- two at once ----------------------------------------------------------------------------------------------------


def test_two_processes_do_not_resume_one_run(cut):
    inside, done = threading.Event(), threading.Event()

    def waits(arch):
        inside.set()
        done.wait(60)
        return accuracy(arch)

    thread = threading.Thread(target=run, kwargs={"resume": cut, "plots": False, "space": SPACE, "evaluate": waits})
    thread.start()
    try:
        assert inside.wait(60)
        assert "another process is writing the run folder" in refusal(cut, **OWN)
        with pytest.raises(InputError, match="another process is writing"):
            Engine(SPACE, resume=cut)
    finally:
        done.set()
        thread.join()


def test_arguments_without_a_meaning_for_a_resumed_run(cut):
    with pytest.raises(InputError, match="accept_changes"):
        run(**OWN, budget=2, accept_changes=True, write=False)
