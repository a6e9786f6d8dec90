"""A surrogate of another space beside one that learns: how much weight it has."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr

from nassurrogate import InputError, Surrogate, get_space
from nassurrogate.metric import known_metric
from nassurrogate.search.settings.arguments import loaded_surrogate
from nassurrogate.search.surrogates.blended import BlendedSurrogate
from nassurrogate.search.surrogates.known_labels import why_not_learned
from nassurrogate.search.surrogates.learning import LearningSurrogate

MACRO, NB201 = get_space("macro"), get_space("nb201")
WORTH = 20


def _flops(archs: Any) -> np.ndarray:
    found: np.ndarray = np.log(archs[0].space.costs(archs)["flops_m"])
    return found


@pytest.fixture(scope="module")
def saved() -> Surrogate:
    """Ranks networks by size, which it learned in another space."""
    archs = NB201.sample(80, np.random.default_rng(0))
    return Surrogate("macro", predictor="across-spaces", config={"reference": 100}).fit(archs, 90 + _flops(archs))


def _blended(saved: Surrogate, archs: Any, labels: np.ndarray, predictor: str = "space-process") -> BlendedSurrogate:
    learning = LearningSurrogate(Surrogate("macro", predictor=predictor), np.random.default_rng(0), is_part=True)
    blended = BlendedSurrogate(saved, learning, MACRO.sample(100, np.random.default_rng(1)))
    blended.fit(archs, labels.tolist())
    return blended


def test_few_labels_leave_the_weight_to_one_that_is_right(saved: Surrogate) -> None:
    archs = MACRO.sample(8, np.random.default_rng(2))
    blended = _blended(saved, archs, 90 + _flops(archs))
    assert 0.3 < blended._weight <= WORTH / (WORTH + 8)
    assert blended.saved_labels == 80
    asked = MACRO.sample(100, np.random.default_rng(3))
    assert spearmanr(blended.posterior_of(asked).mean, _flops(asked)).statistic > 0.8


def test_labels_that_it_misjudges_take_the_weight_away(saved: Surrogate) -> None:
    archs = MACRO.sample(40, np.random.default_rng(2))
    labels = 90 - _flops(archs)
    blended = _blended(saved, archs, labels)
    assert blended._weight < 0.1
    asked = MACRO.sample(100, np.random.default_rng(3))
    assert spearmanr(blended.posterior_of(asked).mean, -_flops(asked)).statistic > 0.8


def test_predictors_without_held_out_predictions_go_by_numbers(saved: Surrogate) -> None:
    archs = MACRO.sample(20, np.random.default_rng(2))
    blended = _blended(saved, archs, 90 - _flops(archs), predictor="ridge")
    assert blended._weight == WORTH / (WORTH + 20)


def test_its_labels_are_not_learned_with_those_of_the_run(saved: Surrogate) -> None:
    reason = why_not_learned(saved, Surrogate("macro"), "cifar10", None)
    assert reason == "the surrogate learned labels of another space"


@pytest.mark.parametrize("predictor", ["proxy-process", "space-process"])
def test_labels_are_predicted_without_themselves(predictor: str) -> None:
    archs = NB201.sample(30, np.random.default_rng(4))
    labels = 90 + _flops(archs)
    labels[7] = 0.0  # an outlier that none of the others announces
    surrogate = Surrogate("nb201", predictor=predictor).fit(archs, labels)
    place, scores, means = surrogate.predictor.left_out()  # type: ignore[misc]
    assert sorted(place.tolist()) == list(range(30))
    np.testing.assert_array_equal(scores, surrogate.predictor.encoded(labels[place]))
    at = int(np.flatnonzero(place == 7)[0])
    assert scores[at] == scores.min()
    assert means[at] > scores[at] + 0.5
    assert spearmanr(np.delete(means, at), np.delete(scores, at)).statistic > 0.3


def test_another_accuracy_of_another_space_ranks_too(saved: Surrogate) -> None:
    bench = type("Bench", (), {"space": MACRO})()
    objective = known_metric("test_accuracy_pct")
    assert loaded_surrogate(saved, bench, objective, "cpu") is saved
    with pytest.raises(InputError, match="predicts val_accuracy_pct, expected one that predicts val_loss"):
        loaded_surrogate(saved, bench, known_metric("val_loss"), "cpu")
