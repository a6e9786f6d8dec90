"""What real files hold and new users try: refused in one line with the remedy, or read alike by every command."""

from __future__ import annotations

import gzip
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nassurrogate.benchmarks import load_benchmark
from nassurrogate.spaces import get_space
from nassurrogate.surrogate import Surrogate

CommandLine = Callable[..., Any]
NB201 = get_space("nb201")
A, B = (NB201.parse(index).string for index in (7, 12))
TRAIN = ("train", "--csv", "mine.csv", "--predictor", "ridge", "--seed", 0, "--out", "m")
IMPORT = ("data", "import", "nb201", "mine.csv", "--name", "mine", "--replace")


@pytest.fixture
def refused(cli: CommandLine) -> Callable[..., str]:
    """Runs a command that must refuse, in one line; what it said."""

    def run(*args: object) -> str:
        done = cli(*args)
        assert (done.code, done.out, done.err.count("\n")) == (2, "", 1), done
        return str(done.err)

    return run


def labels(path: str = "m") -> dict[str, float]:
    """What a model has learned."""
    found = Surrogate.load(path).labels
    assert found is not None
    return {arch.string: float(value) for arch, value in zip(*found, strict=True)}


# --- numbers ---------------------------------------------------------------------------------------------------------


def test_two_columns_of_one_name(refused: Callable[..., str], folder: Path) -> None:
    (folder / "mine.csv").write_text(f"arch,val_accuracy_pct,val_accuracy_pct\n{A},91.2,8.8\n")
    for command in (TRAIN, IMPORT):
        assert "two columns are named 'val_accuracy_pct'" in refused(*command)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (".912", "looks like fractions, expected percent; say which: --unit fraction (multiplies it by 100)"),
        ("-.68", "line 2: val_accuracy_pct is -0.68; expected percent, 0 to 100"),
        ("190", "line 2: val_accuracy_pct is 190; expected percent, 0 to 100"),
        ("9312", "line 2: val_accuracy_pct is 9312; expected percent, 0 to 100"),
        ("91,2", r"line 2 has 3 fields; the header names 2 columns (a decimal comma? write 91.2, not 91,2)"),
        ('"91,2"', "line 2: val_accuracy_pct is '91,2'; expected a number with a decimal point, such as 91.2"),
    ],
)
def test_what_no_percentage_can_be(refused: Callable[..., str], folder: Path, value: str, told: str) -> None:
    (folder / "mine.csv").write_text(f"arch,val_accuracy_pct\n{A},{value}\n")
    for command in (TRAIN, (*IMPORT, "--dataset", "cifar10")):
        assert told in refused(*command)


def test_fractions_are_read_where_the_user_says_so(cli: CommandLine, folder: Path) -> None:
    (folder / "mine.csv").write_text(f"arch,val_accuracy_pct\n{A},.912\n{B},.5\n")
    assert cli(*TRAIN, "--unit", "fraction").code == 0
    assert labels() == {A: pytest.approx(91.2), B: 50.0}
    assert cli(*IMPORT, "--dataset", "cifar10", "--unit", "fraction").code == 0
    assert load_benchmark("nb201", table="mine").query(7).value == pytest.approx(91.2)


def test_a_mark_for_missing_must_be_declared(cli: CommandLine, refused: Callable[..., str], folder: Path) -> None:
    (folder / "mine.csv").write_text(f"arch,phone_latency_ms\n{A},-1\n{B},3.5\n0,4.5\n")
    options = ("--metric", "phone_latency_ms")
    for command in ((*TRAIN, *options), IMPORT):
        assert re.search("line 2: phone_latency_ms is -1; expected a positive .*--missing-value -1 ", refused(*command))
    done = cli(*TRAIN, *options, "--missing-value", -1)
    assert "1 row has no phone_latency_ms and is left out" in done.err
    assert labels() == {B: 3.5, NB201.parse(0).string: 4.5}


