"""The canonical key as a form of graphs: one per isomorphism class of canonical graphs, for any labels."""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats_bench import genotype_utils
from networkx.algorithms.isomorphism import categorical_edge_match, categorical_node_match

from nassurrogate.errors import InputError
from nassurrogate.graphs.canonical import canonical_graph, graph_key, parse_key
from nassurrogate.graphs.cell_graph import CellGraph
from nassurrogate.spaces.nb201.space import NB201

SPACE = NB201()
cells = st.integers(0, SPACE.size - 1).map(SPACE.parse)
_OPS = ("none", "skip_connect", "conv_a", "conv_b", "pool")


@st.composite
def cell_graphs(draw: st.DrawFn) -> CellGraph:
    """Any acyclic graph of up to six inner nodes, with multiplicities."""
    inner = draw(st.lists(st.sampled_from(_OPS), max_size=6))
    n = len(inner) + 2
    weights = draw(st.lists(st.sampled_from((0, 0, 1, 1, 2)), min_size=n * n, max_size=n * n))
    return CellGraph(("input", *inner, "output"), np.triu(np.array(weights).reshape(n, n), 1))


def relabelled(graph: CellGraph, seed: int) -> CellGraph:
    """The same graph with its inner nodes in a random topological order."""
    rng = random.Random(seed)
    place, free = [0], list(range(1, graph.n_nodes - 1))
    while free:
        ready = [node for node in free if not any(graph.adjacency[other, node] for other in free)]
        place.append(rng.choice(ready))
        free.remove(place[-1])
    place.append(graph.n_nodes - 1)
    return CellGraph([graph.ops[node] for node in place], graph.adjacency[np.ix_(place, place)])


def isomorphic(one: CellGraph, other: CellGraph) -> bool:
    """Whether networkx finds a relabelling that keeps operations and multiplicities."""
    return nx.is_isomorphic(
        one.to_networkx(),
        other.to_networkx(),
        node_match=categorical_node_match("op", None),
        edge_match=categorical_edge_match("multiplicity", None),
    )


def test_there_are_5425_classes() -> None:
    keys = [arch.key for arch in SPACE.all()]
    assert len(set(keys)) == SPACE.n_classes == 5_425
    first = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    assert [first[key] for key in keys] == SPACE.class_ids().tolist()
    assert SPACE.class_ids().dtype == np.int32


@given(cells, st.integers())
def test_relabelling_a_cell_keeps_its_key(arch: Any, seed: int) -> None:
    raw = arch.graph(canonical=False)
    assert canonical_graph(relabelled(raw, seed)) == arch.graph()
    assert canonical_graph(relabelled(arch.graph(), seed)) == arch.graph()


@given(cell_graphs(), st.integers())
def test_the_canonical_graph_is_invariant_idempotent_and_printable(graph: CellGraph, seed: int) -> None:
    canonical = canonical_graph(graph)
    assert canonical_graph(relabelled(graph, seed)) == canonical
    assert canonical_graph(canonical) == canonical
    assert parse_key(graph_key(canonical)) == canonical
    assert not {"none", "skip_connect"} & set(canonical.ops)
    as_networkx = canonical.to_networkx()
    inner = range(1, canonical.n_nodes - 1)
    last = canonical.n_nodes - 1
    assert all(nx.has_path(as_networkx, 0, node) and nx.has_path(as_networkx, node, last) for node in inner)


@given(cell_graphs())
def test_the_canonical_graph_keeps_the_number_of_paths_by_operations(graph: CellGraph) -> None:
    """Contraction and removal by an independent count: the operations on every path from input to output."""

    def words(of: CellGraph) -> dict[tuple[str, ...], int]:
        counts: list[dict[tuple[str, ...], int]] = [{(): 1}]
        for node in range(1, of.n_nodes):
            met: dict[tuple[str, ...], int] = defaultdict(int)
            own = () if of.ops[node] in ("skip_connect", "output") else (of.ops[node],)
            for source in range(node):
                for word, count in counts[source].items():
                    met[(*word, *own)] += count * int(of.adjacency[source, node])
            counts.append({word: count for word, count in met.items() if count and "none" not in word})
        return counts[-1]

    assert words(canonical_graph(graph)) == words(graph)


