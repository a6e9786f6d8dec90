"""Untrained cells of a search space, many at once, for `untrained_networks`: how signals travel through them.

Shapes: n images, G cells of N nodes that run together, C channels, H the image's side.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Final, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from nassurrogate.graphs.cell_graph import CellGraph
from nassurrogate.proxies.shared_convolution import shared_convolution
from nassurrogate.spaces.nb101.costs import vertex_channels

Take: TypeAlias = Callable[[Tensor, int, int], Tensor]
"""`take(rows, kernel, number)`: filters (g, C, C, k, k) for the cells `rows`, the same for the same number."""


class RandomCells(ABC):
    """G cells of N nodes, prepared for a loop over nodes: their operations, and the nodes they read.

    Args:
        graphs: the cells, all of N nodes.
        channels: C.
        device: to run on.
    """

    kernel_of: ClassVar[dict[str, int]]
    """Convolution → side of its filters."""
    pool: ClassVar[str]
    """The pooling operation."""

    def __init__(self, graphs: Sequence[CellGraph], channels: int, device: torch.device) -> None:
        self.n_graphs, self.n_nodes, self.n_channels = len(graphs), graphs[0].n_nodes, channels
        self.every = torch.arange(self.n_graphs, device=device)
        self._times = np.stack([graph.adjacency for graph in graphs]).astype(np.float32)
        on_device = torch.from_numpy(self._times).to(device)
        # For every node, the nodes it reads and their multiplicity in each network; None if it is 1 in all.
        self._reads: list[list[tuple[int, Tensor | None]]] = [[] for _ in range(self.n_nodes)]
        for x, y in np.argwhere(self._times.any(0)).tolist():
            once = bool((self._times[:, x, y] == 1).all())
            self._reads[y].append((x, None if once else on_device[:, x, y].view(-1, 1, 1, 1)))
        self._doing: list[dict[str, Tensor]] = []
        for node in range(self.n_nodes):
            ops = np.array([graph.ops[node] for graph in graphs])
            members = {op: np.flatnonzero(ops == op) for op in (*self.kernel_of, self.pool) if (ops == op).any()}
            self._doing.append({op: torch.from_numpy(rows).to(device) for op, rows in members.items()})

    @abstractmethod
    def forward(self, x: Tensor, take: Take) -> Tensor:
        """(n, G, C, H, H) → (n, G, C, H, H): the output of cells with these filters."""

    def _sum_of_read(self, values: Sequence[Tensor], node: int, *, without: int = -1) -> Tensor | None:
        """The sum of the nodes that a node reads, `without` one of them; None if no cell reads any."""
        read = [
            values[source] if times is None else times * values[source]
            for source, times in self._reads[node]
            if source != without
        ]
        return sum(read[1:], start=read[0]) if read else None

    def _operated(self, total: Tensor, node: int, operate: Callable[[Tensor, str, Tensor], Tensor]) -> Tensor:
        """Apply `operate(z, op, rows)` to the rows of each operation; other rows pass unchanged."""
        result = total
        for op, rows in self._doing[node].items():
            alone = len(rows) == self.n_graphs
            z = operate(total if alone else total[:, rows], op, rows)
            result = z if alone else result.index_copy(1, rows, z)
        return result


class SummedCells(RandomCells):
    """Cells of NAS-Bench-201 (arXiv 2001.00326, section 2): a node reads a sum; ReLU, convolution, normalisation."""

    kernel_of: ClassVar[dict[str, int]] = {"nor_conv_1x1": 1, "nor_conv_3x3": 3}
    pool = "avg_pool_3x3"

    def forward(self, x: Tensor, take: Take) -> Tensor:
        values = [x]
        for node in range(1, self.n_nodes):
            total = self._sum_of_read(values, node)

            def operate(z: Tensor, op: str, rows: Tensor, node: int = node) -> Tensor:
                if op == self.pool:
                    return pooled(z, 3, 1)
                return normal(shared_convolution(F.relu(z), take(rows, self.kernel_of[op], node)))

            # An empty sum is 0 times the input: then a cell with no path from input to output has gradients of 0.
            values.append(self._operated(0 * x if total is None else total, node, operate))
        return values[-1]


class SplitCells(RandomCells):
    """Cells of NAS-Bench-101 (arXiv 1902.09635, section 2): vertices that feed the output are concatenated.

    Convolution, normalisation, ReLU. A vertex reads the cell's input through a 1x1 convolution of its own. The vertices
    that feed the output share its channels; any other has as many channels as the widest vertex that it feeds. Of a
    wider vertex, only the first channels are read. Here all tensors have C channels; those that a vertex lacks are 0.
    """

    kernel_of: ClassVar[dict[str, int]] = {"conv1x1-bn-relu": 1, "conv3x3-bn-relu": 3}
    pool = "maxpool3x3"

    def __init__(self, graphs: Sequence[CellGraph], channels: int, device: torch.device) -> None:
        super().__init__(graphs, channels, device)
        self._projected = [
            torch.from_numpy(np.flatnonzero(self._times[:, 0, node])).to(device) for node in range(self.n_nodes)
        ]
        feeds = self._times[:, 1:-1, -1] > 0
        widths = vertex_channels((self._times > 0).astype(np.int64), self.n_channels)
        channel = np.arange(self.n_channels)
        self._has = torch.from_numpy((channel < widths[..., None]).astype(np.float32)).to(device)
        # The vertex of each channel of the output, and its position among the channels of that vertex.
        start = np.cumsum(feeds * widths, axis=1) - feeds * widths
        place = channel - start[..., None]
        owned = feeds[..., None] & (place >= 0) & (place < widths[..., None])
        self._place = torch.from_numpy(np.where(owned, place, 0)).to(device)
        self._owned = torch.from_numpy(owned.astype(np.float32)).to(device)
        self._feeds = [bool(column.any()) for column in feeds.T]

    def forward(self, x: Tensor, take: Take) -> Tensor:
        values = [x]
        last = self.n_nodes - 1
        for node in range(1, last):
            total = self._with_projection(x, self._sum_of_read(values, node, without=0), node, take)
            has = self._has[:, node - 1, :, None, None]

            def operate(z: Tensor, op: str, rows: Tensor, node: int = node, has: Tensor = has) -> Tensor:
                if op == self.pool:
                    return F.max_pool2d(z.flatten(0, 1), 3, 1, 1).view_as(z)
                return F.relu(normal(shared_convolution(z, take(rows, self.kernel_of[op], node)))) * has[rows]

            values.append(self._operated(total * has, node, operate))
        joined = None
        for node in range(1, last):
            if self._feeds[node - 1]:
                place, owned = self._place[:, node - 1, :, None, None], self._owned[:, node - 1, :, None, None]
                part = values[node].gather(2, place.expand_as(x)) * owned
                joined = part if joined is None else joined + part
        return self._with_projection(x, joined, last, take)

    def _with_projection(self, x: Tensor, total: Tensor | None, node: int, take: Take) -> Tensor:
        """Add the cell's input through a 1x1 convolution for the cells whose node reads it."""
        rows = self._projected[node]
        if not len(rows):
            return 0 * x if total is None else total
        alone = len(rows) == self.n_graphs
        # Filters of nodes have the nodes' numbers; those of projections follow.
        weights = take(rows, 1, self.n_nodes + node)
        projected = F.relu(normal(shared_convolution(x if alone else x[:, rows], weights)))
        if total is None:
            return projected if alone else (0 * x).index_copy(1, rows, projected)
        return total + projected if alone else total.index_add(1, rows, projected)


def normal(x: Tensor) -> Tensor:
    """Batch normalisation with separate statistics for each network."""
    return F.batch_norm(x.flatten(1, 2), None, None, training=True).view_as(x)


def pooled(x: Tensor, kernel: int, padding: int) -> Tensor:
    """Average pooling over kernel x kernel pixels, without the padding, as a product with a matrix on either side.

    This is ten times as fast as `avg_pool2d` on a CPU.
    """
    one_by_one = torch.eye(x.shape[-1], device=x.device)[None]
    means = F.avg_pool1d(one_by_one, kernel, 1 if padding else kernel, padding, count_include_pad=False)[0]
    return means.T @ (x @ means)


CELLS_OF: Final[Mapping[str, type[RandomCells]]] = {"nb201": SummedCells, "nb101": SplitCells}
"""Search space → its cells."""
