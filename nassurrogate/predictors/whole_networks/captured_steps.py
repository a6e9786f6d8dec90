"""Gradient steps on a GPU as CUDA graphs: a step's kernels take less time than their launches.

A CUDA graph has fixed shapes, but batches of graphs differ in size. So a batch is padded to one of a few capacities: up
to the next one by nodes without neighbours in other graphs, which belong to a graph of their own that has no label. An
epoch concatenates all graphs in its order; a step reads its slice of that, whose place it finds on the GPU.

Shapes: n labels, B in the largest batch, N nodes and E edges of a capacity.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from nassurrogate.predictors.training.cuda_graph import CudaGraph
from nassurrogate.predictors.training.steps import Capture, Schedule
from nassurrogate.predictors.whole_networks.batches import Concatenated, GraphBatch, GraphSet
from nassurrogate.predictors.whole_networks.edge_sums import Edges

_LEVELS = 6
"""Capacities between the smallest and the largest batch: more of them pad less, but each is captured."""
_FEWEST = 256
"""Nodes between two capacities, at least."""


class CapturedSteps:
    """Takes Adam steps that minimise the mean of (ŷ/y − 1)², an epoch at a time.

    Args:
        network: in training mode, on the GPU of the graphs; its weights are changed in place.
        graphs: encoded networks.
        rows: (n,) which of them to learn.
        labels: (n,) above 0, on the GPU.
        schedule: how long and how fast.
        orders: for each epoch, (n,) the order of the labels.
        capture: turns a step on a device into one that replays it.
    """

    def __init__(
        self,
        network: nn.Module,
        graphs: GraphSet,
        rows: np.ndarray,
        labels: Tensor,
        schedule: Schedule,
        orders: Sequence[np.ndarray],
        *,
        capture: Capture = CudaGraph,
    ) -> None:
        device = labels.device
        self._network, self._graphs, self._labels, self._orders = network, graphs, labels, orders
        self._rows = torch.from_numpy(rows).to(device)
        self._sizes = np.array(schedule.batch_sizes(len(rows)))
        begins = np.concatenate([[0], np.cumsum(self._sizes)])
        self._begin = torch.from_numpy(begins).to(device)
        rates = schedule.rates(len(rows))
        self._rates = torch.tensor(rates, device=device)
        self._rate = torch.zeros((), device=device)
        self._done = torch.zeros(1, dtype=torch.int64, device=device)
        self._optimizer = torch.optim.AdamW(
            network.parameters(), lr=self._rate, weight_decay=0.0, fused=True, capturable=device.type == "cuda"
        )
        nodes = np.stack([np.add.reduceat(graphs.node_counts[rows[order]], begins[:-1]) for order in orders])
        self._level, capacities = _capacities(nodes)
        density = float((graphs.edge_counts[rows] / graphs.node_counts[rows]).max())
        self._epoch, self._targets = self._joined(0)
        self._steps = self._captured([(n, int(np.ceil(n * density)) + 1) for n in capacities], capture)

    def epoch(self, number: int) -> None:
        """Visit all labels in the order of this epoch."""
        self._begin_epoch(number)
        for level in self._level[number]:
            self._steps[level]()
            self._done.add_(1)

    def _begin_epoch(self, number: int) -> None:
        joined, targets = self._joined(number)
        for mine, new in zip(_tensors(self._epoch), _tensors(joined), strict=True):
            mine.copy_(new)
        self._targets.copy_(targets)
        self._done.fill_(number * len(self._sizes))

    def _joined(self, number: int) -> tuple[Concatenated, Tensor]:
        order = torch.from_numpy(self._orders[number]).to(self._labels.device)
        return self._graphs.concatenated(self._rows[order]), self._labels[order]

    def _captured(self, capacities: Sequence[tuple[int, int]], capture: Capture) -> list[Callable[[], None]]:
        """A step of each capacity; weights and optimizer are as before the first one."""
        before = {name: value.clone() for name, value in self._network.state_dict().items()}
        steps = []
        for level, capacity in enumerate(capacities):
            # The runs before a capture need a batch that fits.
            number, place = (int(found[0]) for found in np.nonzero(self._level == level))
            self._begin_epoch(number)
            self._done.add_(place)
            steps.append(capture(partial(self._step, *capacity), self._labels.device))
        self._network.load_state_dict(before)
        for state in self._optimizer.state.values():
            for tensor in state.values():
                tensor.zero_()
        return steps

    def _step(self, n_nodes: int, n_edges: int) -> None:
        self._rate.copy_(self._rates.index_select(0, self._done).squeeze(0))
        batch, targets, weight = self._batch(n_nodes, n_edges)
        self._optimizer.zero_grad(set_to_none=True)
        error = (cast(Tensor, self._network(batch))[:-1] / targets - 1).square()
        (error * weight).sum().backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()

    def _batch(self, n_nodes: int, n_edges: int) -> tuple[GraphBatch, Tensor, Tensor]:
        """The batch of the present step, padded; (B,) targets, and (B,) weights of the labels in the mean."""
        epoch, largest = self._epoch, int(self._sizes.max())
        place = self._done % len(self._sizes)
        graph, last_graph = self._begin[place], self._begin[place + 1]
        node, last_node = epoch.first[graph], epoch.first[last_graph]
        edge, last_edge = epoch.first_edge[graph], epoch.first_edge[last_graph]
        some_nodes, some_edges = last_node - node, last_edge - edge

        number = torch.arange(n_nodes + 1, device=node.device)
        at = (node + number).clamp(max=len(epoch.row))
        # Edges of padding run from a node of padding to itself, equally many from each.
        each = (n_edges - some_edges + n_nodes - some_nodes - 1) // (n_nodes - some_nodes)
        of_padding = (some_edges + each * (number - some_nodes)).clamp(max=n_edges)
        first = torch.where(number < some_nodes, epoch.edges.first[at] - edge, of_padding)
        at, is_node = at[:-1].clamp(max=len(epoch.row) - 1), number[:-1] < some_nodes

        link = torch.arange(n_edges, device=node.device)
        is_edge, from_edge = link < some_edges, (edge + link).clamp(max=len(epoch.edges.source) - 1)
        padding = (some_nodes + (link - some_edges) // each).clamp(min=0, max=n_nodes - 1)
        edges = Edges(
            torch.where(is_edge, epoch.edges.source[from_edge] - node, padding),
            torch.where(is_edge, epoch.edges.target[from_edge] - node, padding),
            first,
            torch.where(is_edge, epoch.edges.reverse[from_edge] - edge, link),
        )
        label = torch.arange(largest + 2, device=node.device)
        there = (graph + label).clamp(max=len(epoch.first) - 1)
        begins = torch.minimum(epoch.first[there] - node, some_nodes)
        begins = torch.where(label > largest, n_nodes, begins)
        labelled = there[:-1].clamp(max=len(self._targets) - 1)
        batch = GraphBatch(
            self._graphs.table[epoch.row[at]],
            torch.where(is_node, epoch.degree[at], 0).unsqueeze(-1).float(),
            edges,
            begins,
            torch.where(is_node, epoch.graph[at] - graph, largest),
            epoch.static[labelled],
        )
        in_batch = label[:-2] < last_graph - graph
        return batch, self._targets[labelled[:-1]], in_batch / (last_graph - graph)


def _capacities(nodes: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """The capacity of each batch as a position in the list of capacities, each above the nodes of its batches."""
    low, high = int(nodes.min()), int(nodes.max())
    apart = max(_FEWEST, -(-(high - low) // _LEVELS))
    used, level = np.unique((nodes - low) // apart, return_inverse=True)
    return level.reshape(nodes.shape), [low + apart * (int(number) + 1) for number in used]


def _tensors(joined: Concatenated) -> list[Tensor]:
    parts = joined._asdict()
    edges: Edges = parts.pop("edges")
    return [*parts.values(), *edges]
