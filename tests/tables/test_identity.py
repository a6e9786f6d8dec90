"""How real files name architectures: read alike by every command, or refused in one line with the remedy."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nassurrogate.benchmarks import load_benchmark
from nassurrogate.spaces import get_space
from tests.command_line import CommandLine
from tests.tables.rows import IMPORT, NB201, TRAIN, A, B, labels


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
    message = "15,625 rows have the indices 0 to 15624: that is all of nb201, not of nb101 (423,624)"
    assert message in refused("data", "import", "nb101", "mine.csv")
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


def test_digits_named_architectures_of_another_space_are_refused(refused: Callable[..., str], folder: Path) -> None:
    rows = "".join(f"{index},{index},{1 + index % 7}\n" for index in range(NB201.size or 0))
    (folder / "mine.csv").write_text(f"arch,id,phone_latency_ms\n{rows}")
    assert "that is all of nb201, not of nb101" in refused("data", "import", "nb101", "mine.csv")
