"""Many untrained cells of a search space at once, for `random_networks`: how signals go through them.

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

from nassurrogate.architecture import CellGraph
from nassurrogate.proxies.shared_convolution import shared_convolution
from nassurrogate.spaces.nb101.costs import vertex_channels

Take: TypeAlias = Callable[[Tensor, int, int], Tensor]
"""`take(rows, kernel, number)`: filters (g, C, C, k, k) for the cells `rows`, the same for the same number."""


class RandomCells(ABC):
    """G cells of N nodes, for loops over nodes: who does what there, and who reads whom.

    Args:
        graphs: the cells, all of N nodes.
        channels: C.
        device: where they run.
    """

    kernel_of: ClassVar[dict[str, int]]
    """Operations that are convolutions, and how wide their filters are."""
    pool: ClassVar[str]
    """The operation that pools."""

    def __init__(self, graphs: Sequence[CellGraph], channels: int, device: torch.device) -> None:
        self.n_graphs, self.n_nodes = len(graphs), graphs[0].n_nodes
        self.every = torch.arange(self.n_graphs, device=device)
        self._times = np.stack([graph.adjacency for graph in graphs]).astype(np.float32)
        on_device = torch.from_numpy(self._times).to(device)
        # For every node whom it reads, and how often each network does: None where all do once.
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
        """(n, G, C, H, H) → (n, G, C, H, H): what cells with these filters give."""

    def _sum_of_read(self, values: Sequence[Tensor], node: int, *, without: int = -1) -> Tensor | None:
        """The sum of what the node reads, `without` one source; None where no cell reads anything there."""
        read = [
            values[source] if times is None else times * values[source]
            for source, times in self._reads[node]
            if source != without
        ]
        return sum(read[1:], start=read[0]) if read else None

    def _operated(self, total: Tensor, node: int, operate: Callable[[Tensor, str, Tensor], Tensor]) -> Tensor:
        """`operate(z, op, rows)` on each operation's rows of what the node reads; other rows pass."""
        given = total
        for op, rows in self._doing[node].items():
            alone = len(rows) == self.n_graphs
            z = operate(total if alone else total[:, rows], op, rows)
            given = z if alone else given.index_copy(1, rows, z)
        return given


class SummedCells(RandomCells):
    """NAS-Bench-201's (arXiv 2001.00326, section 2): a node reads a sum; ReLU, convolution, normalisation."""

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

            # Nothing read is nothing times the input: a cell without a way through has gradients, and they are 0.
            values.append(self._operated(0 * x if total is None else total, node, operate))
        return values[-1]


class SplitCells(RandomCells):
    """NAS-Bench-101's (arXiv 1902.09635, section 2): what feeds the output is concatenated and shares its channels.

    Convolution, normalisation, ReLU. The cell's input comes to a vertex through a 1x1 convolution of its own. A vertex
    that does not feed the output has as many channels as the widest that it feeds; of a wider one only the first
    channels are read. Here all tensors have C channels, and those that a vertex does not have are 0.
    """

    kernel_of: ClassVar[dict[str, int]] = {"conv1x1-bn-relu": 1, "conv3x3-bn-relu": 3}
    pool = "maxpool3x3"

    def __init__(self, graphs: Sequence[CellGraph], channels: int, device: torch.device) -> None:
        super().__init__(graphs, channels, device)
        self._projected = [
            torch.from_numpy(np.flatnonzero(self._times[:, 0, node])).to(device) for node in range(self.n_nodes)
        ]
        feeds, widths = self._times[:, 1:-1, -1] > 0, vertex_channels((self._times > 0).astype(np.int64), channels)
        channel = np.arange(channels)
        self._has = torch.from_numpy((channel < widths[..., None]).astype(np.float32)).to(device)
        # Where in a vertex's channels each channel of the output is found, and which vertex it is of.
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
        """Add the cell's input, where the node reads it, through a 1x1 convolution."""
        rows = self._projected[node]
        if not len(rows):
            return 0 * x if total is None else total
        alone = len(rows) == self.n_graphs
        # Filters of nodes have the nodes' numbers, those of projections the ones behind.
        weights = take(rows, 1, self.n_nodes + node)
        projected = F.relu(normal(shared_convolution(x if alone else x[:, rows], weights)))
        if total is None:
            return projected if alone else (0 * x).index_copy(1, rows, projected)
        return total + projected if alone else total.index_add(1, rows, projected)


def normal(x: Tensor) -> Tensor:
    """Batch normalisation, the statistics of each network its own."""
    return F.batch_norm(x.flatten(1, 2), None, None, training=True).view_as(x)


def pooled(x: Tensor, kernel: int, padding: int) -> Tensor:
    """The mean over kernel x kernel pixels, edges not counted, as a product with a matrix on either side.

    It is separable, and on a CPU ten times as fast as `avg_pool2d`.
    """
    one_by_one = torch.eye(x.shape[-1], device=x.device)[None]
    means = F.avg_pool1d(one_by_one, kernel, 1 if padding else kernel, padding, count_include_pad=False)[0]
    return means.T @ (x @ means)


CELLS_OF: Final[Mapping[str, type[RandomCells]]] = {"nb201": SummedCells, "nb101": SplitCells}
"""What is known of search spaces, by their names."""
