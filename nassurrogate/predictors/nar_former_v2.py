"""NAR-Former V2 (Yi et al., NeurIPS 2023, arXiv 2306.10792): a transformer whose attention runs along the graph.

Shapes: B cells, N nodes, d the width of a block's input, h of its output, M members of the ensemble, V views of a cell.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nassurrogate.architecture import INPUT, OUTPUT, Architecture, CellGraph
from nassurrogate.errors import InputError, brief
from nassurrogate.predictors.base import Predictor, Progress, check_ranges
from nassurrogate.predictors.cell_table import cell_table
from nassurrogate.predictors.chunk_scoring import ChunkScorer
from nassurrogate.predictors.ensemble_training import Ensemble, Inputs, Labelled, Schedule
from nassurrogate.predictors.graph_batch import encode, relabelled
from nassurrogate.predictors.label_scale import FractionScale, RankScale
from nassurrogate.predictors.losses import rank_loss, relative_loss
from nassurrogate.predictors.torch_device import one_thread, torch_device
from nassurrogate.spaces import Space

# Codes of the operations in the released code; what it does not know comes after.
_OP_CODES = ("input", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3", "skip_connect", "none", "output")
# Rows that are scored together, and in which precision, by kind of device.
_SCORE_CHUNK = {"cpu": 64, "cuda": 2048}
_SCORE_DTYPE = {"cpu": torch.float64, "cuda": torch.float64}


@dataclass(frozen=True)
class V2Config:
    """Hyper-parameters. The defaults are the preset `fast`; `PAPER` is the paper's NAS-Bench-201 configuration.

    cells: `reduced` reads the cell as what it computes (nothing dead, no `none`, skips contracted, an edge's weight its
        multiplicity), with a node's depth as its position; `wired` reads all edges as nodes, with their number as
        position.
    code_width: width of the code of one number in a token; a token holds two.
    layer_scale: what γ, the weight of the feed-forward network, starts from.
    output: `linear`, or the paper's `log-sigmoid`, which is always positive.
    labels: `rank` learns normal scores of the labels' ranks with squared error and a pairwise logistic loss;
        `fraction` learns labels / 100 with the paper's loss, each cell beside an isomorphic relabelling.
    max_steps: batches grow where more steps than this would be needed; 0 never.
    holdout: share of the labels held out to stop early; 0 trains for all epochs and keeps the last weights.
    """

    cells: str = "reduced"
    code_width: int = 16
    width: int = 64
    blocks: int = 2
    groups: int = 8
    ffn_ratio: int = 1
    head_width: int = 64
    dropout: float = 0.0
    layer_scale: float = 0.1
    output: str = "linear"
    labels: str = "rank"
    members: int = 4
    epochs: int = 50
    batch: int = 32
    max_steps: int = 1500
    learning_rate: float = 4e-3
    weight_decay: float = 0.01
    warmup: float = 0.1
    holdout: float = 0.0
    patience: int = 20

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise InputError(f"{name} is one of {', '.join(choices)}, got {brief(getattr(self, name))}")
        check_ranges(self, _RANGES)
        if self.members * self.width * self.ffn_ratio > _MAX_BREADTH:
            raise InputError(f"members * width * ffn_ratio must be at most {_MAX_BREADTH}")
        if self.code_width % 2:
            raise InputError(f"code_width must be even, got {self.code_width}")
        if self.width % self.groups or self.width * self.blocks < 4:
            raise InputError(f"width must be a multiple of groups ({self.groups}), got {self.width}")


_CHOICES = {"cells": ("reduced", "wired"), "output": ("linear", "log-sigmoid"), "labels": ("rank", "fraction")}
# The upper bounds keep a file from asking for more memory than there is.
_MAX_BREADTH = 1 << 18
_RANGES = {
    "code_width": (4, 1024),
    "width": (1, 4096),
    "blocks": (1, 64),
    "groups": (1, 4096),
    "ffn_ratio": (1, 16),
    "head_width": (1, 4096),
    "dropout": (0.0, 0.99),
    "layer_scale": (-1e3, 1e3),
    "members": (1, 100),
    "epochs": (1, 10_000_000),
    "batch": (1, 1_000_000),
    "max_steps": (0, 1_000_000_000),
    "learning_rate": (0.0, 1e3),
    "weight_decay": (0.0, 1e3),
    "warmup": (0.0, 0.99),
    "holdout": (0.0, 0.99),
    "patience": (1, 10_000_000),
}
PAPER = V2Config(
    cells="wired",
    code_width=64,
    width=512,
    blocks=6,
    ffn_ratio=4,
    head_width=512,
    dropout=0.05,
    layer_scale=1e-4,
    output="log-sigmoid",
    labels="fraction",
    members=1,
    epochs=1000,
    batch=8,
    max_steps=0,
    learning_rate=1e-4,
    weight_decay=0.0,
)


def identity_code(numbers: Tensor, width: int) -> Tensor:
    """(…) whole numbers → (…, width): sin and cos of π·x·(1 + k/K), k = 0 … K, K = width / 2 − 1, interleaved.

    The released code has width 64 and the frequencies linspace(1, 2³¹, 32); modulo full turns they are these, without
    the rounding noise that phases of 10¹⁰ have in single precision.
    """
    n_frequencies = width // 2
    steps = torch.arange(n_frequencies, device=numbers.device, dtype=torch.float64) / (n_frequencies - 1)
    frequency = torch.pi * (1 + steps)
    phase = numbers.to(torch.float64)[..., None] * frequency
    return torch.stack([phase.sin(), phase.cos()], dim=-1).flatten(-2).float()


class Linear(nn.Linear):
    """Linear layer with the paper's start: weight uniform in ±1/√fan_in, bias in ±1/√fan_out."""

    def reset_parameters(self) -> None:
        nn.init.uniform_(self.weight, -1 / math.sqrt(self.in_features), 1 / math.sqrt(self.in_features))
        if self.bias is not None:
            nn.init.uniform_(self.bias, -1 / math.sqrt(self.out_features), 1 / math.sqrt(self.out_features))


