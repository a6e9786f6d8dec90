"""Measures a random sample of a space's networks: their operator graphs, and their zero-cost proxies.

Nothing is trained, and no label is read. Graphs are cheaper than proxies, so there are more of them. How many depends
on the space alone, never on the clock, so that results can be repeated:

- proxies of a third of the space, but of at least 64 and at most `most` networks
- graphs of three times as many
- fewer of both, down to 64, if the networks are large: the work is limited, as counted in operations

Shapes: n architectures, G slots, S numbers of the structure, C kinds of paths, P proxies.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError
from nassurrogate.graphs.operator_graph import OperatorGraph
from nassurrogate.predictors.across_spaces.structure import STRUCTURE_NAMES, structure_of
from nassurrogate.predictors.space_process.path_counts import Path, path_counts
from nassurrogate.proxies.names import NETWORK_PROXY_NAMES
from nassurrogate.proxies.network_proxies import NetworkProxies
from nassurrogate.spaces.categorical.network_space import CategoricalNetworkSpace

_log = logging.getLogger(__name__)
Progress: TypeAlias = Callable[[int, int], None]
FEWEST: Final = 64
_SHARE: Final = 3
_GRAPHS_EACH: Final = 3
_MOST_MACS: Final = 1.2e12
"""Multiply-accumulates of all batches together that are run for proxies, one way: about three minutes on one core."""
_MOST_OPERATORS: Final = 300_000
"""Operators of all graphs together that are read: about a minute on one core."""
_MOST_WEIGHTS: Final = 5e9
"""Weights of all networks together that are initialised: about a minute on one core."""
_IMAGES: Final = 16
_LARGE_INPUT, _LARGE_IMAGES = 3 * 96 * 96, 8
"""Of large inputs the batches are smaller, as their activations fill the memory."""
_LARGEST_COUNT: Final = 1e12
_LEAST_GRAPHS: Final = 16


@dataclass(frozen=True)
class NetworkSample:
    """What was measured. A row is NaN where a network was not measured, or where that failed.

    Attributes:
        codes: (n, G) of the architectures, all different.
        structure: (n, S), see `structure_of`.
        paths: (n, C), see `path_counts`.
        proxies: (n, P), see `NETWORK_PROXY_NAMES`.
    """

    codes: np.ndarray
    structure: np.ndarray
    paths: np.ndarray
    proxies: np.ndarray


def measure_networks(space: CategoricalNetworkSpace, most: int, progress: Progress | None = None) -> NetworkSample:
    """Build and measure random networks of a space; always the same ones.

    Logs what is done, and a warning with the reason if networks cannot be read or run.

    Args:
        space: the space.
        most: how many networks have proxies at most.
        progress: called with (steps done, steps in all).
    """
    n_proxies = min(most, max(FEWEST, math.ceil(space.size / _SHARE))) if space.size is not None else most
    archs = _different(space, space.sample_at_most(_GRAPHS_EACH * n_proxies, np.random.default_rng(0)))
    _log.info("building up to %d networks of space %r to learn what they look like", len(archs), space.name)
    steps = _Steps(progress, len(archs) + min(n_proxies, len(archs)))
    first = [_graph_of(space, arch, steps) for arch in archs[:FEWEST]]
    images = _IMAGES if math.prod(space.input_shape or ()) <= _LARGE_INPUT else _LARGE_IMAGES
    n_graphs, n_proxies = _affordable(first, len(archs), n_proxies, images)
    archs = archs[:n_graphs]
    steps.total = len(archs) + n_proxies
    graphs = [*first, *(_graph_of(space, arch, steps) for arch in archs[FEWEST:])][: len(archs)]
    proxies = np.full((len(archs), len(NETWORK_PROXY_NAMES)), np.nan)
    known = NetworkProxies(space, space.input_shape or (), images=images)
    proxies[:n_proxies] = known.rows(archs[:n_proxies], lambda _: steps.take())
    return NetworkSample(space.gene_codes(archs), _structures(graphs), _path_table(graphs), proxies)


class _Steps:
    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress, self.total, self._done = progress, total, 0

    def take(self) -> None:
        self._done += 1
        if self._progress is not None:
            self._progress(min(self._done, self.total), self.total)


def _different(space: CategoricalNetworkSpace, archs: Sequence[Architecture]) -> list[Architecture]:
    """Their canonical forms if the space has some, each once."""
    return list(dict.fromkeys(space.canonical_forms(archs) or archs))


def _graph_of(space: CategoricalNetworkSpace, arch: Architecture, steps: _Steps) -> OperatorGraph | None:
    steps.take()
    try:
        return space.operator_graph(arch)
    except InputError:  # the space says why, once
        return None


def _affordable(graphs: Sequence[OperatorGraph | None], n_archs: int, n_proxies: int, images: int) -> tuple[int, int]:
    """How many graphs are read, and how many networks are run, given the first graphs."""
    read = [graph for graph in graphs if graph is not None]
    if len(read) < min(_LEAST_GRAPHS, len(graphs)):
        return min(n_archs, FEWEST), min(n_archs, n_proxies, FEWEST)  # nobody knows how large the networks are
    macs, length, weights = (
        max(float(np.median(sizes)), 1.0)
        for sizes in ([g.flops / 2 for g in read], [g.n_operators for g in read], [g.params for g in read])
    )
    n_graphs = min(n_archs, max(FEWEST, int(min(_MOST_OPERATORS / length, _MOST_WEIGHTS / weights))))
    return n_graphs, min(n_graphs, n_proxies, max(FEWEST, int(_MOST_MACS / (images * macs))))


def _structures(graphs: Sequence[OperatorGraph | None]) -> np.ndarray:
    rows = np.full((len(graphs), len(STRUCTURE_NAMES)), np.nan)
    places = [place for place, graph in enumerate(graphs) if graph is not None]
    rows[places] = structure_of([graph for graph in graphs if graph is not None])
    return rows


def _path_table(graphs: Sequence[OperatorGraph | None]) -> np.ndarray:
    counts = [None if graph is None else path_counts(graph) for graph in graphs]
    kinds: list[Path] = sorted({path for count in counts if count is not None for path in count})
    rows = np.full((len(graphs), len(kinds)), np.nan)
    for place, count in enumerate(counts):
        if count is not None:
            rows[place] = [min(count[path], _LARGEST_COUNT) for path in kinds]
    return rows
