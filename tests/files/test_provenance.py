"""What a model file says of where it comes from: its metric, its space, and the packages that made it."""

from __future__ import annotations

import json
import logging
from importlib.metadata import version
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from nassurrogate import Surrogate
from nassurrogate.errors import InputError
from nassurrogate.files.model_file import read_model
from nassurrogate.metric import Metric
from nassurrogate.predictors.gradient_boosting import BoostingConfig, GradientBoosting
from nassurrogate.runtime.versions import FITTING_PACKAGES, package_versions
from nassurrogate.saved_surrogate import OWN_LABELS
from nassurrogate.spaces import CategoricalSpace, CellSpace, Slot

QUICK = {"rounds": 5, "members": 2}
OWN = Metric("usefulness", "smiles", "minimize", needs_training=False, belongs_to="architecture")


def old(source: Path, target: Path, forged) -> Path:
    """A copy as releases wrote it that kept neither the metric nor the packages nor the labels."""
    tensors, header = read_model(source)
    later = ("metric_info", "packages", "keeps_labels", "dataset")
    kept = {name: value for name, value in header.items() if name not in later}
    own = [name for name in tensors if name.startswith(OWN_LABELS)]
    return forged(source, target, raw_header=json.dumps(kept), drop=own)


def test_the_metric_comes_back(tmp_path):
    surrogate = Surrogate(predictor="gradient-boosting", metric=OWN, config=QUICK).fit([0, 1, 2], [3.0, 1.0, 2.0])
    loaded = Surrogate.load(surrogate.save(tmp_path / "model"))
    assert loaded.about_metric == loaded.predictor.metric == OWN
    assert loaded.metric == "usefulness"
    assert loaded.score([0, 1, 2]).tolist() == surrogate.score([0, 1, 2]).tolist()
    assert not loaded.higher_is_better


# --- labels ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["nar-former-v2", "gradient-boosting"])
def test_the_labels_come_back(name, saved, tmp_path):
    loaded = Surrogate.load(saved(name), device="cpu")
    archs, targets = loaded.labels
    assert [arch.index for arch in archs] == list(range(20))
    assert targets.tolist() == np.linspace(60, 90, 20).tolist()
    targets[:] = 0
    archs.clear()
    assert len(loaded.labels[0]) == 20
    assert loaded.labels[1].any()
    again = read_model(loaded.save(tmp_path / "again"))[0]
    first = read_model(saved(name))[0]
    assert {key: array.tolist() for key, array in again.items()} == {k: array.tolist() for k, array in first.items()}


def test_labels_are_kept_once(saved):
    assert set(read_model(saved("gradient-boosting"))[0]) == {"labels.index", "labels.target"}
    own = {name for name in read_model(saved("nar-former-v2"))[0] if name.startswith(OWN_LABELS)}
    assert own == {"surrogate.labels.index", "surrogate.labels.target"}


def test_labels_of_a_space_of_ones_own_are_strings(tmp_path):
    every = list(MINE.members())
    for predictor in (Anywhere, Remembers):
        surrogate = Surrogate(MINE, predictor=predictor).fit([*every, every[0]], np.arange(7.0))
        loaded = Surrogate.load(surrogate.save(tmp_path / "model"), space=MINE, predictor=predictor)
        assert loaded.labels[0] == [*every, every[0]]
        assert loaded.labels[1].tolist() == list(range(7))


def test_there_are_no_labels_before_a_fit():
    surrogate = Surrogate(predictor="gradient-boosting", config=QUICK)
    assert surrogate.labels is None
    surrogate.fit([0, 1], [1.0, 2.0])
    assert surrogate.labels is not None
    assert surrogate.fresh(seed=1).labels is None


def test_files_of_old_have_no_labels_but_those_that_the_predictor_keeps(saved, tmp_path, forged):
    loaded = Surrogate.load(old(saved("nar-former-v2"), tmp_path / "old", forged), device="cpu")
    assert loaded.labels is None
    assert loaded.n_labels == 20
    assert loaded.score(3) == Surrogate.load(saved("nar-former-v2"), device="cpu").score(3)
    again = Surrogate.load(loaded.save(tmp_path / "again"), device="cpu")
    assert again.labels is None
    assert again.labels_sha256 == loaded.labels_sha256
    kept = Surrogate.load(old(saved("gradient-boosting"), tmp_path / "old", forged)).labels
    assert [arch.index for arch in kept[0]] == list(range(20))


