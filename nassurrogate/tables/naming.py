"""Parses column names: the data set, the metric with its unit, the training seed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from nassurrogate.errors import InputError, brief, nearest
from nassurrogate.metric import UNKNOWN_UNIT, known_metric

_TRAINING: Final = re.compile(
    r"(?P<dataset>.+?)[_-](?P<metric>(?:val|valid|validation|test|train)_(?:accuracy|acc|loss|error|time|top\d?)\w*)",
    re.IGNORECASE,
)
_SEED: Final = re.compile(r"(?P<metric>.+)_seed_?(?P<seed>\d{1,9})", re.IGNORECASE)
_RUN: Final = re.compile(r"(?P<metric>.*[A-Za-z])_(?P<seed>\d{1,9})")
_ACCURACY: Final = re.compile(
    r"(?P<split>val|valid|validation|test|train)[_-]?(?:acc|accuracy|top_?1(?:_?acc(?:uracy)?)?)", re.IGNORECASE
)
"""The many ways to name an accuracy without its unit."""
_SPLITS: Final = {"valid": "val", "validation": "val"}
_SHARES: Final = re.compile(r"(?:^|[_-])(?:accuracy|acc|top_?\d|error|err)(?:$|[_-])", re.IGNORECASE)
_NO_SHARES: Final = re.compile(
    r"(?:^|[_-])(?:squared|absolute|relative|std|stddev|var|variance|sem|rank|mse|rmse|mae)(?:$|[_-])", re.IGNORECASE
)
_STANDARD: Final = (
    "val_accuracy_pct", "test_accuracy_pct", "train_accuracy_pct", "val_loss", "test_loss", "train_loss",
    "train_time_s", "latency_ms", "energy_mj", "params_m", "flops_m",
)  # fmt: skip
"""Standard names."""
_SPLIT_ALONE: Final = re.compile(r"val|valid|validation|test|train", re.IGNORECASE)
_SHORT: Final = {"imagenet": "ImageNet16-120", "imagenet16": "ImageNet16-120"}
"""Short names of data sets → their full names, used where those are known."""


@dataclass(frozen=True)
class Names:
    """The names that columns of a space's tables may refer to.

    Args:
        datasets: names of data sets; none for a space whose tables have no data sets.
        metrics: names of metrics, besides the standard ones.
    """

    datasets: Sequence[str] = ()
    metrics: Sequence[str] = ()

    def spelled(self, metric: str) -> str:
        """The known spelling of a metric that differs from a known one only in case, or ends with a standard one.

        >>> Names().spelled("phone_Latency_MS")
        'phone_latency_ms'
        """
        known = {name.casefold(): name for name in (*_STANDARD, *self.metrics)}
        folded_name = metric.casefold()
        if folded_name in known:
            return known[folded_name]
        end = max((name for name in _STANDARD if folded_name.endswith(f"_{name}")), key=len, default=None)
        return metric if end is None else metric[: -len(end)] + end


@dataclass(frozen=True)
class Naming:
    """The meaning of one column.

    Args:
        column: its name in the file.
        metric: the metric, without data set and seed.
        dataset: a known data set; None if the name has none.
        seed: the training seed; None if the name has none.
        new_dataset: a prefix that looks like an unknown data set.
        needs_unit: whether it may be in percent or fractions, and the name does not say which.
        question: what the user must clarify before it can be read; empty if nothing is unclear.
    """

    column: str
    metric: str
    dataset: str | None = None
    seed: int | None = None
    new_dataset: str = ""
    needs_unit: bool = False
    question: str = ""


def folded(name: str) -> str:
    """A data set's name without case and punctuation, the same for all spellings.

    >>> folded("ImageNet16_120") == folded("imagenet16-120")
    True
    """
    return re.sub(r"[\s_.-]+", "", name).casefold()


def known_dataset(given: str, known: Iterable[str]) -> str | None:
    """The known data set of that name, ignoring case and hyphens; None if it is a new one.

    >>> known_dataset("CIFAR-10", ["cifar10", "cifar100"])
    'cifar10'
    """
    by_fold = {folded(name): name for name in known}
    exact = by_fold.get(folded(given))
    return exact if exact is not None else by_fold.get(folded(_SHORT.get(folded(given), "")))


def read_names(names: Sequence[str], known: Names, *, with_unit: bool) -> tuple[list[Naming], list[tuple[str, str]]]:
    """The meaning of every column, and notes for the user, each with the column that it is about.

    Args:
        names: of the columns that hold numbers.
        known: data sets and metrics.
        with_unit: whether the user gave the unit of accuracies and errors; those without a unit in their names then
            get standard names.
    """
    split = [_split_dataset(name, known.datasets) for name in names]
    notes: list[tuple[str, str]] = []
    runs = _runs([naming.metric for naming in split])
    found = []
    for naming in split:
        if match := _SEED.fullmatch(naming.metric):
            naming = replace(naming, metric=match["metric"], seed=int(match["seed"]))
        elif naming.metric in runs:
            stem, seed = runs[naming.metric]
            notes.append((naming.column, f"{naming.column!r} is read as training seed {seed} of {stem!r}"))
            naming = replace(naming, metric=stem, seed=seed)
        spelled = known.spelled(naming.metric)
        if spelled != naming.metric:
            notes.append((naming.column, f"{naming.column!r} is read as {spelled}"))
            naming = replace(naming, metric=spelled)
        found.append(_with_unit(naming, notes, with_unit=with_unit))
    return found, notes


def _split_dataset(name: str, datasets: Sequence[str]) -> Naming:
    dataset = known_dataset(name, datasets)
    if dataset is not None:
        return Naming(name, name, dataset, question=_no_metric(name, "{dataset}"))
    borders = [match.start() for match in re.finditer(r"[_.-]", name)]
    for border in reversed(borders):  # the longest prefix first
        dataset = known_dataset(name[:border], datasets)
        rest = name[border + 1 :]
        if dataset is not None and rest:
            alone = _no_metric(name, f"{{dataset}}{name[border:]}") if _SPLIT_ALONE.fullmatch(rest) else ""
            return Naming(name, rest, dataset, question=alone)
    inside = _dataset_inside(name, datasets)
    if inside is not None:
        question = (
            f"column {name!r} does not start with its data set, {inside}; rename it: --rename "
            f"{inside}_METRIC={name}, or all data sets at once: --rename '{{dataset}}_METRIC=...{{dataset}}...'"
        )
        return Naming(name, name, question=question)
    match = _TRAINING.fullmatch(name)
    return Naming(name, name, new_dataset=match["dataset"] if match else "")


def _dataset_inside(name: str, datasets: Sequence[str]) -> str | None:
    """The data set whose name appears anywhere in a column's name."""
    spelled = {folded(dataset): dataset for dataset in datasets}
    spelled |= {short: meant for short in _SHORT if (meant := known_dataset(short, datasets)) is not None}
    return next((spelled[fold] for fold in sorted(spelled, key=len, reverse=True) if fold in folded(name)), None)