def test_errors_that_look_like_fractions_are_refused_and_mixtures_are_noted(
    cli: CommandLine, refused: Callable[..., str], folder: Path
) -> None:
    (folder / "mine.csv").write_text("index,cifar10_val_error_pct\n0,.08\n1,.12\n")
    assert "looks like fractions, expected percent" in refused(*IMPORT)
    assert "looks like fractions, expected percent" in refused(*TRAIN, "--metric", "val_error_pct")
    (folder / "mine.csv").write_text("index,cifar10_test_accuracy_pct\n" + "0,.9\n1,91\n2,.8\n3,85\n")
    for command in (IMPORT, (*TRAIN, "--metric", "test_accuracy_pct")):
        done = cli(*command)
        assert done.code == 0
        assert "2 of 4 values of cifar10_test_accuracy_pct are at most 1 and look like fractions" in done.err


def test_an_accuracy_without_a_unit_is_asked_for_it(
    cli: CommandLine, refused: Callable[..., str], folder: Path
) -> None:
    (folder / "mine.csv").write_text("index,cifar10_val_acc\n0,.9\n1,.8\n")
    told = "column 'cifar10_val_acc' may be in percent or fractions (its values are 0.8 to 0.9)"
    for command in (IMPORT, TRAIN):
        assert told in refused(*command)
        assert "'cifar10_val_acc' is read as val_accuracy_pct" in cli(*command, "--unit", "fraction").err
    assert list(labels().values()) == [90.0, 80.0]
    assert load_benchmark("nb201", table="mine").query(1).value == 80.0


# --- identity --------------------------------------------------------------------------------------------------------


def test_a_column_of_architectures_must_agree_with_the_index(
    cli: CommandLine, refused: Callable[..., str], folder: Path
) -> None:
    (folder / "mine.csv").write_text(f"index,architecture,val_accuracy_pct\n0,{A},86.9\n1,{B},87.9\n")
    for command in (TRAIN, (*IMPORT, "--dataset", "cifar10")):
        line = refused(*command)
        assert re.search(r"line 2: index 0 and architecture \|.* disagree; the official index of the latter is 7", line)
        assert "--arch-column index or --arch-column architecture" in line
    assert cli(*TRAIN, "--arch-column", "architecture").code == 0
    assert labels() == {A: 86.9, B: 87.9}
    (folder / "mine.csv").write_text(f"index,architecture,val_accuracy_pct\n7,{A},86.9\n12,{B},87.9\n")
    assert "column 'architecture' names the same architectures as 'index'" in cli(*TRAIN).err


@pytest.mark.parametrize("as_index", ["index", "arch"])
@pytest.mark.parametrize("numbers", [[7, 12], [7.0, 12.0], ["7", "12"], ["7.0", "12.0"]])
@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl"])
def test_an_index_is_read_however_it_is_written(
    cli: CommandLine, folder: Path, as_index: str, numbers: list[Any], form: str
) -> None:
    frame = pd.DataFrame({as_index: numbers, "val_accuracy_pct": [86.9, 87.9]})
    {
        "csv": lambda: frame.to_csv("mine.csv", index=False),
        "parquet": lambda: frame.to_parquet("mine.csv"),
        "jsonl": lambda: frame.to_json("mine.csv", orient="records", lines=True),
    }[form]()
    assert cli(*TRAIN).code == 0
    assert labels() == {A: 86.9, B: 87.9}
    assert cli(*IMPORT, "--dataset", "cifar10").code == 0
    assert load_benchmark("nb201", table="mine").query(12).value == 87.9
    assert [line.split()[0] for line in cli("score", "m", "--file", "mine.csv").out.splitlines()[1:]] == ["7", "12"]


def test_digits_of_macro_are_text(cli: CommandLine, refused: Callable[..., str], folder: Path) -> None:
    (folder / "mine.csv").write_text("arch,test_accuracy_pct\n00000012,90\n01200000,91\n")
    options = (*TRAIN, "--space", "macro", "--metric", "test_accuracy_pct")
    assert cli(*options).code == 0
    assert labels() == {"00000012": 90.0, "01200000": 91.0}
    pd.DataFrame({"arch": [12], "test_accuracy_pct": [90.0]}).to_parquet("mine.csv")
    assert "were leading zeros lost?" in refused(*options)