# --- packages --------------------------------------------------------------------------------------------------------


def test_packages_are_kept(saved):
    packages = read_model(saved("gradient-boosting"))[1]["packages"]
    assert packages == package_versions(FITTING_PACKAGES)
    assert packages["numpy"] == version("numpy")
    assert set(packages) == {"python", "nassurrogate", "numpy", "scipy", "torch", "lightgbm", "scikit-learn"}


def test_a_refit_with_other_packages_is_warned_of(saved, tmp_path, forged, caplog):
    caplog.set_level(logging.WARNING, "nassurrogate")
    Surrogate.load(saved("gradient-boosting"))
    assert not caplog.messages
    packages = package_versions(FITTING_PACKAGES) | {"numpy": "1.0", "python": "3.0", "of-old": "5"}
    other = forged(saved("gradient-boosting"), tmp_path / "model", header={"packages": packages})
    Surrogate.load(other)
    (line,) = caplog.messages
    assert f"numpy 1.0 (here {version('numpy')})" in line
    assert "python 3.0 (here 3." in line
    assert str(other) in line
    assert "scipy" not in line
    assert "of-old" not in line
    caplog.clear()
    Surrogate.load(forged(saved("nar-former-v2"), tmp_path / "model", header={"packages": packages}))
    assert not caplog.messages, "its weights are loaded, nothing is learned again"


def test_files_of_old_load(saved, tmp_path, forged, caplog):
    caplog.set_level(logging.WARNING, "nassurrogate")
    source = saved("gradient-boosting")
    loaded = Surrogate.load(old(source, tmp_path / "model", forged))
    assert loaded.score(range(50)).tolist() == Surrogate.load(source).score(range(50)).tolist()
    assert not caplog.messages


def test_a_file_of_old_of_an_unknown_metric_scores_as_it_did(tmp_path, forged, caplog):
    caplog.set_level(logging.WARNING, "nassurrogate")
    metric = Metric("usefulness", direction="maximize")
    source = Surrogate(predictor="gradient-boosting", metric=metric, config=QUICK).fit([0, 1, 2], [3.0, 1.0, 2.0])
    loaded = Surrogate.load(old(source.save(tmp_path / "new"), tmp_path / "old", forged))
    assert (loaded.score(range(9)) == -source.score(range(9))).all()
    (line,) = caplog.messages
    assert "does not say whether a larger usefulness is better; it is taken to be better when smaller" in line


@pytest.mark.parametrize(
    ("metric", "turned"), [("val_f1_pct", True), ("psnr_db", True), ("latency_ms", False), ("val_accuracy_pct", False)]
)
def test_a_file_of_old_whose_direction_was_taken_wrongly_says_so(tmp_path, forged, caplog, metric, turned):
    """All but accuracies were once better when smaller."""
    caplog.set_level(logging.WARNING, "nassurrogate")
    source = Surrogate(predictor="gradient-boosting", metric=metric, config=QUICK).fit([0, 1, 2], [3.0, 1.0, 2.0])
    path = old(source.save(tmp_path / "new"), tmp_path / "old", forged)
    assert (Surrogate.load(path).score(range(9)) == source.score(range(9))).all()
    assert [str(path) in line and metric in line for line in caplog.messages] == [True] * turned


@pytest.mark.parametrize(
    "header",
    [
        {"metric_info": {**OWN.as_dict(), "direction": None}},
        {"metric_info": OWN.as_dict()},
        {"metric_info": {"name": "val_accuracy_pct"}},
        {"metric": "latency_ms"},
        {"packages": {"numpy": 5}},
        {"packages": ["numpy"]},
    ],
)
def test_metrics_and_packages_that_do_not_fit(saved, tmp_path, header, refusal, forged):
    refusal(forged(saved("gradient-boosting"), tmp_path / "model", header=header))


