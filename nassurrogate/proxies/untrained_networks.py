"""Zero-cost proxies: statistics of signals and gradients in a tiny untrained network of a cell.

Nothing is trained and no table is read. Every cell is put into the same small network with the same random weights;
noise images with random classes go forward once, and the loss goes back once. The statistics resemble published
proxies: NASWOT (Mellor et al., arXiv 2006.04647), and SNIP, gradient norm and Jacobian covariance as compared by
Abdelfattah et al. (arXiv 2101.08134). They are not identical: the network is tiny, the images are noise, and the
activation patterns are those of the last layer only.

The network: a 3x3 stem, three stages of cells of one width, between them a residual block that halves the image
(conv, pool, conv; beside it pool, 1x1 conv), and batch normalisation without affine part after every convolution. The
semantics of a cell depend on its space: see `untrained_cells`.

Shapes: B cells, n images, G networks that run together, C channels, H the image's side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import groupby

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from nassurrogate.errors import InputError, brief, unknown_choice
from nassurrogate.graphs.canonical import canonical_graph
from nassurrogate.graphs.cell_graph import CellGraph
from nassurrogate.proxies.names import PROBE_NAMES, STAGES
from nassurrogate.proxies.shared_convolution import shared_convolution
from nassurrogate.proxies.statistics import (
    activation_statistics,
    jacobian_covariance,
    log_size,
    pattern_kernel,
)
from nassurrogate.proxies.untrained_cells import CELLS_OF, RandomCells, normal, pooled
from nassurrogate.runtime.device import one_thread, torch_device

CLASSES = 10
_IMAGES, _LABELS, _STEM, _REDUCTION, _HEAD, _CELL = range(6)
_BYTES_AT_ONCE = {"cpu": 1 << 28, "cuda": 1 << 33}
"""Memory for the activations that the backward pass needs, of networks that run together."""


def probe(
    graphs: Sequence[CellGraph],
    *,
    seed: int,
    cells_per_stage: int,
    space: str = "nb201",
    channels: int = 16,
    image_px: int = 16,
    images: int = 16,
    device: str = "auto",
    progress: Callable[[int], object] | None = None,
) -> np.ndarray:
    """(B, P) float64 statistics of one random network per cell, in the columns `PROBE_NAMES`.

    All cells see the same images, and the weights of an operation depend only on the seed, the stage, the cell's number
    in it and the node's number in the canonical graph. So a cell's row depends neither on the other cells nor on the
    numbering of its nodes; rows differ between processors by rounding.

    Args:
        graphs: B cells; their canonical graphs are used.
        seed: of images and weights, at least 0.
        cells_per_stage: number of cells before the image is halved; three times as many in all.
        space: name of the search space of the cells, a key of `CELLS_OF`.
        channels: width of the network.
        image_px: side of the images, a multiple of 4, at least 8.
        images: n, at least 2.
        device: to run on; `auto` is the GPU if there is one.
        progress: called now and then with the number of rows done since the last call.

    Raises `InputError` for an unknown space, an operation that it does not have, and numbers out of range.

    >>> from nassurrogate.spaces import get_space
    >>> space = get_space("nb201")
    >>> rows = probe([space.graph(space.parse(i)) for i in (1, 2)], seed=0, cells_per_stage=1, channels=4, device="cpu")
    >>> rows.shape, bool(np.isfinite(rows).all())
    ((2, 25), True)
    """
    smallest = {"seed": (seed, 0), "cells_per_stage": (cells_per_stage, 1), "channels": (channels, 1)}
    for name, (value, least) in {**smallest, "image_px": (image_px, 8), "images": (images, 2)}.items():
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
            raise InputError(f"{name} must be a whole number of at least {least}, got {brief(value)}")
    if image_px % 4:
        raise InputError(f"image_px must be a multiple of 4, got {image_px}: the image is halved twice")
    if space not in CELLS_OF:
        raise unknown_choice("space", space, CELLS_OF, place=" of random networks")
    known = (*CELLS_OF[space].kernel_of, CELLS_OF[space].pool)
    canonical = [canonical_graph(graph) for graph in graphs]
    rows: dict[CellGraph, int] = {}
    place = [rows.setdefault(graph, len(rows)) for graph in canonical]
    for op in dict.fromkeys(op for graph in rows for op in graph.ops[1:-1]):
        if op not in known:
            raise unknown_choice("operation", op, known, place=f" for a random network of {space}")
    where = torch_device(device)
    network = _Network(
        CELLS_OF[space], int(seed), int(cells_per_stage), int(channels), int(image_px), int(images), where
    )
    values = np.empty((len(rows), len(PROBE_NAMES)))
    # Without TF32, so that GPU and CPU measure the same.
    with one_thread(where, 0), torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
        for batch in _batches(list(rows), network.bytes_of_node, _BYTES_AT_ONCE[where.type]):
            values[[rows[graph] for graph in batch]] = network.measure(batch)
            if progress is not None:
                progress(len(batch))
    return values[place]


def _batches(graphs: list[CellGraph], bytes_of_node: int, bytes_at_once: int) -> Iterator[list[CellGraph]]:
    """As many cells of equal size as fit in memory; those with equal edges are together."""
    graphs = sorted(graphs, key=lambda graph: (graph.n_nodes, graph.adjacency.tobytes(), graph.ops))
    for n_nodes, group in groupby(graphs, key=lambda graph: graph.n_nodes):
        alike = list(group)
        step = max(1, bytes_at_once // (bytes_of_node * n_nodes))
        yield from (alike[start : start + step] for start in range(0, len(alike), step))


class _Weights:
    """Weights that all networks share, as one view per network, so that each has its own gradient."""

    def __init__(self, network: _Network) -> None:
        self._network = network
        self.stem: list[tuple[Tensor, Tensor]] = []
        self.reductions: list[tuple[Tensor, Tensor]] = []
        self.stages: list[list[tuple[Tensor, Tensor]]] = [[] for _ in range(STAGES)]

    def take(self, kept: list[tuple[Tensor, Tensor]], rows: Tensor, ci: int, kernel: int, *key: int) -> Tensor:
        """(g, C, ci, k, k): the filter of that key for the networks `rows`, appended to `kept`."""
        weight = self._network.filter(ci, kernel, *key).expand(len(rows), -1, -1, -1, -1).requires_grad_()
        kept.append((rows, weight))
        return weight


class _Network:
    """The network around the cells, its images and its weights. Activations have the shape (n, G, C, H, H)."""

    def __init__(
        self,
        cells: type[RandomCells],
        seed: int,
        cells_per_stage: int,
        channels: int,
        image_px: int,
        images: int,
        device: torch.device,
    ) -> None:
        self._cells = cells
        self.seed, self.cells_per_stage, self.channels, self.device = seed, cells_per_stage, channels, device
        self.images = self._noise_images(images, image_px).to(device)
        labels = self._generator(_LABELS).integers(CLASSES, size=images)
        self.labels = torch.from_numpy(labels).to(device)
        head = self._generator(_HEAD).standard_normal((channels, CLASSES)) / channels**0.5
        self.head = torch.from_numpy(head.astype(np.float32)).to(device)
        self._filters: dict[tuple[int, ...], Tensor] = {}
        # The backward pass needs four arrays per node; a stage has a quarter of the pixels of the one before.
        self.bytes_of_node = 4 * 4 * images * channels * image_px**2 * cells_per_stage * 4 // 3

    def _generator(self, *key: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, *key, *[0] * (5 - len(key))])

    def _noise_images(self, images: int, image_px: int) -> Tensor:
        """(n, 3, H, H): white noise and, as in photographs, stronger noise of low frequency."""
        rng = self._generator(_IMAGES)
        sides = (image_px, 4, 8)
        noise = [torch.from_numpy(rng.standard_normal((images, 3, s, s)).astype(np.float32)) for s in sides]
        waves = [F.interpolate(2 * coarse, size=(image_px, image_px), mode="bilinear") for coarse in noise[1:]]
        return noise[0] + waves[0] + waves[1]

    def filter(self, ci: int, kernel: int, *key: int) -> Tensor:
        """(C, ci, k, k) normal weights of variance 2 / fan-in, always the same for the same key."""
        if (ci, kernel, *key) not in self._filters:
            normal_weights = self._generator(*key).standard_normal((self.channels, ci, kernel, kernel))
            scaled = normal_weights * (2 / (ci * kernel**2)) ** 0.5
            self._filters[ci, kernel, *key] = torch.from_numpy(scaled.astype(np.float32)).to(self.device)
        return self._filters[ci, kernel, *key]

    def measure(self, graphs: list[CellGraph]) -> np.ndarray:
        """(G, P) probes of G cells of equal size."""
        cells, weights = self._cells(graphs, self.channels, self.device), _Weights(self)
        x = image = self.images[:, None].expand(-1, cells.n_graphs, -1, -1, -1).clone().requires_grad_()
        x = normal(shared_convolution(x, weights.take(weights.stem, cells.every, 3, 3, _STEM)))
        columns: list[Tensor] = []
        for stage in range(STAGES):
            for number in range(self.cells_per_stage):
                x = cells.forward(x, partial(self._cell_filter, weights, stage, number))
            columns += activation_statistics(x.detach())
            if stage < STAGES - 1:
                x = self._reduction(x, weights, cells.every, stage)
        x = F.relu(normal(x))
        columns.append(pattern_kernel(x.detach()))
        logits = torch.einsum("ngc,ck->ngk", x.mean((3, 4)), self.head)
        labels = self.labels[:, None].expand(-1, cells.n_graphs)
        loss = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="sum") / len(labels)
        return torch.stack([*columns, *self._gradient_statistics(loss, image, weights)], dim=1).cpu().numpy()

    def _cell_filter(self, weights: _Weights, stage: int, number: int, rows: Tensor, kernel: int, node: int) -> Tensor:
        return weights.take(weights.stages[stage], rows, self.channels, kernel, _CELL, stage, number, node)

    def _reduction(self, x: Tensor, weights: _Weights, every: Tensor, stage: int) -> Tensor:
        def taken(kernel: int, number: int) -> Tensor:
            return weights.take(weights.reductions, every, self.channels, kernel, _REDUCTION, stage, number)

        z = pooled(F.relu(normal(shared_convolution(F.relu(x), taken(3, 0)))), 2, 0)
        z = normal(shared_convolution(z, taken(3, 1)))
        return z + normal(shared_convolution(pooled(x, 2, 0), taken(1, 2)))

    def _gradient_statistics(self, loss: Tensor, image: Tensor, weights: _Weights) -> list[Tensor]:
        groups = [weights.stem, weights.reductions, *weights.stages]
        wanted = [image, *(weight for group in groups for _, weight in group)]
        # The loss may not depend on the weights of a branch: their gradients are zeros.
        found = iter(torch.autograd.grad(loss, wanted, allow_unused=True, materialize_grads=True))
        jacobian = next(found).transpose(0, 1).flatten(2).double()
        squares = torch.zeros(len(groups), len(jacobian), dtype=torch.float64, device=self.device)
        saliency = torch.zeros(len(jacobian), dtype=torch.float64, device=self.device)
        for number, group in enumerate(groups):
            for (rows, weight), gradient in zip(group, found, strict=False):
                gradient = gradient.flatten(1).double()
                squares[number].index_add_(0, rows, gradient.square().sum(1))
                if number >= 2:
                    saliency.index_add_(0, rows, (gradient * weight.detach().flatten(1)).abs().sum(1))
        stem, reductions, *stages = squares
        return [
            log_size(jacobian.norm(dim=2).mean(1)),
            log_size(squares[2:].sum(0)),
            *map(log_size, stages),
            log_size(saliency),
            log_size(stem),
            log_size(reductions),
            jacobian_covariance(jacobian),
        ]
