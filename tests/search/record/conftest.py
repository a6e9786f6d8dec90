"""A finished run, whose record the tests read."""

from __future__ import annotations

import pytest

from nassurrogate.search import run

BOUND = "params_m<=0.5"


@pytest.fixture(scope="module")
def finished(bench, tmp_path_factory):
    """(result, folder) of a run of 20 queries."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    options = {"budget": 20, "seed": 0, "predictor": "gradient-boosting", "predictor_config": {"rounds": 20}}
    return run(**options, constraints=BOUND, run_dir=folder, benchmark=bench), folder
