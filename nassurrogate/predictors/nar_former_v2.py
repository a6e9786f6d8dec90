"""NAR-Former V2 (Yi et al., NeurIPS 2023, arXiv 2306.10792): a transformer whose attention runs along the graph.

Shapes: B cells, N nodes, d the width of a block's input, h of its output, M members of the ensemble, V views of a cell.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, Protocol, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError
from nassurrogate.graphs.cell_graph import INPUT, OUTPUT
from nassurrogate.predictors.base import check_ranges
from nassurrogate.predictors.graph_network import GraphNetworkPredictor, TrainingConfig
from nassurrogate.predictors.training.config import check_choices
from nassurrogate.predictors.training.ensemble import Inputs, Labelled, Loss
from nassurrogate.predictors.training.losses import rank_loss, relative_loss

# Numbers of the operations in the released code; other operations follow.
_OP_CODES = ("input", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3", "skip_connect", "none", "output")


@dataclass(frozen=True)
class V2Config(TrainingConfig):
    """Hyper-parameters. The defaults are the preset `fast`; `PAPER` is the paper's NAS-Bench-201 configuration.

    cells: `reduced` reads the canonical graph (no dead nodes, no `none`, skips contracted, edges weighted by their
        multiplicity), with the depth of a node as its position; `wired` reads the raw graph, with all edges as nodes
        and their number as position.
    code_width: width of the encoding of one number; a token holds two.
    layer_scale: initial value of γ, the weight of the feed-forward network.
    output: `linear`, or the paper's `log-sigmoid`, which is always positive.
    labels: `rank` learns normal scores of the labels' ranks by squared error and a pairwise logistic loss; `fraction`
        learns labels / 100 by the paper's loss, each cell paired with an isomorphic relabelling.
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

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choices(self, {"cells": ("reduced", "wired"), "output": ("linear", "log-sigmoid")})
        check_ranges(self, _RANGES)
        if self.members * self.width * self.ffn_ratio > _MAX_BREADTH:
            raise InputError(f"members * width * ffn_ratio must be at most {_MAX_BREADTH}")
        if self.code_width % 2:
            raise InputError(f"code_width must be even, got {self.code_width}")
        if self.width % self.groups or self.width * self.blocks < 4:
            raise InputError(f"width must be a multiple of groups ({self.groups}), got {self.width}")


ATTENTION_FLOOR = 1e-6
"""Added to the sum of a node's similarities."""
# The upper bounds keep a model file from demanding more memory than a machine has.
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
    folds=0,
)


def identity_code(numbers: Tensor, width: int) -> Tensor:
    """(…) whole numbers → (…, width): sin and cos of π·x·(1 + k/K), k = 0 … K, K = width / 2 − 1, interleaved.

    The released code has width 64 and the frequencies linspace(1, 2³¹, 32). Modulo full turns they are the same, but
    these avoid the rounding noise of phases of 10¹⁰ in single precision.
    """
    n_frequencies = width // 2
    steps = torch.arange(n_frequencies, device=numbers.device, dtype=torch.float64) / (n_frequencies - 1)
    frequency = torch.pi * (1 + steps)
    phase = numbers.to(torch.float64)[..., None] * frequency
    return torch.stack([phase.sin(), phase.cos()], dim=-1).flatten(-2).float()


class Linear(nn.Linear):
    """Linear layer with the paper's initialisation: weight uniform in ±1/√fan_in, bias in ±1/√fan_out."""

    def reset_parameters(self) -> None:
        nn.init.uniform_(self.weight, -1 / math.sqrt(self.in_features), 1 / math.sqrt(self.in_features))
        if self.bias is not None:
            nn.init.uniform_(self.bias, -1 / math.sqrt(self.out_features), 1 / math.sqrt(self.out_features))


class GroupedLinear(nn.Module):
    """(…, groups·in) → (…, groups·out): one map per group, then layer norm in each group with a shared affine."""

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


class BlockConfig(Protocol):
    """The hyper-parameters that a block reads; see `V2Config`."""

    @property
    def groups(self) -> int: ...
    @property
    def ffn_ratio(self) -> int: ...
    @property
    def dropout(self) -> float: ...
    @property
    def layer_scale(self) -> float: ...


