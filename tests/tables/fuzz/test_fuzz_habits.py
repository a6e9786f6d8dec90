"""Two thousand small tables through every command that reads one: no traceback, and no reading but one.

The commands run in this process, up to the point where they have read the file: what they would then store, learn or
score is compared. A sample runs to its end.
"""

from __future__ import annotations

import contextlib
import functools
import io
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nassurrogate import benchmarks
from nassurrogate.benchmarks.tabular import store
from nassurrogate.benchmarks.tabular.layers import Tables
from nassurrogate.cli import app as cli
from nassurrogate.runtime import plug_ins
from nassurrogate.spaces import get_space
from nassurrogate.surrogate import Surrogate
from tests.tables.fuzz.habits import SPACES, Case, case

SEED, N_TABLES, PARTS = 12, 2_000, 8
MOST_LEARNED = 2
"""Columns of a file that `train` is asked for."""
N_TO_THE_END = 40
OF_IMPORTS_ALONE = (
    r"does not name its data set",
    r"is not a metric's name",
    r"has no numeric column besides those that name the architectures",
    r"is empty, and there is no other",
    r"is not a file that can be imported",
)
"""Why a good file may still not be stored: of these, `train` and `score` know nothing."""
OF_TRAINING_ALONE = (
    r"no numeric column",
    r"for several data sets",
    r"column .* is empty",
)
"""Why a good file may have nothing to learn."""


class Heard(BaseException):  # no `except Exception` may stop it
    """Raised where a command has read its file: what it read."""


@dataclass(frozen=True)
class Outcome:
    """What one command made of a file.

    Args:
        read: what it read; None where it refused.
        refusal: its one line on stderr without the prefix; empty where it read.
    """

    read: Any = None
    refusal: str = ""


@dataclass(frozen=True)
class Stub:
    """A saved surrogate as far as `score` asks before it scores."""

    space: Any
    n_labels: int = 1

    def predict(self, archs: Any) -> Any:
        raise Heard([arch.string for arch in archs])


