"""Scripts as modules, and stored lines of results for their tables."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Imports a script, which finds those beside it as when it is started."""
    for folder in ("choices", "figures", "networks", "own_problem", "speed"):
        monkeypatch.syspath_prepend(EXAMPLES / folder)
    return importlib.import_module


@pytest.fixture
def split_line() -> Callable[..., dict[str, Any]]:
    """Makes the stored line of one split."""

    def make(
        predictor: str, labels: int, split: int, tau: float, dataset: str = "cifar10", **more: Any
    ) -> dict[str, Any]:
        return {
            "kind": "split", "dataset": dataset, "protocol": "A4", "predictor": predictor, "labels": labels,
            "split": split, "kendall_tau": tau, "kendall_tau_outside_development": tau - 0.1, "coverage90": 0.9,
            "fit_s": 2.0 * split, "reference_tau_all": None, "reference_tau_classes": None, **more,
        }  # fmt: skip

    return make


@pytest.fixture
def lines(split_line: Callable[..., dict[str, Any]]) -> list[dict[str, Any]]:
    """Stored lines of three predictors."""
    return [
        {"kind": "packages", "numpy": "2"},
        *(split_line("probe-former", 50, split, tau) for split, tau in enumerate((0.8, 0.7))),
        *(split_line("ridge", 50, split, tau) for split, tau in enumerate((0.6, 0.8))),
        *(split_line("gcn", 50, split, tau) for split, tau in enumerate((0.6, 0.7))),
        split_line("ridge", 78, 0, 0.85),
    ]
