"""Lays out a directed graph in layers from top to bottom, with few crossings (Sugiyama et al., 1981)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

LAYER_GAP = 32.0
_NODE_GAP = 26.0
_SWEEPS = 10
_STRAIGHT = 12.0
"""Weight of a long edge's straightness against the position of boxes."""


class Size(NamedTuple):
    """Width and height in pixels."""

    width: float
    height: float


class Edge(NamedTuple):
    """An edge between two nodes, given by their positions in the list.

    Attributes:
        start, end: the nodes.
        start_x, end_x: where it leaves and arrives, in pixels from the centres of the nodes.
    """

    start: int
    end: int
    start_x: float = 0.0
    end_x: float = 0.0


@dataclass
class Layout:
    """Where everything is, in pixels from the top left.

    Args:
        width, height: of the whole.
        centres: (x, y) of every node.
        routes: for every edge the points that it passes: pairs at the bottom of one layer and the top of another, the
            two ends included.
    """

    width: float
    height: float
    centres: list[tuple[float, float]]
    routes: list[list[tuple[float, float]]] = field(default_factory=list)


def lay_out(
    sizes: Sequence[Size],
    edges: Sequence[Edge],
    *,
    n_first: int = 0,
    n_last: int = 0,
    aligned: tuple[int, int] | None = None,
) -> Layout:
    """Place nodes and edges.

    Args:
        sizes: of the nodes, in topological order.
        edges: each from a node to a later one.
        n_first, n_last: how many nodes at the start and at the end of the list belong into the first and last layer.
        aligned: two nodes that should be one above the other.

    >>> layout = lay_out([Size(50, 20)] * 3, [Edge(0, 1), Edge(1, 2)])
    >>> layout.centres
    [(25.0, 10.0), (25.0, 62.0), (25.0, 114.0)]
    """
    layer_of = _layers(len(sizes), edges)
    layer_of[:n_first] = [0] * n_first
    if n_last:
        layer_of[-n_last:] = [max(layer_of)] * n_last
    n_layers = max(layer_of, default=-1) + 1
    nodes, links, chains = list(sizes), [], []
    for edge in edges:
        # A long edge takes a place of its own in every layer that it crosses.
        chain = [edge.start]
        for layer in range(layer_of[edge.start] + 1, layer_of[edge.end]):
            chain.append(len(nodes))
            nodes.append(Size(10.0, 0.0))
            layer_of.append(layer)
        chain.append(edge.end)
        chains.append(chain)
        ends = [edge.start_x, *[0.0] * (2 * len(chain) - 4), edge.end_x]
        links += [Edge(*chain[i : i + 2], *ends[2 * i : 2 * i + 2]) for i in range(len(chain) - 1)]
    rows = _ordered([[v for v in range(len(nodes)) if layer_of[v] == layer] for layer in range(n_layers)], links)
    pulls = [*links, *([] if aligned is None else [Edge(*aligned)])]
    x = _across(rows, [size.width for size in nodes], pulls, len(sizes))
    _straighten(x, rows, [size.width for size in nodes], [chain[1:-1] for chain in chains if len(chain) > 2])
    heights = [max(nodes[v].height for v in row) for row in rows]
    tops = np.concatenate([[0.0], np.cumsum([height + LAYER_GAP for height in heights])]).tolist()
    centres = [(x[v], tops[layer_of[v]] + heights[layer_of[v]] / 2) for v in range(len(sizes))]
    routes = []
    for edge, chain in zip(edges, chains, strict=True):
        first, last = edge.start, edge.end
        points = [(x[first] + edge.start_x, centres[first][1] + sizes[first].height / 2)]
        points.append((points[0][0], tops[layer_of[first]] + heights[layer_of[first]]))
        for v in chain[1:-1]:
            top = tops[layer_of[v]]
            points += [(x[v], top), (x[v], top + heights[layer_of[v]])]
        points.append((x[last] + edge.end_x, tops[layer_of[last]]))
        points.append((points[-1][0], centres[last][1] - sizes[last].height / 2))
        routes.append(points)
    width = max((x[v] + nodes[v].width / 2 for v in range(len(nodes))), default=0.0)
    return Layout(width, tops[-1] - LAYER_GAP if n_layers else 0.0, centres, routes)


def _layers(n_nodes: int, edges: Sequence[Edge]) -> list[int]:
    """The layer of every node: the longest path to it; a node that reads nothing is next to its first reader."""
    layer = [0] * n_nodes
    for edge in sorted(edges, key=lambda edge: edge.end):
        layer[edge.end] = max(layer[edge.end], layer[edge.start] + 1)
    readers: list[list[int]] = [[] for _ in range(n_nodes)]
    fed = set()
    for edge in edges:
        readers[edge.start].append(edge.end)
        fed.add(edge.end)
    for v in range(n_nodes):
        if v not in fed and readers[v]:
            layer[v] = min(layer[reader] for reader in readers[v]) - 1
    return layer


