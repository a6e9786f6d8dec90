"""Spaces without a table, and a made-up training, for the tests of open spaces."""

from __future__ import annotations

import numpy as np

from nassurrogate.metric import Metric
from nassurrogate.search import SearchSettings
from nassurrogate.spaces import CategoricalSpace
from tests.search.conftest import watched

MINE = CategoricalSpace("mine", {"kernel": [3, 5], "width": [16, 32, 64]})
WIDE = CategoricalSpace(
    "wide",
    {f"layer{place}": [1, 2, 4, 8, 16] for place in range(30)},
    costs=lambda arch: {"params_m": float(sum(arch.choices.values())), "latency_ms": float(len(arch.string))},
)
USEFULNESS = Metric("usefulness", direction="maximize")
SMALL = SearchSettings(pool_size=200, inner_proposals=60)


def accuracy(arch) -> float:
    """The larger the numbers chosen the better, with a bonus for one slot; between 50 and 95."""
    numbers = [float(value) for value in arch.choices.values() if isinstance(value, int | float)]
    return 50 + 40 * float(np.mean(np.log2(1 + np.array(numbers)))) / 7 + (numbers[0] == max(numbers))


def searched(space, evaluate=accuracy, budget=20, **options):
    """The result, and the queries in the order in which they were made."""
    return watched(space=space, evaluate=evaluate, budget=budget, settings=options.pop("settings", SMALL), **options)


def archs_of(queries):
    return [query.arch for query in queries]
