"""Hyper-parameters of Probe-Former's networks and their training; sizes follow from the number of labels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeVar

from nassurrogate.errors import InputError
from nassurrogate.predictors.base import check_ranges
from nassurrogate.predictors.training.config import EnsembleConfig

FEW_LABELS, MANY_LABELS = 128, 2048
"""Below the first, networks are few and learn no unlabelled cells; from the second on, they are larger."""
ConfigT = TypeVar("ConfigT", bound="RelationConfig")


@dataclass(frozen=True)
class RelationConfig(EnsembleConfig):
    """Hyper-parameters. `members`, `epochs`, `batch`, `learning_rate`, `width` and `blocks` follow from the number of
    labels if they are 0, see `for_labels`.

    members: number of networks.
    epochs: how often each label is learned.
    batch: labels in a step.
    max_steps: batches grow so that training takes at most this many steps; 0: they never grow.
    learning_rate: at its peak.
    weight_decay, warmup: see `training.steps.Schedule`.
    unlabelled: unlabelled cells in a step, whose proxies are learned beside the labels; from `FEW_LABELS` labels on.
    probes: whether the proxies are known, if the space has them: the networks learn them, the process reads them.
    pretrained: whether training starts from the networks that ship, if any of this size do.
    relations: whether each head attends along its relation only; otherwise to all nodes.
    pairwise: whether the loss has its pairwise term.
    width, blocks, ffn_ratio: size of a network.
    closing_epochs: additional epochs at the end, in which every member also learns the labels it left out before.
    closing_rate: peak learning rate of these epochs, as a share of `learning_rate`.
    """

    members: int = 0
    epochs: int = 0
    batch: int = 0
    max_steps: int = 900
    learning_rate: float = 0.0
    weight_decay: float = 0.1
    warmup: float = 0.1
    unlabelled: int = 64
    probes: bool = True
    pretrained: bool = True
    relations: bool = True
    pairwise: bool = True
    width: int = 0
    blocks: int = 0
    ffn_ratio: int = 2
    closing_epochs: int = 15
    closing_rate: float = 0.67

    def __post_init__(self) -> None:
        # Not those of `EnsembleConfig`, where 0 members or epochs are none.
        check_ranges(self, _RANGES)
        if self.width % 4:
            raise InputError(f"width must be a multiple of 4, the number of heads, got {self.width}")
        members, width = self.members or _MANY["members"], self.width or _MANY["width"]
        if members * width * self.ffn_ratio > _MAX_BREADTH:
            raise InputError(f"members * width * ffn_ratio must be at most {_MAX_BREADTH}")

    def for_labels(self: ConfigT, n: int) -> ConfigT:
        """This configuration with every hyper-parameter set, for n labels.

        >>> [RelationConfig().for_labels(n).members for n in (50, 500)]
        [2, 3]
        """
        usual = _FEW if n < FEW_LABELS else _SOME if n < MANY_LABELS else _MANY
        unset = {name: value for name, value in usual.items() if not getattr(self, name)}
        return replace(self, **unset, unlabelled=self.unlabelled if n >= FEW_LABELS else 0)


_FEW: dict[str, Any] = {"members": 2, "epochs": 30, "batch": 32, "learning_rate": 1.5e-3, "width": 64, "blocks": 2}
_SOME: dict[str, Any] = {"members": 3, "epochs": 45, "batch": 32, "learning_rate": 3e-3, "width": 64, "blocks": 2}
# `max_steps` applies here too: at 4,236 labels, batches grow to 283.
_MANY: dict[str, Any] = {"members": 4, "epochs": 60, "batch": 128, "learning_rate": 1.5e-3, "width": 128, "blocks": 4}
# The upper bounds keep a model file from demanding more memory or time than there is.
_MAX_BREADTH = 1 << 16
_RANGES = {
    "members": (0, 100),
    "epochs": (0, 10_000_000),
    "batch": (0, 1_000_000),
    "max_steps": (0, 1_000_000_000),
    "learning_rate": (0.0, 1e3),
    "weight_decay": (0.0, 1e3),
    "warmup": (0.0, 0.99),
    "unlabelled": (0, 1_000_000),
    "width": (0, 1024),
    "blocks": (0, 32),
    "ffn_ratio": (1, 16),
    "closing_epochs": (0, 1_000_000),
    "closing_rate": (0.0, 1e3),
}
