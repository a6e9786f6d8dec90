"""The strategy of a guided search in numbers: how a budget is spent, and how exploration is weighed."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nassurrogate.errors import InputError, brief, require_name, unknown_choice
from nassurrogate.search.acquisition import acquisition_names


@dataclass(frozen=True)
class SearchSettings:
    """Everything about the strategy that a user may change; none of it matters without a predictor.

    Args:
        init_fraction: share of the budget for the random initial sample.
        init_min: least number of initial queries; at most half the budget, rounded up.
        batch_size: queries between two refits.
        max_refits: the batches grow where the budget would need more refits than this.
        confirm_fraction: share of the budget, at its end, for the cells of the highest predicted mean.
        acquisition: what the search maximises on the surrogate: `mean`, `ucb`, `ei` or `thompson`.
        beta: weight of the predicted deviation in `ucb`.
        explore_fraction: share of a search batch that is drawn at random from the best cells by predicted mean.
        explore_top: which share of the cells these are.
        inner_proposals: proposals that a searcher makes on the surrogate before each batch, refused ones too; None: the
            searcher's own number. `exhaustive` always looks at all.
        pool_size: candidates that are forecast before each batch where a space has more: half are drawn at random, the
            others are neighbours of the best.
        label_noise_pct: standard deviation of one training, in percent; weighs single labels against the surrogate when
            the best is chosen. 0.2 is typical of good NAS-Bench-201 cells on cifar10.
        top: how many of the best measured cells the result lists.

    Raises `InputError` for a value out of range.
    """

    init_fraction: float = 0.2
    init_min: int = 10
    batch_size: int = 10
    max_refits: int = 20
    confirm_fraction: float = 0.1
    acquisition: str = "ucb"
    beta: float = 0.1
    explore_fraction: float = 0.2
    explore_top: float = 0.1
    inner_proposals: int | None = None
    pool_size: int = 32_768
    label_noise_pct: float = 0.2
    top: int = 10

    def __post_init__(self) -> None:
        for name, whole in (
            ("init_fraction", "the budget"),
            ("confirm_fraction", "the budget"),
            ("explore_fraction", "a batch"),
            ("explore_top", "the cells"),
        ):
            value = getattr(self, name)
            if not _is_number(value) or not 0 <= value <= 1:
                raise InputError(f"{name} is a share of {whole}, from 0 to 1, got {brief(value)}")
        for name in ("init_min", "batch_size", "max_refits", "pool_size", "top"):
            require_count(name, getattr(self, name))
        if self.inner_proposals is not None:
            require_count("inner_proposals", self.inner_proposals)
        require_name("acquisition", self.acquisition)
        if self.acquisition not in acquisition_names():
            raise unknown_choice("acquisition", self.acquisition, acquisition_names())
        for name in ("beta", "label_noise_pct"):
            value = getattr(self, name)
            if not _is_number(value) or not math.isfinite(value) or value < 0:
                raise InputError(f"{name} must be a finite number from 0, got {brief(value)}")


@dataclass(frozen=True)
class Plan:
    """How many queries go to which phase; `batches` are the search phase's, with a refit before each."""

    n_init: int
    batches: tuple[int, ...]
    n_confirm: int

    @property
    def total(self) -> int:
        """All queries."""
        return self.n_init + sum(self.batches) + self.n_confirm


def plan(budget: int, settings: SearchSettings, *, needs_init: bool = True) -> Plan:
    """Split a budget into an initial sample, batches and a confirmation.

    Args:
        budget: queries in all, ≥ 1.
        settings: the strategy.
        needs_init: False where a model is there before the first query.

    >>> plan(100, SearchSettings(init_fraction=0.2, batch_size=20, confirm_fraction=0.1))
    Plan(n_init=20, batches=(20, 20, 20, 10), n_confirm=10)
    >>> plan(2, SearchSettings())
    Plan(n_init=1, batches=(), n_confirm=1)
    """
    n_init = 0
    if needs_init:
        n_init = min(max(round(settings.init_fraction * budget), min(settings.init_min, math.ceil(budget / 2))), budget)
    at_least = 1 if settings.confirm_fraction > 0 else 0
    n_confirm = min(max(round(settings.confirm_fraction * budget), at_least), budget - n_init)
    n_search = budget - n_init - n_confirm
    size = max(settings.batch_size, math.ceil(n_search / settings.max_refits))
    batches = [size] * (n_search // size) + [n_search % size]
    return Plan(n_init, tuple(batch for batch in batches if batch), n_confirm)


def require_count(name: str, value: object) -> None:
    """Raise `InputError` unless `value` is a whole number from 1."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InputError(f"{name} must be a whole number from 1, got {brief(value)}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
