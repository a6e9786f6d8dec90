"""What Space-Process reads of an architecture: the features of the space, and those of the networks that it builds."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from typing import Final

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.predictors.inputs.space_features import SpaceFeatures
from nassurrogate.predictors.space_process.network_features import NetworkFeatures
from nassurrogate.predictors.space_process.network_sample import Progress, measure_networks
from nassurrogate.spaces import Space
from nassurrogate.spaces.categorical.network_space import CategoricalNetworkSpace

_log = logging.getLogger(__name__)
_CHOICES: Final = 0.2
"""Factor on the space's own features beside those of networks: a choice matters through the network. If some slots set
up the training instead, the factor is 1."""
_KEPT: Final = 16
_made: deque[tuple[CategoricalNetworkSpace, int, NetworkFeatures | None]] = deque(maxlen=_KEPT)
"""The last spaces, how many of their networks had proxies at most, and their features."""


class NetworkReading:
    """The features of a space and of its networks together, in blocks like those of `SpaceFeatures`.

    Args:
        space: the space.
        plain: its own features.
        networks: the features of its networks.
    """

    def __init__(self, space: Space, plain: SpaceFeatures, networks: NetworkFeatures) -> None:
        self._space, self._plain, self.networks = space, plain, networks
        self.names = [*plain.names, *networks.names]
        self.widths = [*plain.widths, *networks.widths]
        self.is_canonical = plain.is_canonical

    def __call__(self, archs: Sequence[Architecture]) -> np.ndarray:
        """(m, F) scaled features, block after block."""
        forms = self._space.canonical_forms(archs) or archs
        return np.hstack([self.networks.choices * self._plain(archs), self.networks(self._space.gene_codes(forms))])


def network_features(
    space: CategoricalNetworkSpace, most: int, progress: Progress | None = None
) -> NetworkFeatures | None:
    """The features of a space's networks, measured at the first call; None if too few can be measured.

    Args:
        space: the space. Another one of the same slots and the same `build` shares its features.
        most: networks whose proxies are computed at most.
        progress: see `measure_networks`.
    """
    for known, of_most, features in _made:
        if of_most == most and _builds_the_same(known, space):
            return features
    choices = 1.0 if space.training_slots else _CHOICES
    features = NetworkFeatures.of_sample(space.genes, measure_networks(space, most, progress), choices)
    if features is None:
        _log.warning("predictions for space %r read its choices alone, as its networks tell nothing", space.name)
    _made.append((space, most, features))
    return features


def _builds_the_same(one: CategoricalNetworkSpace, other: CategoricalNetworkSpace) -> bool:
    """Whether two spaces have the same slots and functions, as copies in another process do."""
    if one is other:
        return True
    ours, theirs = one._functions, other._functions
    return (
        one == other
        and one.input_shape == other.input_shape
        and ours.build is theirs.build
        and ours.canonical is theirs.canonical
    )
