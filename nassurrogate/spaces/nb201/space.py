"""The NAS-Bench-201 search space (Dong & Yang, arXiv 2001.00326): 15,625 cells, 5,425 functions."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError, brief, nearest
from nassurrogate.graphs.canonical import canonical_graph_of_lists, graph_key
from nassurrogate.graphs.cell_graph import INPUT, OUTPUT, CellGraph
from nassurrogate.spaces.base import ArchLike, Gene
from nassurrogate.spaces.enumerable import CellSpace, check_sample_size
from nassurrogate.spaces.gene_codes import checked_codes
from nassurrogate.spaces.nb201.costs import CELLS_PER_STAGE, CHANNELS, INPUT_SHAPES, network_macs, network_params
from nassurrogate.spaces.network_space import NetworkSpace

if TYPE_CHECKING:
    import networkx as nx
    import torch

    from nassurrogate.graphs.operator_graph import OperatorGraph

OPS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
"""The six edges in the order of the official string."""
TEMPLATE = "|{}~0|+|{}~0|{}~1|+|{}~0|{}~1|{}~2|"
GENES = tuple(Gene(f"op{edge}", OPS) for edge in range(len(EDGES)))
_PATTERN = re.compile(r"\|([^|~+]*)~0\|\+\|([^|~+]*)~0\|([^|~+]*)~1\|\+\|([^|~+]*)~0\|([^|~+]*)~1\|([^|~+]*)~2\|")


def _adjacency() -> np.ndarray:
    """(8, 8) adjacency of input, the six edges as nodes, output: an edge feeds those that start where it ends."""
    starts = [0, *(start for start, _ in EDGES), 3]
    ends = [0, *(end for _, end in EDGES), 3]
    adjacency = np.zeros((8, 8), dtype=np.uint8)
    for x in range(7):
        for y in range(1, 8):
            adjacency[x, y] = ends[x] == starts[y]
    return adjacency


ADJACENCY = _adjacency()


class NB201(CellSpace, NetworkSpace):
    """Four nodes with one of five operations on each of six edges; node 0 is the cell's input, node 3 its output.

    An architecture is named by its official string or its official index. The indices number the cells of
    `itertools.product` over the six edges, shuffled by `random.seed(88); random.shuffle`.

    >>> space = NB201()
    >>> str(space.parse(1))
    '|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|'
    >>> space.parse(1).key
    'nor_conv_3x3(0) nor_conv_3x3(0) avg_pool_3x3(1) nor_conv_3x3(1) output(0+2+3+4)'
    """

    name = "nb201"
    description = "NAS-Bench-201 topology cells: 4 nodes, 6 edges, 5 operations"
    ops = OPS
    computing_ops = OPS[2:]
    max_depth = 3
    max_nodes = 8
    size = 15_625
    n_classes = 5_425

    # --- names ---------------------------------------------------------------------------------------------------

    @cached_property
    def op_codes(self) -> np.ndarray:
        """(15625, 6) uint8: the position in `OPS` of the operation on each edge, by official index."""
        cells = list(itertools.product(range(len(OPS)), repeat=len(EDGES)))
        random.Random(88).shuffle(cells)
        codes = np.array(cells, dtype=np.uint8)
        codes.flags.writeable = False
        return codes

    @cached_property
    def _all(self) -> tuple[Architecture, ...]:
        return tuple(
            Architecture(self, TEMPLATE.format(*(OPS[code] for code in codes))) for codes in self.op_codes.tolist()
        )

    @cached_property
    def _index_of(self) -> dict[str, int]:
        return {arch.string: index for index, arch in enumerate(self._all)}

    def all(self) -> Sequence[Architecture]:
        return self._all

    def index(self, arch: Architecture) -> int:
        known = self._index_of.get(arch.string) if isinstance(arch, Architecture) and arch.space is self else None
        return self._index_of[self.parse(arch).string] if known is None else known

    def indices(self, archs: Sequence[Architecture]) -> np.ndarray:
        known = self._index_of
        if self._are_known(archs):
            return np.array([known[arch.string] for arch in archs], dtype=np.int64)
        return super().indices(archs)

    def _are_known(self, archs: Iterable[object]) -> TypeGuard[Sequence[Architecture]]:
        """Whether all are cells of this space with official strings: what the batches of a search are."""
        known = self._index_of
        return all(type(arch) is Architecture and arch.space is self and arch.string in known for arch in archs)

    def parse_many(self, archs: Iterable[ArchLike]) -> list[Architecture]:
        """`parse` over a batch; a list of known cells is not parsed again."""
        if isinstance(archs, list | tuple) and self._are_known(archs):
            return list(archs)
        return super().parse_many(archs)

    def parse(self, arch: ArchLike) -> Architecture:
        if isinstance(arch, Architecture):
            if arch.space is not self:
                raise InputError(f"expected an nb201 cell, got {brief(arch.string)} of space {arch.space.name!r}")
            arch = arch.string
        if isinstance(arch, str):
            index = self._index_of.get(arch)
            return self._all[index] if index is not None else self._parse_irregular(arch)
        if isinstance(arch, bool) or not isinstance(arch, int | np.integer):
            raise InputError(f"expected an nb201 cell as its string or index, got {brief(arch)}")
        if not 0 <= arch < self.size:
            raise InputError(f"index {arch} is outside nb201; indices run from 0 to {self.size - 1}")
        return self._all[int(arch)]

    def _parse_irregular(self, string: str) -> Architecture:
        match = _PATTERN.fullmatch(string.strip())
        if match is None:
            raise InputError(
                f"malformed nb201 cell {brief(string)}; expected {TEMPLATE.replace('{}', 'OP')} with OP one of "
                + ", ".join(OPS)
            )
        return self.from_ops(match.groups())

    def from_ops(self, ops: Sequence[str]) -> Architecture:
        """The cell with these six operations, in the edge order of the official string."""
        if isinstance(ops, str) or not isinstance(ops, Sequence | np.ndarray) or len(ops) != len(EDGES):
            raise InputError(f"an nb201 cell has {len(EDGES)} operations, got {brief(ops)}")
        for edge, op in enumerate(ops, start=1):
            if not (isinstance(op, str) and op in OPS):
                close = nearest(op, OPS) if isinstance(op, str) else None
                hint = f"; did you mean {close!r}?" if close else ""
                raise InputError(
                    f"unknown op {brief(op)} on edge {edge} of an nb201 cell; known ops: {', '.join(OPS)}{hint}"
                )
        return self._all[self._index_of[TEMPLATE.format(*ops)]]

    def to_ops(self, arch: Architecture) -> tuple[str, ...]:
        """The six operations, in the edge order of the official string."""
        return tuple(OPS[code] for code in self.op_codes[self.index(arch)])

    # --- graphs and identity -------------------------------------------------------------------------------------

    def graph(self, arch: Architecture, *, canonical: bool = True) -> CellGraph:
        if canonical:
            return self._canonical_graphs[self.index(arch)]
        return CellGraph((INPUT, *self.to_ops(arch), OUTPUT), ADJACENCY)

    def operator_graph(self, arch: Architecture) -> OperatorGraph:
        """The network that is trained on CIFAR-10 (see `nb201.expansion`)."""
        from nassurrogate.spaces.nb201.expansion import nb201_network

        return nb201_network(list(zip(EDGES, self.to_ops(arch), strict=True)), self.parse(arch).string)

    def build(
        self,
        arch: Architecture,
        *,
        n_labels: int = 10,
        width: int = CHANNELS[0],
        cells_per_stage: int = CELLS_PER_STAGE,
    ) -> torch.nn.Module:
        """The network as it was trained: (B, 3, H, W) images → (B, `n_labels`) logits.

        Args:
            arch: the cell.
            n_labels: number of classes.
            width: channels of the stem and the first stage; the two other stages have twice and four times as many.
            cells_per_stage: cells of each of the three stages.

        Raises `InputError` for sizes that are too small.
        """
        from nassurrogate.spaces.nb201.network import NB201Network

        edges = list(zip(EDGES, self.to_ops(arch), strict=True))
        return NB201Network(edges, n_labels=n_labels, width=width, cells_per_stage=cells_per_stage)

    def from_graph(self, graph: CellGraph) -> Architecture:
        """The cell of a raw operation-on-node graph, for any order of its six inner nodes."""
        import networkx as nx
        from networkx.algorithms.isomorphism import DiGraphMatcher

        ends = (INPUT, OUTPUT)
        pattern = CellGraph((INPUT, *OPS[:1] * 6, OUTPUT), ADJACENCY).to_networkx()
        matcher = DiGraphMatcher(
            pattern,
            graph.to_networkx() if graph.n_nodes == len(ADJACENCY) else nx.DiGraph(),
            node_match=lambda a, b: a["op"] == b["op"] or (a["op"] not in ends and b["op"] not in ends),
            edge_match=lambda a, b: a["multiplicity"] == b["multiplicity"],
        )
        if not matcher.is_isomorphic():
            raise InputError("not the graph of an nb201 cell: expected input, six edges as nodes, output")
        return self.from_ops([graph.ops[matcher.mapping[node]] for node in range(1, 7)])

    def to_networkx(self, arch: Architecture) -> nx.DiGraph[int]:
        """Nodes 0 to 3 and the six official edges, each with the attribute `op`."""
        import networkx as nx

        graph: nx.DiGraph[int] = nx.DiGraph()
        graph.add_nodes_from(range(4))
        graph.add_edges_from((x, y, {"op": op}) for (x, y), op in zip(EDGES, self.to_ops(arch), strict=True))
        return graph

    def from_networkx(self, graph: nx.DiGraph[Any]) -> Architecture:
        if not graph.is_directed() or graph.is_multigraph():
            raise InputError(f"an nb201 cell is a networkx DiGraph, got a {type(graph).__name__}")
        if set(graph.nodes) != set(range(4)) or set(graph.edges) != set(EDGES):
            raise InputError(
                f"an nb201 cell has the nodes 0, 1, 2, 3 and the edges {list(EDGES)}, "
                f"got the nodes {brief(list(graph.nodes))} and the edges {brief(list(graph.edges))}"
            )
        ops: list[Any] = [graph.edges[edge].get("op") for edge in EDGES]
        return self.from_ops(ops)

    @cached_property
    def _canonical_graphs(self) -> tuple[CellGraph, ...]:
        rows = ADJACENCY.tolist()
        seen: dict[CellGraph, CellGraph] = {}
        graphs = (
            canonical_graph_of_lists((INPUT, *(OPS[c] for c in codes), OUTPUT), rows)
            for codes in self.op_codes.tolist()
        )
        return tuple(seen.setdefault(graph, graph) for graph in graphs)

    @cached_property
    def _keys(self) -> tuple[str, ...]:
        printed: dict[CellGraph, str] = {}
        for graph in self._canonical_graphs:
            if graph not in printed:
                printed[graph] = graph_key(graph)
        return tuple(printed[graph] for graph in self._canonical_graphs)

    @cached_property
    def _class_ids(self) -> np.ndarray:
        number: dict[str, int] = {}
        ids = np.array([number.setdefault(key, len(number)) for key in self._keys], dtype=np.int32)
        ids.flags.writeable = False
        return ids

    def canonical_key(self, arch: Architecture) -> str:
        return self._keys[self.index(arch)]

    def class_ids(self) -> np.ndarray:
        return self._class_ids

    # --- moves ---------------------------------------------------------------------------------------------------

    def sample(self, n: int, rng: np.random.Generator) -> list[Architecture]:
        check_sample_size(self, n)
        return [self._all[i] for i in rng.choice(self.size, size=n, replace=False)]

    def neighbours(self, arch: Architecture) -> list[Architecture]:
        ops = self.to_ops(arch)
        return [
            self.from_ops((*ops[:edge], op, *ops[edge + 1 :]))
            for edge in range(len(EDGES))
            for op in OPS
            if op != ops[edge]
        ]

    def mutate(self, arch: Architecture, rng: np.random.Generator) -> Architecture:
        codes = self.op_codes[self.index(arch)].copy()
        edge = rng.integers(len(EDGES))
        codes[edge] = (codes[edge] + rng.integers(1, len(OPS))) % len(OPS)
        return self.from_ops([OPS[code] for code in codes])

    @property
    def genes(self) -> tuple[Gene, ...]:
        """The operations on the six edges, in the edge order of the official string."""
        return GENES

    def gene_codes(self, archs: Sequence[Architecture]) -> np.ndarray:
        return np.asarray(self.op_codes[self.indices(archs)], dtype=np.int64)

    def from_gene_codes(self, codes: Sequence[int]) -> Architecture:
        return self.from_ops([OPS[code] for code in checked_codes(self, codes)])

    # --- costs ---------------------------------------------------------------------------------------------------

    def free_metrics(self, dataset: str) -> dict[str, np.ndarray]:
        """Exact costs of the string's network (see `nb201.costs`); none for a data set of unknown image size."""
        shape = INPUT_SHAPES.get(dataset)
        if shape is None:
            return {}
        n_conv1x1 = (self.op_codes == OPS.index("nor_conv_1x1")).sum(axis=1, dtype=np.int64)
        n_conv3x3 = (self.op_codes == OPS.index("nor_conv_3x3")).sum(axis=1, dtype=np.int64)
        return {
            "params_m": network_params(n_conv1x1, n_conv3x3, shape.n_labels) / 1e6,
            "flops_m": network_macs(n_conv1x1, n_conv3x3, shape) / 1e6,
        }
