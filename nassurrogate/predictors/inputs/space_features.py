"""The features of any space: blocks, each scaled on random architectures of the space.

Shapes: m architectures, s genes of one group, k choices of each, B blocks, F features of all blocks together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError
from nassurrogate.metric_names import BelongsTo
from nassurrogate.predictors.inputs.path_features import path_features
from nassurrogate.proxies.table import has_probes, probe_features
from nassurrogate.spaces import CellSpace, Space

_FAR_BELOW = 1000.0
"""A cost this many times below the smallest one seen is raised to that bound."""
_SAMPLE = 2000
"""Random architectures on which features are scaled."""
_NEIGHBOURS = 4.0
"""Distance of two genes of a chain over which their correlation falls by a factor of e."""
_TOTALS = {"choice": "choice count", "level": "level total"}
BLOCKS = {
    "choice": "choices of every slot",
    "choice near": "choices of adjacent slots",
    "choice count": "how often each choice is taken",
    "level": "ordered choices as numbers",
    "level near": "ordered choices of adjacent slots",
    "level total": "sums of ordered choices",
    "cost": "exact costs",
    "path": "path counts of the canonical graph",
    "operation": "operation counts of the graph",
    "proxy": "zero-cost proxies",
}
"""Block → its description."""


@dataclass(frozen=True)
class _Group:
    """Genes of equal choices.

    Args:
        places: (s,) positions of the genes.
        n_choices: k.
        levels: (k,) numbers from 0 to 1 if the choices have an order.
    """

    places: list[int]
    n_choices: int
    levels: np.ndarray | None


@dataclass(frozen=True)
class _Cost:
    """One exact cost: log(cost), or log(1 + cost) if it can be 0, divided by its standard deviation.

    Costs far below the smallest one seen are raised to a bound, so that an unseen 0 has a logarithm.
    """

    least: float
    deviation: float = 1.0

    def __call__(self, values: np.ndarray) -> np.ndarray:
        above = np.maximum(values, self.least / _FAR_BELOW)
        return np.asarray(np.log(above) if self.least > 0 else np.log1p(above)) / self.deviation


class SpaceFeatures:
    """Reads architectures of one space for one kind of metric.

    For a metric of the function, the canonical form is read, so equivalent architectures get equal features: its
    choices, paths of the canonical graph of cells, zero-cost proxies. For a metric of the architecture, the
    architecture itself is read. Exact costs are read for both; for the function, only costs that equivalent
    architectures share.

    Args:
        space: the space.
        belongs_to: what the metric belongs to, function or architecture.

    Attributes:
        names: (B,) the blocks in use, keys of `BLOCKS`.
        widths: (B,) number of features of each.

    Raises `InputError` for a space that offers no features.
    """

    def __init__(self, space: Space, belongs_to: BelongsTo) -> None:
        self._space = space
        self._of_function = belongs_to == "function"
        self._is_cell = isinstance(space, CellSpace)
        self._groups = _groups(space) if not (self._of_function and self._is_cell) else []
        self._operations: list[str] = []
        self._costs: dict[str, _Cost] = {}
        if not space.can_sample:
            raise InputError(
                f"features are scaled on random architectures, and space {space.name!r} has none; use a predictor of "
                "whole networks"
            )
        sample = space.sample_at_most(_SAMPLE, np.random.default_rng(0))
        self.is_canonical = self._of_function and space.canonical_forms(sample) is not None
        self._learn_costs(sample)
        if not self._groups and not self._is_cell and _has_graphs(space, sample[0]):
            counts = Counter(op for arch in sample for op in space.graph(arch, canonical=self._of_function).ops)
            self._operations = sorted(counts)
        blocks = self._blocks(sample)
        if not blocks:
            raise InputError(
                f"space {space.name!r} offers neither genes nor graphs nor costs, so there is nothing to learn from"
            )
        self.names = list(blocks)
        self.widths = [block.shape[1] for block in blocks.values()]
        self._centres = [block.mean(axis=0) for block in blocks.values()]
        # An average architecture then has distance 1 from the mean in every block: one prior fits all spaces.
        sizes = [np.square(b - c).sum(axis=1).mean() for b, c in zip(blocks.values(), self._centres, strict=True)]
        # A block that never varies is left out; dividing by its size would amplify noise.
        self._factors = [size**-0.5 if size > 1e-18 else 0.0 for size in sizes]

    @property
    def n_features(self) -> int:
        """F."""
        return sum(self.widths)

    def __call__(self, archs: Sequence[Architecture]) -> np.ndarray:
        """(m, F) scaled features, block after block."""
        found = self._blocks(archs)
        parts = zip(found.values(), self._centres, self._factors, strict=True)
        scaled = np.concatenate([(block - centre) * factor for block, centre, factor in parts], axis=1)
        # Rounded, as in some linear-algebra libraries the last digits of a row depend on its position.
        return np.round(scaled, 9)

    def _blocks(self, archs: Sequence[Architecture]) -> dict[str, np.ndarray]:
        """Name → (m, F_b), not scaled yet."""
        space = self._space
        read = (space.canonical_forms(archs) if self.is_canonical else None) or archs
        parts: dict[str, list[np.ndarray]] = {}
        codes = space.gene_codes(read) if self._groups else np.empty((len(read), 0), np.int64)
        for group in self._groups:
            _add_group(parts, group, codes[:, group.places], chain=space.genes_form_a_chain)
        if isinstance(space, CellSpace) and self._of_function:
            paths = path_features(space, read)
            parts["path"] = [np.log1p(np.maximum(paths, 0.0))]
            if has_probes(space):
                parts["proxy"] = [probe_features(space)[space.class_numbers(read)].astype(np.float64)]
        if self._operations:
            parts["operation"] = [self._operation_counts(read)]
        if self._costs:
            costs = space.formula_costs(archs)
            parts["cost"] = [np.column_stack([cost(costs[name]) for name, cost in self._costs.items()])]
        scores = space.proxy_scores(read) if self._of_function else None
        if scores is not None:
            parts.setdefault("proxy", []).append(np.asarray(scores, dtype=np.float64).reshape(len(archs), -1))
        return {name: np.concatenate(found, axis=1) for name, found in parts.items()}

    def _learn_costs(self, sample: Sequence[Architecture]) -> None:
        """Choose the costs to read: finite, not constant, and for the function equal for equivalent architectures."""
        forms = self._space.canonical_forms(sample) if self._of_function else None
        costs = self._space.formula_costs(sample)
        others = self._space.formula_costs(forms) if forms is not None and costs else costs
        for name, values in costs.items():
            usable = np.isfinite(values).all() and (values >= 0).all() and np.ptp(values) > 0
            if usable and (forms is None or np.array_equal(values, others[name])):
                least = float(values.min())
                self._costs[name] = _Cost(least, float(_Cost(least)(values).std()))

    def _operation_counts(self, archs: Sequence[Architecture]) -> np.ndarray:
        """(m, O + 2): logarithms of the counts of each operation, of nodes and of edges."""
        rows = []
        for arch in archs:
            graph = self._space.graph(arch, canonical=self._of_function)
            count = Counter(graph.ops)
            rows.append([*(count[op] for op in self._operations), graph.n_nodes, len(graph.edges())])
        return np.log1p(np.array(rows, dtype=np.float64).reshape(len(rows), len(self._operations) + 2))


def _has_graphs(space: Space, arch: Architecture) -> bool:
    try:
        space.graph(arch)
    except InputError:  # the space has no graphs
        return False
    return True


def space_features(space: Space, belongs_to: BelongsTo) -> SpaceFeatures:
    """`SpaceFeatures`, made once per space object: a space declared again may have other costs."""
    return _made(_Same(space), belongs_to)


@lru_cache(maxsize=16)
def _made(space: _Same, belongs_to: BelongsTo) -> SpaceFeatures:
    return SpaceFeatures(space.space, belongs_to)


class _Same:
    """Compares space objects by identity."""

    def __init__(self, space: Space) -> None:
        self.space = space

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.space is other.space

    def __hash__(self) -> int:
        return id(self.space)


def _groups(space: Space) -> list[_Group]:
    alike: dict[tuple[object, ...], list[int]] = {}
    for place, gene in enumerate(space.genes):
        # 1, 1.0 and True are equal in Python, but are different choices here.
        alike.setdefault((tuple(map(repr, gene.choices)), gene.levels), []).append(place)
    found = []
    for places in alike.values():
        gene = space.genes[places[0]]
        if len(gene.choices) > 1:
            levels = None if gene.levels is None else np.array(gene.levels)
            found.append(_Group(places, len(gene.choices), levels))
    return found


def _add_group(parts: dict[str, list[np.ndarray]], group: _Group, codes: np.ndarray, *, chain: bool) -> None:
    """Add the features of the (m, s) codes of a group; an inactive gene has none of its choices."""
    one_hot = (codes[:, :, None] == np.arange(group.n_choices)).astype(np.float64)
    _add(parts, "choice", one_hot, chain)
    if group.levels is not None:
        # An inactive gene gets the mean level, the most neutral value.
        levels = np.where(codes >= 0, group.levels[codes], group.levels.mean())
        _add(parts, "level", levels[:, :, None], chain)


def _add(parts: dict[str, list[np.ndarray]], name: str, features: np.ndarray, chain: bool) -> None:
    """Three versions of (m, s, f) features: of each gene, smoothed over its neighbours, and summed over all."""
    n_archs, n_genes, n_each = features.shape
    parts.setdefault(name, []).append(features.reshape(n_archs, n_genes * n_each))
    if n_genes > 1:
        # Divided so that a sum varies as much as one gene: large groups do not dominate the others.
        parts.setdefault(_TOTALS[name], []).append(features.sum(axis=1) / np.sqrt(n_genes))
    if n_genes > 2 and chain:
        near = np.tensordot(features, _neighbour_root(n_genes), axes=([1], [0]))
        parts.setdefault(f"{name} near", []).append(near.reshape(n_archs, n_genes * n_each))


@lru_cache(maxsize=64)
def _neighbour_root(n_genes: int) -> np.ndarray:
    """(s, s) R with R Rᵀ = exp(−|i − j| / `_NEIGHBOURS`), the prior correlation of a linear model's weights on x R."""
    places = np.arange(n_genes)
    values, vectors = np.linalg.eigh(np.exp(-np.abs(places[:, None] - places) / _NEIGHBOURS))
    root: np.ndarray = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    return root
