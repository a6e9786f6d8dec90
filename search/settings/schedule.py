"""The settings of a search, and the schedule by which its budget is spent."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nassurrogate.search.settings.definitions import SETTINGS

_REFITS = 20
"""Number of fits per run of a predictor that is slow to fit."""
_TRAINED_AGAIN = 0.16
"""Share of a budget of single trainings that is spent on further trainings of the best architectures."""
_GROWTH = 200
"""A batch has at least 1/200 of the evaluations so far: among thousands of labels, a single one changes little."""


@dataclass(frozen=True)
class SearchSettings:
    """The strategy of a search, as far as a user can change it; without a predictor only `top` matters.

    `nassurrogate.search.settings.definitions.SETTINGS` documents their meanings, defaults and ranges;
    `nassurrogate search --help-settings` prints them. The notes of a run name the settings that it ignores.

    Raises `InputError` for a value out of range.

    >>> SearchSettings(n_init=5, acquisition="ucb").n_init
    5
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
        for name, setting in SETTINGS.items():
            setting.check(getattr(self, name))

    def changed(self) -> dict[str, object]:
        """The settings that differ from their defaults.

        >>> SearchSettings(beta=3.0).changed()
        {'beta': 3.0}
        """
        return {
            name: getattr(self, name) for name, setting in SETTINGS.items() if getattr(self, name) != setting.default
        }


@dataclass(frozen=True)
class Plan:
    """How a budget is split: `n_init` random evaluations, then `n_search`, and `n_confirm` at the end.

    Args:
        fixed_batch: the batch size that was asked for; None: it follows from the predictor.
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


def plan(
    budget: int, settings: SearchSettings, *, initial_labels: int = 3, trains_again: bool = False, workers: int = 1
) -> Plan:
    """Split a budget into an initial sample, the search, and a confirmation.

    Args:
        budget: total evaluations, ≥ 1.
        settings: the strategy.
        initial_labels: number of labels that the predictor needs for its first fit; 0 with a saved surrogate.
        trains_again: whether the confirmation trains the best architectures again.
        workers: number of evaluations that run at once: there are as many random ones, so that none waits.

    >>> plan(30, SearchSettings())
    Plan(n_init=3, n_search=26, n_confirm=1, fixed_batch=None)
    >>> plan(2, SearchSettings())
    Plan(n_init=1, n_search=0, n_confirm=1, fixed_batch=None)
    """
    unset = max(initial_labels, workers) if workers > 1 else initial_labels
    wanted = unset if settings.n_init is None else settings.n_init
    n_init = min(wanted, math.ceil(budget / 2))
    wanted = max(1, round(_TRAINED_AGAIN * budget)) if trains_again else 1
    n_confirm = min(wanted if settings.n_confirm is None else settings.n_confirm, budget - n_init)
    return Plan(n_init, budget - n_init - n_confirm, n_confirm, settings.batch_size)
