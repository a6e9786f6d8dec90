"""Files of other seeds of the fuzz test that were once read wrongly."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd

from nassurrogate.surrogate import Surrogate
from tests.command_line import CommandLine


def test_a_data_set_that_is_new_is_not_mixed_up_with_the_columns_of_none(cli: CommandLine, folder: Path) -> None:
    """With `svhn_val_accuracy_pct` and `Val_Acc`, `--dataset svhn` means the first, new as that name is."""
    (folder / "mine.csv").write_text("index,svhn_val_accuracy_pct,Val_Acc\n0,86.5,5.5\n1,18.5,92.5\n2,48.5,90.5\n")
    done = cli("train", "--file", "mine.csv", "--unit", "percent", "--dataset", "svhn", "--metric", "val_accuracy_pct",
               "--predictor", "ridge", "--seed", 0, "--out", "model")  # fmt: skip
    if done.code == 0:
        labels = Surrogate.load("model").label_stats
        assert (labels["min"], labels["max"]) == (18.5, 86.5)
    else:
        assert "svhn" in done.err


def test_a_damaged_name_in_parquet_is_refused(cli: CommandLine, folder: Path) -> None:
    content = io.BytesIO()
    pd.DataFrame({"index": [0, 1], "board": ["quick", "quack"], "latency_ms": [1.5, 2.5]}).to_parquet(
        content, compression=None
    )
    (folder / "mine.parquet").write_bytes(content.getvalue().replace(b"quick", b"qu\xceck"))
    for command in (("data", "import", "nb201"), ("train", "--metric", "latency_ms", "--out", "model", "--file")):
        done = cli(*command, "mine.parquet")
        assert done.code in (0, 2), done.err
