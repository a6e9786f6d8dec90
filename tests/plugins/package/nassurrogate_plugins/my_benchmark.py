"""A benchmark: a made-up accuracy, each slot's own part and one of every two neighbouring slots, without noise."""

from __future__ import annotations

import numpy as np

from nassurrogate import Architecture
from nassurrogate.benchmarks import CallableBenchmark
from nassurrogate_plugins.my_metric import MERIT
from nassurrogate_plugins.my_space import SPACE

_RNG = np.random.default_rng(5)
_OWN = np.sort(_RNG.normal(size=(30, 5)), axis=1)
_PAIRS = 0.5 * _RNG.normal(size=(29, 5, 5))
_SLOTS = np.arange(30)


def train(arch: Architecture) -> dict[str, float]:
    """Accuracy in percent, and a merit that weighs it against the parameters."""
    codes = SPACE.gene_codes([arch])[0]
    total = _OWN[_SLOTS, codes].sum() + _PAIRS[_SLOTS[:-1], codes[:-1], codes[1:]].sum()
    accuracy = 80.0 + 15.0 * float(np.tanh(total / 25.0))
    return {"val_accuracy_pct": accuracy, "my_merit": accuracy - float(SPACE.costs([arch])["params_m"][0])}


BENCHMARK = CallableBenchmark(SPACE, train, metrics=("val_accuracy_pct", MERIT), dataset="my-data")
