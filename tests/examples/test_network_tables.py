"""The script that puts tables of whole networks into the pages."""

from __future__ import annotations

from typing import Any

import pytest

from nassurrogate.benchmarks.experiments import markdown_table


def _fit(device: str, unseen: str, split: int, mape: float, **more: Any) -> dict[str, Any]:
    metrics = {"test": 9, "mape_pct": mape, "within_10_pct": 90.0, "spearman": 0.9, "bias_pct": 0.0, "coverage90": None}
    return {
        "protocol": "C4", "on": device, "predictor": "roofline", "per_family": 300, "split": split, "unseen": unseen,
        "train": 300, "families": {unseen: metrics}, "fit_s": 1.0, "score_s": 1.0, **more,
    }  # fmt: skip


def test_only_complete_splits_count(script: Any) -> None:
    networks = script("network_tables")
    phone = networks.DEVICES["CPU"]
    lines = [
        _fit(phone, "thin", 0, 2.0), _fit(phone, "wide", 0, 4.0), _fit(phone, "thin", 1, 50.0),
        _fit(phone, "thin", 0, 1.0, adapt_to=20), _fit(phone, "wide", 0, 2.0, adapt_to=20),
    ]  # fmt: skip
    found = networks.measured(lines, "C4", "CPU")["roofline", 300]
    assert (found.splits, found.mape_pct, found.adapted.mean.mean["mape_pct"]) == (1, 3.0, 1.5)
    assert networks.unseen_table(lines, "CPU").splitlines()[2:] == [
        "| roofline | 300 | 1 | 3.00 | 90.0 | 3.00 | 0.900 | 1.50 |"
    ]
    assert networks.measured(lines, "C4", "GPU") == {}


def test_a_table_replaces_the_one_of_its_name(script: Any) -> None:
    networks = script("network_tables")
    old, other, new = (
        markdown_table(head, [row]) for head, row in ((["a", "b"], "12"), (["ab", "b"], "34"), (["a", "c"], "56"))
    )
    assert networks.with_table(f"{old}\n\n{other}\n", new) == f"{new}\n\n{other}\n"
    with pytest.raises(LookupError, match="0 tables"):
        networks.with_table(other + "\n", new)
    assert networks.with_row("| x | 1 |\n| y | 2 |\n", "| y | 3 |") == "| x | 1 |\n| y | 3 |\n"
    with pytest.raises(LookupError, match="2 rows"):
        networks.with_row("| y | 1 |\n| y | 2 |\n", "| y | 3 |")
