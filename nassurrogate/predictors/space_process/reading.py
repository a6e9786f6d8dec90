"""What Space-Process reads of an architecture: the features of the space, and those of the networks that it builds."""

from __future__ import annotations

import logging
from collections import OrderedDict
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
_CHOICES: Final = 0.3
"""Distances of the space's own features count less beside those of networks: a choice matters through the network."""
_KEPT: Final = 16
_made: OrderedDict[tuple[int, int], tuple[CategoricalNetworkSpace, NetworkFeatures | None]] = OrderedDict()
"""The features of the last spaces, by their build function and the number of networks."""


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
        return np.hstack([_CHOICES * self._plain(archs), self.networks(self._space.gene_codes(forms))])


def builds_networks(space: Space) -> bool:
    """Whether networks of the space can be looked at: it is declared by choices, with `build` and `input_shape`."""
    return isinstance(space, CategoricalNetworkSpace)


def network_features(
    space: CategoricalNetworkSpace, most: int, progress: Progress | None = None
) -> NetworkFeatures | None:
    """The features of a space's networks, measured at the first call; None if too few can be measured.

    Args:
        space: the space. Another one of the same slots and the same `build` shares its features.
        most: networks whose proxies are computed at most.
        progress: see `measure_networks`.
    """
    key = (id(space.build_function), most)
    known = _made.get(key)
    if known is None or known[0] != space or known[0].input_shape != space.input_shape:
        found = NetworkFeatures.of_sample(space.genes, measure_networks(space, most, progress))
        if found is None:
            _log.warning("the predictions for space %r read choices alone, as its networks tell nothing", space.name)
        known = _made[key] = (space, found)
        while len(_made) > _KEPT:
            _made.popitem(last=False)
    return known[1]
