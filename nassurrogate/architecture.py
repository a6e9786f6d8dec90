"""An architecture: a frozen value that knows its space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nassurrogate.errors import InputError
from nassurrogate.renamed import renamed
from nassurrogate.renamed_keyword import renamed_keyword

if TYPE_CHECKING:
    from nassurrogate.graphs.cell_graph import CellGraph
    from nassurrogate.spaces.base import Space

_CELL_GRAPH = "nassurrogate.graphs.cell_graph"
__getattr__ = renamed(__name__, {name: f"{_CELL_GRAPH}.{name}" for name in ("CellGraph", "INPUT", "OUTPUT")})


@dataclass(frozen=True, slots=True)
class Architecture:
    """One architecture of a search space, identified by the string that the space prints for it.

    Two architectures are equal if their space and string are equal. Different strings may still compute the same
    function: compare `key` for that. Costs (latency, parameters, FLOPs) belong to the string, accuracy to the key.

    >>> from nassurrogate.spaces import get_space
    >>> cell = get_space("nb201").parse(0)
    >>> cell.space.name, cell.index
    ('nb201', 0)
    """

    space: Space
    string: str

    def __post_init__(self) -> None:
        if isinstance(self.space, str):
            raise InputError(
                f"an Architecture holds its space, got the name {self.space!r}; make one by "
                f"get_space({self.space!r}).parse(…)"
            )

    @property
    def index(self) -> int:
        """Position in the space's official enumeration. Raises `InputError` for a space without one."""
        return self.space.index(self)

    @property
    def key(self) -> str:
        """Canonical key of the function computed; equal keys are the same architecture for deduplication."""
        return self.space.canonical_key(self)

    @property
    def identity(self) -> str:
        """Text that is equal for equal architectures of a space, to compare or hash them: the string, or a digest."""
        return self.string

    @property
    def choices(self) -> dict[str, Any]:
        """The choice in every slot of a `CategoricalSpace`. Raises `InputError` for a space of another kind."""
        return self.space.choices_of(self)

    @renamed_keyword("reduced", "canonical")
    def graph(self, *, canonical: bool = True) -> CellGraph:
        """The canonical graph of the function computed, or with `canonical=False` the raw graph as it is written."""
        return self.space.graph(self, canonical=canonical)

    def __str__(self) -> str:
        return self.string

    def __repr__(self) -> str:
        return f"Architecture({self.space.name!r}, {self.string!r})"