class GroupedLinear(nn.Module):
    """(…, groups·in) → (…, groups·out): one map a group, then layer norm inside each group with a shared affine."""

    def __init__(self, groups: int, fan_in: int, fan_out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(groups, fan_in, fan_out))
        self.bias = nn.Parameter(torch.zeros(groups, 1, fan_out))
        self.group_norm = nn.LayerNorm(fan_out)
        nn.init.xavier_uniform_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        split = torch.unflatten(x, -1, (self.weight.shape[0], self.weight.shape[1]))
        mapped = torch.einsum("...gi,gio->...go", split, self.weight) + self.bias.squeeze(1)
        return cast(Tensor, self.group_norm(mapped)).flatten(-2)


class Block(nn.Module):
    """Graph-aided attention and a grouped feed-forward network. (B, N, d), (B, N, N), (B, N, 1) → (B, N, h)."""

    def __init__(self, d: int, h: int, config: V2Config) -> None:
        super().__init__()
        inner = h * config.ffn_ratio
        self.degree_gate = Linear(1, d)
        self.query_key_map = Linear(d, d)
        self.neighbour_map = Linear(d, h)
        self.root_map = Linear(d, h, bias=False)
        self.ffn_pre_norm = nn.LayerNorm(h)
        self.ffn_up = GroupedLinear(config.groups, h // config.groups, inner // config.groups)
        self.ffn_down = GroupedLinear(config.groups, inner // config.groups, h // config.groups)
        self.layer_scale = nn.Parameter(torch.full((h,), config.layer_scale))
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, adjacency: Tensor, degree: Tensor) -> Tensor:
        x = x * self.degree_gate(degree).sigmoid()
        query = self.query_key_map(x).sigmoid()  # serves as the key too
        similarity = query @ query.transpose(-1, -2) / math.sqrt(x.shape[-1]) * adjacency
        attention = similarity / (similarity.sum(dim=-1, keepdim=True) + 1e-6)  # no softmax: sigmoids are positive
        y = self.neighbour_map(attention @ x) + self.root_map(x)  # the root term stands in for a residual
        y = cast(Tensor, self.dropout(F.normalize(y, dim=-1).relu()))
        return y + self.layer_scale * self.feed_forward(y)

    def feed_forward(self, y: Tensor) -> Tensor:
        hidden = self.dropout(self.ffn_up(self.ffn_pre_norm(y)).relu())
        return cast(Tensor, self.dropout(self.ffn_down(hidden)))


class NarFormerV2Net(nn.Module):
    """Tokens (B, N, 2·code_width), undirected adjacency (B, N, N), mask (B, N) → predictions (B,)."""

    def __init__(self, config: V2Config) -> None:
        super().__init__()
        h, depth = config.width, config.blocks
        widths = [2 * config.code_width, *[h] * depth]
        self.block = nn.ModuleList(Block(a, b, config) for a, b in pairwise(widths))
        self.readout_gate = nn.ModuleList([Linear(depth * h, depth * h // 4), Linear(depth * h // 4, depth)])
        self.head = nn.ModuleList(
            [Linear(h, config.head_width), Linear(config.head_width, config.head_width), Linear(config.head_width, 1)]
        )
        self.dropout = nn.Dropout(config.dropout)
        self.positive = config.output == "log-sigmoid"

    def forward(self, token: Tensor, adjacency: Tensor, mask: Tensor) -> Tensor:
        x, means = token, []
        degree = adjacency.sum(dim=-1, keepdim=True)
        node_share = (mask / mask.sum(dim=-1, keepdim=True)).unsqueeze(-1).to(token.dtype)
        for block in self.block:
            x = block(x, adjacency, degree)
            means.append((x * node_share).sum(dim=-2))
        joined = torch.cat(means, dim=-1)
        gate = self.readout_gate[1](self.readout_gate[0](joined).relu()).sigmoid()  # one gate a block
        graph = (gate.unsqueeze(-1) * torch.stack(means, dim=-2)).sum(dim=-2)
        for layer in self.head[:-1]:
            graph = self.dropout(layer(graph).relu())
        output = self.head[-1](graph).squeeze(-1)
        return -F.logsigmoid(output) if self.positive else output


class NarFormerV2(Predictor):
    """An ensemble of NAR-Former V2 networks, trained together.

    The deviation is the spread of the members; with one member (`paper`) it is 0.

    >>> from nassurrogate.spaces import get_space
    >>> space = get_space("nb201")
    >>> predictor = NarFormerV2(space, config={"epochs": 5})
    >>> predictor.fit(space.parse_many([0, 1, 2]), np.array([85.5, 90.8, 72.1]))
    >>> mean, std = predictor.predict(space.parse_many([5, 6]))
    >>> mean.shape, std.shape
    ((2,), (2,))
    """

    name = "nar-former-v2"
    description = (
        "NAR-Former V2, a graph-aided transformer; fast: a narrow ensemble on reduced cells; paper: as published"
    )
    presets: ClassVar[Mapping[str, Any]] = {"fast": V2Config(), "paper": PAPER}

    def __init__(self, space: Space, **options: Any) -> None:
        super().__init__(space, **options)
        self._scorer: ChunkScorer | None = None
        torch_device(self.device)  # a device that is not there is refused now, not after labels were paid for

    def fit(self, archs: Sequence[Architecture], targets: np.ndarray, *, progress: Progress | None = None) -> None:
        config: V2Config = self.config
        targets = np.array(targets, dtype=np.float64)
        if config.labels == "fraction" and (targets <= 0).any():
            raise InputError(
                f"labels='fraction' learns relative errors: targets must be above 0, got {targets.min():g}"
            )
        ensemble = Ensemble.untrained(self._network, config.members, self.seed, torch_device(self.device))
        scale = RankScale.of(targets) if config.labels == "rank" else FractionScale()
        rng = np.random.default_rng(self.seed)
        inputs = self.inputs([self._graph(arch) for arch in archs], rng if config.labels == "fraction" else None)
        data = Labelled(inputs, torch.from_numpy(scale.encode(targets)).float().to(ensemble.device))
        order = torch.from_numpy(rng.permutation(len(data)))
        n_held = min(round(config.holdout * len(data)), len(data) - 1)
        grown = math.ceil(len(data) * config.epochs / config.max_steps) if config.max_steps else 0
        schedule = Schedule(
            epochs=config.epochs,
            batch=max(config.batch, grown),
            learning_rate=config.learning_rate,
            weight_decay=config.weight_decay,
            warmup=config.warmup,
            patience=config.patience,
        )
        with one_thread(ensemble.device, config.width):
            ensemble.fit(
                _subset(data, order[n_held:]),
                schedule,
                rank_loss if config.labels == "rank" else relative_loss,
                held_out=_subset(data, order[:n_held]) if n_held else None,
                progress=progress,
            )
        self._ensemble, self._scale, self._scorer = ensemble, scale, None

    def predict(self, archs: Sequence[Architecture]) -> tuple[np.ndarray, np.ndarray]:
        if not archs:
            return np.empty(0), np.empty(0)
        scores, place = self._different_scores(archs)
        mean, spread = scores.mean(axis=0), scores.std(axis=0)
        std = (self._scale.decode(mean + spread) - self._scale.decode(mean - spread)) / 2
        return self._scale.decode(mean)[place], std[place]

    def member_scores(self, archs: Sequence[Architecture], scorer: ChunkScorer | None = None) -> np.ndarray:
        """(M, B) what every member predicts, in the network's scale."""
        scores, place = self._different_scores(archs, scorer)
        return scores[:, place]

    def _different_scores(
        self, archs: Sequence[Architecture], scorer: ChunkScorer | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """(M, D) scores of the different cells among B > 0, and (B,) which of them each is."""
        table = cell_table(self.space, self._vocabulary(), reduced=self.config.cells == "reduced")
        different, place = np.unique(table.rows(archs), return_inverse=True)
        device = self._ensemble.device
        if scorer is None:
            scorer = self._scorer or self.scorer(_SCORE_CHUNK[device.type], _SCORE_DTYPE[device.type])
            if device.type == "cuda":
                self._scorer = scorer  # recorded once a fit
        with one_thread(device, self.config.width):
            scores = scorer(*vars(table.take(different)).values())
        # Rounded too, for libraries of linear algebra that compute a row by its place.
        return np.round(scores.astype(np.float64), 9), place

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        tensors = {f"weights.{name}": value.cpu().numpy() for name, value in self._ensemble.weights.items()}
        if isinstance(self._scale, RankScale):
            tensors |= {"labels.scores": self._scale.scores, "labels.values": self._scale.values}
        return tensors, {}

    def load_state(self, tensors: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> None:
        config: V2Config = self.config
        ranked = config.labels == "rank"
        scale = RankScale(tensors["labels.scores"], tensors["labels.values"]) if ranked else FractionScale()
        saved = {name.removeprefix("weights."): value for name, value in tensors.items() if name.startswith("weights.")}
        device = torch_device(self.device)
        self._ensemble = Ensemble.restored(self._network, config.members, saved, self.seed, device)
        self._scale, self._scorer = scale, None

    def scorer(self, chunk: int, dtype: torch.dtype) -> ChunkScorer:
        """What gives every member's score of encoded cells (op, adjacency, position, mask), in the network's scale."""
        frozen = self._ensemble.frozen(dtype)

        def scores(op: Tensor, adjacency: Tensor, position: Tensor, mask: Tensor) -> Tensor:
            return frozen(*(part.to(dtype) for part in self._tokens(op, adjacency, position, mask)))

        return ChunkScorer(scores, chunk, self._ensemble.device)

    def _vocabulary(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((INPUT, *_OP_CODES, *self.space.ops, OUTPUT)))

    def _network(self) -> NarFormerV2Net:
        return NarFormerV2Net(self.config)

    def _graph(self, arch: Architecture) -> CellGraph:
        return self.space.graph(arch, reduced=self.config.cells == "reduced")

    def inputs(self, graphs: Sequence[CellGraph], rng: np.random.Generator | None) -> Inputs:
        """Tokens (B, V, N, 2·code_width), undirected adjacency (B, V, N, N) and mask (B, V, N).

        One view a cell, or with `rng` two: the second is an isomorphic relabelling.
        """
        by_depth = self.config.cells == "reduced"
        n_nodes = max(self.space.max_nodes, *(graph.n_nodes for graph in graphs))
        first = encode(graphs, self._vocabulary(), n_nodes, depth_as_position=by_depth)
        views = [first] if rng is None else [first, relabelled(first, rng, depth_as_position=by_depth)]
        device = torch_device(self.device)
        parts = (np.stack(parts, axis=1) for parts in zip(*(vars(view).values() for view in views), strict=True))
        return self._tokens(*(torch.from_numpy(part).to(device) for part in parts))

    def _tokens(self, op: Tensor, adjacency: Tensor, position: Tensor, mask: Tensor) -> Inputs:
        width = self.config.code_width
        token = torch.cat([identity_code(op, width), identity_code(position, width)], dim=-1)
        return token * mask.unsqueeze(-1), adjacency + adjacency.transpose(-1, -2), mask


def _subset(data: Labelled, rows: Tensor) -> Labelled:
    return Labelled(tuple(part[rows] for part in data.inputs), data.targets[rows])
