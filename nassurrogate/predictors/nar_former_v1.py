"""NAR-Former (Yi et al., CVPR 2023, arXiv 2211.08024): a cell as a sequence of tokens, fused to one in stages.

Shapes: B cells, L tokens (depth, end, N nodes), d the width, V views of a cell, Q queries, K tokens that they read.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, cast

import numpy as np
import torch
from torch import Tensor, nn

from nassurrogate.errors import InputError
from nassurrogate.graphs.cell_graph import INPUT, OUTPUT
from nassurrogate.predictors.base import check_ranges
from nassurrogate.predictors.graph_network import GraphNetworkPredictor, TrainingConfig
from nassurrogate.predictors.nar_former_v2.layers import identity_code
from nassurrogate.predictors.training.config import check_choices
from nassurrogate.predictors.training.ensemble import Inputs, Loss
from nassurrogate.predictors.training.losses import inconsistency, rank_loss, squared_loss

QUERIES = (4, 2, 1)
"""Tokens left after each stage of fusion."""
_END, _NO_SOURCE = 100_000, -1
"""Numbers encoded for the end of the cell, and for the source of the input."""


@dataclass(frozen=True)
class V1Config(TrainingConfig):
    """Hyper-parameters. The defaults are the preset `fast`; `PAPER` is the released NAS-Bench-201 configuration.

    cells: `reduced` reads the canonical graph; `wired` reads the raw graph, with all edges as nodes.
    code_width: width of the encoding of one number; a token holds three and is as wide as the network.
    heads, blocks, ffn_ratio: of the transformer; `blocks` counts those of the first stage.
    consistency: weight of the difference between a cell and its relabelling; 0 trains without relabelled cells.
    labels: `rank` uses squared error, a pairwise logistic loss and a linear output; `fraction` uses the paper's loss
        and a sigmoid.
    """

    members: int = 2
    epochs: int = 30
    learning_rate: float = 6e-3
    cells: str = "reduced"
    code_width: int = 16
    heads: int = 2
    blocks: int = 1
    ffn_ratio: int = 1
    dropout: float = 0.0
    consistency: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choices(self, {"cells": ("reduced", "wired")})
        check_ranges(self, _RANGES)
        if self.members * self.width * self.ffn_ratio > _MAX_BREADTH:
            raise InputError(f"members * 3 * code_width * ffn_ratio must be at most {_MAX_BREADTH}")
        if self.code_width % 2:
            raise InputError(f"code_width must be even, got {self.code_width}")
        if self.width % self.heads:
            raise InputError(f"heads must divide 3 * code_width ({self.width}), got {self.heads}")

    @property
    def width(self) -> int:
        """Width of a token and of the network."""
        return 3 * self.code_width


# The upper bounds keep a model file from demanding more memory than a machine has.
_MAX_BREADTH = 1 << 16
_RANGES = {
    "code_width": (4, 1024),
    "heads": (1, 1024),
    "blocks": (1, 64),
    "ffn_ratio": (1, 16),
    "dropout": (0.0, 0.99),
    "consistency": (0.0, 1e3),
}
PAPER = V1Config(
    labels="fraction",
    members=1,
    epochs=4000,
    batch=128,
    max_steps=0,
    learning_rate=1e-4,
    weight_decay=0.01,
    averaging=0.99,
    folds=0,
    cells="wired",
    code_width=64,
    heads=6,
    blocks=6,
    ffn_ratio=4,
    dropout=0.1,
)


class Attention(nn.Module):
    """Queries (B, Q, d) attend to tokens (B, K, d) → (B, Q, d); padding is not read.

    Learned queries are not mapped.
    """

    def __init__(self, config: V1Config, *, maps_query: bool) -> None:
        super().__init__()
        self.query_map = nn.Linear(config.width, config.width) if maps_query else None
        self.key_map = nn.Linear(config.width, config.width)
        self.value_map = nn.Linear(config.width, config.width)
        self.output_map = nn.Linear(config.width, config.width)
        self.dropout = nn.Dropout(config.dropout)
        self.heads = config.heads

    def forward(self, query: Tensor, token: Tensor, there: Tensor | None) -> Tensor:
        queries = self._by_head(query if self.query_map is None else self.query_map(query))
        keys, values = self._by_head(self.key_map(token)), self._by_head(self.value_map(token))
        logits = queries @ keys.transpose(-1, -2) / math.sqrt(keys.shape[-1])
        if there is not None:
            logits = logits.masked_fill(~there[..., None, None, :], -torch.inf)
        gathered = self.dropout(logits.softmax(dim=-1)) @ values
        return cast(Tensor, self.output_map(gathered.transpose(-2, -3).flatten(-2)))

    def _by_head(self, x: Tensor) -> Tensor:
        """(B, L, d) → (B, heads, L, d / heads)."""
        return torch.unflatten(x, -1, (self.heads, -1)).transpose(-2, -3)


class FeedForward(nn.Module):
    """(B, L, d) → (B, L, d), pre-norm, with a residual."""

    def __init__(self, config: V1Config) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(config.width)
        self.up = nn.Linear(config.width, config.width * config.ffn_ratio)
        self.down = nn.Linear(config.width * config.ffn_ratio, config.width)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor) -> Tensor:
        return x + cast(Tensor, self.down(self.dropout(self.up(self.norm(x)).relu())))


class Block(nn.Module):
    """Pre-norm self-attention with a residual, then the feed-forward network: a block of the first stage."""

    def __init__(self, config: V1Config) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(config.width)
        self.attention = Attention(config, maps_query=True)
        self.feed_forward = FeedForward(config)

    def forward(self, x: Tensor, there: Tensor) -> Tensor:
        normed = self.norm(x)
        return cast(Tensor, self.feed_forward(x + self.attention(normed, normed, there)))


class Fusion(nn.Module):
    """A later stage: learned queries attend to a few tokens. There is no residual, as the shapes differ."""

    def __init__(self, config: V1Config, n_queries: int) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.randn(n_queries, config.width))
        self.norm = nn.LayerNorm(config.width)
        self.attention = Attention(config, maps_query=False)
        self.feed_forward = FeedForward(config)

    def forward(self, x: Tensor, there: Tensor | None) -> Tensor:
        query = self.query.expand(*x.shape[:-2], -1, -1)
        return cast(Tensor, self.feed_forward(self.attention(query, self.norm(x), there)))


class Recall(nn.Module):
    """Between two stages: the output of the last one queries the tokens of the first stage again."""

    def __init__(self, config: V1Config) -> None:
        super().__init__()
        self.query_norm = nn.LayerNorm(config.width)
        self.token_norm = nn.LayerNorm(config.width)
        self.attention = Attention(config, maps_query=True)
        self.feed_forward = FeedForward(config)

    def forward(self, x: Tensor, memory: Tensor, there: Tensor) -> Tensor:
        recalled = self.attention(self.query_norm(x), self.token_norm(memory), there)
        return cast(Tensor, self.feed_forward(recalled))


class NarFormerV1Net(nn.Module):
    """Tokens (B, L, d), the encoded depth first, and their mask (B, L) → predictions (B,)."""

    def __init__(self, config: V1Config) -> None:
        super().__init__()
        self.depth_map = nn.Linear(config.width, config.width)
        self.block = nn.ModuleList(Block(config) for _ in range(config.blocks))
        self.fusion = nn.ModuleList(Fusion(config, n_queries) for n_queries in QUERIES)
        self.recall = nn.ModuleList(Recall(config) for _ in QUERIES[1:])
        self.norm = nn.LayerNorm(config.width)
        self.head = nn.Linear(config.width, 1)
        self.bounded = config.labels == "fraction"

    def forward(self, token: Tensor, there: Tensor) -> Tensor:
        memory = torch.cat([self.depth_map(token[..., :1, :]).relu(), token[..., 1:, :]], dim=-2)
        for block in self.block:
            memory = block(memory, there)
        x = self.fusion[0](memory, there)
        for recall, fusion in zip(self.recall, self.fusion[1:], strict=True):
            x = fusion(recall(x, memory, there), None)
        output = self.head(self.norm(x[..., -1, :])).squeeze(-1)
        return cast(Tensor, output.sigmoid() if self.bounded else output)


class NarFormerV1(GraphNetworkPredictor[V1Config]):
    """An ensemble of NAR-Former networks; `paper` is one of the published size, trained as released.

    The released code keeps the checkpoint that is best on 200 more cells, and applies no weight decay to biases and
    norms; here the last (averaged) weights are kept, and all of them decay.

    Tokens identify nodes by their number, so `wired` cells are scored as they are written; with `reduced`, equivalent
    cells score equally. Training pairs each cell with a relabelling that keeps the topological order.

    >>> from nassurrogate.spaces import get_space
    >>> space = get_space("nb201")
    >>> predictor = NarFormerV1(space, config={"epochs": 5})
    >>> predictor.fit(space.parse_many([0, 1, 2]), np.array([85.5, 90.8, 72.1]))
    >>> mean, std = predictor.predict(space.parse_many([5, 6]))
    >>> mean.shape, std.shape
    ((2,), (2,))
    """

    name = "nar-former-v1"
    description = "NAR-Former, a multi-stage fusion transformer; fast: a narrow ensemble on canonical cells; paper: raw"
    presets: ClassVar[Mapping[str, V1Config]] = {"fast": V1Config(), "paper": PAPER}

    def _network(self) -> NarFormerV1Net:
        return NarFormerV1Net(self.config)

    @property
    def _loss(self) -> Loss:
        weight = self.config.consistency
        if self.config.labels == "fraction":
            return partial(squared_loss, consistency=weight)
        return lambda prediction, target: rank_loss(prediction, target) + weight * inconsistency(prediction)

    @property
    def _width(self) -> int:
        return self.config.width

    def _check_targets(self, targets: np.ndarray) -> None:
        if self.config.labels == "fraction" and not ((targets >= 0) & (targets <= 100)).all():
            raise InputError(
                "labels='fraction' learns percentages: targets must lie in [0, 100], got "
                f"{targets.min():g} to {targets.max():g}"
            )

    @property
    def reads_canonical_cells(self) -> bool:
        return self.config.cells == "reduced"

    @property
    def _relabels(self) -> bool:
        return self.config.consistency > 0

    @property
    def _vocabulary(self) -> tuple[str, ...]:
        return (INPUT, *self.space.ops, OUTPUT)

    def _read(self, op: Tensor, adjacency: Tensor, position: Tensor, mask: Tensor) -> Inputs:
        return tokens(op, adjacency, mask, self.config.code_width)


def tokens(op: Tensor, adjacency: Tensor, mask: Tensor, code_width: int) -> tuple[Tensor, Tensor]:
    """Operations (…, N), adjacency (…, N, N), mask (…, N) → tokens (…, 2 + N, 3 · code_width) and their mask.

    The token of a node is [code of the operation | code of its number | sum of the codes of the nodes it reads, each
    times its multiplicity]. Before them come the code of the number of nodes, three times as wide, and the end token.
    """
    # `torch.full` runs on the device; a CUDA graph cannot contain the copy that `torch.tensor` makes.
    n_nodes = op.shape[-1]
    number = identity_code(torch.arange(n_nodes, device=op.device), code_width)
    source = adjacency.transpose(-1, -2) @ number
    source[..., 0, :] = identity_code(torch.full((), _NO_SOURCE, device=op.device), code_width)
    node = torch.cat([identity_code(op, code_width), number.expand_as(source), source], dim=-1) * mask.unsqueeze(-1)
    depth = identity_code(mask.sum(dim=-1, keepdim=True), 3 * code_width)
    end = identity_code(torch.full((), _END, device=op.device), code_width).repeat(3).expand_as(depth)
    both = torch.ones_like(mask[..., :1]).expand(*mask.shape[:-1], 2)
    return torch.cat([depth, end, node], dim=-2), torch.cat([both, mask], dim=-1)
