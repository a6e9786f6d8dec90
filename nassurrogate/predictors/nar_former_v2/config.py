"""The hyper-parameters of NAR-Former V2: the preset `fast`, and the paper's."""

from __future__ import annotations

from dataclasses import dataclass

from nassurrogate.errors import InputError
from nassurrogate.predictors.base import check_ranges
from nassurrogate.predictors.graph_network import TrainingConfig
from nassurrogate.predictors.training.config import check_choices


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
