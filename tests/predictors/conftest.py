"""Fixtures of the tests of predictors."""

from __future__ import annotations

import numpy as np
import pytest

from nassurrogate.predictors import predictor_class
from nassurrogate.predictors.base import Predictor
from nassurrogate.spaces import Space, get_space

# A fit takes a fraction of a second: the tests check the contract, not the quality.
QUICK = {
    "probe-former": {"epochs": 3, "members": 2, "width": 16, "blocks": 1, "closing_epochs": 1},
    "nar-former-v2": {"epochs": 3, "members": 2, "width": 16, "head_width": 8, "folds": 2},
    "gradient-boosting": {"rounds": 10, "members": 2},
    "gcn": {"epochs": 4, "members": 2, "width": 16, "layers": 2, "folds": 2},
    "gaussian-process": {},
    "proxy-process": {},
    "random-forest": {"trees": 5},
    "ridge": {},
    "mlp-ensemble": {"epochs": 3, "members": 2, "layers": 3},
    "nar-former-v1": {"epochs": 4, "code_width": 8, "folds": 2},
    "nar-former-v2-networks": {"epochs": 12, "width": 8, "head_width": 8, "folds": 2},
    "nnlp-gcn": {"epochs": 3, "width": 8, "head_width": 8, "folds": 2},
    "boosting-networks": {"rounds": 30, "min_data_in_leaf": 3},
    "ensemble": {"members": "gaussian-process,ridge"},
}


@pytest.fixture(scope="session")
def space() -> Space:
    return get_space("nb201")


@pytest.fixture(scope="session")
def make(space):
    """`make(name, seed=…, preset=…, …)`: a predictor that fits quickly; further arguments replace hyper-parameters."""

    def made(name: str, *, seed: int = 0, preset: str | None = None, **changes) -> Predictor:
        config = QUICK.get(name, {}) | changes
        return predictor_class(name)(space, preset=preset, config=config, seed=seed, device="cpu")

    return made


@pytest.fixture(scope="session")
def labels_of():
    """`labels_of(archs)`: made-up accuracies in percent that depend on the operations."""

    def made(archs) -> np.ndarray:
        return np.array([60 + 5 * a.string.count("3x3") - 3 * a.string.count("none") + a.index / 20_000 for a in archs])

    return made
