"""The folder of `evaluate`: every fit is made once, and what does not belong there is noticed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from nassurrogate.benchmarks import LABEL, Column, TabularBenchmark, evaluate
from nassurrogate.errors import InputError

pytestmark = pytest.mark.usefixtures("spy")
SIZE = 15_625


def _files(folder="runs/evaluate"):
    return sorted(Path(folder).glob("*.npz"))


def test_a_finished_fit_is_never_made_again(spy, table):
    first = evaluate("A1", benchmark=table, labels=[5, 9], splits=2, predictors="spy")
    assert len(spy.fits) == len(_files()) == 4
    again = evaluate("A1", benchmark=table, labels=[5, 9], splits=2, predictors="spy")
    assert len(spy.fits) == 4
    assert again == first
    evaluate("A4", benchmark=table, labels=[5, 9], splits=2, predictors="spy")
    assert len(spy.fits) == 4, "A4 has the labels of A1"
    evaluate("A1", benchmark=table, labels=9, splits=3, predictors="spy")
    assert len(spy.fits) == 5, "one split more"


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"config": {"spy": {"scale": 2.0}}},
        {"device": "cpu"},
        {"predictors": "spy:certain"},
        {"protocol": "published"},
    ],
)
def test_all_that_a_prediction_depends_on_makes_another_fit(spy, table, change):
    asked = {"protocol": "A1", "benchmark": table, "labels": 5, "splits": 1, "predictors": "spy"}
    evaluate(**asked)
    evaluate(**(asked | change))
    assert len(spy.fits) == 2


def test_other_labels_are_another_fit(spy, table):
    evaluate("A4", benchmark=table, labels=5, splits=1, predictors="spy")
    moved = TabularBenchmark(table.space, table.dataset, {LABEL: Column(table.column(LABEL).mean + 1, "made up")})
    evaluate("A4", benchmark=moved, labels=5, splits=1, predictors="spy")
    assert len(spy.fits) == 2


def test_an_interrupted_run_continues(spy, table, monkeypatch):
    monkeypatch.setattr(spy, "fail_at", 2)
    asked = {"protocol": "A1", "benchmark": table, "labels": [5, 9], "splits": 2, "predictors": "spy"}
    seen = []
    with pytest.raises(KeyboardInterrupt):
        evaluate(**asked, progress=lambda done, total, _: seen.append((done, total)))
    assert len(_files()) == 2
    monkeypatch.setattr(spy, "fail_at", None)
    found = evaluate(**asked, progress=lambda done, total, _: seen.append((done, total)))
    assert len(spy.fits) == 4
    assert seen == [(1, 4), (2, 4), (2, 4), (3, 4), (4, 4)]
    assert found.rows == evaluate(**asked).rows


@pytest.mark.parametrize("damage", ["cut", "empty", "flipped", "text"])
def test_a_damaged_file_is_made_again(spy, table, damage, caplog):
    first = evaluate("A1", benchmark=table, labels=5, splits=1, predictors="spy")
    (path,) = _files()
    content = path.read_bytes()
    half = len(content) // 2
    path.write_bytes(
        {
            "cut": content[:half],
            "empty": b"",
            "flipped": content[:half] + bytes([content[half] ^ 1]) + content[half + 1 :],
            "text": b"hello",
        }[damage]
    )
    again = evaluate("A1", benchmark=table, labels=5, splits=1, predictors="spy")
    assert len(spy.fits) == 2
    assert "is damaged" in caplog.text
    assert again.rows[0].kendall_tau_mean == first.rows[0].kendall_tau_mean
    evaluate("A1", benchmark=table, labels=5, splits=1, predictors="spy")
    assert len(spy.fits) == 2, "it is whole again"


def test_a_foreign_file_is_refused(spy, table):
    asked = {"protocol": "A1", "benchmark": table, "labels": 5, "predictors": "spy"}
    evaluate(**asked, splits=2)
    first, second = _files()
    first.write_bytes(second.read_bytes())
    with pytest.raises(InputError, match=r"split0.*holds another fit's prediction"):
        evaluate(**asked, splits=1)
    np.savez(first, mean=np.zeros(3))
    with pytest.raises(InputError, match="is not a nassurrogate prediction"):
        evaluate(**asked, splits=1)
    assert len(spy.fits) == 2


def test_an_object_array_is_not_unpickled(spy, table):
    evaluate("A1", benchmark=table, labels=5, splits=1, predictors="spy")
    (path,) = _files()
    with np.load(path) as file:
        meta = file["meta"]
    np.savez(path, mean=np.array([{}], dtype=object), std=np.zeros(SIZE), meta=meta)
    evaluate("A1", benchmark=table, labels=5, splits=1, predictors="spy")
    assert len(spy.fits) == 2


def test_nothing_is_kept_on_request(table, tmp_path):
    found = evaluate("A1", benchmark=table, labels=5, splits=1, predictors="spy", write=False)
    assert found.run_dir is None
    assert list(tmp_path.iterdir()) == []


def test_files_describe_themselves(table):
    evaluate("A1", benchmark=table, labels=5, splits=1, predictors="spy", seed=2)
    (path,) = _files()
    with np.load(path) as file:
        assert (file["mean"].dtype, file["std"].shape) == (np.float64, (SIZE,))
        meta = json.loads(file["meta"].tobytes())["identity"]
    wanted = {"predictor": "spy:default", "dataset": "cifar10", "n_labels": 5, "split": 0, "seed": 2, "metric": LABEL}
    assert meta | wanted == meta
    assert meta["predictor_version"].startswith("nassurrogate ")
    assert len(meta["labels_sha256"]) == 64
    assert [p.name for p in path.parent.iterdir()] == [path.name], "no lock and no half file is left"
