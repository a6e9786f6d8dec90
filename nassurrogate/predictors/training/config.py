"""Hyper-parameters common to all ensembles of networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nassurrogate.errors import InputError, brief
from nassurrogate.predictors.base import check_ranges
from nassurrogate.predictors.training.steps import Schedule, growing_batch


@dataclass(frozen=True)
class EnsembleConfig:
    """The number of networks, and how long and how fast they learn; see `Schedule`.

    max_steps: batches grow so that training takes at most this many steps; 0: they never grow.
    """

    members: int = 4
    epochs: int = 50
    batch: int = 32
    max_steps: int = 1500
    learning_rate: float = 4e-3
    weight_decay: float = 0.01
    warmup: float = 0.1

    def __post_init__(self) -> None:
        check_ranges(self, _RANGES)

    def schedule(self, labels: int) -> Schedule:
        """The schedule for this many labels."""
        return Schedule(
            epochs=self.epochs,
            batch=growing_batch(self.batch, labels, self.epochs, self.max_steps),
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            warmup=self.warmup,
            patience=self.epochs,
        )


# The upper bounds keep a model file from demanding more memory than a machine has.
_RANGES = {
    "members": (1, 100),
    "epochs": (1, 10_000_000),
    "batch": (1, 1_000_000),
    "max_steps": (0, 1_000_000_000),
    "learning_rate": (0.0, 1e3),
    "weight_decay": (0.0, 1e3),
    "warmup": (0.0, 0.99),
}


def check_choices(config: object, choices: Mapping[str, tuple[str, ...]]) -> None:
    """Raise `InputError` for the first field of a configuration whose value is not among its choices."""
    for name, known in choices.items():
        if getattr(config, name) not in known:
            raise InputError(f"{name} is one of {', '.join(known)}, got {brief(getattr(config, name))}")