def test_indices_of_another_space_are_refused(refused: Callable[..., str], folder: Path) -> None:
    rows = "".join(f"{index},{1 + index % 7}\n" for index in range(NB201.size or 0))
    (folder / "mine.csv").write_text(f"index,phone_latency_ms\n{rows}")
    told = "15,625 rows have the indices 0 to 15624: that is all of nb201, not of nb101 (423,624)"
    assert told in refused("data", "import", "nb101", "mine.csv")
    (folder / "mine.csv").write_text(f"arch,phone_latency_ms\n{A},1\n")
    assert "it belongs to nb201" in refused("data", "import", "nb101", "mine.csv")


def test_cells_of_nb101_in_every_form_they_are_published_in(cli: CommandLine, folder: Path) -> None:
    space = get_space("nb101")
    cells = [space.parse(index) for index in (5, 70_000)]
    specs = [space.to_spec(cell) for cell in cells]  # type: ignore[attr-defined]
    values = [90.5, 91.5]
    matrices, operations = [spec.matrix for spec in specs], [spec.ops for spec in specs]
    dicts = [{"module_adjacency": m, "module_operations": o} for m, o in zip(matrices, operations, strict=True)]
    arrays = [{**d, "module_adjacency": np.array(d["module_adjacency"], dtype=np.int8)} for d in dicts]
    for columns in (
        {"hash": [cell.string for cell in cells]},
        {"arch": list(map(str, dicts))},
        {"arch": list(map(str, arrays))},
        {"module_adjacency": list(map(str, matrices)), "module_operations": list(map(str, operations))},
        {"module_adjacency": [str(np.array(m)) for m in matrices], "module_operations": list(map(str, operations))},
    ):
        pd.DataFrame({**columns, "val_accuracy_pct": values}).to_csv("mine.csv", index=False)
        done = cli(*TRAIN, "--space", "nb101")
        assert done.code == 0, done.err
        assert labels() == {cell.string: value for cell, value in zip(cells, values, strict=True)}
    nested = {"module_adjacency": matrices, "module_operations": operations, "val_accuracy_pct": values}
    pd.DataFrame(nested).to_parquet("mine.csv")
    assert cli(*TRAIN, "--space", "nb101").code == 0
    pd.DataFrame(nested).to_json("mine.csv", orient="records", lines=True)
    assert cli(*TRAIN, "--space", "nb101").code == 0
    assert list(labels().values()) == values


def test_rows_of_one_architecture(cli: CommandLine, refused: Callable[..., str], folder: Path) -> None:
    (folder / "mine.csv").write_text(f"arch,seed,val_accuracy_pct\n{A},777,90\n{A},888,92\n{B},777,80\n")
    for command in (TRAIN, (*IMPORT, "--dataset", "cifar10")):
        line = refused(*command)
        assert "lines 2 and 3 are both for cell 7" in line
        assert "(--seed-column seed), or use one column per seed (METRIC_seed0" in line
    assert cli(*TRAIN, "--seed-column", "seed").code == 0
    assert labels() == {A: 91.0, B: 80.0}
    assert cli(*IMPORT, "--dataset", "cifar10", "--seed-column", "seed").code == 0
    bench = load_benchmark("nb201", table="mine")
    assert [bench.query(7, seed=seed).value for seed in (0, 1, "mean")] == [90.0, 92.0, 91.0]
    assert bench.column("val_accuracy_pct").note == "seeds 777, 888"


# --- data sets -------------------------------------------------------------------------------------------------------


def test_a_known_data_set_is_meant_however_it_is_spelled(
    cli: CommandLine, refused: Callable[..., str], folder: Path
) -> None:
    (folder / "mine.csv").write_text("index,CIFAR10_test_accuracy_pct,imagenet16-120_test_accuracy_pct\n0,90,40\n")
    assert cli(*IMPORT).code == 0
    assert load_benchmark("nb201", "CIFAR-10").query(0, "test_accuracy_pct").value == 90.0
    assert load_benchmark("nb201", "imagenet16-120").query(0, "test_accuracy_pct").value == 40.0
    (folder / "mine.csv").write_text("index,test_accuracy_pct\n0,91\n")
    assert cli(*IMPORT, "--dataset", "cifar-10").code == 0
    assert load_benchmark("nb201", "cifar10").query(0, "test_accuracy_pct").value == 91.0
    done = cli("search", "--dataset", "cifar-10", "--budget", 1, "--predictor", "none", "--seed", 0, "--no-plots")
    assert "nb201/cifar10" in done.out
    (folder / "mine.csv").write_text("index,cifar11_test_accuracy_pct\n0,91\n")
    line = refused(*IMPORT)
    assert "'cifar11'; known: cifar10, cifar100, ImageNet16-120; did you mean 'cifar10" in line
    assert "a new one needs --new-dataset cifar11" in line
    assert cli(*IMPORT, "--new-dataset", "cifar11").code == 0
    (folder / "mine.csv").write_text("index,val_accuracy_pct\n0,91\n")
    assert "unknown data set 'svhn'" in refused(*IMPORT, "--dataset", "svhn")
    assert cli(*IMPORT, "--dataset", "svhn", "--new-dataset").code == 0
    assert load_benchmark("nb201", "svhn").query(0).value == 91.0


