"""The strategy of a search in numbers: how a budget is spent, and what decides the next query."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass

from nassurrogate.errors import InputError, brief, require_name, unknown_choice
from nassurrogate.search.acquisition import acquisition_names

_REFITS = 20
"""Fits that a run makes of a predictor whose fits take time."""
_TRAINED_AGAIN = 0.16
"""Share of a budget of single trainings that goes to further trainings of the best cells."""
_GROWTH = 200
"""A batch is at least this part of what was evaluated: at thousands of labels a single one changes little."""


@dataclass(frozen=True)
class SearchSettings:
    """Everything about the strategy that a user may change; without a predictor only `top` matters.

    Args:
        n_init: random evaluations before the surrogate is used, at most half the budget (rounded up); None: the
            predictor's own number, 3 for the default one, 10 for most, 0 beside a saved surrogate.
        n_confirm: final evaluations: of the highest posterior mean, or where a label is a single training, further
            trainings of the best cells, up to two each. None: 1, or of single trainings 16 % of the budget.
        batch_size: evaluations between two fits, for answers that come in parallel; None: one, or where a fit takes
            time as many as make 20 fits a run.
        acquisition: what decides the next query: `ei`, `ucb`, `mean` or `thompson`.
        beta: weight of the posterior deviation in `ucb`.
        pool_size: where a space has more candidates than this, half as many are drawn at random, and neighbours of
            the best join them before every query.
        inner_proposals: proposals that a searcher makes on the acquisition before each query, refused ones too; None:
            the searcher's own number. `exhaustive` always looks at the whole pool.
        label_noise_pct: standard deviation of one training, in percent; weighs single labels against the surrogate when
            the best is chosen. 0.2 is typical of good NAS-Bench-201 cells on cifar10, 0.5 on cifar100, 0.6 on
            ImageNet16-120.
        top: how many of the best measured architectures the result lists.

    Raises `InputError` for a value out of range.
    """

    n_init: int | None = None
    n_confirm: int | None = None
    batch_size: int | None = None
    acquisition: str = "ei"
    beta: float = 2.0
    pool_size: int = 32_768
    inner_proposals: int | None = None
    label_noise_pct: float = 0.2
    top: int = 10

    def __post_init__(self) -> None:
        if self.n_confirm is not None:
            require_count("n_confirm", self.n_confirm, least=0)
        for name in ("pool_size", "top"):
            require_count(name, getattr(self, name))
        for name in ("n_init", "batch_size", "inner_proposals"):
            if getattr(self, name) is not None:
                require_count(name, getattr(self, name))
        require_name("acquisition", self.acquisition)
        if self.acquisition not in acquisition_names():
            raise unknown_choice("acquisition", self.acquisition, acquisition_names())
        for name in ("beta", "label_noise_pct"):
            value = getattr(self, name)
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if not is_number or not 0 <= value <= sys.float_info.max:
                raise InputError(f"{name} must be a finite number from 0, got {brief(value)}")


@dataclass(frozen=True)
class Plan:
    """How a budget is split: `n_init` random evaluations, `n_confirm` at the end, the search between them.

    Args:
        fixed_batch: size of a batch that was asked for; None: it follows from the predictor.
    """

    n_init: int
    n_search: int
    n_confirm: int
    fixed_batch: int | None = None

    def batch_size(self, n_evaluated: int, *, refits_at_once: bool) -> int:
        """Evaluations before the next fit.

        >>> plan(100, SearchSettings()).batch_size(50, refits_at_once=True)
        1
        >>> plan(100, SearchSettings(), initial_labels=10).batch_size(50, refits_at_once=False)
        5
        """
        if self.fixed_batch is not None:
            return self.fixed_batch
        least = 1 if refits_at_once else math.ceil(self.n_search / _REFITS)
        return max(least, n_evaluated // _GROWTH, 1)


def plan(budget: int, settings: SearchSettings, *, initial_labels: int = 3, trains_again: bool = False) -> Plan:
    """Split a budget into an initial sample, the search, and a confirmation.

    Args:
        budget: evaluations in all, ≥ 1.
        settings: the strategy.
        initial_labels: what the predictor wants to see first; 0 where a model is there before the first query.
        trains_again: whether the confirmation trains the best cells again.

    >>> plan(30, SearchSettings())
    Plan(n_init=3, n_search=26, n_confirm=1, fixed_batch=None)
    >>> plan(2, SearchSettings())
    Plan(n_init=1, n_search=0, n_confirm=1, fixed_batch=None)
    """
    wanted = initial_labels if settings.n_init is None else settings.n_init
    n_init = min(wanted, math.ceil(budget / 2))
    wanted = max(1, round(_TRAINED_AGAIN * budget)) if trains_again else 1
    n_confirm = min(wanted if settings.n_confirm is None else settings.n_confirm, budget - n_init)
    return Plan(n_init, budget - n_init - n_confirm, n_confirm, settings.batch_size)


def require_count(name: str, value: object, *, least: int = 1) -> None:
    """Raise `InputError` unless `value` is a whole number from `least`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(f"{name} must be a whole number from {least}, got {brief(value)}")
