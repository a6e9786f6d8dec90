"""Predictors of third parties: by an entry point, or as a class."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np
import pytest

from nassurrogate import Surrogate
from nassurrogate.errors import InputError
from nassurrogate.predictors import DEFAULT_PREDICTOR, predictor_class, predictor_names
from nassurrogate.predictors.base import Predictor
from nassurrogate.predictors.gradient_boosting import BoostingConfig, GradientBoosting
from nassurrogate.spaces import get_space

SPACE = get_space("nb201")
QUICK = {"rounds": 10, "members": 2}
CELLS, TARGETS = list(range(12)), np.linspace(60, 90, 12)

PLUGIN = """
import numpy as np
from dataclasses import dataclass
from nassurrogate.predictors.base import Predictor

@dataclass(frozen=True)
class Config:
    shift: float = 0.0

class Mean(Predictor):
    name = "mean"
    description = "the mean of the labels"
    presets = {"plain": Config(), "shifted": Config(shift=1.0)}

    def fit(self, archs, targets, *, progress=None):
        self.mean = float(np.mean(targets)) + self.config.shift

    def predict(self, archs):
        return np.full(len(archs), self.mean), np.zeros(len(archs))

    def state(self):
        return {}, {"mean": self.mean}

    def load_state(self, tensors, meta):
        self.mean = float(meta["mean"])

class Unfinished(Predictor):
    name = "unfinished"

broken = 5
"""
ENTRY_POINTS = """
[nassurrogate.predictors]
mean = mean_plugin:Mean
gradient-boosting = mean_plugin:Mean
absent = no_such_module:Mean
lacking = mean_plugin:Mode
raising = raising_plugin:Mean
number = mean_plugin:broken
unfinished = mean_plugin:Unfinished
"""


@pytest.fixture
def plugin(install: Callable[..., None]) -> None:
    """An installed distribution that registers good and bad predictors."""
    raising = "raise RuntimeError('first line\\nsecond line')\n"
    install("mean-plugin", ENTRY_POINTS, mean_plugin=PLUGIN, raising_plugin=raising)


@pytest.mark.usefixtures("plugin")
def test_a_predictor_is_plugged_in_by_an_entry_point(tmp_path):
    assert predictor_names()[0] == DEFAULT_PREDICTOR
    assert "mean" in predictor_names()
    surrogate = Surrogate(predictor="mean:shifted").fit([0, 1], [70.0, 80.0])
    assert surrogate.score([4, 5, 6]).tolist() == [76.0] * 3
    loaded = Surrogate.load(surrogate.save(tmp_path / "model"))
    assert loaded.score(9) == 76.0
    assert loaded.predictor.config_dict() == {"shift": 1.0}
    with pytest.raises(InputError, match=r"unknown predictor 'meen'.*did you mean 'mean'"):
        Surrogate(predictor="meen")


@pytest.mark.usefixtures("plugin")
def test_a_plug_in_does_not_replace_a_built_in_predictor():
    assert predictor_class("gradient-boosting").__module__ == "nassurrogate.predictors.gradient_boosting"
    assert predictor_names().count("gradient-boosting") == 1


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent", "registered as no_such_module:Mean but does not load.*no_such_module"),
        ("lacking", "registered as mean_plugin:Mode but does not load.*Mode"),
        ("raising", "does not load \\(RuntimeError: first line second line\\)"),
        ("number", "which is not a subclass of Predictor"),
        ("unfinished", "which does not define description, fit, load_state, predict, presets, state"),
    ],
)
def test_a_broken_plug_in_gives_one_line(name, message):
    with pytest.raises(InputError, match=message) as caught:
        Surrogate(predictor=name)
    assert "\n" not in str(caught.value)


# --- predictors given as classes ------------------------------------------------------------------------------------


class Shifted(GradientBoosting):
    """A predictor that nobody registered."""

    name = "shifted"
    presets: ClassVar = {"plain": BoostingConfig(**QUICK), "small": BoostingConfig(rounds=1, members=1)}

    def predict(self, archs):
        mean, std = super().predict(archs)
        return mean + 1, std


def test_a_predictor_is_given_as_a_class(tmp_path):
    plain = Surrogate(predictor="gradient-boosting", config=QUICK).fit(CELLS, TARGETS)
    surrogate = Surrogate(predictor=Shifted).fit(CELLS, TARGETS)
    assert (surrogate.score(range(50)) == plain.score(range(50)) + 1).all()
    path = surrogate.save(tmp_path / "model")
    assert (Surrogate.load(path, predictor=Shifted).score(range(50)) == surrogate.score(range(50))).all()
    small = Surrogate(predictor=Shifted, preset="small", config={"rounds": 2}).fit(CELLS, TARGETS)
    loaded = Surrogate.load(small.save(path), predictor=Shifted).predictor
    assert (loaded.preset, loaded.config) == ("small", BoostingConfig(rounds=2, members=1))
    assert type(Surrogate(predictor=GradientBoosting).predictor) is GradientBoosting


def test_loading_an_unregistered_predictor_asks_for_its_class(tmp_path):
    path = Surrogate(predictor=Shifted).fit(CELLS, TARGETS).save(tmp_path / "model")
    with pytest.raises(InputError, match=r"model: unknown predictor 'shifted'; known: .*load\(path, predictor=…\)"):
        Surrogate.load(path)
    with pytest.raises(InputError, match="model: it holds a predictor 'shifted', not the given 'gradient-boosting'"):
        Surrogate.load(path, predictor=GradientBoosting)


def test_classes_that_are_not_predictors():
    class Nameless(GradientBoosting):
        name = ""

    class Impostor(GradientBoosting):
        pass

    for given_class, message in (
        (int, "the class int, which is not a subclass of Predictor"),
        (Predictor, "which does not define description, fit, load_state, name, predict, presets, state"),
        (Nameless, "whose name must be text without a colon, got ''"),
        (Impostor, "which has the name of another one, 'gradient-boosting'; give it a name of its own"),
        (Shifted(SPACE), "must be a name such as .* or a subclass of Predictor"),
        (5, "must be a name such as"),
    ):
        with pytest.raises(InputError, match=message):
            Surrogate(predictor=given_class)
    for options, message in (
        ({"predictor": Shifted, "preset": "large"}, "unknown preset 'large' of predictor 'shifted'; known: plain"),
        ({"predictor": "gradient-boosting:default", "preset": "plain"}, "preset 'plain' contradicts the predictor"),
    ):
        with pytest.raises(InputError, match=message):
            Surrogate(**options)
