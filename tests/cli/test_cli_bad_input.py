"""Bad input on the command line: one line on stderr, nothing on stdout, exit code 2, nothing written."""

from __future__ import annotations

import io
import json
import os
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

Refused = Callable[..., str]

GOOD = "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--space", "nb2O1"], "unknown space 'nb2O1'; known: nb201.*; did you mean 'nb201'?"),
        (["--dataset", "cifar-11"], "unknown data set 'cifar-11' of nb201; .* did you mean 'cifar10'"),
        (["--searcher", "evolutoin"], "unknown searcher 'evolutoin'; .* did you mean 'evolution'"),
        (["--predictor", "gradient-bosting"], "unknown predictor .* did you mean 'gradient-boosting'"),
        (["--predictor", "gradient-boosting:defualt"], "unknown preset .* did you mean 'default'"),
        (["--predictor", "oracel"], "unknown predictor 'oracel'; .* did you mean 'oracle'"),
        (["--table", "mine"], "unknown table 'mine' of nb201; known: embedded"),
        (["--labels", "sinlge"], "unknown labels 'sinlge'; known: mean, single; did you mean 'single'"),
        (["--budget", "0"], "budget must be a whole number from 1 to 5425 .*, got 0"),
        (["--budget", "-5"], "budget must be a whole number from 1 to 5425 .*, got -5"),
        (["--budget", "5426"], "budget must be a whole number from 1 to 5425 .*, got 5426"),
        (["--budget", "ten"], "--budget: expected a whole number, got 'ten'"),
        (["--budget", "1.5"], "--budget: expected a whole number, got '1.5'"),
        (["--budget", "nan"], "--budget: expected a whole number, got 'nan'"),
        (["--budget"], "--budget: expected one argument"),
        (["--seed", "-1"], "seed must be a whole number from 0.*, got -1"),
        (["--constraint", "latency"], "cannot read the constraint 'latency'"),
        (["--constraint", ""], "cannot read the constraint ''"),
        (["--constraint", "latency<=12"], "unknown metric 'latency' .* did you mean 'latency_ms'"),
        (["--constraint", "latency_ms<=nan"], "cannot read the constraint 'latency_ms<=nan': .* got 'nan'"),
        (["--constraint", "latency_ms<=inf"], "cannot read the constraint"),
        (["--constraint", "latency_ms<=1"], "no nb201 architecture satisfies latency_ms<=1; .* is the nearest"),
        (["--constraint", "val_accuracy_pct>=90"], "cannot constrain 'val_accuracy_pct': .* costs a query"),
        (["--set", "btea=1"], "unknown setting 'btea'; .* did you mean 'beta'"),
        (["--set", "beta"], "--set expects NAME=VALUE, got 'beta'"),
        (["--set", "beta=1", "--set", "beta=2"], "--set gives 'beta' twice"),
        (["--set", "beta=NaN"], "beta must be a finite number from 0, got nan"),
        (["--predictor", "gradient-boosting", "--config", "ruonds=3"], "unknown hyper-parameter .* mean 'rounds'"),
        (["--bugdet", "5"], "unknown option '--bugdet'; did you mean '--budget'"),
        (["--constr", "latency_ms<=12"], "unknown option '--constr'; did you mean '--constraint'"),
        (["extra"], "unexpected argument 'extra'"),
        (["--surrogate", "absent.safetensors"], "no model file at absent.safetensors"),
        (["-q", "-v"], "-v/--verbose: not allowed with argument -q/--quiet"),
    ],
)
def test_search_refuses(refused: Refused, arguments: list[str], expected: str) -> None:
    line = refused("search", "--json", *arguments)
    assert re.search(expected, line), line