def _ordered(rows: list[list[int]], links: Sequence[Edge]) -> list[list[int]]:
    """The nodes of every layer from left to right: each near the middle of its neighbours, with few crossings."""
    above: dict[int, list[int]] = {}
    below: dict[int, list[int]] = {}
    for link in links:
        above.setdefault(link.end, []).append(link.start)
        below.setdefault(link.start, []).append(link.end)
    best, fewest = rows, _crossings(rows, below)
    for sweep in range(_SWEEPS):
        if not fewest:
            break
        rows = [list(row) for row in rows]
        down = sweep % 2 == 0
        neighbours = above if down else below
        for layer in range(1, len(rows)) if down else range(len(rows) - 2, -1, -1):
            place = {v: at for at, v in enumerate(rows[layer - 1 if down else layer + 1])}
            own = {v: at for at, v in enumerate(rows[layer])}
            middle = {v: _mean([place[u] for u in neighbours.get(v, ())], own[v]) for v in rows[layer]}
            rows[layer].sort(key=middle.__getitem__)
        crossings = _crossings(rows, below)
        if crossings < fewest:
            best, fewest = rows, crossings
    return best


def _crossings(rows: Sequence[Sequence[int]], below: dict[int, list[int]]) -> int:
    """How many pairs of links cross."""
    count = 0
    for row, following in itertools.pairwise(rows):
        place = {v: at for at, v in enumerate(following)}
        ends = np.array([end for v in row for end in sorted(place[u] for u in below.get(v, ()))])
        if len(ends) > 1:
            count += int(np.triu(ends[:, None] > ends[None, :], 1).sum())
    return count


def _across(rows: Sequence[Sequence[int]], widths: Sequence[float], links: Sequence[Edge], n_real: int) -> list[float]:
    """The centre of every node, from the left edge: near its neighbours, in the given order, without overlap."""
    x = np.zeros(len(widths))
    needed = []
    for row in rows:
        room = [(widths[u] + widths[v]) / 2 + _NODE_GAP for u, v in itertools.pairwise(row)]
        needed.append(np.concatenate([[0.0], np.cumsum(room)]))
        x[list(row)] = needed[-1] - needed[-1][-1] / 2
    pulls: list[list[tuple[int, float, float]]] = [[] for _ in widths]
    for link in links:
        weight = 1.0 + _STRAIGHT * ((link.start >= n_real) + (link.end >= n_real))
        pulls[link.end].append((link.start, link.start_x - link.end_x, weight))
        pulls[link.start].append((link.end, link.end_x - link.start_x, weight))
    for sweep in range(2 * _SWEEPS):
        for at in range(len(rows)) if sweep % 2 == 0 else range(len(rows) - 1, -1, -1):
            row = list(rows[at])
            wished = np.array([_pulled(x, pulls[v], float(x[v])) for v in row])
            weights = np.array([sum(weight for _, _, weight in pulls[v]) or 0.1 for v in row])
            x[row] = _increasing(wished - needed[at], weights) + needed[at]
    left = min((float(x[v]) - widths[v] / 2 for row in rows for v in row), default=0.0)
    return [float(value) - left for value in x]


def _straighten(
    x: list[float], rows: Sequence[Sequence[int]], widths: Sequence[float], chains: Sequence[Sequence[int]]
) -> None:
    """Make long edges vertical where nothing is in the way."""
    left_of = {right: left for row in rows for left, right in itertools.pairwise(row)}
    right_of = {left: right for right, left in left_of.items()}
    for chain in chains:
        low, high = -np.inf, np.inf
        for v in chain:
            if (left := left_of.get(v)) is not None:
                low = max(low, x[left] + (widths[left] + widths[v]) / 2 + _NODE_GAP)
            if (right := right_of.get(v)) is not None:
                high = min(high, x[right] - (widths[right] + widths[v]) / 2 - _NODE_GAP)
        if low <= high:
            wished = float(np.median([x[v] for v in chain]))
            for v in chain:
                x[v] = float(min(max(wished, low), high))


def _pulled(x: np.ndarray, pulls: Sequence[tuple[int, float, float]], own: float) -> float:
    total = sum(weight for _, _, weight in pulls)
    return sum(weight * (float(x[v]) + offset) for v, offset, weight in pulls) / total if total else own


def _increasing(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The nearest non-decreasing values, by pooling adjacent violators."""
    blocks: list[tuple[float, float, int]] = []
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        blocks.append((value, weight, 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (low, heavy, n), (high, light, m) = blocks.pop(-2), blocks.pop()
            blocks.append(((low * heavy + high * light) / (heavy + light), heavy + light, n + m))
    return np.concatenate([np.full(n, value) for value, _, n in blocks])


def _mean(places: Sequence[int], own: int) -> float:
    return sum(places) / len(places) if places else float(own)
