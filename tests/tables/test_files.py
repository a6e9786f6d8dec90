"""Formats of real files: read alike by every command, or refused in one line with the remedy."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from nassurrogate.benchmarks import load_benchmark
from nassurrogate.surrogate import Surrogate
from tests.command_line import CommandLine
from tests.tables.rows import IMPORT, NB201, TRAIN, A, B, labels


def plain(separator: str = ",", names: str = "arch,remark,val_accuracy_pct") -> str:
    return "".join(f"{separator.join(row)}\n" for row in (names.split(","), (A, "slow", "86.9"), (B, "fast", "87.9")))


@pytest.mark.parametrize(
    "content",
    [
        plain().encode(),
        plain(";").encode(),
        plain("\t").encode(),
        plain(names="Arch,remark,val_accuracy_pct").encode(),
        plain().encode("utf-16"),
        plain().encode("utf-8-sig"),
        gzip.compress(plain("\t").encode(), mtime=0),
        ("# my phone\n" + plain() + "# the end\n").encode(),
        plain().replace("\n", "\r\n\r\n").encode(),
        # The architecture stands last, behind five kilobytes of names.
        (
            ",".join(f"a_count_of_something_rather_special_{i}" for i in range(130)) + ",val_accuracy_pct,arch\n"
            f"{'1,' * 130}86.9,{A}\n{'2,' * 130}87.9,{B}\n"
        ).encode(),
    ],
    ids=["comma", "semicolon", "tab", "Arch", "utf-16", "bom", "gzip", "comments", "crlf", "long-header"],
)
def test_formats_of_text(cli: CommandLine, folder: Path, content: bytes) -> None:
    (folder / "mine.csv").write_bytes(content)
    assert cli(*TRAIN).code == 0
    assert labels() == {A: 86.9, B: 87.9}
    assert cli(*IMPORT, "--dataset", "cifar10").code == 0
    assert load_benchmark("nb201", table="mine").query(7).value == 86.9
    assert len(cli("score", "m", "--file", "mine.csv").out.splitlines()) == 3


def test_columns_that_pandas_adds_are_left_out(cli: CommandLine, folder: Path) -> None:
    frame = pd.DataFrame({"arch": [A, B, A], "val_accuracy_pct": [86.9, 87.9, 50.0]})
    frame[:2].to_csv("mine.csv")
    assert "column '' is an unnamed index and is skipped" in cli(*TRAIN).err
    frame[frame.val_accuracy_pct > 60].to_parquet("mine.csv")
    for command in (TRAIN, (*IMPORT, "--dataset", "cifar10")):
        done = cli(*command)
        assert done.code == 0
    assert labels() == {A: 86.9, B: 87.9}
    frame[:2].set_index(pd.Index([9, 3])).assign(arch=["0", "1"]).pipe(
        lambda rows: pd.concat([frame[:2], rows])
    ).to_parquet("mine.csv")
    assert "__index_level_0__" in cli(*TRAIN).err
    assert len(labels()) == 4


def test_all_faults_come_in_one_line(refused: Callable[..., str], folder: Path) -> None:
    (folder / "mine.csv").write_text("index,val_accuracy_pct,phone_latency_ms\n0,190,-1\n99999,90,2\nx,90,2\n")
    line = refused(*TRAIN)
    assert "has 4 problems: (1) line 3: index 99999 is outside nb201" in line
    for message in ("line 4: index is 'x'", "line 2: val_accuracy_pct is 190", "line 2: phone_latency_ms is -1"):
        assert message in line


def test_refusals_name_the_columns_and_the_nearest(refused: Callable[..., str], folder: Path) -> None:
    (folder / "mine.csv").write_text(f"archs,val_acuracy_pct\n{A[:-1]},90\n")
    line = refused(*TRAIN)
    assert "its columns: 'archs', 'val_acuracy_pct'; did you mean --arch-column archs?" in line
    (folder / "mine.csv").write_text("index,val_acuracy_pct\n0,90\n1,91\n")
    assert "its columns: 'val_acuracy_pct'; did you mean --metric val_acuracy_pct?" in refused(*TRAIN)
    assert "no column 'net', asked for by --arch-column" in refused(*TRAIN, "--arch-column", "net")
    assert "no column 'run', asked for by --seed-column" in refused(*TRAIN, "--seed-column", "run")


def test_options_of_tables_without_a_table_are_refused(
    refused: Callable[..., str], cli: CommandLine, folder: Path
) -> None:
    line = refused("train", "--labels", 3, "--unit", "percent", "--out", "m")
    assert "--unit applies to tables only; it needs --file FILE" in line
    (folder / "mine.csv").write_text("index,val_accuracy_pct\n0,90\n1,91\n")
    assert cli(*TRAIN).code == 0
    assert "--rename applies to tables only" in refused("score", "m", "0", "--rename", "arch=index")
    assert "--rename expects NEW=OLD, got 'arch'" in refused(*TRAIN, "--rename", "arch")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04" + bytes(50), "a ZIP archive or a spreadsheet; unpack it, or export the sheet as CSV"),
        (b"BZh9" + bytes(50), "compressed with bzip2; decompress it first"),
        (gzip.compress(bytes(range(256)), mtime=0)[:100], "is a damaged gzip file"),
        (b"PAR1" + bytes(50), "is not a readable Parquet table"),
        ("index,val_accuracy_pct\n0,90\n".encode("utf-16-le"), "has a NUL byte; if it is UTF-16, save it as UTF-8"),
        (b"index,val_accuracy_pct\n0,9\xff\n", "is not UTF-8 or UTF-16 text (line 2"),
        (b"index val_accuracy_pct\n0 90\n", "columns must be separated by commas, semicolons or tabs"),
        (b'{"index": {"0": 7}, "val_accuracy_pct": {"0": 90}}', "expected one object per row: df.to_json"),
        (b'{"index": 7, "index": 8}\n', "line 1 is not readable JSON (two values named 'index')"),
    ],
)
def test_foreign_files_are_refused_by_their_cause(
    refused: Callable[..., str], folder: Path, content: bytes, message: str
) -> None:
    (folder / "mine.csv").write_bytes(content)
    assert message in refused(*TRAIN)


def test_a_loop_of_links_is_one_line(refused: Callable[..., str], folder: Path) -> None:
    os.symlink("b.csv", folder / "a.csv")
    os.symlink("a.csv", folder / "b.csv")
    assert "cannot read" in refused("data", "import", "nb201", "a.csv")
    assert "cannot read a.csv" in refused("train", "--file", "a.csv", "--out", "m")
    assert "a.csv" in refused("score", "a.csv", "0")


def test_columns_are_named_as_the_file_writes_them(cli: CommandLine, folder: Path) -> None:
    (folder / "mine.csv").write_text(f"net string,run no,phone latency (ms)\n{A},1,3.5\n{A},2,4.5\n{B},1,2.5\n")
    options = ("--arch-column", "net string", "--seed-column", "run no", "--metric", "phone latency (ms)")
    done = cli(*TRAIN, *options)
    assert done.code == 0, done.err
    assert "'phone latency (ms)' is read as 'phone_latency_ms'" in done.err
    assert labels() == {A: 4.0, B: 2.5}
    assert Surrogate.load("m").metric == "phone_latency_ms"


def test_metrics_are_known_in_any_case(cli: CommandLine, folder: Path) -> None:
    rows = "".join(f"{index},{500 + index % 7}\n" for index in range(NB201.size or 0))
    (folder / "mine.csv").write_text(f"index,Latency_ms\n{rows}")
    done = cli(*IMPORT)
    assert "used from now on: latency_ms of every data set, replacing table 'embedded'" in done.out
    assert load_benchmark("nb201", "cifar10").query(3, "latency_ms").value == 503.0
    assert cli(*TRAIN, "--metric", "latency_ms").code == 0


def test_two_names_of_one_column_are_refused_alike(refused: Callable[..., str], folder: Path) -> None:
    (folder / "mine.csv").write_text("arch,cifar10_val_acc%,cifar10_val_acc_pct\n0,91,9\n1,92,8\n")
    said = {refused(*command) for command in (TRAIN, IMPORT)}
    assert len(said) == 1
    assert "columns 'cifar10_val_acc_pct' and 'cifar10_val_acc%' are both cifar10_val_acc_pct" in said.pop()
