"""The definition of every setting of a search: `SearchSettings` checks them, `--help-settings` prints them.

The command line reads this module before anything else, so it imports nothing heavy.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from nassurrogate.errors import InputError, brief, require_name, unknown_choice

ACQUISITION_NAMES = ("mean", "ucb", "ei", "thompson")
"""Names of the acquisition functions."""


@dataclass(frozen=True)
class Setting:
    """One field of `SearchSettings`.

    Args:
        name: name of the field, as in `--set NAME=VALUE`.
        kind: `count`, a whole number; `number`, a finite one; `choice`, one of a few names.
        meaning: what it does, in a sentence or two.
        default: None if it depends on the rest of the search, as `unset` describes.
        unset: what None means; empty if None is not allowed.
        least: the smallest value of a count or a number.
        choices: the names, for a choice.
    """

    name: str
    kind: Literal["count", "number", "choice"]
    meaning: str
    default: int | float | str | None = None
    unset: str = ""
    least: int = 0
    choices: tuple[str, ...] = ()

    @property
    def range(self) -> str:
        """The allowed values, in words.

        >>> SETTINGS["top"].range
        'a whole number from 1'
        """
        if self.kind == "choice":
            return f"one of {', '.join(self.choices)}"
        return f"a whole number from {self.least}" if self.kind == "count" else f"a finite number from {self.least}"

    @property
    def default_text(self) -> str:
        """The default, in words.

        >>> SETTINGS["beta"].default_text, SETTINGS["n_confirm"].default_text[:2]
        ('2.0', '1;')
        """
        return self.unset if self.default is None else str(self.default)

    def check(self, value: object) -> None:
        """Raise `InputError` for a value out of range."""
        if value is None and self.unset:
            return
        if self.kind == "choice":
            require_name(self.name, value)
            if value not in self.choices:
                raise unknown_choice(self.name, value, self.choices)
            return
        types = int if self.kind == "count" else int | float
        # An int can be too large for a float, and cannot be computed with then.
        most = sys.float_info.max if self.kind == "number" else float("inf")
        if isinstance(value, bool) or not isinstance(value, types) or not self.least <= value <= most:
            raise InputError(f"{self.name} must be {self.range}, got {brief(value)}")

    def as_dict(self) -> dict[str, Any]:
        """JSON-able, for `--help-settings --json`."""
        return {"meaning": self.meaning, "default": self.default, "default_means": self.unset, "range": self.range}


SETTINGS: Mapping[str, Setting] = MappingProxyType(
    {
        setting.name: setting
        for setting in (
            Setting(
                "n_init",
                "count",
                "random evaluations before the surrogate is used; at most half the budget, rounded up. With 0, the "
                "first are those with the best scores without labels, until two labels differ; proxy-process and "
                "probe-former have such scores where zero-cost proxies ship",
                unset="the predictor's own number (3 for the default one, 10 for most); 0 with a saved surrogate",
            ),
            Setting(
                "n_confirm",
                "count",
                "final evaluations: the highest posterior mean, or, if a label is a single training, further trainings "
                "of the best architectures, up to two each",
                unset="1; if a label is a single training, 16 % of the budget",
            ),
            Setting(
                "batch_size",
                "count",
                "evaluations between two fits, for evaluating in parallel",
                unset="1; with slow fits, as many as give 20 fits per run",
                least=1,
            ),
            Setting(
                "acquisition",
                "choice",
                "how the next query is chosen: by the posterior mean, mean + beta standard deviations (ucb), the "
                "expected improvement (ei), or a draw from the posterior (thompson)",
                default="ei",
                choices=ACQUISITION_NAMES,
            ),
            Setting("beta", "number", "weight of the standard deviation in ucb; other acquisitions ignore it", 2.0),
            Setting(
                "pool_size",
                "count",
                "candidates that the surrogate scores; in a larger space half as many are drawn at random, and "
                "neighbours of the best are added before every query",
                32_768,
                least=1,
            ),
            Setting(
                "inner_proposals",
                "count",
                "proposals that a searcher makes to maximise the acquisition before each query, rejected ones "
                "included; exhaustive always scores the whole pool",
                unset="the searcher's own number (2000, optuna's 200)",
                least=1,
            ),
            Setting(
                "label_noise_pct",
                "number",
                "standard deviation of one training, in percent: weighs single labels against the surrogate when the "
                "best is chosen; typical values for good NAS-Bench-201 cells are 0.2 on cifar10, 0.5 on cifar100 and "
                "0.6 on ImageNet16-120",
                0.2,
            ),
            Setting("top", "count", "how many of the best evaluated architectures the result lists", 10, least=1),
        )
    }
)
"""By name, in the order of the fields."""
