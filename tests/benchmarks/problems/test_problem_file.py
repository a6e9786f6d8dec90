"""Problem files: what they may declare, and one clear line for everything that is wrong with them."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nassurrogate.benchmarks import Problem, load_problem
from nassurrogate.errors import InputError
from nassurrogate.metric import Metric
from nassurrogate.search import run

EVALUATE = "def evaluate(arch): return 90.0\n"


def refusal(path: object) -> str:
    with pytest.raises(InputError) as caught:
        load_problem(path)  # type: ignore[arg-type]
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def evaluate(arch):\n    return 1 +\n", "my_problem.py, line 6: syntax error: invalid syntax"),
        ("import nonsense_that_is_not_there\n", "line 5: importing the file raised ModuleNotFoundError: No module"),
        (
            "def fail():\n    raise OSError('no\\ndata')\n\nfail()\n",
            "line 6: importing the file raised OSError: no",
        ),
        ("raise SystemExit(2)\n", "line 5: importing the file raised SystemExit: 2"),
        ("CategoricalSpace('', {})\n", "line 5: a space needs a name of printable text, got ''"),
        (
            "",
            "it defines neither `evaluate(arch, seed, fidelity)`, which trains an architecture, nor `command = [...]`",
        ),
        ("def evalute(arch): return 1\n", "did you mean 'evalute'?"),
        (EVALUATE + "command = ['true']\n", "it defines both `evaluate` and `command`; keep one of them"),
        ("evaluate = 90.0\n", "evaluate must be a function of an architecture, got 90.0"),
        ("def evaluate(arch, lr): return 1\n", "evaluate must take an architecture and, optionally, seed"),
        (
            "command = 'python train.py'\n",
            "command must be a program and its arguments, such as ['python', 'train.py']",
        ),
        ("command = ['no-such-program-1']\n", "program 'no-such-program-1', which is not on this machine's PATH"),
        ("command = ['./train.sh']\n", "train.sh is no executable file"),
        (EVALUATE + "space = {'kernel': [3, 5]}\n", "`space` must be a Space, such as CategoricalSpace(name, slots)"),
        (EVALUATE + "space = 'nb102'\n", "unknown space 'nb102'"),
        (EVALUATE + "objective = 3\n", "metric must be a name such as latency_ms, got 3"),
        (EVALUATE + "metrics = 3\n", "`metrics` must list what evaluate returns besides the objective"),
        (EVALUATE + "dataset = [1, 2]\n", "`dataset` must be the name of the data set as text, got [1, 2]"),
        (EVALUATE + "constraints = {'a': 1}\n", "`constraints` must be a list such as ['params_m<=0.5']"),
        (EVALUATE + "constraints = ['params_m=>3']\n", "params_m"),
    ],
)
def test_everything_wrong_is_one_line(write: Callable[..., Path], source: str, expected: str) -> None:
    before = set(sys.modules)
    message = refusal(write(source))
    assert expected in message
    assert "my_problem.py" in message
    assert not [name for name in set(sys.modules) - before if name.startswith("nassurrogate_problem_")]


def test_a_file_without_space(write: Callable[..., Path]) -> None:
    message = refusal(write("search_space = 3\n" + EVALUATE, space=""))
    assert "it defines no `space`" in message
    assert message.endswith("did you mean 'search_space'?")


def test_what_is_no_file(tmp_path: Path) -> None:
    assert "no problem file at" in refusal(tmp_path / "nowhere.py")
    assert f"{tmp_path} is a folder; expected a Python file" in refusal(tmp_path)
    (tmp_path / "problem.py").write_text("")
    assert f"is a folder; did you mean {tmp_path / 'problem.py'}?" in refusal(tmp_path)
    binary = tmp_path / "model.safetensors"
    binary.write_bytes(bytes(range(256)))
    assert "model.safetensors" in refusal(binary)
    assert "must be a path" in refusal(3)


def test_what_a_file_declares(write: Callable[..., Path]) -> None:
    path = write(
        EVALUATE + "from nassurrogate.metric import Metric\n"
        "objective = Metric('charm', direction='maximize')\nmetrics = ['val_loss']\ndataset = 'animals'\n"
        "constraints = ['params_m<=1 and params_m>=0.5', 'latency_ms < 3']\n"
    )
    problem = load_problem(str(path))
    assert problem.objective == Metric("charm", direction="maximize")
    assert list(problem.metrics) == ["charm", "val_loss"]
    assert problem.dataset == "animals"
    assert problem.constraints == ["params_m<=1", "params_m>=0.5", "latency_ms<3"]
    assert (problem.path, problem.sources) == (path.resolve(), ("my_problem.py: evaluate",))


def test_defaults(write: Callable[..., Path]) -> None:
    problem = load_problem(write(EVALUATE))
    assert (problem.objective.name, problem.dataset, problem.constraints) == ("val_accuracy_pct", "own", [])
    assert load_problem(write(EVALUATE + "space = 'nb201'\n")).space.name == "nb201"


def test_neighbours_can_be_imported_and_prints_stay_off_stdout(
    write: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "my_neighbour.py").write_text("VALUE = 91.5\n")
    load_problem(write("from my_neighbour import VALUE\nprint('hello')\ndef evaluate(arch): return VALUE\n"))
    assert sys.path[0] == str(tmp_path)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "hello\n")
    del sys.modules["my_neighbour"]


def test_a_pickled_problem_is_its_path_and_checksum(write: Callable[..., Path], tmp_path: Path) -> None:
    path = write(
        "def costs(arch): return {'params_m': 1.0}\n" + EVALUATE
        + "space = CategoricalSpace('mine', {'n': [1, 2]}, costs=costs)\n"
    )  # fmt: skip
    problem = load_problem(path).with_options(time_limit_s=3, retries=0, log_dir=tmp_path / "logs")
    pickled = pickle.dumps(problem)
    assert len(pickled) < 1000
    again = pickle.loads(pickled)
    assert isinstance(again, Problem)
    assert (again.path, again.sha256, again.space) == (problem.path, problem.sha256, problem.space)
    arch = problem.space.parse("n=2")
    assert pickle.loads(pickle.dumps(arch)) == arch, "functions of the space are found by the name of their module"


def test_a_changed_file_is_not_the_same_problem(write: Callable[..., Path]) -> None:
    pickled = pickle.dumps(load_problem(write(EVALUATE)))
    path = write(EVALUATE + "# changed\n")
    with pytest.raises(InputError, match=r"my_problem\.py has changed: its SHA-256 is .* start a new run"):
        pickle.loads(pickled)
    path.unlink()
    with pytest.raises(InputError, match=r"no problem file at .*: every machine that evaluates needs it there"):
        pickle.loads(pickled)


@pytest.mark.parametrize(
    "options", [{"time_limit_s": 0}, {"time_limit_s": "1 h"}, {"retries": -1}, {"retries": 0.5}, {"log_dir": 3}]
)
def test_options_are_checked(write: Callable[..., Path], options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(options))):
        load_problem(write(EVALUATE)).with_options(**options)


def test_constraints_of_the_file_hold_beside_those_of_the_search(tmp_path: Path) -> None:
    path = tmp_path / "problem.py"
    path.write_text(
        "from nassurrogate.spaces import CategoricalSpace\n"
        "space = CategoricalSpace('mine', {'a': [1, 2, 3, 4]}, costs=lambda arch: {'params_m': arch.choices['a']})\n"
        "constraints = ['params_m<=3']\n"
        "def evaluate(arch):\n"
        "    return 90.0 + arch.choices['a']\n"
    )
    result = run(problem=path, constraints="params_m>=2", budget=4, seed=0, predictor="none", write=False)
    assert (result["constraints"], result["n_feasible"]) == (["params_m<=3", "params_m>=2"], 2)
    assert result["best"]["choices"] == {"a": 3}
