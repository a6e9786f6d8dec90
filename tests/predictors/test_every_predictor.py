"""The contract suite for third parties, run on every registered predictor."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

from nassurrogate.predictors import predictor_class, predictor_names
from nassurrogate.spaces.network_space import NetworkSpace
from nassurrogate.testing import PredictorContract
from tests.predictors.whole_networks.chains import CHAINS

QUICK: dict[str, dict[str, Any]] = runpy.run_path(str(Path(__file__).with_name("conftest.py")))["QUICK"]
ENOUGH: dict[str, dict[str, Any]] = {
    "nar-former-v2": {"epochs": 30},
    "gradient-boosting": {"rounds": 100},
    "gcn": {"epochs": 30},
    "nar-former-v1": {"epochs": 30},
    "random-forest": {"trees": 50},
    "mlp-ensemble": {"epochs": 150},
    "nar-former-v2-networks": {"epochs": 40, "width": 32, "head_width": 32},
    "nnlp-gcn": {"epochs": 200, "width": 32, "head_width": 32},
}
"""Replacements in `QUICK` for tests in which a predictor must fit its labels."""
SEEDLESS = {
    *("gaussian-process", "ridge", "proxy-process", "space-process"),
    *("flops-regression", "flops-memory-regression", "operator-additive", "roofline"),
}
"""Deterministic predictors."""

LEFT_OUT: dict[str, dict[str, None]] = {
    # A larger network takes longer, whatever the labels of others.
    "roofline": {"test_equal_labels_predict_about_that": None},
}

NETWORKS_ONLY = [name for name in predictor_names() if issubclass(predictor_class(name).requires, NetworkSpace)]

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
            "space": CHAINS if name in NETWORKS_ONLY else "nb201",
            **LEFT_OUT.get(name, {}),
        },
    )
