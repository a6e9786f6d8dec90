"""The space `networks`: whole networks that a user brings."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NoReturn

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError, brief
from nassurrogate.graphs.operator_graph import OperatorGraph
from nassurrogate.graphs.readers.network import GivenShapes, checked_input_shape, is_module, is_proto, read_network
from nassurrogate.spaces.base import ArchLike, is_single
from nassurrogate.spaces.network_space import NetworkSpace
from nassurrogate.spaces.networks.network import Network
from nassurrogate.spaces.networks.text import PREFIX, read_network_text

_log = logging.getLogger(__name__)
_USUAL_INPUT = (1, 3, 224, 224)


class Networks(NetworkSpace):
    """All networks. It is open: it reads those that it is given, and neither lists nor samples nor mutates any.

    An architecture is the path of an `.onnx` file, an `onnx.ModelProto`, a `torch.nn.Module`, an `OperatorGraph`, or
    the text that the space prints. Weights are not read.

    Args:
        input_shape: (batch, channels, height, width) of the input of a module, or of a model file that leaves it open;
            None: 1x3x224x224 for modules, which is logged. A list of shapes for modules with several inputs.

    All instances are the same space: the input shape matters only while a network is read.

    >>> import torch
    >>> space = Networks(input_shape=(1, 3, 8, 8))
    >>> network = space.parse(torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1), torch.nn.ReLU()))
    >>> space.operator_graph(network).operators[1].output_shape, space.costs([network])["flops_m"]
    ((1, 4, 8, 8), array([0.000768]))
    """

    name = "networks"
    description = "whole networks: ONNX files, PyTorch modules, graphs of operators"
    can_sample = False

    def __init__(self, input_shape: Sequence[int] | Sequence[Sequence[int]] | None = None) -> None:
        self.input_shape: GivenShapes | None = None if input_shape is None else checked_input_shape(input_shape)

    # --- names ---------------------------------------------------------------------------------------------------

    def is_single(self, archs: object) -> bool:
        """Whether it is one network: a `torch.nn.Sequential` is one, although one can iterate over it."""
        return isinstance(archs, os.PathLike | OperatorGraph) or is_module(archs) or is_proto(archs) or is_single(archs)

    def parse(self, arch: ArchLike) -> Architecture:
        if isinstance(arch, Architecture):
            own = self._own(arch)
            return own if isinstance(own, Network) else self.parse_printed(own.string)
        if isinstance(arch, OperatorGraph):
            return Network(self, arch)
        if isinstance(arch, str):
            arch = arch.strip()
            if arch.startswith(PREFIX):
                return self.parse_printed(arch)
        if isinstance(arch, str | os.PathLike) or is_proto(arch):
            return Network(self, read_network(arch, input_shape=self.input_shape))
        if is_module(arch):
            return Network(self, read_network(arch, input_shape=self._shape_for_modules()))
        raise InputError(
            f"a network is a path to an .onnx file, an onnx.ModelProto, a torch.nn.Module, an OperatorGraph or text "
            f"that starts with {PREFIX!r}, got {brief(arch)}"
        )

    def parse_printed(self, text: str) -> Architecture:
        return Network(self, read_network_text(text.strip()))

    def _shape_for_modules(self) -> GivenShapes:
        if self.input_shape is None:
            _log_usual_input()
            return _USUAL_INPUT
        return self.input_shape

    # --- moves ---------------------------------------------------------------------------------------------------

    def _has_no(self, what: str) -> NoReturn:
        raise InputError(f"space {self.name!r} has no {what}; it scores networks that you give it")

    def sample(self, n: int, rng: np.random.Generator) -> list[Architecture]:
        self._has_no("random networks")

    def sample_at_most(self, n: int, rng: np.random.Generator) -> list[Architecture]:
        self._has_no("random networks")

    def neighbours(self, arch: Architecture) -> list[Architecture]:
        self._has_no("neighbours")

    def mutate(self, arch: Architecture, rng: np.random.Generator) -> Architecture:
        self._has_no("mutations")

    def members(self) -> Iterator[Architecture]:
        self._has_no("list of all networks")

    # --- identity and structure ----------------------------------------------------------------------------------

    def operator_graph(self, arch: Architecture) -> OperatorGraph:
        own = self.parse(arch)
        assert isinstance(own, Network)
        return own.operator_graph

    def canonical_key(self, arch: Architecture) -> str:
        """The key of the graph."""
        return self.operator_graph(arch).key

    def costs(self, archs: Sequence[Architecture], dataset: str | None = None) -> dict[str, np.ndarray]:
        """Exact costs of one inference, in millions: parameters, `flops_m`, and megabytes of memory access.

        As in the other spaces, `flops_m` counts multiply-accumulates, half the floating-point operations of the graph.
        `memory_access_mb` is all that operators read and write as 32-bit numbers, in 10⁶ bytes.
        """
        graphs = [self.operator_graph(arch) for arch in archs]
        return {
            "params_m": np.array([graph.params / 1e6 for graph in graphs], dtype=np.float64),
            "flops_m": np.array([graph.flops / 2e6 for graph in graphs], dtype=np.float64),
            "memory_access_mb": np.array([graph.memory_bytes / 1e6 for graph in graphs], dtype=np.float64),
        }


@lru_cache(maxsize=1)
def _log_usual_input() -> None:
    """Log once per process."""
    _log.warning(
        "modules are read with an input of 1x3x224x224; for another one use Networks(input_shape=(1, 3, H, W)) as space"
    )
