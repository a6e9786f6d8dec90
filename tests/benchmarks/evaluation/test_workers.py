"""`evaluate` with several processes, and several of them in one folder."""

from __future__ import annotations

import multiprocessing
import os
import threading

import numpy as np
import pytest

from nassurrogate.benchmarks import LABEL, Column, TabularBenchmark, evaluate
from nassurrogate.benchmarks.evaluation.fit import Fit, run_fit
from nassurrogate.benchmarks.evaluation.prediction_store import BusyElsewhereError, PredictionStore
from nassurrogate.benchmarks.evaluation.workers import make_fits
from nassurrogate.errors import InputError
from nassurrogate.spaces import get_space

QUICK = {"rounds": 5, "members": 1}


@pytest.fixture(scope="module")
def table():
    values = np.random.default_rng(0).uniform(50, 90, 15_625)
    return TabularBenchmark(get_space("nb201"), "cifar10", {LABEL: Column(values, "made up")})


def _fit(split: int = 0, **changes) -> Fit:
    given = {
        "about": {"dataset": "made-up", "kind": "mean", "seed": 0, "split": split, "n_labels": 3},
        "space": "nb201",
        "predictor": "gradient-boosting:default",
        "config": QUICK,
        "metric": LABEL,
        "seed": split,
        "device": "cpu",
        "cells": np.array([3, 1, 2]),
        "targets": np.array([70.0, 80.0, 75.0]),
    }
    return Fit(**(given | changes))


def test_processes_change_nothing_but_the_time(table, tmp_path):
    asked = {
        "protocol": "A4", "benchmark": table, "labels": [20, 30], "splits": 2, "predictors": "gradient-boosting",
        "config": {"gradient-boosting": QUICK},
    }  # fmt: skip
    alone = evaluate(**asked, write=False)
    seen = []
    several = evaluate(**asked, jobs=2, run_dir=tmp_path, progress=lambda done, total, _: seen.append((done, total)))
    assert [row.kendall_tau_mean for row in several.rows] == [row.kendall_tau_mean for row in alone.rows]
    assert [row.coverage90_mean for row in several.rows] == [row.coverage90_mean for row in alone.rows]
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert len(list(tmp_path.glob("*.npz"))) == 4


def test_a_failing_process_is_reported_and_finished_fits_are_kept(tmp_path):
    store = PredictionStore(tmp_path)
    bad = _fit(1, targets=np.array([70.0, np.nan, 75.0]))
    with pytest.raises(InputError, match=r"^gradient-boosting:default at 3 labels, split 1: targets must be finite"):
        make_fits([_fit(0), bad], store, 2, lambda *_: None)
    assert multiprocessing.active_children() == []
    worse = _fit(2, cells=np.array([]), targets=None)
    with pytest.raises(RuntimeError, match=r"at 0 labels, split 2: \w+"):
        make_fits([worse, _fit(0)], store, 2, lambda *_: None)
    assert multiprocessing.active_children() == []
    with pytest.raises(RuntimeError, match=r"at 0 labels, split 2: \w+"):
        make_fits([worse], store, 1, lambda *_: None)
    store.get(_fit(0))
    assert store.read(_fit(0)) is not None


class Death:
    """Ends the process that unpickles it."""

    def __reduce__(self):
        return os._exit, (3,)


def test_a_process_that_dies_is_reported(tmp_path):
    with pytest.raises(RuntimeError, match=r"at 3 labels, split 1: its process ended with exit code 3"):
        make_fits([_fit(0), _fit(1, config=Death())], PredictionStore(tmp_path), 2, lambda *_: None)
    assert multiprocessing.active_children() == []


def test_a_fit_that_another_is_making_is_waited_for_and_not_made_twice(tmp_path, monkeypatch):
    fit, store = _fit(), PredictionStore(tmp_path)
    begun, go_on, made = threading.Event(), threading.Event(), []

    def slow(given):
        begun.set()
        assert go_on.wait(60)
        made.append(given)
        return run_fit(given)

    monkeypatch.setattr("nassurrogate.benchmarks.evaluation.prediction_store.run_fit", slow)
    first = threading.Thread(target=store.get, args=(fit,))
    first.start()
    assert begun.wait(60)
    with pytest.raises(BusyElsewhereError):
        store.get(fit)
    got = []
    second = threading.Thread(target=make_fits, args=([fit], store, 1, lambda _, prediction: got.append(prediction)))
    second.start()
    go_on.set()
    first.join(60)
    second.join(60)
    assert len(got) == len(made) == 1
    assert (got[0].mean == store.read(fit).mean).all()


def test_half_a_file_of_a_killed_process_does_no_harm(tmp_path):
    fit, store = _fit(), PredictionStore(tmp_path)
    (tmp_path / ".nassurrogate-0123.tmp").write_bytes(b"half")
    (tmp_path / f"{fit.name}.lock").write_bytes(b"")
    assert store.read(fit) is None
    assert store.get(fit).mean.shape == (15_625,)
    assert store.read(fit) is not None