# --- files -----------------------------------------------------------------------------------------------------------


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


def test_units_in_any_case_and_none_and_text(cli: CommandLine, folder: Path) -> None:
    (folder / "mine.csv").write_text("index,power_mW,current_uA,board,synflow\n0,1.5,2,nucleo,-7\n1,2.5,3,nucleo,8\n")
    done = cli(*IMPORT, "--json")
    assert done.code == 0
    assert json.loads(done.out)["columns"] == {"*": ["power_mW", "current_uA", "synflow"]}
    assert "columns without numbers are skipped: board" in done.err
    assert "columns without a unit are read as they are: synflow" in done.err
    metrics = load_benchmark("nb201", "cifar10").metrics
    assert [metrics[name].unit for name in ("power_mW", "current_uA", "synflow")] == ["mW", "uA", "unknown"]


def test_all_faults_come_in_one_line(refused: Callable[..., str], folder: Path) -> None:
    (folder / "mine.csv").write_text("index,val_accuracy_pct,phone_latency_ms\n0,190,-1\n99999,90,2\nx,90,2\n")
    line = refused(*TRAIN)
    assert "has 4 faults: (1) line 3: index 99999 is outside nb201" in line
    for told in ("line 4: index is 'x'", "line 2: val_accuracy_pct is 190", "line 2: phone_latency_ms is -1"):
        assert told in line


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
    assert "--unit applies to tables only; it needs --csv FILE" in line
    (folder / "mine.csv").write_text("index,val_accuracy_pct\n0,90\n1,91\n")
    assert cli(*TRAIN).code == 0
    assert "--rename applies to tables only" in refused("score", "m", "0", "--rename", "arch=index")
    assert "--rename expects NEW=OLD, got 'arch'" in refused(*TRAIN, "--rename", "arch")


@pytest.mark.parametrize(
    ("content", "told"),
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
    refused: Callable[..., str], folder: Path, content: bytes, told: str
) -> None:
    (folder / "mine.csv").write_bytes(content)
    assert told in refused(*TRAIN)


def test_a_loop_of_links_is_one_line(refused: Callable[..., str], folder: Path) -> None:
    os.symlink("b.csv", folder / "a.csv")
    os.symlink("a.csv", folder / "b.csv")
    assert "cannot read" in refused("data", "import", "nb201", "a.csv")
    assert "cannot read a.csv" in refused("train", "--csv", "a.csv", "--out", "m")
    assert "a.csv" in refused("score", "a.csv", "0")


def test_columns_are_named_as_the_file_writes_them(cli: CommandLine, folder: Path) -> None:
    (folder / "mine.csv").write_text(f"net string,run no,phone latency (ms)\n{A},1,3.5\n{A},2,4.5\n{B},1,2.5\n")
    options = ("--arch-column", "net string", "--seed-column", "run no", "--metric", "phone latency (ms)")
    done = cli(*TRAIN, *options)
    assert done.code == 0, done.err
    assert "'phone latency (ms)' is read as 'phone_latency_ms'" in done.err
    assert labels() == {A: 4.0, B: 2.5}
    assert Surrogate.load("m").metric == "phone_latency_ms"


def test_digits_named_architectures_of_another_space_are_refused(refused: Callable[..., str], folder: Path) -> None:
    rows = "".join(f"{index},{index},{1 + index % 7}\n" for index in range(NB201.size or 0))
    (folder / "mine.csv").write_text(f"arch,id,phone_latency_ms\n{rows}")
    assert "that is all of nb201, not of nb101" in refused("data", "import", "nb101", "mine.csv")


