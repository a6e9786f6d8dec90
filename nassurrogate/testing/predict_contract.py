"""What predictions owe: shape, unit, and that a cell's prediction is the cell's alone."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nassurrogate.errors import InputError
from nassurrogate.predictors import resolve_predictor
from nassurrogate.spaces import get_space, space_names
from nassurrogate.testing.subject import Subject, made_up_accuracies


class PredictContract(Subject):
    """Tests of what a fitted predictor says."""

    def test_it_is_described(self) -> None:
        cls, _ = resolve_predictor(self.predictor)
        if isinstance(self.predictor, str):
            assert cls.name == self.predictor.partition(":")[0], "registered under another name than its own"
        assert cls.description
        assert "\n" not in cls.description
        assert cls.presets
        for config in cls.presets.values():
            json.dumps(vars(config))

    @pytest.mark.parametrize("n", [1, 2, 65])
    def test_shapes_and_units(self, n: int) -> None:
        mean, std = self.fitted().predict(self.space.parse_many(range(n)))
        assert mean.shape == std.shape == (n,)
        assert mean.dtype == std.dtype == np.float64
        assert np.isfinite(mean).all()
        assert np.isfinite(std).all()
        assert (std >= 0).all()

    def test_no_architectures_give_no_predictions(self) -> None:
        mean, std = self.fitted().predict([])
        assert mean.shape == std.shape == (0,)

    # Each test class is an executor of its own, and has a predictor of its own: no example is replayed on another's.
    @settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.differing_executors])
    @given(data=st.data())
    def test_a_prediction_does_not_depend_on_the_batch(self, data: st.DataObject) -> None:
        predictor, space = self.fitted(), self.space
        batch = data.draw(st.lists(st.integers(0, space.size - 1), min_size=1, max_size=150), "batch")
        place = data.draw(st.integers(0, len(batch) - 1), "place")
        order = data.draw(st.permutations(range(len(batch))), "order")
        together = predictor.predict(space.parse_many(batch))
        again = predictor.predict(space.parse_many([batch[i] for i in order]))
        alone = predictor.predict([space.parse(batch[place])])
        for all_of_them, permuted, single in zip(together, again, alone, strict=True):
            assert single[0] == all_of_them[place], "alone it gets another prediction than in a batch"
            assert (all_of_them[order] == permuted).all(), "in another order of the batch it gets another prediction"

    def test_a_score_is_that_of_the_batch(self) -> None:
        cells = self.space.sample(70, np.random.default_rng(2))
        surrogate = self.surrogate().fit(cells[:20], made_up_accuracies(cells[:20]))
        scores = surrogate.score(cells)
        assert [surrogate.score(cell) for cell in cells] == scores.tolist()

    def test_equal_functions_are_predicted_equally(self) -> None:
        """Asked where `reads_canonical_cells` holds: accuracy belongs to what a cell computes, not to its string."""
        predictor = self.fitted()
        if not predictor.reads_canonical_cells:
            pytest.skip(f"{predictor.name} does not claim it (reads_canonical_cells)")
        rng = np.random.default_rng(1)
        classes = self.space.class_ids()
        for number in rng.choice(np.flatnonzero(np.bincount(classes) > 1), 20, replace=False):
            twins = self.space.parse_many(np.flatnonzero(classes == number)[:50])
            mean, std = predictor.predict(twins)
            assert len(set(mean)) == len(set(std)) == 1, "it tells twins apart, but reads_canonical_cells is true"

    def test_predicting_changes_nothing(self) -> None:
        cells = self.space.parse_many(range(60))
        predictor = self.fitted()
        before = predictor.predict(cells)
        predictor.predict(cells[:7])
        for first, second in zip(before, predictor.predict(cells), strict=True):
            assert (first == second).all()

    @pytest.mark.parametrize("name", space_names())
    def test_it_runs_on_every_space(self, name: str) -> None:
        """A predictor may refuse a space, in one line, when it is made; then this is skipped."""
        space = get_space(name)
        try:
            predictor = self.make(space=space)
        except InputError as error:
            if name == self.space_name:
                raise
            pytest.skip(str(error))
        cells = space.sample(30, np.random.default_rng(0))
        predictor.fit(cells[:20], made_up_accuracies(cells[:20]))
        restored = self.make(space=space)
        tensors, meta = predictor.state()
        restored.load_state(tensors, json.loads(json.dumps(meta)))
        for before, after in zip(predictor.predict(cells), restored.predict(cells), strict=True):
            assert np.isfinite(before).all()
            assert (before == after).all()