def test_errors_are_the_same_without_json(refused: Refused) -> None:
    for arguments in (["--budget", "0"], ["--bugdet", "5"], ["--constraint", "latency_ms<=1"]):
        assert refused("search", *arguments) == refused("search", *arguments, "--json")


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("-1", "index -1 is outside nb201; indices run from 0 to 15624"),
        ("15625", "index 15625 is outside nb201"),
        (GOOD.replace("avg_pool", "max_pool"), "unknown op 'max_pool_3x3' on edge 3 .* did you mean 'avg_pool_3x3'"),
        (GOOD[:-1], "malformed nb201 cell"),
        (GOOD + "+|none~0|", "malformed nb201 cell"),
        ("|none~0|", "malformed nb201 cell"),
        ("", "malformed nb201 cell ''"),
        ("1.0", "malformed nb201 cell '1.0'"),
        ("9" * 5000, "malformed nb201 cell"),
    ],
)
def test_score_refuses_what_is_no_cell(refused: Refused, model: Path, cell: str, expected: str) -> None:
    line = refused("score", model, cell)
    assert re.search(expected, line), line
    assert len(line) < 400


def test_score_wants_one_source_of_architectures(refused: Refused, model: Path) -> None:
    for arguments in ([], ["1", "--all"], ["--all", "--file", "x"]):
        assert refused("score", model, *arguments).startswith("expected architectures: ")
    assert "--top must be a whole number from 1, got 0" in refused("score", model, "--all", "--top", "0")
    assert "cannot read absent: No such file" in refused("score", model, "--file", "absent")


def test_score_names_the_line_that_is_wrong(refused: Refused, model: Path, folder: Path) -> None:
    (folder / "cells.txt").write_text(f"1\n\n{GOOD}\nnonsense\n")
    assert refused("score", model, "--file", "cells.txt").startswith("cells.txt, line 4: malformed nb201 cell")
    (folder / "empty.txt").write_text("\n")
    assert "empty.txt is empty" in refused("score", model, "--file", "empty.txt")
    (folder / "binary").write_bytes(b"\xff\xfe\x00")
    assert "binary is not UTF-8 or UTF-16 text" in refused("score", model, "--file", "binary")


