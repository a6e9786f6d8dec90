"""`NetworkSpace`: a space whose architectures are whole networks of known shapes."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from nassurrogate.spaces.base import Space

if TYPE_CHECKING:
    from nassurrogate.architecture import Architecture
    from nassurrogate.graphs.operator_graph import OperatorGraph


class NetworkSpace(Space):
    """A space of whole networks, each a graph of operators with shapes and costs.

    A predictor that reads these graphs sets `requires = NetworkSpace`. It then works on every such space, and one that
    was fitted on several of them predicts on another.
    """

    @abstractmethod
    def operator_graph(self, arch: Architecture) -> OperatorGraph:
        """The network at inference. Raises `InputError` for an architecture of another space."""
