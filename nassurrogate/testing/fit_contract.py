"""The contract of a fit: it learns any labels, depends on the seed alone, and changes nothing else."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from nassurrogate.errors import InputError
from nassurrogate.predictors.base import Predictor
from nassurrogate.testing.subject import Subject, made_up_accuracies

_FEW = 20
_BAD_TARGETS: Mapping[str, Any] = {
    "nan": [60.0, float("nan")],
    "infinite": [60.0, float("inf")],
    "huge": [60.0, 1e31],
    "too few": [60.0],
    "two dimensions": [[60.0], [70.0]],
    "text": ["60", "70"],
    "equal": [70.0, 70.0],
}
"""Targets for two architectures."""


class FitContract(Subject):
    """Tests of `fit`."""

    def fit_first(self, n: int, *, seed: int = 0) -> Predictor:
        """A predictor fitted on the made-up labels of `n` architectures."""
        predictor = self.make(seed=seed)
        archs = self.first(n)
        predictor.fit(archs, made_up_accuracies(archs))
        return predictor

    def test_the_seed_decides(self) -> None:
        """Equal seeds predict equally; others differ, unless the test class sets `seed_matters = False`."""
        archs = self.first(100)
        first, again, other = (self.fit_first(30, seed=seed).predict(archs)[0] for seed in (3, 3, 4))
        assert (first == again).all(), "two fits of one seed differ"
        if self.seed_matters:
            assert (first != other).any(), "the seed changes nothing; set seed_matters = False if that is intended"

    def test_a_second_fit_forgets_the_first(self) -> None:
        archs = self.first(30)
        targets = made_up_accuracies(archs)
        twice = self.make()
        twice.fit(archs[:10], targets[:10][::-1].copy())
        twice.fit(archs, targets)
        once = self.fit_first(30)
        for first, second in zip(once.predict(archs), twice.predict(archs), strict=True):
            assert (first == second).all()

    def test_a_fit_leaves_the_global_generators_alone(self) -> None:
        self.fit_first(_FEW)  # the first fit imports packages, some of which use the generators
        before = _generators(987_654_321)  # not a seed that a fit would choose
        first = self.fit_first(_FEW)
        after = _generators()
        for name, state in before.items():
            assert after[name] == state, f"the fit uses, or seeds, {name}"
        _generators(123_456_789)
        second = self.fit_first(_FEW)
        archs = self.first(_FEW)
        assert (first.predict(archs)[0] == second.predict(archs)[0]).all(), "a global seed changes the fit"

    def test_a_fit_leaves_its_labels_alone(self) -> None:
        archs = self.first(_FEW)
        targets = made_up_accuracies(archs)
        own_archs, own_targets = list(archs), targets.copy()
        self.make().fit(own_archs, own_targets)
        assert own_archs == archs
        assert (own_targets == targets).all()
        own_targets.flags.writeable = False
        self.make().fit(own_archs, own_targets)

    def test_changing_the_targets_afterwards_changes_nothing(self) -> None:
        archs = self.first(_FEW)
        targets = made_up_accuracies(archs)
        predictor = self.make()
        predictor.fit(archs, targets)
        before = {key: value.copy() for key, value in predictor.state()[0].items()}
        predicted = predictor.predict(archs)[0]
        targets[:] = 0.5
        after = predictor.state()[0]
        assert all((before[key] == after[key]).all() for key in before)
        assert (predictor.predict(archs)[0] == predicted).all()

    @pytest.mark.parametrize("n", range(1, 13))
    def test_few_labels_are_enough(self, n: int) -> None:
        for seed in range(4):
            archs = self.drawn(n, seed)
            predictor = self.make(seed=seed)
            predictor.fit(archs, made_up_accuracies(archs))
            mean, std = predictor.predict(self.first(5))
            assert np.isfinite(mean).all()
            assert np.isfinite(std).all()
            assert (std >= 0).all()

    @pytest.mark.parametrize("n", [1, 2, 9])
    def test_equal_labels_predict_about_that(self, n: int) -> None:
        predictor = self.make()
        predictor.fit(self.first(n), np.full(n, 90.0))
        assert predictor.predict(self.first(50))[0] == pytest.approx(90.0)

    def test_one_architecture_with_different_labels(self) -> None:
        archs = self.first(8)
        archs = [archs[7]] * 5 + archs[:5]
        predictor = self.make()
        predictor.fit(archs, made_up_accuracies(archs) + np.linspace(-1, 1, 10))
        assert np.isfinite(predictor.predict(archs)[0]).all()

    @pytest.mark.parametrize("n", [2000, pytest.param(10_000, marks=pytest.mark.slow)])
    def test_many_labels(self, n: int) -> None:
        archs = self.drawn(n, 0)
        predictor = self.make()
        predictor.fit(archs, made_up_accuracies(archs))
        mean, std = predictor.predict(archs[:2000])
        assert np.isfinite(std).all()
        assert _correlation(mean, made_up_accuracies(archs[:2000])) > 0.3

    def test_it_learns(self) -> None:
        """With `learning_config`, it fits its labels, and ranks others better than chance."""
        archs = self.drawn(80, 0)
        targets = made_up_accuracies(archs)
        predictor = self.make(self.learning_config)
        predictor.fit(archs[:50], targets[:50])
        assert _correlation(predictor.predict(archs[:50])[0], targets[:50]) > 0.7
        assert _correlation(predictor.predict(archs[50:])[0], targets[50:]) > 0.3

    def test_progress_reaches_its_end(self) -> None:
        """A fit need not report progress; if it does, it counts up to its total."""
        seen: list[tuple[int, int]] = []
        archs = self.first(12)
        self.make().fit(archs, made_up_accuracies(archs), progress=lambda done, total: seen.append((done, total)))
        steps = [done for done, _ in seen]
        assert steps == sorted(set(steps))
        assert {total for _, total in seen} == set(steps[-1:])

    @pytest.mark.parametrize("targets", _BAD_TARGETS.values(), ids=_BAD_TARGETS)
    def test_bad_targets_are_refused(self, targets: Any) -> None:
        """The surrogate refuses them before the predictor sees them, and keeps its earlier fit."""
        archs = self.first(3)
        surrogate = self.surrogate().fit(archs, [60.0, 70.0, 80.0])
        before = surrogate.score(archs)
        with pytest.raises(InputError) as caught:
            surrogate.fit(archs[:2], targets)
        assert "\n" not in str(caught.value)
        assert (surrogate.score(archs) == before).all()


def _generators(seed: int | None = None) -> dict[str, object]:
    """States of the process's global generators, after seeding them if a seed is given."""
    import torch

    if seed is not None:
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002 (the generator under test)
        torch.manual_seed(seed)
    return {
        "random": random.getstate(),
        "numpy.random": str(np.random.get_state(legacy=False)),  # noqa: NPY002
        "torch": torch.get_rng_state().numpy().tobytes(),
    }


def _correlation(predicted: np.ndarray, truth: np.ndarray) -> float:
    return float(np.corrcoef(predicted, truth)[0, 1])