def test_files_without_an_end_are_refused(
    refused: Refused, model: Path, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    for endless in ("/dev/zero", "/dev/urandom"):
        if not Path(endless).exists():
            pytest.skip(f"no {endless}")
        assert refused("score", model, "--file", endless).startswith(f"{endless} is larger than 268,435,456 bytes")
    assert "/dev/zero is larger than" in refused("train", "--file", "/dev/zero", "--out", "m", "--predictor", "ridge")
    monkeypatch.setattr("nassurrogate.tables.formats.detection.MAX_BYTES", 20)
    monkeypatch.setattr("sys.stdin", io.StringIO("1\n" * 11))
    assert refused("score", model, "-") == "stdin is larger than 20 bytes, the limit for a table"
    monkeypatch.setattr("sys.stdin", None)
    assert refused("score", model, "-") == "cannot read stdin: it is closed"


class _Code:
    """Unpickled, it makes a folder."""

    def __reduce__(self) -> Any:
        return os.mkdir, ("it-ran",)


def _spoil(model: Path, folder: Path, how: str) -> Path:
    path = folder / "spoilt"
    content = model.read_bytes()
    if how == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif how == "text":
        path.write_text("no model")
    elif how == "malicious":
        path.write_bytes(pickle.dumps(_Code()))
    elif how == "foreign":
        save_file({"x": np.zeros(3)}, path, metadata={"format": "pt"})
    elif how == "newer":
        header = json.dumps({"format_version": 99})
        save_file({"x": np.zeros(3)}, path, metadata={"format": "nassurrogate-model", "header": header})
    elif how == "enormous head":
        path.write_bytes((1 << 62).to_bytes(8, "little") + b"{}")
    elif how == "empty":
        path.write_bytes(b"")
    else:
        path.mkdir()
    return path


@pytest.mark.parametrize(
    "how", ["truncated", "text", "malicious", "foreign", "newer", "enormous head", "empty", "folder"]
)
def test_model_files_that_are_none_are_refused(refused: Refused, model: Path, folder: Path, how: str) -> None:
    path = _spoil(model, folder, how)
    assert str(path) in refused("score", path, "1")
    assert str(path) in refused("search", "--surrogate", path, "--json")
    assert not (folder / "it-ran").exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--labels", "5"], "required: --out"),
        (["--out", "m"], "one of the arguments --labels --file is required"),
        (["--labels", "0", "--out", "m"], "--labels must be a whole number from 1 to 5425 .*, got 0"),
        (["--labels", "5426", "--out", "m"], r"from 1 to 5425 \(the different functions with .*, got 5426"),
        (
            ["--labels", "15626", "--metric", "latency_ms", "--out", "m"],
            r"from 1 to 15625 \(the architectures with .*, got 15626",
        ),
        (["--labels", "x", "--out", "m"], "--labels: expected a whole number, got 'x'"),
        (["--labels", "5", "--metric", "val_acuracy_pct", "--out", "m"], "did you mean 'val_accuracy_pct'"),
        (["--labels", "5", "--predictor", "boosting", "--out", "m"], "unknown predictor 'boosting'"),
        (["--labels", "5", "--seed", "-1", "--out", "m"], "seed must be a whole number from 0.*, got -1"),
        (["--labels", "5", "--out", "."], "it is a folder"),
        (["--labels", "5", "--out", os.devnull], f"cannot write the model to {os.devnull}: .* not a regular file"),
        (["--file", "absent.csv", "--out", "m"], "cannot read absent.csv: No such file"),
    ],
)
def test_train_refuses(refused: Refused, arguments: list[str], expected: str) -> None:
    line = refused("train", *arguments)
    assert re.search(expected, line), line


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("", "mine.csv is empty"),
        ("cell,val_accuracy_pct\n1,90\n", "expected arch or index; its columns: 'cell', 'val_accuracy_pct'"),
        ("index,val_acc\n1,90\n", "column 'val_acc' may be in percent or fractions"),
        ("index,val_acc_pct\n1,90\n", "column 'val_accuracy_pct'; its columns: 'val_acc_pct'; did you mean --metric"),
        ("index,val_accuracy_pct\n", "mine.csv has no rows"),
        ("index,val_accuracy_pct\n1,90\n99999,3\n", "mine.csv, line 3: index 99999 is outside nb201"),
        ("index,val_accuracy_pct\n1,ninety\n", "mine.csv, line 2: val_accuracy_pct is 'ninety'; expected a number"),
        ("index,val_accuracy_pct\n1\n", "mine.csv, line 2 has 1 fields; the header names 2 columns"),
        ("arch,val_accuracy_pct\n|none~0|,3\n", "mine.csv, line 2: malformed nb201 cell"),
        (
            'index,val_accuracy_pct\n1,"90\n',
            "mine.csv is not a readable text table (line 2: unexpected end of data)",
        ),
        ("index,val_accuracy_pct\n1,nan\n2,\n", "column 'val_accuracy_pct' is empty"),
        ("index,val_accuracy_pct\n1,90\n2,inf\n", "line 3: val_accuracy_pct is inf; expected a finite number"),
        ("index,val_accuracy_pct\n1,90\n2,90\n", "targets must differ"),
    ],
)
def test_train_refuses_tables(cli: Callable[..., Any], folder: Path, table: str, expected: str) -> None:
    (folder / "mine.csv").write_text(table)
    done = cli("train", "--file", "mine.csv", "--out", "m", "--predictor", "gradient-boosting", "--json", "-q")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert expected in done.err
    assert not (folder / "m").exists()


def test_run_folders_that_cannot_be_used(cli: Callable[..., Any], refused: Refused, folder: Path) -> None:
    options = ("--budget", 1, "--predictor", "none", "--no-plots")
    assert cli("search", *options, "--run-dir", "run").code == 0
    before = (folder / "run" / "ledger.jsonl").read_bytes()
    assert "holds another run" in refused("search", *options, "--run-dir", "run")
    assert (folder / "run" / "ledger.jsonl").read_bytes() == before
    (folder / "file").write_text("")
    assert "cannot make the run folder file" in refused("search", *options, "--run-dir", "file")
    assert "--run-dir is empty" in refused("search", *options, "--run-dir", "")
    assert "cannot make the run folder file/below" in refused("search", *options, "--run-dir", "file/below")


def test_paths_that_no_file_can_have(refused: Refused, model: Path) -> None:
    for arguments in (
        ["search", "--budget", "1", "--predictor", "none", "--run-dir", "x" * 300],
        ["search", "--surrogate", "x" * 300],
        ["train", "--labels", "2", "--out", "x" * 300],
        ["train", "--file", "x" * 300, "--out", "m"],
        ["score", "x" * 300, "1"],
        ["score", model, "--file", "x" * 300],
        ["data", "import", "nb201", "x" * 300],
    ):
        assert "too long" in refused(*arguments)


