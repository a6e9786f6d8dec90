"""Spaces that number their architectures: needed for tables and for fast paths over arrays."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError, brief
from nassurrogate.graphs.codes import GraphCodes
from nassurrogate.spaces.base import Space

if TYPE_CHECKING:
    import networkx as nx


class EnumerableSpace(Space):
    """A space with an official order.

    Indices run from 0 to `size` − 1. Architectures with equal canonical keys form a class; classes are numbered from 0
    to `n_classes` − 1 in the order of their first members.
    """

    size: int
    n_classes: int

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

    def members(self) -> Iterator[Architecture]:
        return iter(self.all())

    def take(self, indices: Sequence[int] | np.ndarray) -> list[Architecture]:
        """The architectures of (n,) indices. Raises `InputError` for an index out of range."""
        every = self.all()
        places = np.asarray(indices, dtype=np.int64)
        outside = places[(places < 0) | (places >= self.size)]
        if outside.size:
            raise InputError(f"index {outside[0]} is outside {self.name}; indices run from 0 to {self.size - 1}")
        return [every[place] for place in places.tolist()]

    @abstractmethod
    def class_ids(self) -> np.ndarray:
        """(size,) int32: the class number of every index; equal numbers have equal canonical keys."""

    def class_numbers(self, archs: Sequence[Architecture]) -> np.ndarray:
        """(n,) the class number of every architecture."""
        numbers: np.ndarray = self.class_ids()[self.indices(archs)]
        return numbers

    def canonical_forms(self, archs: Sequence[Architecture]) -> list[Architecture]:
        return self.take(self.first_of_class[self.class_numbers(archs)])

    @cached_property
    def first_of_class(self) -> np.ndarray:
        """(n_classes,) the index of the first architecture of every class."""
        first = np.unique(self.class_ids(), return_index=True)[1]
        first.flags.writeable = False
        return first

    def classes_sha256(self) -> str:
        """Checksum that identifies the classes and their order; tables made for them carry it.

        SHA-256 of the classes' canonical keys, each followed by a newline (UTF-8), unless the space has its own.
        """
        keys = self.canonical_keys(self.take(self.first_of_class))
        return hashlib.sha256("".join(f"{key}\n" for key in keys).encode()).hexdigest()

    @abstractmethod
    def free_metrics(self, dataset: str) -> Mapping[str, np.ndarray]:
        """`costs` of every architecture, such as `params_m` and `flops_m`: (size,) float64 each."""

    def costs(self, archs: Sequence[Architecture], dataset: str | None = None) -> Mapping[str, np.ndarray]:
        indices = self.indices(archs)
        known = self.free_metrics(dataset if dataset is not None else self.default_dataset)
        return {metric: values[indices] for metric, values in known.items()}

    default_dataset: str = "cifar10"
    """The data set of costs and table lookups if none is named."""


class CellSpace(EnumerableSpace):
    """Cells: small graphs of operations that are stacked into networks."""

    def __new__(cls, *arguments: Any) -> Self:
        # A singleton: its tables are computed once, and unpickling gives the same object.
        if "_instance" not in vars(cls):
            cls._instance = super().__new__(cls)
        return cast("Self", vars(cls)["_instance"])

    def __reduce__(self) -> tuple[type[Self], tuple[()]]:
        return type(self), ()

    __eq__ = object.__eq__
    __hash__ = object.__hash__

    _instance: ClassVar[CellSpace]
    ops: tuple[str, ...]
    """All operations an architecture's string may name."""
    computing_ops: tuple[str, ...]
    """The operations that occur in a canonical graph."""
    max_depth: int
    """Most computing operations on one path from input to output."""
    max_nodes: int
    """Most nodes of a canonical graph, input and output included."""

    def parse_text(self, text: str) -> Architecture:
        """A string, or an index in digits."""
        text = text.strip()
        digits = text[1:] if text[:1] in ("+", "-") else text
        if len(digits) > 1 and digits[0] == "0" and digits.isascii() and digits.isdigit() and len(digits) <= 18:
            raise InputError(f"{text!r} has leading zeros, so it is not an index of {self.name}")
        # A longer number, such as a hash of digits only, is not an index.
        return self.parse(int(text) if digits.isascii() and digits.isdigit() and len(digits) <= 18 else text)

    @cached_property
    def class_graphs(self) -> GraphCodes:
        """The canonical graph of every class, in canonical order of nodes."""
        graphs = [self.graph(arch) for arch in self.take(self.first_of_class)]
        return GraphCodes.of(graphs, self.computing_ops, self.max_nodes)

    @cached_property
    def class_costs(self) -> np.ndarray:
        """(n_classes, K) costs of each class's networks; K is 0 if members of a class differ in cost."""
        return np.empty((self.n_classes, 0))

    @abstractmethod
    def to_networkx(self, arch: Architecture) -> nx.DiGraph[int]:
        """The cell as a networkx graph, in the form in which the space's paper draws it."""

    @abstractmethod
    def from_networkx(self, graph: nx.DiGraph[Any]) -> Architecture:
        """The inverse of `to_networkx`."""


def check_sample_size(space: EnumerableSpace, n: object) -> None:
    """Raise `InputError` unless `n` different architectures can be drawn."""
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or not 0 <= n <= space.size:
        raise InputError(f"cannot sample {brief(n)} different cells; expected a number from 0 to {space.size}")
