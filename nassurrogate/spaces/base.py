"""What every search space offers."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence, Set
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from nassurrogate.architecture import Architecture, CellGraph
from nassurrogate.errors import InputError, brief
from nassurrogate.spaces.graph_codes import GraphCodes

if TYPE_CHECKING:
    import networkx as nx

ArchLike: TypeAlias = "Architecture | str | int | np.integer[Any]"
"""What stands for an architecture everywhere: the value itself, its string, or its index in the official order."""


def is_single(archs: object) -> bool:
    """Whether `archs` is one architecture rather than a batch."""
    return isinstance(archs, Architecture | str | int | np.integer)


class Space(ABC):
    """A set of architectures: enumerates, samples, parses, prints, mutates and crosses them, and says which are equal.

    Indices run over the official order, 0 … `size` − 1. Classes are sets of architectures of equal canonical key,
    numbered 0 … `n_classes` − 1 in the order of their first member.
    """

    name: str
    description: str
    ops: tuple[str, ...]
    """All operations an architecture's string may name."""
    computing_ops: tuple[str, ...]
    """The operations that survive in a reduced graph."""
    max_depth: int
    """Most computing operations on one path from input to output."""
    max_nodes: int
    """Most nodes of a reduced graph, input and output included."""
    size: int
    n_classes: int

    @abstractmethod
    def parse(self, arch: ArchLike) -> Architecture:
        """The architecture for a value, string or index. Raises `InputError` for what is none."""

    def parse_many(self, archs: Iterable[ArchLike]) -> list[Architecture]:
        """`parse` over a batch. Raises `InputError` for what is no batch, or holds what is no architecture."""
        if is_single(archs) or not isinstance(archs, Iterable) or isinstance(archs, bytes | bytearray | Set | Mapping):
            raise InputError(f"expected a batch of {self.name} architectures, got {brief(archs)}")
        if isinstance(archs, np.ndarray) and archs.ndim == 0:
            raise InputError(f"expected a batch of {self.name} architectures, got {brief(archs)}")
        return [self.parse(arch) for arch in archs]

    @abstractmethod
    def index(self, arch: Architecture) -> int:
        """Position in the official order."""

    def indices(self, archs: Sequence[Architecture]) -> np.ndarray:
        """(n,) int64: `index` over a batch."""
        return np.fromiter(map(self.index, archs), np.int64, len(archs))

    def __len__(self) -> int:
        return self.size

    @abstractmethod
    def all(self) -> Sequence[Architecture]:
        """Every architecture in the official order; element i has index i."""

    @abstractmethod
    def graph(self, arch: Architecture, *, reduced: bool = True) -> CellGraph:
        """The graph reduced to what is computed, in canonical order; or the wiring as it is (`reduced=False`)."""

    @abstractmethod
    def canonical_key(self, arch: Architecture) -> str:
        """One string per function computed."""

    @abstractmethod
    def class_ids(self) -> np.ndarray:
        """(size,) int32: the class number of every index; equal numbers mean equal canonical keys."""

    @cached_property
    def first_of_class(self) -> np.ndarray:
        """(n_classes,) the index of the first architecture of every class."""
        first = np.unique(self.class_ids(), return_index=True)[1]
        first.flags.writeable = False
        return first

    @cached_property
    def class_graphs(self) -> GraphCodes:
        """The reduced graph of every class, in canonical order of nodes."""
        graphs = [self.graph(self.parse(index)) for index in self.first_of_class]
        return GraphCodes.of(graphs, self.computing_ops, self.max_nodes)

    @cached_property
    def class_costs(self) -> np.ndarray:
        """(n_classes, K) what the networks of a class cost; K is 0 where its members cost differently."""
        return np.empty((self.n_classes, 0))

    def classes_sha256(self) -> str:
        """What tells that a table was made for these classes in this order.

        SHA-256 of their canonical keys, each followed by a newline (UTF-8), unless the space has a checksum already.
        """
        keys = (self.canonical_key(self.parse(index)) for index in self.first_of_class)
        return hashlib.sha256("".join(f"{key}\n" for key in keys).encode()).hexdigest()

    @abstractmethod
    def sample(self, n: int, rng: np.random.Generator) -> list[Architecture]:
        """`n` different architectures, uniform over strings. Raises `InputError` if `n` exceeds `size`."""

    @abstractmethod
    def neighbours(self, arch: Architecture) -> list[Architecture]:
        """All architectures one edit away, in a fixed order."""

    @abstractmethod
    def mutate(self, arch: Architecture, rng: np.random.Generator) -> Architecture:
        """A neighbour, drawn uniformly."""

    @abstractmethod
    def crossover(self, first: Architecture, second: Architecture, rng: np.random.Generator) -> Architecture:
        """A child that takes each of its genes from one parent or the other, drawn uniformly."""

    @abstractmethod
    def to_networkx(self, arch: Architecture) -> nx.DiGraph[int]:
        """The cell in the space's own drawing."""

    @abstractmethod
    def from_networkx(self, graph: nx.DiGraph[Any]) -> Architecture:
        """The inverse of `to_networkx`."""

    @abstractmethod
    def free_metrics(self, dataset: str) -> dict[str, np.ndarray]:
        """What is computed exactly from the string at no cost: `params_m` and `flops_m`, (size,) float64 each."""