def test_commands_that_are_none(refused: Refused) -> None:
    assert "unknown command 'serach'; known: search, train" in refused("serach")
    assert refused("serach").endswith("did you mean 'search'?")
    assert refused("data", "lst").endswith("did you mean 'list'?")
    assert refused("--jsno", "search").endswith("did you mean '--json'?")
    assert refused().startswith("expected a command, one of: search, train")
    assert "ACTION" in refused("data")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["landscape"], "unknown command 'landscape'; known: search, train, [a-z, -]*"),
        (["evaluation"], "unknown command 'evaluation'; .*; did you mean 'evaluate'\\?"),
        (["evaluate", "--workers", "2"], "unknown option '--workers'; did you mean '--jobs'\\?"),
        (["search", "--jobs", "2"], "unknown option '--jobs'; --jobs is an option of .*evaluate` and .*"),
        (["evaluate", "--no-plots"], "unknown option '--no-plots'; --no-plots is an option of `nassurrogate search`"),
        (["search", "--trials", "9"], "unknown option '--trials'; did you mean '--budget'\\?"),
        (["spaces", "--nonsense"], "unknown option '--nonsense'; see `nassurrogate spaces --help`"),
        (["--fidelity", "3", "search"], "unknown option '--fidelity'; .* is an option of `nassurrogate search`"),
        (["--workers", "spaces"], "unknown option '--workers'; --jobs is an option of .*evaluate` and .*"),
        (["data", "list", "--budget", "3"], "unknown option '--budget'; .* is an option of `nassurrogate search`"),
    ],
)  # fmt: skip
def test_hints_are_of_what_is_near(refused: Refused, arguments: list[str], expected: str) -> None:
    line = refused(*arguments)
    assert re.fullmatch(expected, line), line


@pytest.mark.parametrize(
    ("bound", "expected"),
    [
        ("14<=latency_ms<=12", "nothing lies between its two bounds; did you mean '12<=latency_ms<=14'?"),
        ("flops_m<=100 and params_m=1", "unknown operator '=', .*; did you mean 'params_m<=1'?"),
        ("flops_m<=100 or params_m<=1", "all bounds must hold; join them with 'and', not 'or'"),
        ("latency_ms<=12ms", "got '12ms'; did you mean 'latency_ms<=12'?"),
    ],
)
def test_bounds_that_cannot_be_read(refused: Refused, bound: str, expected: str) -> None:
    line = refused("search", "--budget", "3", "--constraint", bound)
    assert re.search(expected.replace("?", "\\?"), line), line


@pytest.mark.parametrize("seed", [-1, 2**63, 2**64])
@pytest.mark.parametrize(
    "command", [["search", "--budget", 3], ["evaluate", "--labels", 20], ["train", "--labels", 5, "--out", "m"]]
)
def test_one_rule_for_seeds(refused: Refused, command: list[Any], seed: int) -> None:
    assert refused(*command, "--seed", seed) == f"seed must be a whole number from 0 to 2^63 - 1, got {seed}"


@pytest.mark.skipif(torch.cuda.is_available(), reason="a machine without a GPU")
@pytest.mark.parametrize("predictor", ["gradient-boosting", "probe-former"])
@pytest.mark.parametrize(
    "command", [["search", "--budget", 3], ["evaluate", "--labels", 20], ["train", "--labels", 5, "--out", "m"]]
)
def test_a_gpu_that_is_not_there_is_refused(refused: Refused, command: list[Any], predictor: str) -> None:
    assert "device 'cuda' is missing" in refused(*command, "--predictor", predictor, "--device", "cuda")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["train", "--epochs", "3"], "unknown option '--epochs'"),
        (["import", "nb201", "x.csv"], "unknown command 'import'; did you mean 'data import'?"),
        (["list"], "unknown command 'list'; did you mean 'data list'?"),
    ],
)
def test_the_likelier_fault_is_named(refused: Refused, arguments: list[str], expected: str) -> None:
    assert expected in refused(*arguments)
