"""Splits of measured networks into training and test set, by protocols C3 and C4."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

import numpy as np

from nassurrogate.benchmarks.evaluation.protocols import split_seeds
from nassurrogate.benchmarks.networks import MeasuredNetworks
from nassurrogate.errors import InputError

TEST_SHARE = 0.1
"""The share of each family that C3 tests on."""


@dataclass(frozen=True)
class NetworkSplit:
    """One split.

    Attributes:
        number: of the repetition.
        train, test: (N,) and (M,) positions of networks.
        seed: of the fit.
        unseen: the family left out; None if all families are in training.
        dropped: networks that are not in training because they equal a test network.
        few: positions of the networks of the unseen family that the fit is adapted to.
    """

    number: int
    train: np.ndarray
    test: np.ndarray
    seed: int
    unseen: str | None = None
    dropped: int = 0
    few: np.ndarray = field(default_factory=lambda: np.empty(0, np.intp))


class NetworkSplits:
    """The splits of one data set: split s of a family is an order of its networks, drawn from `[seed, s]`.

    In domain, the first networks of each order are the test set, 10 % and at least one. The following ones, all or
    `per_family`, are the training set, so training sets are nested and the test set is the same for each of them. If a
    family is left out, all its networks are the test set, and the first of the others' orders the training set.
    Networks that equal a test network are dropped from the training set.

    Args:
        networks: the data set.
        seed: two seeds share nothing.
        per_family: the most training networks of a family; None: all.
    """

    def __init__(self, networks: MeasuredNetworks, seed: int, per_family: int | None = None) -> None:
        self._networks, self._seed = networks, seed
        self._most = per_family
        family_of = np.array(networks.families)
        self._members = {family: np.flatnonzero(family_of == family) for family in sorted(set(networks.families))}
        self._keys = np.array([graph.key for graph in networks.graphs])

    def in_domain(self, number: int, families: Collection[str]) -> NetworkSplit:
        """Protocol C3: the test networks of these families, the training networks of all.

        Raises `InputError` for a family of a single network, which cannot be split.
        """
        train, test = [], []
        for family, order in self._orders(number).items():
            if len(order) < 2:
                raise InputError(f"C3 splits each family, but {family!r} has a single network on this device")
            n_test = max(1, round(TEST_SHARE * len(order)))
            train.append(order[n_test:][: self._most])
            test.append((family, order[:n_test]))
        every_test = np.concatenate([order for _, order in test])
        shown = np.concatenate([order for family, order in test if family in families])
        return self._split(number, np.concatenate(train), shown, excluded=every_test)

    def without(self, family: str, number: int, *, few: int = 0) -> NetworkSplit:
        """Protocol C4: this family is the test set, apart from a few networks that the fit is adapted to.

        Raises `InputError` if there is no other family, or if this one has no more than `few` networks.
        """
        orders = self._orders(number)
        if few >= len(orders[family]):
            raise InputError(f"{family!r} has {len(orders[family])} networks, too few to adapt to {few} of them")
        others = [order[: self._most] for name, order in orders.items() if name != family]
        if not others:
            raise InputError(f"C4 needs at least two families; {self._networks.device} has {family!r} alone")
        test = self._members[family]
        split = self._split(number, np.concatenate(others), test, excluded=test, unseen=family)
        adapted_to = np.sort(orders[family][:few])
        copies = np.isin(self._keys[test], self._keys[adapted_to])
        if copies.all():
            raise InputError(f"no network of {family!r} is left to test on: all equal one of the {few}")
        return replace(split, few=adapted_to, test=np.sort(test[~copies]))

    def published(self, number: int, families: Collection[str]) -> NetworkSplit:
        """The data set's own split, unchanged except for `per_family`; repetitions differ in the seed of the fit.

        Raises `InputError` for a data set without one, and if a side is empty.
        """
        if self._networks.stages is None:
            raise InputError(f"these networks on {self._networks.device} come without a split of their own")
        is_train = np.array(self._networks.stages) == "train"
        orders = self._orders(number)
        train = np.concatenate([order[is_train[order]][: self._most] for order in orders.values()])
        test = np.concatenate([order[~is_train[order]] for name, order in orders.items() if name in families])
        if not len(train) or not len(test):
            raise InputError(f"the data set's own split has {len(train)} networks to train and {len(test)} to test")
        return NetworkSplit(number, train, np.sort(test), split_seeds(self._seed, number)[1])

    def _orders(self, number: int) -> dict[str, np.ndarray]:
        """Family → its networks in random order."""
        # Child 0 of this sequence seeds the fit.
        children = np.random.SeedSequence([self._seed, number]).spawn(1 + len(self._members))[1:]
        return {
            family: members[np.random.default_rng(child).permutation(len(members))]
            for (family, members), child in zip(self._members.items(), children, strict=True)
        }

    def _split(
        self, number: int, train: np.ndarray, test: np.ndarray, *, excluded: np.ndarray, unseen: str | None = None
    ) -> NetworkSplit:
        copies = np.isin(self._keys[train], self._keys[excluded])
        if copies.all():
            raise InputError("no training network is left: all equal a test network")
        seed = split_seeds(self._seed, number)[1]
        return NetworkSplit(number, train[~copies], np.sort(test), seed, unseen, int(copies.sum()))