class Block(nn.Module):
    """Graph-aided attention and a grouped feed-forward network. (B, N, d), (B, N, N), (B, N, 1) → (B, N, h).

    A subclass that overrides `attended` may hold the edges in another form than a matrix, and the nodes as (N, d).
    """

    def __init__(self, d: int, h: int, config: BlockConfig) -> None:
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

    def forward(self, x: Tensor, adjacency: Any, degree: Tensor) -> Tensor:
        x = x * self.degree_gate(degree).sigmoid()
        query = self.query_key_map(x).sigmoid()  # serves as the key too
        y = self.neighbour_map(self.attended(x, query, adjacency)) + self.root_map(x)  # the root replaces a residual
        y = cast(Tensor, self.dropout(F.normalize(y, dim=-1).relu()))
        return y + self.layer_scale * self.feed_forward(y)

    def attended(self, x: Tensor, query: Tensor, adjacency: Any) -> Tensor:
        """The mean of each node's neighbours, weighted by similarity; without neighbours 0. (B, N, d) → (B, N, d)."""
        similarity = query @ query.transpose(-1, -2) / math.sqrt(x.shape[-1]) * adjacency
        attention = similarity / (similarity.sum(dim=-1, keepdim=True) + ATTENTION_FLOOR)  # no softmax: all are > 0
        return cast(Tensor, attention @ x)

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
        gate = self.readout_gate[1](self.readout_gate[0](joined).relu()).sigmoid()  # one gate per block
        graph = (gate.unsqueeze(-1) * torch.stack(means, dim=-2)).sum(dim=-2)
        for layer in self.head[:-1]:
            graph = self.dropout(layer(graph).relu())
        output = self.head[-1](graph).squeeze(-1)
        return -F.logsigmoid(output) if self.positive else output


class NarFormerV2(GraphNetworkPredictor[V2Config]):
    """An ensemble of NAR-Former V2 networks, trained together; `paper` is one network, without a deviation.

    The last weights are kept, or after `choose_model_on` the best checkpoint, as in the released code.

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
        "NAR-Former V2, a graph-aided transformer; fast: a narrow ensemble on canonical cells; paper: as published"
    )
    presets: ClassVar[Mapping[str, V2Config]] = {"fast": V2Config(), "paper": PAPER}

    def choose_model_on(self, archs: Sequence[Architecture], targets: np.ndarray) -> None:
        """Let later fits keep, for each member, the checkpoint with the best Kendall's tau on these cells.

        Such a fit learns all its labels (`holdout` is ignored) and runs all epochs. It needs more labels than those it
        learns, and serves to compare with published figures.

        Args:
            archs: n > 1 architectures.
            targets: (n,) finite, in any unit; only their order matters.

        Raises `InputError` for other targets.
        """
        values = np.array(targets, dtype=np.float64)
        if len(archs) < 2 or values.shape != (len(archs),) or not np.isfinite(values).all():
            raise InputError(
                f"a checkpoint is chosen on at least 2 architectures with a finite target each, got {len(archs)} "
                f"architectures and {int(np.isfinite(values).sum())} finite targets of shape {values.shape}"
            )
        inputs = self.inputs(archs)
        self._selection = Labelled(inputs, torch.from_numpy(values).float().to(inputs[0].device))

    def _network(self) -> NarFormerV2Net:
        return NarFormerV2Net(self.config)

    @property
    def _loss(self) -> Loss:
        return rank_loss if self.config.labels == "rank" else relative_loss

    @property
    def _width(self) -> int:
        return self.config.width

    def _check_targets(self, targets: np.ndarray) -> None:
        if self.config.labels == "fraction" and (targets <= 0).any():
            raise InputError(
                f"labels='fraction' learns relative errors: targets must be above 0, got {targets.min():g}"
            )

    @property
    def reads_canonical_cells(self) -> bool:
        return self.config.cells == "reduced"

    @property
    def _relabels(self) -> bool:
        return self.config.labels == "fraction"

    @property
    def _vocabulary(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((INPUT, *_OP_CODES, *self.space.ops, OUTPUT)))

    def _read(self, op: Tensor, adjacency: Tensor, position: Tensor, mask: Tensor) -> Inputs:
        """Tokens (…, N, 2·code_width), undirected adjacency (…, N, N) and mask (…, N)."""
        width, there = self.config.code_width, mask.to(adjacency.dtype)
        token = torch.cat([identity_code(op, width), identity_code(position, width)], dim=-1)
        return token * there.unsqueeze(-1), adjacency + adjacency.transpose(-1, -2), there
