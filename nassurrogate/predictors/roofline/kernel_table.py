"""The kernels of many networks as arrays.

Shapes: n networks, K kernels of all of them, Q quantities.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nassurrogate.graphs.kernels import FUSED_ACTIVATIONS, KernelKind, fused_kernels
from nassurrogate.graphs.operator_graph import OperatorGraph

QUANTITIES = ("multiply-accumulates", "data", "weights", "unrolled data", "launch")
"""What the time of a kernel may be proportional to: arithmetic; numbers of activations read and written; of weights
read; of the columns to which a convolution unrolls its input (im2col); and 1 per kernel."""
MILLION = 1e6
_ALIGNED = 4
"""Devices compute channels in vectors of at least four: the last one may be partly empty."""
_COLUMNS = (
    *("activation", "channels_in", "channels_out", "groups", "positions", "window", "stride", "pads"),
    *("n_inputs", "numbers_read", "numbers_written", "params", "flops"),
)


@dataclass(frozen=True)
class KernelTable:
    """The kernels of n networks, one after the other.

    Attributes:
        kinds: the different kinds that occur.
        kind: (K,) position of each kernel's kind in `kinds`.
        numbers: (K, 13) float64: the sizes of each kernel, in the order of `Kernel`; its activation as a number.
        start: (n + 1,) the first kernel of each network, and K.
        position: (K,) the operator of its graph that each kernel computes.
    """

    kinds: tuple[KernelKind, ...]
    kind: np.ndarray
    numbers: np.ndarray
    start: np.ndarray
    position: np.ndarray

    @classmethod
    def of(cls, graphs: Sequence[OperatorGraph]) -> KernelTable:
        """The kernels of n graphs; a graph may have none."""
        places: dict[KernelKind, int] = {}
        kind: list[int] = []
        rows: list[tuple[object, ...]] = []
        start = [0]
        for graph in graphs:
            for kernel in fused_kernels(graph):
                kind.append(places.setdefault(kernel.kind, len(places)))
                rows.append((kernel.position, _ACTIVATION_CODE[kernel.activation], *kernel[3:]))
            start.append(len(rows))
        numbers = np.array(rows, dtype=np.float64).reshape(-1, 1 + len(_COLUMNS))
        return cls(
            tuple(places), np.array(kind, np.intp), numbers[:, 1:], np.array(start), numbers[:, 0].astype(np.intp)
        )

    def __len__(self) -> int:
        return len(self.start) - 1

    def rows(self, networks: np.ndarray) -> KernelTable:
        """The table of some of the networks, in the order given."""
        size = np.diff(self.start)[networks]
        start = np.concatenate([[0], np.cumsum(size)])
        kernel = np.repeat(self.start[:-1][networks] - start[:-1], size) + np.arange(start[-1])
        return KernelTable(self.kinds, self.kind[kernel], self.numbers[kernel], start, self.position[kernel])

    @cached_property
    def network(self) -> np.ndarray:
        """(K,) the network of each kernel."""
        return np.repeat(np.arange(len(self)), np.diff(self.start))

    def column(self, name: str) -> np.ndarray:
        """(K,) one size of all kernels."""
        return self.numbers[:, _COLUMNS.index(name)]

    def has_role(self, *roles: str) -> np.ndarray:
        """(K,) whether the kernel has one of these roles."""
        return np.asarray(np.array([kind.role in roles for kind in self.kinds] or [False])[self.kind])

    @cached_property
    def quantities(self) -> np.ndarray:
        """(K, Q) the `QUANTITIES` of each kernel: in millions, and 0.01 for a launch, so that all are of like size."""
        dense, depthwise = self.has_role("convolution"), self.has_role("depthwise convolution")
        channels_in, channels_out = (self.column(name) for name in ("channels_in", "channels_out"))
        places = self.column("window") * self.column("positions") * self.column("groups")
        exact = self.column("flops") / 2
        simple = dense & (channels_in * channels_out * places == exact)  # not a transposed convolution, for example
        aligned = np.where(
            simple,
            _up(channels_in) * _up(channels_out) * places,
            np.where(depthwise, _up(channels_out) * places / self.column("groups"), exact),
        )
        unrolled = np.where(dense & (self.column("window") > 1), channels_in * places, 0.0)
        return (
            np.stack(
                [
                    aligned,
                    self.column("numbers_read") + self.column("numbers_written"),
                    self.column("params"),
                    unrolled,
                    np.full(len(self.kind), MILLION / 100),
                ],
                axis=1,
            )
            / MILLION
        )

    def sums(self, factor: np.ndarray | None = None) -> np.ndarray:
        """(n, Q, kinds) each quantity, summed over a network's kernels of each kind.

        Args:
            factor: (K,) by which the quantities of every kernel are multiplied.
        """
        cell = self.network * len(self.kinds) + self.kind
        size = len(self) * len(self.kinds)
        weighted = self.quantities if factor is None else self.quantities * factor[:, None]
        summed = [np.bincount(cell, weights=column, minlength=size) for column in weighted.T]
        return np.stack(summed).reshape(len(QUANTITIES), len(self), len(self.kinds)).swapaxes(0, 1)

    def per_network(self, values: np.ndarray) -> np.ndarray:
        """(n,) sums over each network of (K,) values."""
        return np.bincount(self.network, weights=values, minlength=len(self))


_ACTIVATION_CODE = {"": 0, **{name: 1 + code for code, name in enumerate(FUSED_ACTIVATIONS)}}


def _up(channels: np.ndarray) -> np.ndarray:
    aligned: np.ndarray = np.ceil(channels / _ALIGNED) * _ALIGNED
    return aligned
