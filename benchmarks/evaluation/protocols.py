"""Protocols of evaluation: training set, labels, test set, and the targets that predictions are compared with."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np

from nassurrogate.benchmarks.base import LABEL, TEST
from nassurrogate.benchmarks.tabular.table import TabularBenchmark
from nassurrogate.errors import InputError, brief, unknown_choice
from nassurrogate.metric import Metric
from nassurrogate.renamed import renamed
from nassurrogate.spaces import EnumerableSpace

NB201_LABELS = (50, 78, 156, 469, 781, 1563)
_CIFAR10 = ("cifar10",)
NB101_LABELS = (100, 172, 424, 4236)
GENERAL_LABELS = (20, 30, 50, 100)
MOST_RANKED = 10_000
"""How many architectures protocol G ranks at most."""
SELECTION_CELLS = 200
"""How many more targets the literature looks up, to select the model on."""


@dataclass(frozen=True)
class Protocol:
    """How a predictor is measured.

    Attributes:
        id: its name, as on the command line.
        summary: what is learned, and what is ranked.
        space: name of the search space.
        datasets: the data sets it is defined on; empty: all of the space.
        label: the column that predictors learn, N cells of it.
        target: the column that their predictions are compared with.
        sizes: the usual N.
        intervals: whether the coverage of intervals means something; it does not if the target is another column.
        new_classes: whether test cells that are equivalent to a training cell are left out.
        general: on any space, of any benchmark; label and target are its objective, and `on` fills them in.
        leaky: replays the literature: the first N cells, one training run, model selection by the target of 200 more
            cells, and a test set of all cells, training and selection cells included.
    """

    id: str
    summary: str
    space: str
    label: str
    target: str
    sizes: tuple[int, ...]
    datasets: tuple[str, ...] = ()
    intervals: bool = False
    new_classes: bool = False
    leaky: bool = False
    general: bool = False

    def on(self, space: str, objective: Metric) -> Protocol:
        """A general protocol on one space: its objective is label and target."""
        return replace(self, space=space, label=objective.name, target=objective.name)

    @property
    def splits_overlap(self) -> bool:
        """Whether split s of one seed is split s − 1 of the next."""
        return not self.general and not self.leaky

    @property
    def default_dataset(self) -> str:
        """The data set if none is named."""
        return self.datasets[0] if self.datasets else "cifar10"

    def check_dataset(self, dataset: str) -> None:
        """Raise `InputError` for a data set that the protocol is not defined on."""
        if self.datasets and dataset not in self.datasets:
            raise unknown_choice("data set", dataset, self.datasets, place=f" of protocol {self.id}")

    def labels(self, benchmark: TabularBenchmark) -> np.ndarray:
        """(size,) the labels: the mean over training seeds, or one training run; NaN if there is none."""
        column = benchmark.column(self.label)
        return column.values[:, 0] if self.leaky else column.mean

    def split(self, benchmark: TabularBenchmark, labels: int, split: int, *, seed: int = 0) -> Split:
        """The cells of one split. Raises `InputError` if the table has too few labels for it."""
        if self.leaky:
            return _published_cells(benchmark, self, labels)
        train, test = split_cells(benchmark, labels, split, seed=seed, label=self.label, target=self.target)
        return Split(train, test)

    def draw(self, benchmark: TabularBenchmark, labels: int, split: int, *, seed: int = 0) -> Split:
        """The former name of `split`."""
        message = "Protocol.draw is now Protocol.split; the old name will be removed in version 0.3"
        warnings.warn(message, DeprecationWarning, stacklevel=2)
        return self.split(benchmark, labels, split, seed=seed)


@dataclass(frozen=True)
class Split:
    """Indices of the cells of one split: (N,) of the training set, (M,) of the test set.

    Attributes:
        selection: cells that a leaky protocol selects the model on; None: it selects on none.
    """

    train: np.ndarray
    test: np.ndarray
    selection: np.ndarray | None = None


PROTOCOLS = {
    protocol.id: protocol
    for protocol in (
        Protocol("A1", "validation accuracy ranks test accuracy", "nb201", LABEL, TEST, NB201_LABELS, _CIFAR10),
        Protocol("A2", "A1 on the other data sets", "nb201", LABEL, TEST, NB201_LABELS, ("cifar100", "ImageNet16-120")),
        Protocol(
            "A3", "A1 without duplicates of training cells", "nb201", LABEL, TEST, NB201_LABELS, _CIFAR10,
            new_classes=True,
        ),
        Protocol("A4", "validation accuracy ranks itself", "nb201", LABEL, LABEL, NB201_LABELS, intervals=True),
        Protocol("A5", "one-run validation accuracy ranks test accuracy", "nb101", LABEL, TEST, NB101_LABELS, _CIFAR10),
        Protocol("A6", "test accuracy ranks itself", "nb101", TEST, TEST, NB101_LABELS, _CIFAR10, intervals=True),
        Protocol(
            "published", "A1 as the literature measures it: LEAKY", "nb201", LABEL, TEST, NB201_LABELS[1:], _CIFAR10,
            leaky=True,
        ),
        Protocol(
            "G", "the objective ranks itself, on any space", "", "", "", GENERAL_LABELS, intervals=True, general=True
        ),
    )
}  # fmt: skip

NETWORK_PROTOCOLS = {
    "C3": "whole networks, in domain: 90 % of each family to train, 10 % to test",
    "C4": "whole networks, unseen family: one family to test, all others to train",
}
"""Protocols of `nassurrogate.benchmarks.evaluation.networks`, with a summary of each."""


def get_protocol(name: str) -> Protocol:
    """The protocol of that name. Raises `InputError` for an unknown one.

    >>> get_protocol("A4").target
    'val_accuracy_pct'
    """
    if name in NETWORK_PROTOCOLS:
        raise InputError(f"protocol {name} is on measured networks: call evaluate_networks with them (--data DIR)")
    if name not in PROTOCOLS:
        raise unknown_choice("protocol", name, [*PROTOCOLS, *NETWORK_PROTOCOLS])
    return PROTOCOLS[name]


def split_cells(
    benchmark: TabularBenchmark,
    labels: int,
    split: int,
    *,
    seed: int = 0,
    label: str = LABEL,
    target: str | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the N training cells and of all others that have the target; the same split is nested in N.

    The order is `numpy.random.default_rng(seed + split).permutation` of the cells that have the label, uniform over
    strings. Raises `InputError` for numbers out of range: at least one cell must be left to test on.

    Args:
        label: the column of the training labels.
        target: the column that the others are evaluated on; None: the label's.
    """
    known = np.flatnonzero(np.isfinite(benchmark.column(label).mean))
    for name, number, low in (("labels", labels, 1), ("split", split, 0), ("seed", seed, 0)):
        if isinstance(number, bool) or not isinstance(number, int | np.integer) or number < low:
            raise InputError(f"{name} must be a whole number from {low}, got {brief(number)}")
    _check_enough(labels, len(known) - 1)
    order = known[np.random.default_rng(seed + split).permutation(len(known))]
    train, others = order[:labels], order[labels:]
    if target is None or target == label:
        return train, others
    wanted = np.isfinite(benchmark.column(target).mean)
    unlabelled = np.setdiff1d(np.flatnonzero(wanted), known)
    return train, np.concatenate([others[wanted[others]], unlabelled])


