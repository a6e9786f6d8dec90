"""The networks that the user's `build` makes, read once each: parameters, graphs and what follows from them."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError, brief
from nassurrogate.graphs.operator_graph import INPUT, Operator, OperatorGraph, Shape
from nassurrogate.graphs.operator_kinds import warn_unknown
from nassurrogate.graphs.readers.torch_reader import ConstantModuleError, RefusedShapeError, read_torch, torch_key
from nassurrogate.runtime.generators import global_generators_kept
from nassurrogate.spaces.categorical.declared_functions import DeclaredFunctions

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)
_CACHED: Final = 1 << 16
_CACHED_GRAPHS: Final = 512
"""A graph of 200 operators takes about 0.1 MB."""
_Read = TypeVar("_Read")


class Traced(NamedTuple):
    """What the graph of a network says; NaN where it cannot be read, and why.

    Attributes:
        macs: multiply-accumulates for one input.
        activation_bytes: see `OperatorGraph.activation_bytes`.
        reason: one line; empty if the graph was read.
    """

    macs: float
    activation_bytes: float
    reason: str = ""


class Keyed(NamedTuple):
    """The key of a network, or why it has none."""

    key: str | None
    reason: str = ""


class DeclaredNetworks:
    """Builds networks and reads them; results are kept in memory, by architecture.

    Args:
        functions: those of the space; `build` is one of them.
        input_shape: of one example.
    """

    def __init__(self, functions: DeclaredFunctions, input_shape: Shape) -> None:
        self._functions = functions
        self._input_shape = input_shape
        self._takes_indices = False
        self._warned: set[str] = set()
        self.params = lru_cache(_CACHED)(self._params)
        self.traced = lru_cache(_CACHED)(self._traced)
        self.keyed = lru_cache(_CACHED)(self._keyed)
        self._graphs = lru_cache(_CACHED_GRAPHS)(self.read)

    def graph(self, arch: Architecture) -> OperatorGraph:
        """The network at inference. Raises `InputError` if it cannot be built or read."""
        reason = self.traced(arch).reason
        if reason:
            raise InputError(reason)
        return self._graphs(arch)

    def shape(self, batch: int) -> Shape:
        """Of a batch of inputs."""
        return (batch, *self._input_shape)

    def read(self, arch: Architecture, *, batch: int = 1) -> OperatorGraph:
        """`graph` without the cache. Raises `InputError`, and its subclasses as `read_torch` does.

        Like a cell with no path from input to output, a module that returns a constant is a network without costs.
        """
        module, name, shape = self._functions.network_of(arch), self._name(arch), self.shape(batch)
        try:
            with global_generators_kept():  # the module's own code runs
                graph = self._of_right_type(lambda dtype: read_torch(module, shape, dtype, name=name, warn=False))
        except ConstantModuleError as error:
            image, constant = Operator(INPUT, (), (shape,)), Operator("ConstantOfShape", (), (error.shape,))
            return OperatorGraph([image, constant], arch.string)
        kinds = {operator.kind for operator in graph.operators if operator.kind != INPUT}
        self._warned |= warn_unknown(kinds - self._warned, name)
        return OperatorGraph(graph.operators, arch.string)

    def read_key(self, arch: Architecture) -> str:
        """The key of the network. Raises `InputError` as `read` does."""
        module, name = self._functions.network_of(arch), self._name(arch)
        with global_generators_kept():
            return self._of_right_type(lambda dtype: torch_key(module, self.shape(1), dtype, name=name))

    def _name(self, arch: Architecture) -> str:
        return f"the network of {brief(arch.string)} in space {self._functions.space!r}"

    def _of_right_type(self, read: Callable[[torch.dtype | None], _Read]) -> _Read:
        """Read with inputs of the parameters' type, or of integers if that is what the module wants."""
        import torch

        dtypes = [None, torch.long]
        if self._takes_indices:  # as networks of a space usually agree
            dtypes.reverse()
        try:
            return read(dtypes[0])
        except RefusedShapeError as error:
            if not (self._takes_indices or error.takes_indices):
                raise
        found = read(dtypes[1])
        self._takes_indices = not self._takes_indices
        return found

    def _params(self, arch: Architecture) -> float:
        """Numbers in all parameters of the module, shared ones once; NaN if it cannot be built."""
        try:
            module = self._functions.network_of(arch)
            return float(sum(parameter.numel() for parameter in module.parameters()))
        except InputError as error:
            self._warn("params_m is unknown where a network cannot be built", error)
        except ValueError:  # PyTorch's, for a parameter without a shape
            reason = f"{self._name(arch)} has lazy parts; call it on an input before build returns it"
            self._warn("params_m is unknown where parameters have no shape yet", InputError(reason))
        return math.nan

    def _traced(self, arch: Architecture) -> Traced:
        try:
            graph = self._graphs(arch)
        except InputError as error:
            self._warn("flops_m and activation_mb are unknown where a network cannot be read", error)
            return Traced(math.nan, math.nan, str(error))
        return Traced(graph.flops / 2, graph.activation_bytes)

    def _keyed(self, arch: Architecture) -> Keyed:
        try:
            return Keyed(self.read_key(arch))
        except InputError as error:
            if not self.traced(arch).reason:  # else that is said
                self._warn("equal networks are not recognised where one cannot be read in training", error)
            return Keyed(None, str(error))

    def _warn(self, consequence: str, error: InputError) -> None:
        """Log once for each consequence: thousands of architectures may have the same fault."""
        if not {consequence, str(error)} & self._warned:
            self._warned |= {consequence, str(error)}
            logger.warning("%s: %s", consequence, error)
