"""The example of a space and a training of one's own: it is searched, and what it declares is true."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nassurrogate.search import run

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(EXAMPLES)
    return importlib.import_module("own_space")


def test_it_is_searched(example: Any) -> None:
    bounds = ["params_m<=0.02"]
    result = run(
        space=example.SPACE, dataset="digits", evaluate=example.train, budget=4, seed=0, constraints=bounds, write=False
    )
    assert (result["queries"], result["n_failed"], result["dataset"]) == (4, 0, "digits")
    assert 10 < result["best"]["value"] <= 100, "percent, and more than chance"
    assert result["best"]["params_m"] <= 0.02
    assert result["predictor"].startswith("space-process")
    assert not any("fraction" in note for note in result["notes"])


def test_its_costs_are_those_of_the_networks_it_trains(example: Any) -> None:
    """Weights and biases of every layer, hidden ones as deep as the architecture says."""
    from sklearn.neural_network import MLPClassifier

    images, _, digits, _ = example.digits()
    for arch in example.SPACE.sample(6, np.random.default_rng(0)):
        network = MLPClassifier(example.widths(arch)).partial_fit(images[:50], digits[:50], classes=np.arange(10))
        n_params = sum(part.size for part in (*network.coefs_, *network.intercepts_))
        assert example.SPACE.costs([arch])["params_m"][0] == pytest.approx(n_params / 1e6)
        assert len(example.widths(arch)) == arch.choices["depth"]