def split_seeds(seed: int, split: int) -> tuple[np.random.Generator, int]:
    """The generator behind a split of protocol G, and the seed of its fits: two seeds share nothing.

    Both come from `numpy.random.SeedSequence([seed, split])`, the seed from its first child.

    >>> split_seeds(0, 1)[0].random() == split_seeds(1, 0)[0].random()
    False
    """
    sequence = np.random.SeedSequence([seed, split])
    return np.random.default_rng(sequence), int(sequence.spawn(1)[0].generate_state(1)[0] >> 1)


def random_split(known: np.ndarray, labels: int, split: int, *, seed: int = 0, most: int = MOST_RANKED) -> Split:
    """Protocol G on a table: a training set of N architectures with the objective, a test set of at most `most` others.

    The order is `numpy.random.default_rng(numpy.random.SeedSequence([seed, split])).permutation` of the known ones. The
    first N are the training set, the last ones the test set: all that are left, or `most`, the same for every N. Raises
    `InputError` if none would be left.

    Args:
        known: (n,) indices of the architectures that have the objective, in the order of the space.
    """
    _check_enough(labels, len(known) - 1)
    order = known[split_seeds(seed, split)[0].permutation(len(known))]
    return Split(order[:labels], order[max(labels, len(order) - most) :])


def _published_cells(benchmark: TabularBenchmark, protocol: Protocol, labels: int) -> Split:
    wanted = np.isfinite(benchmark.column(protocol.target).mean)
    known = np.flatnonzero(wanted & np.isfinite(protocol.labels(benchmark)))
    _check_enough(labels, len(known) - SELECTION_CELLS)
    return Split(known[:labels], np.flatnonzero(wanted), known[labels : labels + SELECTION_CELLS])


def _check_enough(labels: int, most: int) -> None:
    if not 1 <= labels <= most:
        raise InputError(f"labels must be from 1 to {most}, got {labels}")


def development_split(space: EnumerableSpace) -> np.ndarray:
    """Indices of all cells in a fixed third of the space's classes: where hyper-parameters are chosen, on cifar10.

    >>> from nassurrogate.spaces import get_space
    >>> len(development_split(get_space("nb201")))
    5060
    """
    chosen = np.random.default_rng(201).permutation(space.n_classes)[: space.n_classes // 3]
    return np.flatnonzero(np.isin(space.class_ids(), chosen))


__getattr__ = renamed(__name__, {"Draw": "Split"})
