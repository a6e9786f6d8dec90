"""The contract of configuration and state: both are checked, and a saved predictor predicts as before."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nassurrogate.errors import InputError, one_line
from nassurrogate.predictors import resolve_predictor
from nassurrogate.predictors.base import Predictor
from nassurrogate.surrogate import Surrogate
from nassurrogate.testing.subject import Subject, made_up_accuracies


def _nan_like(value: np.ndarray) -> np.ndarray:
    return np.full(value.shape, np.nan if value.dtype.kind == "f" else -1, value.dtype)


_COPIES: Mapping[str, Callable[[Predictor], Predictor]] = {
    "deep copy": copy.deepcopy,
    "pickle": lambda predictor: ForkingPickler.loads(ForkingPickler.dumps(predictor)),
}
_SPOILS: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "cut short": lambda value: value[:-1],
    "another type": lambda value: value.astype(np.float16),
    "another rank": lambda value: value[None],
    "not a number": _nan_like,
}


class StateContract(Subject):
    """Tests of hyper-parameters, states and files."""

    def test_the_state_restores_it(self) -> None:
        predictor = self.fitted()
        tensors, meta = predictor.state()
        restored = self.make()
        restored.load_state(tensors, json.loads(json.dumps(meta)))
        archs = self.first(300)
        for before, after in zip(predictor.predict(archs), restored.predict(archs), strict=True):
            assert (before == after).all()

    @pytest.mark.parametrize("how", list(_SPOILS))
    def test_a_spoilt_state_is_refused(self, how: str) -> None:
        """A model file may hold anything: `load_state` raises for every invalid array."""
        tensors, meta = self.fitted().state()
        for key, value in tensors.items():
            if (how == "cut short" and not (value.ndim and len(value))) or (how == "not a number" and not value.size):
                continue
            if how == "not a number" and value.dtype.kind not in "fi":
                continue
            self._refuses({**tensors, key: _SPOILS[how](value)}, meta, f"{key!r}: {how}", InputError)

    def test_a_state_with_a_missing_array_is_refused(self) -> None:
        tensors, meta = self.fitted().state()
        for key in tensors:
            self._refuses(
                {k: v for k, v in tensors.items() if k != key}, meta, f"{key!r}: missing", InputError, KeyError
            )

    def _refuses(
        self, tensors: Mapping[str, np.ndarray], meta: Mapping[str, Any], what: str, *errors: type[Exception]
    ) -> None:
        predictor = self.make()
        try:
            predictor.load_state(tensors, meta)
        except errors:
            return
        pytest.fail(f"load_state accepts a state that is spoilt ({what})")

    @pytest.mark.parametrize("way", list(_COPIES))
    def test_copies_and_pickles_learn_for_themselves(self, way: str) -> None:
        """Other processes score with pickles; a fit of a copy does not change the original."""
        fresh = self._copied(self.make(), way)
        archs = self.first(60)
        fresh.fit(archs[:20], made_up_accuracies(archs[:20]))
        original = self.make()
        original.fit(archs[:20], made_up_accuracies(archs[:20]))
        before = original.predict(archs)
        duplicate = self._copied(original, way)
        for other in (fresh, duplicate):
            for first, second in zip(before, other.predict(archs), strict=True):
                assert (first == second).all(), f"a {way} predicts differently"
        duplicate.fit(archs[30:], made_up_accuracies(archs[30:])[::-1].copy())
        for first, second in zip(before, original.predict(archs), strict=True):
            assert (first == second).all(), f"a fit of a {way} changes the original"

    def _copied(self, predictor: Predictor, way: str) -> Predictor:
        try:
            return _COPIES[way](predictor)
        except Exception as error:  # pickle raises any error of the predictor's parts
            pytest.fail(
                f"it does not survive a {way} ({one_line(error)}): it must not keep lambdas, local functions, locks or "
                "open files, or must leave them out in __getstate__"
            )

    def test_a_saved_surrogate_scores_as_before(self, tmp_path: Path) -> None:
        archs = self.drawn(30, 5)
        surrogate = self.surrogate(seed=5).fit(archs, made_up_accuracies(archs))
        cls, _ = resolve_predictor(self.predictor)
        path = surrogate.save(tmp_path / "model")
        loaded = Surrogate.load(path, device="cpu", predictor=cls, space=self.home)
        others = self.first(200)
        assert (surrogate.score(others) == loaded.score(others)).all()
        assert loaded.predictor.config == surrogate.predictor.config
        for kept in ("n_labels", "label_stats", "labels_sha256", "seed", "metric"):
            assert getattr(loaded, kept) == getattr(surrogate, kept)
        for each in (surrogate, loaded):
            assert each.labels is not None
            assert each.labels[0] == archs
            assert (each.labels[1] == made_up_accuracies(archs)).all()

    @pytest.mark.parametrize("value", ["3", None, [3], float("nan"), float("inf"), -5, 0, 10**9, True])
    def test_hyper_parameters_are_checked(self, value: object) -> None:
        """A value of the wrong type or range is refused in one line that names the hyper-parameter."""
        for key, default in self.make().config_dict().items():
            refusal = self._refusal({key: value})
            if refusal is not None:
                assert "\n" not in refusal
                assert key in refusal
            else:
                assert type(value) is type(default) or (type(value), type(default)) == (int, float)
                usable = type(default) is not float or np.isfinite(float(str(value)))
                assert usable, f"{key} accepts {value}, which no fit can use"

    def _refusal(self, changes: Mapping[str, Any]) -> str | None:
        try:
            self.make(changes)
        except InputError as error:
            return str(error)
        return None