@pytest.fixture
def stopped(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which the commands stop where they have read."""

    def save_import(space: str, name: str, columns: Mapping[tuple[str, str], Any], **_: Any) -> None:
        raise Heard({place: column.mean for place, column in columns.items()})

    def fit(self: Surrogate, archs: Any, targets: Any, **_: Any) -> None:
        raise Heard((self.metric, {arch.string: float(value) for arch, value in zip(archs, targets, strict=True)}))

    # What the commands ask before they read is the same every time, and takes longer than reading a small file.
    monkeypatch.setattr(cli, "build_parser", functools.cache(cli.build_parser))
    monkeypatch.setattr(plug_ins, "plug_ins", functools.cache(plug_ins.plug_ins))
    monkeypatch.setattr(Tables, "column_owners", lambda self: {})
    monkeypatch.setattr(benchmarks, "dataset_names", functools.cache(benchmarks.dataset_names))
    monkeypatch.setattr(store, "save_import", save_import)
    monkeypatch.setattr(Surrogate, "fit", fit)
    monkeypatch.setattr(Surrogate, "load", lambda path, **_: Stub(get_space(Path(path).name)))
    return folder


def run(*args: str) -> Outcome:
    """One command line; whatever happens, it must read or refuse in one line."""
    out, err = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = cli.main(list(args))
    except Heard as heard:
        return Outcome(read=heard.args[0])
    assert code in (0, 2), (args, code, err.getvalue())
    assert "Traceback" not in err.getvalue()
    assert code == 2, "a command came to its end without reading anything"
    refusal = err.getvalue().rstrip("\n").split("\n")[-1]
    assert refusal.startswith("error: "), (args, err.getvalue())
    assert refusal.isprintable(), "control codes reach the terminal"
    assert not out.getvalue()
    return Outcome(refusal=refusal.removeprefix("error: "))


def options_of(case: Case, *names: str) -> list[str]:
    """Those of a case's options that a command has."""
    pairs = zip(case.options[::2], case.options[1::2], strict=True)
    return [part for name, value in pairs if name in names for part in (name, value)]


HOW_TO_READ = (
    "--arch-column", "--rename", "--unit", "--missing-value", "--seed-column", "--dataset", "--new-dataset",
)  # fmt: skip


def importing(case: Case, file: str) -> Outcome:
    options = options_of(case, *HOW_TO_READ)
    return run("data", "import", case.space, file, "--name", "mine", *options)


def training(case: Case, file: str, metric: str) -> Outcome:
    command = ["train", "--space", case.space, "--file", file, "--metric", metric, "--predictor", "ridge"]
    command += ["--seed", "0", "--out", "model", *options_of(case, *HOW_TO_READ)]
    found = run(*command)
    return run(*command, "--larger-is-better") if "give --larger-is-better" in found.refusal else found


def scoring(case: Case, file: str) -> Outcome:
    return run("score", case.space, "--file", file, *options_of(case, *HOW_TO_READ))


def may_be_a_list(content: bytes) -> bool:
    """Whether a file has one field a line: `score` reads such a list of architectures, which is no table."""
    return not any(delimiter in content.split(b"\n")[0] for delimiter in (b",", b";", b"\t"))


def compare(case: Case, file: str) -> str:
    """What the commands agreed on; raises `AssertionError` where they differ."""
    stored, scored = importing(case, file), scoring(case, file)
    if stored.refusal:
        learned = training(case, file, case.metric)
        if any(re.search(pattern, stored.refusal) for pattern in OF_IMPORTS_ALONE):
            assert not scored.refusal or scored.refusal == learned.refusal or may_be_a_list(case.content)
            return "not stored"
        assert scored.refusal == learned.refusal == stored.refusal
        return "refused"
    assert not scored.refusal, scored.refusal
    space = get_space(case.space)
    by_place = {
        place: {space.take([index])[0].string: float(mean[index]) for index in np.flatnonzero(~np.isnan(mean)).tolist()}
        for place, mean in stored.read.items()
    }
    assert {arch for values in by_place.values() for arch in values} <= set(scored.read)
    if case.truth is not None:
        every = {arch: sorted(values[arch] for values in by_place.values()) for arch in scored.read}
        assert every.keys() == case.truth.keys()
        assert all(values == pytest.approx(case.truth[arch], rel=1e-12) for arch, values in every.items())
    for (dataset, metric), values in list(by_place.items())[:MOST_LEARNED]:
        learned = training(case, file, metric if dataset == "*" else f"{dataset}_{metric}")
        if learned.refusal:
            assert any(re.search(pattern, learned.refusal) for pattern in OF_TRAINING_ALONE), learned.refusal
            continue
        assert learned.read[0] == metric
        assert learned.read[1] == pytest.approx(values, rel=1e-12)
    return "read"


@pytest.mark.parametrize("part", range(PARTS))
def test_every_command_reads_a_table_alike(stopped: Path, part: int) -> None:
    found: Counter[str] = Counter()
    for number in range(part, N_TABLES, PARTS):
        one = case(SEED, number)
        (stopped / "table").write_bytes(one.content)
        try:
            found[compare(one, "table")] += 1
        except Exception as error:
            error.add_note(f"{one}")
            raise
    assert found["read"] > 0.2 * N_TABLES / PARTS, found
    assert found["refused"] > 0.2 * N_TABLES / PARTS, found


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Space → a saved surrogate of it."""
    folder = tmp_path_factory.mktemp("models")
    found = {}
    for name in SPACES:
        if name != "nb101":  # whose features take half a minute
            surrogate = Surrogate(name, predictor="ridge", seed=0)
            surrogate.fit(get_space(name).take([0, 1, 2]), [85.0, 90.0, 72.0])
            found[name] = surrogate.save(folder / name)
    return found


def to_the_end(*args: str) -> tuple[int, str]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = cli.main(list(args))
    assert code in (0, 2), err.getvalue()
    assert bool(out.getvalue()) == (code == 0)
    return code, err.getvalue()


def plain_cases(wanted: Callable[[Case], bool]) -> Iterator[Case]:
    return (one for number in range(N_TABLES) if wanted(one := case(SEED + 1, number)))


def test_a_sample_runs_to_its_end(folder: Path, models: dict[str, Path]) -> None:
    codes: Counter[tuple[int, ...]] = Counter()
    for _, one in zip(range(N_TO_THE_END), plain_cases(lambda one: one.space in models), strict=False):
        (folder / "table").write_bytes(one.content)
        how = options_of(one, *HOW_TO_READ)
        found = (
            to_the_end("data", "import", one.space, "table", "--name", "mine", "--replace", *how)[0],
            to_the_end("train", "--space", one.space, "--file", "table", "--metric", one.metric, "--predictor", "ridge",
                       "--seed", "0", "--out", "model", *how)[0],
            to_the_end("score", str(models[one.space]), "--file", "table", *how)[0],
        )  # fmt: skip
        codes[found] += 1
    assert codes[0, 0, 0] > 5, codes
    assert codes[2, 2, 2] > 5, codes
