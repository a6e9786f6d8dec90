"""The contract of predictions: shape, unit, and independence of the batch."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError
from nassurrogate.predictors import resolve_predictor
from nassurrogate.predictors.base import Predictor
from nassurrogate.spaces import EnumerableSpace, Space, SpaceLike, get_space, space_names
from nassurrogate.testing.subject import OPEN, Subject, made_up_accuracies


class PredictContract(Subject):
    """Tests of `predict`."""

    def test_it_is_described(self) -> None:
        cls, _ = resolve_predictor(self.predictor)
        if isinstance(self.predictor, str):
            assert cls.name == self.predictor.partition(":")[0], "registered under a name other than its own"
        assert cls.description
        assert "\n" not in cls.description
        assert cls.presets
        for config in cls.presets.values():
            json.dumps(vars(config))

    @pytest.mark.parametrize("n", [1, 2, 65])
    def test_shapes_and_units(self, n: int) -> None:
        mean, std = self.fitted().predict(self.first(n))
        assert mean.shape == std.shape == (n,)
        assert mean.dtype == std.dtype == np.float64
        assert np.isfinite(mean).all()
        assert np.isfinite(std).all()
        assert (std >= 0).all()

    def test_no_architectures_give_no_predictions(self) -> None:
        mean, std = self.fitted().predict([])
        assert mean.shape == std.shape == (0,)

    # Each test class is a separate executor with its own predictor: no example is replayed on another's.
    @settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.differing_executors])
    @given(data=st.data())
    def test_a_prediction_does_not_depend_on_the_batch(self, data: st.DataObject) -> None:
        predictor, space = self.fitted(), self.home
        pool = space.all() if isinstance(space, EnumerableSpace) else self.first(400)
        batch = data.draw(st.lists(st.integers(0, len(pool) - 1), min_size=1, max_size=150), "batch")
        place = data.draw(st.integers(0, len(batch) - 1), "place")
        order = data.draw(st.permutations(range(len(batch))), "order")
        together = predictor.predict([pool[i] for i in batch])
        again = predictor.predict([pool[batch[i]] for i in order])
        alone = predictor.predict([pool[batch[place]]])
        for all_of_them, permuted, single in zip(together, again, alone, strict=True):
            assert single[0] == all_of_them[place], "its prediction alone differs from that in a batch"
            assert (all_of_them[order] == permuted).all(), "its prediction depends on the order of the batch"

    def test_a_score_is_that_of_the_batch(self) -> None:
        archs = self.drawn(70, 2)
        surrogate = self.surrogate().fit(archs[:20], made_up_accuracies(archs[:20]))
        scores = surrogate.score(archs)
        assert [surrogate.score(arch) for arch in archs] == scores.tolist()

    def test_equal_functions_are_predicted_equally(self) -> None:
        """Only if `reads_canonical_cells` is true: an accuracy belongs to the function, not to the string."""
        predictor = self.fitted()
        if not predictor.reads_canonical_cells:
            pytest.skip(f"reads_canonical_cells of {predictor.name} is false")
        n_groups = 0
        for equivalent in _equivalent_architectures(self.home):
            mean, std = predictor.predict(equivalent)
            assert len(set(mean)) == len(set(std)) == 1, "it distinguishes them, but reads_canonical_cells is true"
            n_groups += 1
        if not n_groups:
            pytest.skip(f"no two of the sampled {self.home.name} architectures are equivalent")

    def test_predicting_changes_nothing(self) -> None:
        archs = self.first(60)
        predictor = self.fitted()
        before = predictor.predict(archs)
        predictor.predict(archs[:7])
        for first, second in zip(before, predictor.predict(archs), strict=True):
            assert (first == second).all()

    def test_scores_before_any_label(self) -> None:
        """Only if `prior_scores` returns any: a function of the architecture alone."""
        predictor, archs = self.make(), self.drawn(70, 2)
        scores, of_none = predictor.prior_scores(archs), predictor.prior_scores([])
        if scores is None:
            assert of_none is None, "it scores no architectures, but not these"
            pytest.skip(f"{predictor.name} needs labels first")
        assert of_none is not None, "it scores these architectures, but not none"
        assert of_none.shape == (0,)
        assert scores.shape == (len(archs),)
        assert scores.dtype == np.float64
        assert np.isfinite(scores).all()
        together = scores.tolist()
        assert together == [_prior_scores(predictor, [arch])[0] for arch in archs], "they depend on the batch"
        assert together == _prior_scores(predictor, archs[::-1])[::-1], "they depend on the order of the batch"
        for other, changed in ((self.make(seed=5), "the seed"), (self.fitted(), "a fit")):
            assert together == _prior_scores(other, archs), f"{changed} changes them"
        if predictor.reads_canonical_cells:
            for equivalent in _equivalent_architectures(self.home):
                assert len(set(_prior_scores(predictor, equivalent))) == 1, "they distinguish equivalent architectures"

    @pytest.mark.parametrize("any_space", [*space_names(), OPEN], ids=lambda space: getattr(space, "name", space))
    def test_it_runs_on_every_space(self, any_space: SpaceLike) -> None:
        """A predictor may refuse a space when it is made; then the test is skipped."""
        space = get_space(any_space)
        try:
            predictor = self.make(space=space)
        except InputError as error:
            if space is self.home:
                raise
            pytest.skip(str(error))
        if not space.can_sample:
            pytest.skip(f"space {space.name!r} draws no architectures")
        archs = space.sample(30, np.random.default_rng(0))
        predictor.fit(archs[:20], made_up_accuracies(archs[:20]))
        restored = self.make(space=space)
        tensors, meta = predictor.state()
        restored.load_state(tensors, json.loads(json.dumps(meta)))
        for before, after in zip(predictor.predict(archs), restored.predict(archs), strict=True):
            assert np.isfinite(before).all()
            assert (before == after).all()


def _prior_scores(predictor: Predictor, archs: Sequence[Architecture]) -> list[float]:
    found = predictor.prior_scores(archs)
    assert found is not None, "it has scores before any label for some architectures only"
    return [float(score) for score in found]


def _equivalent_architectures(space: Space) -> Iterator[list[Architecture]]:
    """Some groups of equivalent architectures."""
    rng = np.random.default_rng(1)
    if isinstance(space, EnumerableSpace):
        classes = space.class_ids()
        several = np.flatnonzero(np.bincount(classes) > 1)
        for number in rng.choice(several, min(20, len(several)), replace=False):
            yield space.take(np.flatnonzero(classes == number)[:50])
        return
    archs = space.sample(min(2000, space.size or 2000), rng)
    groups = defaultdict(list)
    for key, arch in zip(space.canonical_keys(archs), archs, strict=True):
        groups[key].append(arch)
    yield from [group for group in groups.values() if len(group) > 1][:20]
