"""Identity of architectures: the canonical graph of a cell, in one canonical order of nodes, and its key.

Two cells have the same key if and only if, after these steps, they are the same graph up to relabelling:

1. `none` outputs zero, and so does an operation whose input is zero. (With trained batch norm, a convolution of a zero
   tensor outputs its bias, a constant: the key ignores that.)
2. `skip_connect` is contracted: its input replaces its output wherever that was added, the same number of times.
3. Nodes that cannot reach the output are removed.

Shared operations stay shared: one convolution read twice is not two convolutions. Pooling is treated like any other
operation: the key uses neither its linearity nor the equality of two poolings of one tensor.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from itertools import groupby, permutations, product
from typing import Any

from nassurrogate.errors import InputError, brief
from nassurrogate.graphs.cell_graph import INPUT, OUTPUT, CellGraph
from nassurrogate.renamed import renamed

NONE, SKIP = "none", "skip_connect"
_TERM = r"(?:[0-9]{1,3}\*)?[0-9]{1,3}"
_KEY_PART = re.compile(rf"([^()\s]+)\(((?:{_TERM}(?:\+{_TERM})*)?)\)")
__getattr__ = renamed(__name__, {"reduce_graph": "canonical_graph", "reduce_wiring": "canonical_graph_of_lists"})
_Terms = dict[int, int]
_Node = tuple[int, str, tuple[tuple[int, int], ...]]
"""A node that computes: its number, its operation, and the nodes it adds, each with its multiplicity."""


def canonical_graph(graph: CellGraph) -> CellGraph:
    """The canonical graph of the function that `graph` computes: no dead nodes, no `none`, no `skip_connect`.

    The result is invariant under relabelling of the nodes, so equal results mean equal functions.

    >>> twice = CellGraph(("input", "skip_connect", "output"), [[0, 1, 1], [0, 0, 1], [0, 0, 0]])
    >>> canonical_graph(twice)
    CellGraph(ops=('input', 'output'), edges=[(0, 1, 2)])
    """
    return canonical_graph_of_lists(graph.ops, graph.adjacency.tolist())


def canonical_graph_of_lists(ops: tuple[str, ...], adjacency: list[list[int]]) -> CellGraph:
    """`canonical_graph` on plain lists, for loops over whole spaces."""
    inputs = _contracted_inputs(ops, adjacency)
    last = len(ops) - 1
    live = sorted(_reaching(last, inputs))
    place = {node: i for i, node in enumerate(live, start=1)}
    place[0] = 0
    return _canonical_order(
        tuple((place[node], ops[node], tuple(sorted((place[s], t) for s, t in inputs[node].items()))) for node in live)
    )


def _contracted_inputs(ops: tuple[str, ...], adjacency: list[list[int]]) -> dict[int, _Terms]:
    """For every node that computes: which nodes it adds, and how many times."""
    outputs: list[_Terms] = []
    inputs: dict[int, _Terms] = {}
    last = len(ops) - 1
    for node, op in enumerate(ops):
        reads: _Terms = {}
        for source in range(node):
            times = adjacency[source][node]
            if times:
                for term, count in outputs[source].items():
                    reads[term] = reads.get(term, 0) + count * times
        if op == INPUT:
            outputs.append({node: 1})
        elif op == SKIP:
            outputs.append(reads)
        elif op == NONE or (not reads and node != last):
            outputs.append({})
        else:
            inputs[node] = reads
            outputs.append({node: 1})
    return inputs


def _reaching(last: int, inputs: dict[int, _Terms]) -> set[int]:
    live, stack = {last}, [last]
    while stack:
        for source in inputs[stack.pop()]:
            if source in inputs and source not in live:
                live.add(source)
                stack.append(source)
    return live


@lru_cache(maxsize=1 << 16)
def _canonical_order(nodes: tuple[_Node, ...]) -> CellGraph:
    """Order the nodes by depth, then by refined colour; ties are broken by the smallest edge list."""
    last = nodes[-1][0]
    op_of = {node: op for node, op, _ in nodes}
    inputs = {node: reads for node, _, reads in nodes}
    outputs: dict[int, list[tuple[int, int]]] = {node: [] for node in (0, *op_of)}
    depth = {0: 0}
    for node, reads in inputs.items():
        depth[node] = 1 + max((depth[source] for source, _ in reads), default=0)
        for source, times in reads:
            outputs[source].append((node, times))
    inner = [node for node in op_of if node != last]
    groups = _groups(inner, {node: (depth[node], op_of[node]) for node in inner})
    while len(groups) < len(inner):
        rank = {node: i for i, group in enumerate(groups) for node in group}
        rank[0], rank[last] = -1, len(inner)
        refined = _groups(
            inner,
            {
                node: (
                    rank[node],
                    sorted((rank[s], t) for s, t in inputs[node]),
                    sorted((rank[s], t) for s, t in outputs[node]),
                )
                for node in inner
            },
        )
        if len(refined) == len(groups):
            break
        groups = refined
    best: list[tuple[int, int, int]] | None = None
    for choice in product(*(permutations(group) for group in groups)):
        place = {node: i for i, node in enumerate((node for group in choice for node in group), start=1)}
        place[0], place[last] = 0, len(inner) + 1
        edges = sorted((place[s], place[n], t) for n, reads in inputs.items() for s, t in reads)
        if best is None or edges < best:
            best = edges
    adjacency = [[0] * (len(inner) + 2) for _ in range(len(inner) + 2)]
    for source, node, times in best or []:
        adjacency[source][node] = times
    return CellGraph((INPUT, *(op_of[node] for group in groups for node in group), OUTPUT), adjacency)


def _groups(nodes: list[int], colour: Mapping[int, Any]) -> list[list[int]]:
    """The nodes by colour, colours ascending."""
    ordered = sorted(nodes, key=lambda node: colour[node])
    return [list(group) for _, group in groupby(ordered, key=lambda node: colour[node])]


def graph_key(graph: CellGraph) -> str:
    """A canonical graph as one line; nodes are numbered from the input, 0.

    >>> graph_key(CellGraph(("input", "nor_conv_3x3", "output"), [[0, 1, 2], [0, 0, 1], [0, 0, 0]]))
    'nor_conv_3x3(0) output(2*0+1)'
    """
    parts = []
    for node in range(1, graph.n_nodes):
        column = graph.adjacency[:, node].tolist()
        terms = [str(source) if times == 1 else f"{times}*{source}" for source, times in enumerate(column) if times]
        parts.append(f"{graph.ops[node]}({'+'.join(terms)})")
    return " ".join(parts)


def parse_key(key: str) -> CellGraph:
    """The inverse of `graph_key`.

    Raises `InputError` for anything that `graph_key` cannot return.

    >>> parse_key('nor_conv_3x3(0) output(2*0+1)').ops
    ('input', 'nor_conv_3x3', 'output')
    """
    parts = key.split()
    adjacency = [[0] * (len(parts) + 1) for _ in range(len(parts) + 1)]
    ops = [INPUT]
    for node, part in enumerate(parts, start=1):
        match = _KEY_PART.fullmatch(part)
        for term in filter(None, match[2].split("+") if match else ()):
            times, _, source = term.rpartition("*")
            if int(source) < node:
                adjacency[int(source)][node] = int(times or 1)
        ops.append(match[1] if match else "")
    graph = CellGraph(ops, adjacency) if ops[-1] == OUTPUT else None
    if graph is None or graph_key(graph) != key:
        raise InputError(f"not a canonical key: {brief(key)}; expected 'op(0) … output(0+1)'")
    return graph