def _no_metric(name: str, pattern: str) -> str:
    return (
        f"column {name!r} names a data set but no metric; rename it, for all data sets at once: --rename "
        f"'{{dataset}}_test_accuracy_pct={pattern}'"
    )


def _runs(metrics: Sequence[str]) -> dict[str, tuple[str, int]]:
    """Name → stem and number, for `test_acc_1`, `test_acc_2`, …: only for several columns of a trained metric."""
    stems: dict[str, list[tuple[str, int]]] = {}
    for metric in metrics:
        match = _RUN.fullmatch(metric)
        if match and not match["metric"].casefold().endswith("top"):
            about = known_metric(match["metric"])
            if about.needs_training and about.direction is not None:
                stems.setdefault(match["metric"], []).append((metric, int(match["seed"])))
    return {metric: (stem, seed) for stem, found in stems.items() if len(found) > 1 for metric, seed in found}


def is_share(metric: str) -> bool:
    """Whether a metric is an accuracy or an error, in percent or as a fraction.

    >>> is_share("val_error_pct"), is_share("mean_squared_error"), is_share("sparsity_pct")
    (True, False, False)
    """
    about = known_metric(metric)
    if _NO_SHARES.search(metric) or not (about.is_percent or about.unit == UNKNOWN_UNIT):
        return False
    is_trained = about.is_percent and about.needs_training and about.direction is not None  # an AUC, an mIoU
    return is_trained or _SHARES.search(metric) is not None


def _with_unit(naming: Naming, notes: list[tuple[str, str]], *, with_unit: bool) -> Naming:
    if known_metric(naming.metric).unit != UNKNOWN_UNIT or not is_share(naming.metric):
        return naming
    if not with_unit:
        return replace(naming, needs_unit=True)
    accuracy = _ACCURACY.fullmatch(naming.metric)
    if accuracy:
        split = accuracy["split"].casefold()
        metric = f"{_SPLITS.get(split, split)}_accuracy_pct"
    else:
        metric = f"{naming.metric}_pct"
    notes.append((naming.column, f"{naming.column!r} is read as {metric}"))
    return replace(naming, metric=metric)


def new_dataset_error(given: str, known: Sequence[str], *, column: str = "") -> InputError:
    """The error for an unknown data set, which may be a typo or a new one: the user decides."""
    close = nearest(given, known)
    hint = f"; did you mean {close!r}?" if close else ""
    where = f"column {brief(column)} names an unknown data set, " if column else "unknown data set "
    new = given if len(given) <= 40 else "NAME"
    return InputError(f"{where}{brief(given)}; known: {', '.join(known)}{hint}; a new one needs --new-dataset {new}")