def test_a_column_that_names_no_data_set_is_meant_before_others(cli: CommandLine, folder: Path) -> None:
    (folder / "mine.csv").write_text("index,val_accuracy_pct,cifar100_val_accuracy_pct\n7,90,70\n12,91,71\n")
    assert cli(*TRAIN).code == 0
    assert labels() == {A: 90.0, B: 91.0}
    assert cli(*TRAIN, "--metric", "cifar100_val_accuracy_pct").code == 0
    assert labels() == {A: 70.0, B: 71.0}


def test_metrics_are_known_in_any_case(cli: CommandLine, folder: Path) -> None:
    rows = "".join(f"{index},{500 + index % 7}\n" for index in range(NB201.size or 0))
    (folder / "mine.csv").write_text(f"index,Latency_ms\n{rows}")
    done = cli(*IMPORT)
    assert "used from now on: latency_ms of every data set, replacing table 'embedded'" in done.out
    assert load_benchmark("nb201", "cifar10").query(3, "latency_ms").value == 503.0
    assert cli(*TRAIN, "--metric", "latency_ms").code == 0


def test_one_data_set_of_an_import_may_know_less_than_all(cli: CommandLine, folder: Path) -> None:
    rows = "".join(f"{index},500,{5 if index < 60 else ''}\n" for index in range(NB201.size or 0))
    (folder / "mine.csv").write_text(f"index,latency_ms,cifar10_latency_ms\n{rows}")
    assert cli(*IMPORT).code == 0
    assert load_benchmark("nb201", "cifar10").query(3, "latency_ms").value == 500.0


def test_only_accuracies_and_errors_are_fractions(cli: CommandLine, folder: Path) -> None:
    (folder / "mine.csv").write_text("index,val_accuracy,sparsity_pct,gpu_utilization_pct\n7,.91,.5,45\n12,.92,.6,46\n")
    assert cli(*IMPORT, "--unit", "fraction", "--dataset", "cifar10").code == 0
    bench = load_benchmark("nb201", "cifar10", table="mine")
    found = [bench.query(7, name).value for name in ("val_accuracy_pct", "sparsity_pct", "gpu_utilization_pct")]
    assert found == [91.0, 0.5, 45.0]


def test_a_new_data_set_is_refused_alike_until_it_is_declared(
    cli: CommandLine, refused: Callable[..., str], folder: Path
) -> None:
    (folder / "mine.csv").write_text("index,svhn_val_accuracy_pct\n7,90\n12,91\n")
    said = {refused(*command) for command in (TRAIN, IMPORT)}
    assert len(said) == 1
    assert "a new one needs --new-dataset svhn" in said.pop()
    assert cli(*TRAIN, "--new-dataset", "svhn").code == 0
    assert Surrogate.load("m").dataset == "svhn"


def test_two_names_of_one_column_are_refused_alike(refused: Callable[..., str], folder: Path) -> None:
    (folder / "mine.csv").write_text("arch,cifar10_val_acc%,cifar10_val_acc_pct\n0,91,9\n1,92,8\n")
    said = {refused(*command) for command in (TRAIN, IMPORT)}
    assert len(said) == 1
    assert "columns 'cifar10_val_acc_pct' and 'cifar10_val_acc%' are both cifar10_val_acc_pct" in said.pop()


def test_thousands_have_two_readings(refused: Callable[..., str], folder: Path) -> None:
    (folder / "mine.csv").write_text("arch;phone_latency_ms\n0;1,200\n1;1,100\n")
    assert "with a decimal point, such as 1.200, or without separators, such as 1200" in refused(*IMPORT)


def test_a_data_set_without_a_column_has_no_effect_and_says_so(cli: CommandLine, folder: Path) -> None:
    (folder / "mine.csv").write_text("index,cifar100_val_accuracy_pct\n7,70\n12,71\n")
    assert "so --dataset cifar10 has no effect" in cli(*IMPORT, "--dataset", "cifar10").err
    (folder / "mine.csv").write_text("index,cifar10_val_accuracy_pct,cifar100_val_accuracy_pct\n7,90,70\n12,91,71\n")
    assert "no effect" not in cli(*TRAIN, "--dataset", "cifar10").err
    assert labels() == {A: 90.0, B: 91.0}
