"""The contract suite for third parties, run on every registered predictor."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

from nassurrogate.predictors import predictor_names
from nassurrogate.testing import PredictorContract

QUICK: dict[str, dict[str, Any]] = runpy.run_path(str(Path(__file__).with_name("conftest.py")))["QUICK"]
ENOUGH: dict[str, dict[str, Any]] = {
    "nar-former-v2": {"epochs": 30},
    "gradient-boosting": {"rounds": 100},
    "gcn": {"epochs": 30},
    "nar-former-v1": {"epochs": 30},
    "random-forest": {"trees": 50},
    "mlp-ensemble": {"epochs": 150},
}
"""Replacements in `QUICK` for tests in which a predictor must fit its labels."""
SEEDLESS = {"gaussian-process", "ridge", "proxy-process", "space-process"}
"""Deterministic predictors."""

for name in predictor_names():
    # `pytest -k NAME` selects the tests of one predictor.
    globals()[f"Test-{name}"] = type(
        f"Test-{name}",
        (PredictorContract,),
        {
            "predictor": name,
            "quick_config": QUICK.get(name, {}),
            "learning_config": ENOUGH.get(name, {}),
            "seed_matters": name not in SEEDLESS,
        },
    )
