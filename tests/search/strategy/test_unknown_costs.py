"""Constraints on what is known of some architectures only: the others are neither feasible nor infeasible."""

from __future__ import annotations

import numpy as np
import pytest

from nassurrogate.errors import InputError
from nassurrogate.search import read_ledger, run
from nassurrogate.search.record.report import describe_result
from tests.search.conftest import SPACE, Untabled, departures

METRIC = "phone_latency_ms"
KNOWN = np.arange(0, 15_600, 260)
"""Those that were measured on the phone: 60."""


@pytest.fixture(scope="module")
def phone(bench, fake_bench):
    """The table of cifar10 with a latency of 60 cells, three of which are fast."""
    latency = np.full(SPACE.size, np.nan)
    latency[KNOWN] = np.linspace(10, 40, len(KNOWN))
    return fake_bench(bench.column("val_accuracy_pct").mean, **{METRIC: latency})


@pytest.fixture(params=["table", "listed"])
def truth(request, phone):
    return phone if request.param == "table" else Untabled(phone)


def search(truth, **options):
    return run(**{"budget": 20, "predictor": "none", "seed": 0, "write": False, **options}, benchmark=truth)


def test_what_is_unknown_is_said_and_no_regret_is_claimed(truth):
    events = []
    result = search(truth, constraints=f"{METRIC}<=11", listener=events.append)
    assert (result["n_feasible"], result["n_unknown"], result["n_space"]) == (2, 15_565, 15_625)
    assert (result["regret_points"], result["optimum"]) == (None, None)
    assert "15,565 are unknown" in events[0].message
    (note,) = departures(result)
    assert "phone_latency_ms is known for 60 of 15,625 architectures" in note
    assert "whether the other 15,565 satisfy the constraints is unknown" in note
    assert "`nassurrogate train --file … --metric phone_latency_ms`" in note
    assert note in describe_result(result)


def test_what_other_bounds_rule_out_is_not_unknown(bench, fake_bench):
    """The few that are fast enough are all known, so the optimum is too."""
    latency, params = np.full(SPACE.size, np.nan), np.full(SPACE.size, 9.0)
    latency[:10], params[:10] = 5.0, 1.0
    labels = bench.column("val_accuracy_pct").mean
    truth = fake_bench(labels, **{METRIC: latency, "params_m": params})
    result = search(truth, constraints=[f"{METRIC}<=11", "params_m<=1"])
    assert (result["n_feasible"], result["n_unknown"]) == (10, 0)
    assert result["optimum"]["value"] == labels[:10].max()
    assert result["regret_points"] >= 0.0


def test_a_complete_column_has_nothing_unknown(bench, tmp_path):
    result = search(bench, constraints="latency_ms<=12", write=True, run_dir=tmp_path / "run", plots=False)
    assert (result["n_unknown"], result["notes"]) == (0, [])
    assert result["regret_points"] is not None
    assert read_ledger(tmp_path / "run").header["config"]["n_unknown"] == 0


@pytest.mark.parametrize(
    ("constraints", "message"),
    [
        (f"{METRIC}<=1", "phone_latency_ms is unknown for 15,565 of 15,625"),
        ([f"{METRIC}<=11", f"{METRIC}>=20"], "each alone: .*; phone_latency_ms is unknown for 15,565 of 15,625"),
    ],
)
def test_where_nothing_is_feasible_what_is_unknown_is_counted(truth, constraints, message):
    with pytest.raises(InputError, match=message):
        search(truth, constraints=constraints)


def test_a_run_names_where_every_metric_is_from(bench, tmp_path):
    result = search(bench, budget=2, constraints="latency_ms<=12", write=True, run_dir=tmp_path / "run", plots=False)
    sources = result["metric_sources"]
    assert list(sources) == ["val_accuracy_pct", "latency_ms", "params_m", "flops_m"]
    assert sources == {name: bench.origin(name) for name in sources}
    assert read_ledger(tmp_path / "run").header["config"]["metric_sources"] == sources
    assert search(Untabled(bench), budget=2)["metric_sources"] == {}