# --- spaces that are not registered ----------------------------------------------------------------------------------


class Anywhere(GradientBoosting):
    """A predictor that nobody registered."""

    name = "anywhere"
    presets: ClassVar = {"plain": BoostingConfig(**QUICK)}


class Remembers(Anywhere):
    """Keeps in the arrays of labels something else than labels."""

    name = "remembers"

    def state(self):
        tensors, meta = super().state()
        return {f"mine.{name}": array for name, array in tensors.items()} | {"labels.target": np.arange(3.0)}, meta

    def load_state(self, tensors, meta):
        assert tensors["labels.target"].tolist() == [0, 1, 2]
        own = {name.removeprefix("mine."): array for name, array in tensors.items() if name.startswith("mine.")}
        super().load_state(own, meta)


MINE = CategoricalSpace("mine", {"kernel": [3, 5], "width": [16, 32, 64]})


def test_a_space_of_ones_own_is_given_back(tmp_path, refusal):
    every = list(MINE.members())
    surrogate = Surrogate(MINE, predictor=Anywhere).fit(every, np.arange(6.0))
    path = surrogate.save(tmp_path / "model")
    assert "unknown space 'mine'; known: nb201" in (line := refusal(path))
    assert "pass one that is not registered as an object: Surrogate.load(path, space=…)" in line
    copy = CategoricalSpace("mine", {"kernel": [3, 5], "width": [16, 32, 64]})
    loaded = Surrogate.load(path, space=copy, predictor=Anywhere)
    assert loaded.space is copy
    assert loaded.score([str(arch) for arch in every]).tolist() == surrogate.score(every).tolist()
    for other, message in (
        (CategoricalSpace("other", {"kernel": [3, 5]}), "it was saved for space 'mine', not for the given 'other'"),
        (CategoricalSpace("mine", {"kernel": [3, 5]}), "another space of the name 'mine'"),
        ("mine", "space must be a Space, got 'mine'"),
    ):
        with pytest.raises(InputError, match=message):
            Surrogate.load(path, space=other, predictor=Anywhere)


@pytest.mark.parametrize(
    "slots",
    [
        {"kernel": [3, 5], "width": [16, 32, 64, 128]},
        {"kernel": [3, 5], "width": [16, 64, 32]},
        {"width": [16, 32, 64], "kernel": [3, 5]},
        {"kernel": [3, 5], "width": Slot([16, 32, 64], when={"kernel": 3})},
        {"kernel": [3, 5], "width": [16, 32, 64], "pool": [False, True]},
    ],
    ids=["more", "order", "place", "condition", "slot"],
)
def test_a_space_of_one_name_with_other_slots_is_refused(tmp_path, slots):
    """It may read every label, and its features mean something else."""
    path = Surrogate(MINE).fit(list(MINE.members()), np.arange(6.0)).save(tmp_path / "model")
    assert np.isfinite(Surrogate.load(path, space=MINE).score("kernel=3 width=16"))
    with pytest.raises(InputError, match="another space of the name 'mine'") as caught:
        Surrogate.load(path, space=CategoricalSpace("mine", slots))
    assert str(path) in str(caught.value)


def test_a_model_that_does_not_know_its_slots_still_loads(tmp_path, forged):
    path = Surrogate(MINE).fit(list(MINE.members()), np.arange(6.0)).save(tmp_path / "model")
    header = {name: value for name, value in read_model(path)[1].items() if name != "space_fingerprint"}
    loaded = Surrogate.load(forged(path, tmp_path / "old", raw_header=json.dumps(header)), space=MINE)
    assert np.isfinite(loaded.score("kernel=3 width=16"))


def test_a_model_of_a_registered_space_takes_that_space_alone(saved):
    source = saved("gradient-boosting")
    space = Surrogate.load(source).space
    assert isinstance(space, CellSpace)
    assert Surrogate.load(source, space=space).space is space
    with pytest.raises(InputError, match="it was saved for space 'nb201', not for the given 'mine'"):
        Surrogate.load(source, space=MINE)
