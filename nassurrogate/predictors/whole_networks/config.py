"""Hyper-parameters of networks that read whole networks."""

from __future__ import annotations

from dataclasses import dataclass

from nassurrogate.errors import InputError
from nassurrogate.predictors.base import check_ranges
from nassurrogate.predictors.training.steps import Schedule, growing_batch


@dataclass(frozen=True)
class WholeNetworkConfig:
    """How a network is trained; the defaults are those of NAR-Former V2 and NNLP.

    max_steps: batches grow so that training takes at most this many steps; 0: they never grow.
    warmup: share of the steps in which the learning rate rises linearly; then it falls linearly to 0.
    folds: parts of the labels that further fits leave out, whose relative errors give the deviation, up to 50 labels
        in all: 500 labels in 10 folds need one further fit. 0: no further fit, and a deviation of 0.
    scaled: whether the network learns labels in units of their first decile; otherwise as they are, as published. An
        untrained network predicts about 0.7: far larger labels cost it its first epochs, and far smaller ones, whose
        relative errors are huge, can drive all predictions to 0 for good.
    """

    epochs: int = 50
    batch: int = 16
    max_steps: int = 0
    learning_rate: float = 1e-3
    warmup: float = 0.1
    dropout: float = 0.05
    folds: int = 10
    scaled: bool = False

    def __post_init__(self) -> None:
        check_ranges(self, _TRAINING)
        if self.folds == 1:
            raise InputError("folds must be 0 or at least 2, got 1: a single fold leaves no labels to learn")

    def schedule(self, labels: int) -> Schedule:
        """The schedule for this many labels."""
        return Schedule(
            epochs=self.epochs,
            batch=growing_batch(self.batch, labels, self.epochs, self.max_steps),
            learning_rate=self.learning_rate,
            weight_decay=0.0,
            warmup=self.warmup,
            patience=self.epochs,
        )


@dataclass(frozen=True)
class NarFormerConfig(WholeNetworkConfig):
    """NAR-Former V2 for whole networks; the defaults are the paper's configuration, 2,310,921 weights.

    layer_scale: initial value of γ, the weight of the feed-forward network.
    """

    width: int = 512
    blocks: int = 2
    groups: int = 8
    ffn_ratio: int = 4
    head_width: int = 512
    layer_scale: float = 1e-4

    def __post_init__(self) -> None:
        super().__post_init__()
        check_ranges(self, _NAR_FORMER)
        if self.width % self.groups:
            raise InputError(f"width must be a multiple of groups ({self.groups}), got {self.width}")


@dataclass(frozen=True)
class GcnConfig(WholeNetworkConfig):
    """NNLP's graph network; the defaults are the released configuration, 1,360,897 weights."""

    width: int = 512
    layers: int = 2
    head_width: int = 512

    def __post_init__(self) -> None:
        super().__post_init__()
        check_ranges(self, _GCN)


# The upper bounds keep a model file from demanding more memory than a machine has.
_TRAINING = {
    "epochs": (1, 10_000_000),
    "batch": (1, 1_000_000),
    "max_steps": (0, 1_000_000_000),
    "learning_rate": (0.0, 1e3),
    "warmup": (0.0, 0.99),
    "dropout": (0.0, 0.99),
    "folds": (0, 20),
}
_NAR_FORMER = {
    "width": (1, 4096),
    "blocks": (1, 64),
    "groups": (1, 4096),
    "ffn_ratio": (1, 16),
    "head_width": (1, 4096),
    "layer_scale": (-1e3, 1e3),
}
_GCN = {"width": (1, 4096), "layers": (1, 64), "head_width": (1, 4096)}
