"""NAS-Bench-101 cells in readable form, since their hash says nothing about them."""

from __future__ import annotations

from nassurrogate.architecture import Architecture


def operations_of(cell: Architecture) -> str:
    """The number and the operation of every vertex, in the order of the official module spec.

    >>> from nassurrogate.spaces import get_space
    >>> operations_of(get_space("nb101").parse("53cee42601ad14d661bb6878031d6acb"))
    '0 input, 1 maxpool3x3, 2 output'
    """
    return ", ".join(f"{vertex} {op}" for vertex, op in enumerate(cell.space.graph(cell, canonical=False).ops))


def edges_of(cell: Architecture) -> str:
    """The edges, with vertices numbered as in `operations_of`.

    >>> from nassurrogate.spaces import get_space
    >>> edges_of(get_space("nb101").parse("53cee42601ad14d661bb6878031d6acb"))
    '0->1, 1->2'
    """
    adjacency = cell.space.graph(cell, canonical=False).adjacency
    return ", ".join(
        f"{source}->{target}" for source, row in enumerate(adjacency) for target, edge in enumerate(row) if edge
    )
