"""Slow fits are kept until a run is finished, so that a resumed one need not repeat them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from nassurrogate.predictors.gcn import GCN
from nassurrogate.search import read_ledger, run
from tests.search.ledgers import comparable, cut_off, files

OPTIONS: dict[str, Any] = {
    "predictor": "gcn",
    "predictor_config": {"epochs": 2, "members": 2, "width": 8, "layers": 2, "folds": 2},
    "constraints": "flops_m<=8",
    "budget": 12,
    "seed": 0,
    "plots": False,
}


@pytest.fixture
def n_fits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many labels every fit of the predictor had."""
    counted: list[int] = []
    fit = GCN.fit

    def counting(self: GCN, archs: Any, targets: Any, **options: Any) -> None:
        counted.append(len(archs))
        fit(self, archs, targets, **options)

    monkeypatch.setattr(GCN, "fit", counting)
    return counted


@pytest.fixture
def interrupted(tmp_path: Path) -> tuple[Path, Path]:
    """A finished run; and one of the same kind as it was after nine of its queries."""
    cut = tmp_path / "cut"

    def listen(event):
        if event.query is not None and event.done == 9:
            shutil.copytree(tmp_path / "whole", cut)

    run(**OPTIONS, run_dir=tmp_path / "whole", listener=listen)
    (cut / "run.lock").unlink(missing_ok=True)
    return tmp_path / "whole", cut


def test_a_resumed_run_repeats_no_fit(interrupted, n_fits):
    whole, cut = interrupted
    assert len(read_ledger(cut).queries) == 9
    assert any(name.startswith("fits/") for name in files(cut))
    run(resume=cut, plots=False)
    assert comparable(cut) == comparable(whole)
    assert n_fits
    assert min(n_fits) >= 9, "earlier fits are read"


def test_without_its_fits_it_repeats_them(interrupted, n_fits, tmp_path):
    whole, cut = interrupted
    bare = cut_off(cut, (cut / "ledger.jsonl").stat().st_size, tmp_path / "bare")
    run(resume=bare, plots=False)
    assert comparable(bare) == comparable(whole)
    assert min(n_fits) < 9


@pytest.mark.parametrize("damage", [b"", b"damaged", None])
def test_damaged_fits_are_done_without(interrupted, n_fits, damage):
    whole, cut = interrupted
    stored = sorted((cut / "fits").iterdir())
    for path in stored:
        path.write_bytes(path.read_bytes()[:-1] if damage is None else damage)
    run(resume=cut, plots=False)
    assert comparable(cut) == comparable(whole)
    assert min(n_fits) < 9


def test_a_finished_run_keeps_none(interrupted):
    assert not (interrupted[0] / "fits").exists()


def test_quick_fits_are_not_kept(tmp_path):
    seen: list[bool] = []

    def listen(event):
        if event.query is not None:
            seen.append((tmp_path / "run" / "fits").exists())

    run(budget=6, seed=0, run_dir=tmp_path / "run", plots=False, listener=listen)
    assert seen == [False] * 6
