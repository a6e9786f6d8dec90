"""`Space`: everything that a search needs of a search space. `EnumerableSpace` and `CellSpace` add to it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError, brief
from nassurrogate.graphs.cell_graph import CellGraph
from nassurrogate.renamed_keyword import rename_keyword_of_method, renamed_keyword

if TYPE_CHECKING:
    import os

    import onnx
    import torch

    from nassurrogate.graphs.operator_graph import OperatorGraph

ArchLike: TypeAlias = (
    "Architecture | str | int | np.integer[Any] | Mapping[str, Any] | OperatorGraph | os.PathLike[str] | "
    "torch.nn.Module | onnx.ModelProto"
)
"""Anything that names an architecture: the `Architecture`, its string, or another form that the space parses, such as
an index in the official order, a dict of choices, or for a space of whole networks a network in any form."""


def is_single(archs: object) -> bool:
    """Whether `archs` is one architecture rather than a batch; an index may be an array or a tensor of rank 0.

    >>> is_single(3), is_single(np.array(3)), is_single([3])
    (True, True, False)
    """
    return isinstance(archs, Architecture | str | int | np.integer | Mapping) or _is_index(archs)


def _is_index(value: object) -> bool:
    """Whether it is an integer in a zero-dimensional array or tensor of any library."""
    return getattr(value, "ndim", None) == 0 and hasattr(value, "__index__") and _kind(value) == "int"


def _kind(array: object) -> str:
    """The kind of an array's or tensor's elements, of any width: `int`, `float`, `bool`, `complex`, else its dtype."""
    name = str(getattr(array, "dtype", "")).rpartition(".")[2].casefold()
    for kind in ("int", "float", "bool", "complex"):
        if kind in name:
            return kind
    return name


def _elements(array: Any, space: Space) -> list[ArchLike]:
    """The elements of an array, tensor or column of rank 1. Raises `InputError` for ones that are no architectures."""
    given = f"{type(array).__name__} of type {array.dtype}"
    kind = _kind(array)
    if kind == "bool":
        raise InputError(f"expected indices or architectures of {space.name}, got a mask ({given}); give its indices")
    if kind in ("float", "complex") and 0 not in array.shape:
        raise InputError(f"indices of {space.name} are whole numbers, got {given}; convert it to integers")
    if array.ndim != 1:
        raise InputError(f"expected a batch of shape (B,), got an array of shape {tuple(array.shape)}")
    elements: list[ArchLike] = array.tolist()
    return elements


def _is_tuple_of_numbers(value: object) -> bool:
    return isinstance(value, tuple) and bool(value) and all(map(_is_number, value))


def _is_number(value: object) -> bool:
    return isinstance(value, int | np.integer) or _is_index(value)


def _ambiguous(numbers: tuple[Any, ...], space: Space) -> InputError:
    """The error for a tuple of numbers, which could be one architecture or a batch of indices."""
    given = brief(tuple(int(number) for number in numbers), 50)
    one = f"space.from_gene_codes({given}) or its string" if len(numbers) == len(space.genes) else "its string"
    batch = f", for a batch of indices list({given})" if _reads_indices(space) else ""
    return InputError(
        f"a tuple of numbers is ambiguous, got {given}; for one {space.name} architecture give {one}{batch}"
    )


def _reads_indices(space: Space) -> bool:
    try:
        space.parse(0)
    except InputError:
        return False
    return True


@dataclass(frozen=True)
class Gene:
    """One categorical slot of an architecture.

    Args:
        name: of the slot.
        choices: C different values.
        levels: (C,) position of each choice on the slot's scale, from 0 to 1; None if the choices have no order.
    """

    name: str
    choices: tuple[Hashable, ...]
    levels: tuple[float, ...] | None = None


class Space(ABC):
    """A set of architectures of any size: it parses, formats, samples and mutates them, and knows which are equivalent.

    A space is immutable and can be passed wherever a name is taken. To register its name, list it in a package's entry
    points, group `nassurrogate.spaces`: a `Space`, or a function without arguments that returns one.
    `nassurrogate.testing.SpaceContract` tests every requirement.
    """

    name: str
    description: str = ""
    size: int | None = None
    """Number of architectures; None if unknown."""
    can_sample: bool = True
    """Whether it draws and mutates architectures; one that does not cannot be searched, only scored."""

    def __eq__(self, other: object) -> bool:
        # An architecture may come from another process, with a copy of its space.
        return self is other or (type(self) is type(other) and self.name == getattr(other, "name", None))

    def __hash__(self) -> int:
        return hash(self.name)

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        # A space written for version 0.1 has `reduced`.
        rename_keyword_of_method(cls, Space, "graph", "reduced", "canonical")

    # --- names ---------------------------------------------------------------------------------------------------

    @abstractmethod
    def parse(self, arch: ArchLike) -> Architecture:
        """The architecture of a value or string. Raises `InputError` for anything else."""

    def parse_text(self, text: str) -> Architecture:
        """The architecture of text that a person typed, on the command line or in a file."""
        return self.parse(text.strip())

    def parse_printed(self, text: str) -> Architecture:
        """The architecture of text that `format` printed, from an untrusted file: whatever it is, no file is opened."""
        return self.parse(text)

    def is_single(self, archs: object) -> bool:
        """Whether `archs` is one architecture rather than a batch."""
        return is_single(archs)

    def parse_many(self, archs: Iterable[ArchLike]) -> list[Architecture]:
        """`parse` over a batch: a list, a range, an array, tensor or column of rank 1, or any iterable but a set.

        Raises `InputError` for anything else, for elements that are not architectures, and for a tuple of numbers,
        which could be the gene codes of one architecture or the indices of several.
        """
        if self.is_single(archs) or not isinstance(archs, Iterable) or isinstance(archs, bytes | bytearray | Set):
            raise InputError(f"expected a batch of {self.name} architectures, got {brief(archs)}")
        if _is_tuple_of_numbers(archs):
            raise _ambiguous(cast("tuple[Any, ...]", archs), self)
        if hasattr(archs, "dtype") and hasattr(archs, "ndim") and hasattr(archs, "tolist"):
            return [self.parse(arch) for arch in _elements(archs, self)]
        return [self._parse_element(arch) for arch in archs]

    def _parse_element(self, arch: Any) -> Architecture:
        if isinstance(arch, Architecture | str):  # the common case, checked first
            return self.parse(arch)
        if _is_tuple_of_numbers(arch):
            raise _ambiguous(arch, self)
        return self.parse(int(arch) if _is_index(arch) else arch)

    def format(self, arch: Architecture) -> str:
        """The string of an architecture; `parse` reads it."""
        return arch.string

    def _own(self, arch: Architecture) -> Architecture:
        """The architecture itself. Raises `InputError` if it belongs to another space."""
        if arch.space is not self and arch.space != self:
            raise InputError(
                f"expected an architecture of {self.name}, got {brief(arch.string)} of space {arch.space.name!r}"
            )
        return arch

    def index(self, arch: Architecture) -> int:
        """Position in the official order. Raises `InputError` if the space has none."""
        raise InputError(f"space {self.name!r} has no official order; name its architectures by their strings")

    def choices_of(self, arch: Architecture) -> dict[str, Any]:
        """The choice in every slot. Raises `InputError` if the space is not declared by choices."""
        raise InputError(f"space {self.name!r} is not declared by choices; its architectures are strings")

    # --- moves ---------------------------------------------------------------------------------------------------

    @abstractmethod
    def sample(self, n: int, rng: np.random.Generator) -> list[Architecture]:
        """`n` different architectures, drawn uniformly over strings. Raises `InputError` if there are fewer."""

    @abstractmethod
    def neighbours(self, arch: Architecture) -> list[Architecture]:
        """All architectures one edit away, in a fixed order."""

    @abstractmethod
    def mutate(self, arch: Architecture, rng: np.random.Generator) -> Architecture:
        """A neighbour, drawn uniformly."""

    def sample_at_most(self, n: int, rng: np.random.Generator) -> list[Architecture]:
        """`n` different architectures, or all of them if there are fewer; works where `size` is unknown."""
        if self.size is not None:
            return self.sample(min(n, self.size), rng)
        found: list[Architecture] = []
        too_many = n + 1
        while too_many - len(found) > 1:  # bisects
            try:
                found = self.sample(n, rng)
            except InputError:  # the space has fewer
                too_many = n
            n = (len(found) + too_many) // 2
        return found

    def fingerprint(self) -> str | None:
        """Distinguishes spaces of the same name in saved files; None if the name is enough."""
        return None

    def members(self) -> Iterator[Architecture]:
        """Every architecture once. Raises `InputError` if the space cannot list them."""
        raise InputError(f"space {self.name!r} does not list its architectures")

    def members_if_few(self, most: int) -> list[Architecture] | None:
        """Every architecture, if the space lists them and has at most `most`; None otherwise."""
        if self.size is None or self.size > most:
            return None
        try:
            return list(self.members())
        except InputError:  # a space need not list them
            return None

    # --- identity ------------------------------------------------------------------------------------------------

    @abstractmethod
    def canonical_key(self, arch: Architecture) -> str:
        """A string that is equal for architectures that compute the same function, and for no others."""

    def canonical_keys(self, archs: Sequence[Architecture]) -> list[str]:
        """`canonical_key` over a batch."""
        return [self.canonical_key(arch) for arch in archs]

    def canonical_forms(self, archs: Sequence[Architecture]) -> list[Architecture] | None:
        """The representative of each architecture's equivalence class; None if the space defines none."""
        return None

    def network_key(self, arch: Architecture) -> str | None:
        """A digest that is equal for architectures whose networks are the same, whatever their choices are called.

        It is found in the network itself, so it takes a while: ask for single architectures, never for thousands. None
        where the network cannot be read, and by default: then `canonical_key` says all that is known.
        """
        return None

    def why_untraced(self, arch: Architecture) -> str | None:
        """Why the graph of a network, or its key, is unknown; None if they are known, or if the space has none."""
        return None

    def network_notes(self, rng: np.random.Generator) -> list[str]:
        """What a user should know about the networks before a search, one line each, found by building a few.

        Raises `InputError` if networks cannot be built at all, or do not accept their input.
        """
        return []

    # --- structure -----------------------------------------------------------------------------------------------

    @renamed_keyword("reduced", "canonical")
    def graph(self, arch: Architecture, *, canonical: bool = True) -> CellGraph:
        """The canonical graph of the function, or the raw graph. Raises `InputError` for a space without graphs."""
        raise InputError(f"space {self.name!r} offers no graphs")

    def costs(self, archs: Sequence[Architecture], dataset: str | None = None) -> Mapping[str, np.ndarray]:
        """Costs that follow exactly from the architecture: (n,) values by metric, such as `params_m`; none by default.

        A space may compute a column only when it is read.

        Args:
            archs: n architectures.
            dataset: for costs that depend on it, for example through the image size; None: the space's default.
        """
        return {}

    def formula_costs(self, archs: Sequence[Architecture], dataset: str | None = None) -> Mapping[str, np.ndarray]:
        """Those of the `costs` that are known without building any network: cheap for thousands; by default all."""
        return self.costs(archs, dataset)

    @property
    def genes(self) -> tuple[Gene, ...]:
        """The fixed number of categorical slots; empty for a space without slots."""
        return ()

    def gene_codes(self, archs: Sequence[Architecture]) -> np.ndarray:
        """(n, G) int64: the position of the choice in every gene; −1 in inactive slots."""
        raise InputError(f"space {self.name!r} has no genes")

    def from_gene_codes(self, codes: Sequence[int]) -> Architecture:
        """The architecture of (G,) positions. Raises `InputError` if no architecture has them."""
        raise InputError(f"space {self.name!r} has no genes")

    def build(self, arch: Architecture) -> torch.nn.Module:
        """The network. Raises `InputError` if the space builds none."""
        raise InputError(f"space {self.name!r} builds no networks; declare it with build=")

    @property
    def genes_form_a_chain(self) -> bool:
        """Whether genes with the same choices are in network order, so that adjacent genes have similar effects."""
        return False

    def proxy_scores(self, archs: Sequence[Architecture]) -> np.ndarray | None:
        """(n,) zero-cost scores, higher for architectures that are likely more accurate; None by default."""
        return None