@given(cell_graphs(), cell_graphs(), st.integers())
def test_equal_means_isomorphic_to_networkx(one: CellGraph, other: CellGraph, seed: int) -> None:
    a, b = canonical_graph(one), canonical_graph(other)
    assert (a == b) == isomorphic(a, b)
    shuffled = relabelled(a, seed)
    assert isomorphic(a, shuffled)
    assert canonical_graph(shuffled) == a


def test_no_two_classes_are_isomorphic() -> None:
    """networkx on a quarter of the 18,474 pairs of classes whose nodes have the same operations and degrees."""
    buckets: dict[object, list[CellGraph]] = defaultdict(list)
    for key in sorted({arch.key for arch in SPACE.all()}):
        graph = parse_key(key)
        degrees = zip(
            graph.ops, graph.adjacency.sum(axis=0).tolist(), graph.adjacency.sum(axis=1).tolist(), strict=True
        )
        buckets[tuple(sorted(degrees))].append(graph)
    pairs = [pair for bucket in buckets.values() for pair in itertools.combinations(bucket, 2)]
    assert len(pairs) == 18_474
    assert not [pair for pair in pairs[::4] if isomorphic(*pair)]


def test_cells_the_official_package_calls_the_same_are_one_expression() -> None:
    """NATS-Bench distinguishes 6,466 cells: it writes each as an expression, so it does not see sharing, and keeps dead
    operations. The expressions of our canonical graphs must follow from its.
    """

    def expression(graph: CellGraph) -> str:
        terms = ["x"]
        for node in range(1, graph.n_nodes):
            read = sorted(term for source, term in enumerate(terms) for _ in range(graph.adjacency[source, node]))
            terms.append(f"{graph.ops[node]}({' + '.join(read)})")
        return terms[-1]

    ours, keys = defaultdict(set), defaultdict(set)
    for arch in SPACE.all():
        structure = genotype_utils.topology_str2structure(arch.string)
        theirs = structure.to_unique_str(consider_zero=True)
        ours[theirs].add(expression(arch.graph()))
        keys[theirs].add(arch.key)
    assert len(ours) == 6_466
    assert {len(found) for found in ours.values()} == {1}
    assert any(len(found) > 1 for found in keys.values())  # sharing makes a difference


@pytest.mark.parametrize(
    ("ops", "key"),
    [
        (["none"] * 6, "output()"),
        (["skip_connect"] * 6, "output(4*0)"),
        (["none", "none", "nor_conv_3x3", "skip_connect", "none", "nor_conv_3x3"], "output(0)"),
        (["nor_conv_3x3", "nor_conv_1x1", "none", "none", "none", "none"], "output()"),
        (["nor_conv_3x3", "none", "skip_connect", "none", "skip_connect", "skip_connect"],
         "nor_conv_3x3(0) output(2*1)"),
        (["nor_conv_3x3", "nor_conv_3x3", "none", "none", "skip_connect", "skip_connect"],
         "nor_conv_3x3(0) nor_conv_3x3(0) output(1+2)"),
    ],
)  # fmt: skip
def test_keys_by_example(ops: list[str], key: str) -> None:
    assert SPACE.from_ops(ops).key == key


@pytest.mark.parametrize(
    "text",
    ["", "output", "output(", "output()x", "conv(0)", "conv(0) output(2)", "conv(1) output(0)", "conv(0) output(9)",
     "conv(0)  output(1)", " output(0)", "output(0+0)", "output(1*0)", "output(0*0)", "output(+0)", "output(2*)",
     "output(300*0)", "output(00)", "input(0) output(1)", "output(0) conv(0)", "output(²)"],
)  # fmt: skip
def test_invalid_keys(text: str) -> None:
    with pytest.raises(InputError):
        parse_key(text)


def test_multiplicities_that_do_not_fit_are_refused() -> None:
    """Eight doubled skips in a row add the input 256 times: an error, not a silent zero."""
    n = 10
    doubled = CellGraph(["input", *["skip_connect"] * 8, "output"], 2 * np.eye(n, k=1, dtype=int))
    with pytest.raises(InputError, match="from 0 to 255"):
        canonical_graph(doubled)
