"""The NAS-Bench-101 search space (Ying et al., arXiv 1902.09635): 423,624 cells of at most 7 vertices and 9 edges."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError, brief
from nassurrogate.graphs.canonical import graph_key, parse_key
from nassurrogate.graphs.cell_graph import INPUT, OUTPUT, CellGraph
from nassurrogate.graphs.codes import GraphCodes
from nassurrogate.spaces.base import ArchLike, Gene
from nassurrogate.spaces.enumerable import CellSpace, check_sample_size
from nassurrogate.spaces.gene_codes import checked_codes
from nassurrogate.spaces.nb101.all_cells import SHA256, SIZE, load_cells
from nassurrogate.spaces.nb101.cell_codes import MAX_VERTICES, NO_OP, OPS, adjacency_of
from nassurrogate.spaces.nb101.costs import CELLS_PER_STAGE, CHANNELS, N_LABELS
from nassurrogate.spaces.nb101.module_spec import ModuleSpec, checked_spec, parse_spec
from nassurrogate.spaces.nb101.moves import edits
from nassurrogate.spaces.network_space import NetworkSpace

if TYPE_CHECKING:
    import networkx as nx
    import torch

    from nassurrogate.graphs.operator_graph import OperatorGraph

EDGE_GENES = tuple((x, y) for y in range(1, MAX_VERTICES) for x in range(y))
GENES = (
    *(Gene(f"edge{x}{y}", (0, 1)) for x, y in EDGE_GENES),
    *(Gene(f"op{vertex}", OPS) for vertex in range(1, MAX_VERTICES - 1)),
)
_HASH = re.compile(r"[0-9a-f]{32}")
_HASH_BYTES = 16
_FORMS = "its official hash, a module spec as JSON, its canonical key, or its index"


class NB101(CellSpace, NetworkSpace):
    """Cells with one of three operations on every inner vertex.

    An architecture is named by its official module hash. It is also parsed from a module spec (JSON of the matrix and
    the ops, pruned like the official `ModelSpec`), its canonical key, or its index in the order of the hashes.
    Isomorphic modules are one cell, and no two cells compute the same function: each is a class of its own.

    >>> space = NB101()
    >>> cell = space.parse('{"matrix": [[0, 1, 0], [0, 0, 1], [0, 0, 0]], "ops": ["input", "maxpool3x3", "output"]}')
    >>> str(cell), cell.key, cell.index
    ('53cee42601ad14d661bb6878031d6acb', 'maxpool3x3(0) output(1)', 138614)
    """

    name = "nb101"
    description = "NAS-Bench-101 cells: up to 7 vertices, 9 edges, 3 operations on vertices"
    ops = OPS
    computing_ops = OPS
    max_depth = MAX_VERTICES - 2
    max_nodes = MAX_VERTICES
    size = SIZE
    n_classes = SIZE

    @cached_property
    def cells(self) -> np.ndarray:
        """(423624,) records of `all_cells.CELL`, in index order."""
        return load_cells()

    # --- names ---------------------------------------------------------------------------------------------------

    @cached_property
    def _names(self) -> bytes:
        return self.cells["hash"].tobytes()

    @cached_property
    def _prefixes(self) -> array[int]:
        """The first eight bytes of every hash as a number, ascending; no two are equal."""
        return array("Q", np.frombuffer(self._names, ">u8")[::2].astype(np.uint64).tobytes())

    def _at(self, index: int) -> Architecture:
        return Architecture(self, self._names[_HASH_BYTES * index : _HASH_BYTES * (index + 1)].hex())

    def _index_of(self, name: str) -> int | None:
        index = bisect_left(self._prefixes, int(name[:16], 16))
        return index if index < self.size and self._at(index).string == name else None

    def find(self, hashes: np.ndarray) -> np.ndarray:
        """(n,) int64 indices of the cells with these hashes, (n, 16) uint8; −1 if there is no such cell."""
        known = self.cells["hash"]
        wanted = np.ascontiguousarray(hashes[:, :8]).view(">u8")[:, 0].astype(np.uint64)
        place = np.searchsorted(np.frombuffer(self._prefixes, np.uint64), wanted)
        place[place == self.size] = 0
        return np.where((known[place] == hashes).all(axis=1), place, -1)

    def all(self) -> Sequence[Architecture]:
        return _AllCells(self)

    def index(self, arch: Architecture) -> int:
        string = arch.string if isinstance(arch, Architecture) and arch.space is self else ""
        found = self._index_of(string) if _HASH.fullmatch(string) else None
        return found if found is not None else self.index(self.parse(arch))

    def indices(self, archs: Sequence[Architecture]) -> np.ndarray:
        found = self._found(archs)
        return found if (found >= 0).all() else super().indices(archs)

    def _found(self, archs: Sequence[Architecture]) -> np.ndarray:
        """(n,) the indices of cells that are named by their hashes; −1 for others."""
        names = [arch.string for arch in archs if arch.space is self]
        if len(names) < len(archs) or not all(map(_HASH.fullmatch, names)):
            return np.full(len(archs), -1)
        return self.find(np.frombuffer(bytes.fromhex("".join(names)), np.uint8).reshape(-1, _HASH_BYTES))

    def parse_many(self, archs: Iterable[ArchLike]) -> list[Architecture]:
        """`parse` over a batch; a list of `Architecture` values is looked up at once."""
        if isinstance(archs, list) and {type(arch) for arch in archs} == {Architecture}:
            cells: list[Architecture] = archs
            if all(cell.space is self for cell in cells) and (self._found(cells) >= 0).all():
                return list(cells)
        return super().parse_many(archs)

    def parse(self, arch: ArchLike) -> Architecture:
        if isinstance(arch, Architecture):
            if arch.space is not self:
                raise InputError(f"expected an nb101 cell, got {brief(arch.string)} of space {arch.space.name!r}")
            arch = arch.string
        if isinstance(arch, str):
            return self._parse_string(arch.strip())
        if isinstance(arch, bool) or not isinstance(arch, int | np.integer):
            raise InputError(f"expected an nb101 cell as {_FORMS}, got {brief(arch)}")
        if not 0 <= arch < self.size:
            raise InputError(f"index {arch} is outside nb101; indices run from 0 to {self.size - 1}")
        return self._at(int(arch))

    def _parse_string(self, string: str) -> Architecture:
        name = string.lower()
        if _HASH.fullmatch(name):
            if self._index_of(name) is None:
                raise InputError(f"no nb101 cell has the hash {name}")
            return Architecture(self, name)
        if string[:1] in ("{", "["):
            return self._of(parse_spec(string))
        try:
            graph = parse_key(string)
        except InputError as error:
            raise InputError(f"malformed nb101 cell {brief(string)}; expected {_FORMS}") from error
        return self.from_graph(graph)

    def _of(self, spec: ModuleSpec) -> Architecture:
        name = spec.hash()
        assert self._index_of(name) is not None, f"the enumeration lacks {spec}"
        return Architecture(self, name)

    def from_spec(self, matrix: object, ops: object) -> Architecture:
        """The cell of a module spec, as the official `ModelSpec(matrix, ops)` takes it.

        Args:
            matrix: (V, V) of 0 and 1, strictly upper triangular; V may exceed 7 if pruning leaves no more than 7.
            ops: V names, the first `"input"`, the last `"output"`.

        Raises `InputError` with the reason if it is not a cell.
        """
        return self._of(checked_spec(matrix, ops))

    def to_spec(self, arch: Architecture) -> ModuleSpec:
        """The spec, with the vertices in the order of the trained cell; `to_json()` prints it."""
        return self._spec(self.index(arch), "")

    def _spec(self, index: int, prefix: str) -> ModuleSpec:
        graph = self._graph(index, prefix)
        return ModuleSpec(graph.adjacency.tolist(), list(graph.ops))

    def _graph(self, index: int, prefix: str) -> CellGraph:
        adjacency, ops = self._adjacency_and_ops[prefix]
        names = _names_of(ops[index].tobytes())
        return CellGraph.trusted(names, adjacency[index, : len(names), : len(names)])

    @cached_property
    def _adjacency_and_ops(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """(423624, 7, 7) uint8 adjacency, zero beyond a cell's vertices, and (423624, 5) uint8 operations."""
        found = {}
        for prefix in ("", "canonical_"):
            # The edge bits do not depend on the number of vertices.
            adjacency = adjacency_of(self.cells[f"{prefix}edge_bits"], MAX_VERTICES).view(np.uint8)
            adjacency.flags.writeable = False
            found[prefix] = adjacency, np.ascontiguousarray(self.cells[f"{prefix}ops"])
        return found

    # --- graphs and identity -------------------------------------------------------------------------------------

    def graph(self, arch: Architecture, *, canonical: bool = True) -> CellGraph:
        return self._graph(self.index(arch), "canonical_" if canonical else "")

    def operator_graph(self, arch: Architecture) -> OperatorGraph:
        """The network that is trained on CIFAR-10 (see `nb101.expansion`)."""
        from nassurrogate.spaces.nb101.expansion import nb101_network

        return nb101_network(self.graph(arch, canonical=False), self.parse(arch).string)

    def build(
        self,
        arch: Architecture,
        *,
        n_labels: int = N_LABELS,
        width: int = CHANNELS[0],
        cells_per_stage: int = CELLS_PER_STAGE,
    ) -> torch.nn.Module:
        """The network as it was trained: (B, 3, 32, 32) images → (B, 10) logits.

        Args:
            arch: the cell.
            n_labels: number of classes.
            width: channels of the stem and the first stage; the two other stages have twice and four times as many.
            cells_per_stage: cells of each of the three stages.

        Raises `InputError` for sizes that are too small.
        """
        from nassurrogate.spaces.nb101.network import NB101Network

        cell = self.graph(arch, canonical=False)
        return NB101Network(cell, n_labels=n_labels, width=width, cells_per_stage=cells_per_stage)

    def from_graph(self, graph: CellGraph) -> Architecture:
        """The cell of a graph, for any order of its inner nodes. Raises `InputError` if it is not a cell."""
        return self.from_spec(graph.adjacency, list(graph.ops))

    def to_networkx(self, arch: Architecture) -> nx.DiGraph[int]:
        """Nodes 0 to V − 1 in the order of the trained cell, each with the attribute `op`."""
        return self.graph(arch, canonical=False).to_networkx()

    def from_networkx(self, graph: nx.DiGraph[Any]) -> Architecture:
        return self.from_graph(CellGraph.from_networkx(graph))

    def canonical_key(self, arch: Architecture) -> str:
        return graph_key(self.graph(arch))

    @cached_property
    def _class_ids(self) -> np.ndarray:
        ids = np.arange(self.size, dtype=np.int32)
        ids.flags.writeable = False
        return ids

    def class_ids(self) -> np.ndarray:
        return self._class_ids

    @cached_property
    def class_graphs(self) -> GraphCodes:
        adjacency, ops = self._adjacency_and_ops["canonical_"]
        sizes = self.cells["n_vertices"].copy()
        codes = np.zeros((self.size, MAX_VERTICES), dtype=np.uint8)
        codes[:, 1:-1] = np.where(ops == NO_OP, 0, ops + 1)
        codes[np.arange(self.size), sizes - 1] = len(OPS) + 1
        return GraphCodes(sizes, codes, adjacency)

    @cached_property
    def class_costs(self) -> np.ndarray:
        return np.column_stack([self.cells["params"], self.cells["macs"]]).astype(np.float64)

    def classes_sha256(self) -> str:
        return SHA256

    # --- moves ---------------------------------------------------------------------------------------------------

    def sample(self, n: int, rng: np.random.Generator) -> list[Architecture]:
        check_sample_size(self, n)
        return [self._at(int(index)) for index in rng.choice(self.size, size=n, replace=False)]

    def neighbours(self, arch: Architecture) -> list[Architecture]:
        """All cells one edit away (see `nb101.moves`), in index order."""
        edited = (edit() for edit in edits(self.to_spec(arch)))
        return [Architecture(self, name) for name in sorted({spec.hash() for spec in edited if spec is not None})]

    def mutate(self, arch: Architecture, rng: np.random.Generator) -> Architecture:
        """A neighbour, by an edit drawn uniformly from those that result in a cell."""
        possible = edits(self.to_spec(arch))
        for place in rng.permutation(len(possible)):
            spec = possible[place]()
            if spec is not None:
                return self._of(spec)
        raise AssertionError("every cell has an edit")

    @property
    def genes(self) -> tuple[Gene, ...]:
        """The 21 possible edges of seven vertices and five operations, as the paper encodes them (section 4).

        Not every combination is a cell; see `from_gene_codes`.
        """
        return GENES

    def gene_codes(self, archs: Sequence[Architecture]) -> np.ndarray:
        """In a cell with fewer vertices, the last ones before the output are unused."""
        indices = self.indices(archs)
        adjacency, ops = self._adjacency_and_ops[""]
        codes = np.zeros((len(indices), len(GENES)), dtype=np.int64)
        for row, index in enumerate(indices.tolist()):
            last = int(self.cells["n_vertices"][index]) - 1
            edges = np.argwhere(adjacency[index])
            edges[edges == last] = MAX_VERTICES - 1
            codes[row, [EDGE_GENES.index((int(x), int(y))) for x, y in edges]] = 1
        codes[:, len(EDGE_GENES) :] = np.where(ops[indices] == NO_OP, 0, ops[indices])
        return codes

    def from_gene_codes(self, codes: Sequence[int]) -> Architecture:
        """The cell. Raises `InputError` for more than nine edges, or if there is no path from input to output."""
        codes = checked_codes(self, codes)
        matrix = np.zeros((MAX_VERTICES, MAX_VERTICES), dtype=np.int64)
        for (x, y), there in zip(EDGE_GENES, codes[: len(EDGE_GENES)], strict=True):
            matrix[x, y] = there
        return self.from_spec(matrix, [INPUT, *(OPS[code] for code in codes[len(EDGE_GENES) :]), OUTPUT])

    # --- costs ---------------------------------------------------------------------------------------------------

    def free_metrics(self, dataset: str) -> dict[str, np.ndarray]:
        """Exact costs of the networks as trained (see `nb101.costs`); only for cifar10."""
        if dataset != "cifar10":
            return {}
        return {"params_m": self.cells["params"] / 1e6, "flops_m": self.cells["macs"] / 1e6}


@cache
def _names_of(ops: bytes) -> tuple[str, ...]:
    """The names of all vertices, from the numbers of the inner ones; there are 364 combinations."""
    return (INPUT, *(OPS[op] for op in ops if op != NO_OP), OUTPUT)


class _AllCells(Sequence[Architecture]):
    """Every cell, made on access."""

    def __init__(self, space: NB101) -> None:
        self._space = space

    def __len__(self) -> int:
        return self._space.size

    @overload
    def __getitem__(self, place: int) -> Architecture: ...
    @overload
    def __getitem__(self, place: slice) -> list[Architecture]: ...
    def __getitem__(self, place: int | slice) -> Architecture | list[Architecture]:
        if isinstance(place, slice):
            return [self._space.parse(index) for index in range(*place.indices(len(self)))]
        if not -len(self) <= place < len(self):
            raise IndexError(f"nb101 has {len(self)} cells, got place {place}")
        return self._space.parse(place % len(self))
