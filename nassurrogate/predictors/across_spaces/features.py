"""What is compared across spaces: the structure of the real networks, and the zero-cost proxies that ship."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import cast

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.predictors.across_spaces.structure import structure_of
from nassurrogate.proxies.table import has_probes, probe_features
from nassurrogate.spaces import CellSpace, Space
from nassurrogate.spaces.network_space import NetworkSpace

_MOST_KEPT = 1 << 16
"""Networks whose structure is kept: a search asks for its candidates again and again."""


def structure(archs: Sequence[Architecture]) -> np.ndarray:
    """(n, F) `structure_of` n architectures of one space; equivalent ones have the same."""
    forms = archs[0].space.canonical_forms(archs) if archs else None
    return np.array([_structure(arch) for arch in (archs if forms is None else forms)])


@lru_cache(maxsize=_MOST_KEPT)
def _structure(arch: Architecture) -> tuple[float, ...]:
    space = cast("NetworkSpace", arch.space)
    return tuple(structure_of([space.operator_graph(arch)])[0].tolist())


def offers_proxies(space: Space) -> bool:
    """Whether `proxies` are available."""
    return isinstance(space, CellSpace) and has_probes(space)


def proxies(archs: Sequence[Architecture]) -> np.ndarray:
    """(n, P) zero-cost proxies of n architectures of a space that offers them."""
    space = cast("CellSpace", archs[0].space)
    return np.asarray(probe_features(space)[space.class_numbers(archs)], dtype=np.float64)
