"""A whole network as an architecture: it holds its graph, and its string is computed when it is first asked for."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import TYPE_CHECKING, Any

from nassurrogate.architecture import Architecture
from nassurrogate.spaces.networks.text import network_text

if TYPE_CHECKING:
    from nassurrogate.graphs.operator_graph import OperatorGraph
    from nassurrogate.spaces.base import Space


class Network(Architecture):
    """An architecture of the space `networks`. Immutable; equal to another one if their graphs are equal.

    Args:
        space: the space.
        operator_graph: the network.

    >>> from nassurrogate.graphs.operator_graph import Operator, OperatorGraph
    >>> from nassurrogate.spaces import get_space
    >>> network = get_space("networks").parse(OperatorGraph([Operator("Input", (), ((1, 3, 8, 8),))], name="nothing"))
    >>> network.name, network.string[:8], get_space("networks").parse(network.string) == network
    ('nothing', 'network:', True)
    """

    __slots__ = ("_text", "operator_graph")
    operator_graph: OperatorGraph
    _text: str | None

    def __init__(self, space: Space, operator_graph: OperatorGraph) -> None:
        for name, value in (("space", space), ("operator_graph", operator_graph), ("_text", None)):
            object.__setattr__(self, name, value)

    # Those of the dataclass do not work in a subclass with other attributes.
    def __setattr__(self, name: str, value: object) -> None:
        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> None:
        raise FrozenInstanceError(f"cannot delete field {name!r}")

    @property
    def string(self) -> str:
        """The network as text, without its name."""
        if self._text is None:
            object.__setattr__(self, "_text", network_text(self.operator_graph))
        assert self._text is not None
        return self._text

    @property
    def name(self) -> str:
        """For messages and tables, such as the file's name; no part of the identity."""
        return self.operator_graph.name

    @property
    def identity(self) -> str:
        """The key of the graph, which is cheaper than the string."""
        return self.operator_graph.key

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Network):
            return NotImplemented
        return self.space == other.space and self.operator_graph == other.operator_graph

    def __hash__(self) -> int:
        return hash(self.operator_graph)

    def __repr__(self) -> str:
        return f"Network({self.operator_graph!r})"

    def __copy__(self) -> Network:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Network:
        return self

    def __reduce__(self) -> tuple[type[Network], tuple[Space, OperatorGraph]]:
        return Network, (self.space, self.operator_graph)
