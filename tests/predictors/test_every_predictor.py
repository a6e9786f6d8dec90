"""What every predictor owes, asked of each one that is registered."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nassurrogate import Surrogate
from nassurrogate.errors import InputError
from nassurrogate.predictors import predictor_class, predictor_names

pytestmark = pytest.mark.parametrize("name", predictor_names())


@pytest.fixture(scope="module")
def fitted(make, space, labels_of):
    """`fitted(name)`: a predictor that has learned 40 labels; one for all tests of it."""
    known = {}

    def get(name):
        if name not in known:
            cells = space.sample(40, np.random.default_rng(0))
            known[name] = make(name)
            known[name].fit(cells, labels_of(cells))
        return known[name]

    return get


def test_it_is_described(name):
    cls = predictor_class(name)
    assert cls.name == name
    assert cls.description
    assert "\n" not in cls.description
    assert cls.presets
    for config in cls.presets.values():
        json.dumps(vars(config))


def test_shapes_and_units(name, fitted, space):
    for n in (1, 2, 65):
        mean, std = fitted(name).predict(space.parse_many(range(n)))
        assert mean.shape == std.shape == (n,)
        assert mean.dtype == std.dtype == np.float64
        assert np.isfinite(mean).all()
        assert (std >= 0).all()


def test_no_architectures_give_no_predictions(name, fitted):
    mean, std = fitted(name).predict([])
    assert mean.shape == std.shape == (0,)


@settings(max_examples=12)
@given(batch=st.lists(st.integers(0, 15_624), min_size=1, max_size=150), data=st.data())
def test_a_prediction_does_not_depend_on_the_batch(name, fitted, space, batch, data):
    predictor = fitted(name)
    place = data.draw(st.integers(0, len(batch) - 1))
    together = predictor.predict(space.parse_many(batch))
    shuffled = data.draw(st.permutations(range(len(batch))))
    again = predictor.predict(space.parse_many([batch[i] for i in shuffled]))
    alone = predictor.predict([space.parse(batch[place])])
    for all_of_them, permuted, single in zip(together, again, alone, strict=True):
        assert single[0] == all_of_them[place]
        assert (all_of_them[shuffled] == permuted).all()


def test_equal_functions_score_equally(name, fitted, space):
    """By default a predictor of accuracy sees what a cell computes, not how it is written."""
    rng = np.random.default_rng(1)
    classes = space.class_ids()
    for number in rng.choice(space.n_classes, 20, replace=False):
        twins = space.parse_many(np.flatnonzero(classes == number))
        mean, std = fitted(name).predict(twins)
        assert len(set(mean)) == len(set(std)) == 1


def test_the_seed_decides(name, make, space, labels_of):
    cells = space.parse_many(range(30))
    means = []
    for seed in (3, 3, 4):
        predictor = make(name, seed=seed)
        predictor.fit(cells, labels_of(cells))
        means.append(predictor.predict(space.parse_many(range(100)))[0])
    assert (means[0] == means[1]).all()
    assert (means[0] != means[2]).any()


def test_a_second_fit_forgets_the_first(name, make, space, labels_of):
    cells = space.parse_many(range(30))
    once, twice = make(name), make(name)
    twice.fit(cells[:10], labels_of(cells[:10])[::-1])
    for predictor in (once, twice):
        predictor.fit(cells, labels_of(cells))
    assert (once.predict(cells)[0] == twice.predict(cells)[0]).all()


def test_a_fit_leaves_its_labels_and_the_global_generators_alone(name, make, space, labels_of):
    import torch

    cells = space.parse_many(range(20))
    targets = labels_of(cells)
    before = targets.copy()
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002 (what is watched)
    states = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    first = make(name)
    first.fit(cells, targets)
    assert torch.equal(states[0], torch.get_rng_state())
    assert (states[1] == np.random.get_state()[1]).all()  # noqa: NPY002
    assert (targets == before).all()
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002
    second = make(name)
    second.fit(cells, targets)
    assert (first.predict(cells)[0] == second.predict(cells)[0]).all()


def test_changing_the_targets_afterwards_changes_nothing(name, make, space, labels_of):
    cells = space.parse_many(range(20))
    targets = labels_of(cells)
    predictor = make(name)
    predictor.fit(cells, targets)
    before, _ = predictor.state()
    before = {key: value.copy() for key, value in before.items()}
    targets[:] = 0.5
    after, _ = predictor.state()
    assert all((before[key] == after[key]).all() for key in before)


@pytest.mark.parametrize("n", range(1, 13))
def test_few_labels_are_enough(name, make, space, labels_of, n):
    for seed in range(4):
        cells = space.sample(n, np.random.default_rng(seed))
        predictor = make(name, seed=seed)
        predictor.fit(cells, labels_of(cells))
        mean, std = predictor.predict(space.parse_many(range(5)))
        assert np.isfinite(mean).all()
        assert np.isfinite(std).all()


@pytest.mark.parametrize("n", [1, 2, 9])
def test_equal_labels_predict_about_that(name, make, space, n):
    predictor = make(name)
    predictor.fit(space.parse_many(range(n)), np.full(n, 90.0))
    assert predictor.predict(space.parse_many(range(50)))[0] == pytest.approx(90.0)


def test_one_architecture_with_different_labels(name, make, space, labels_of):
    cells = space.parse_many([7] * 5 + list(range(5)))
    predictor = make(name)
    predictor.fit(cells, labels_of(cells) + np.linspace(-1, 1, 10))
    assert np.isfinite(predictor.predict(cells)[0]).all()


def test_many_labels(name, make, space, labels_of):
    cells = space.sample(2000, np.random.default_rng(0))
    predictor = make(name)
    predictor.fit(cells, labels_of(cells))
    assert np.corrcoef(predictor.predict(cells)[0], labels_of(cells))[0, 1] > 0.3


def test_it_learns(name, make, space, labels_of):
    """From enough epochs it knows the labels it has seen, and orders others better than chance."""
    cells = space.sample(80, np.random.default_rng(0))
    enough = {
        "nar-former-v2": {"epochs": 30},
        "gradient-boosting": {"rounds": 100},
        "gcn": {"epochs": 30},
        "nar-former-v1": {"epochs": 30},
    }.get(name, {})
    predictor = make(name, **enough)
    predictor.fit(cells[:50], labels_of(cells[:50]))
    assert np.corrcoef(predictor.predict(cells[:50])[0], labels_of(cells[:50]))[0, 1] > 0.7
    assert np.corrcoef(predictor.predict(cells[50:])[0], labels_of(cells[50:]))[0, 1] > 0.3


def test_progress_reaches_its_end(name, make, space, labels_of):
    seen = []
    cells = space.parse_many(range(12))
    make(name).fit(cells, labels_of(cells), progress=lambda done, total: seen.append((done, total)))
    steps, totals = zip(*seen, strict=True)
    assert list(steps) == sorted(set(steps))
    assert set(totals) == {steps[-1]}


def test_the_state_restores_it(name, fitted, make, space):
    predictor = fitted(name)
    tensors, meta = predictor.state()
    restored = make(name)
    restored.load_state(tensors, json.loads(json.dumps(meta)))
    cells = space.parse_many(range(300))
    for before, after in zip(predictor.predict(cells), restored.predict(cells), strict=True):
        assert (before == after).all()


@pytest.mark.parametrize("spoil", [lambda a: a[:-1], lambda a: a.astype(np.float16), lambda a: a[None], np.empty_like])
def test_a_spoilt_state_is_refused(name, fitted, make, spoil):
    """An array cut short, of another type, of another rank, or full of NaN."""
    tensors, meta = fitted(name).state()
    for key, value in tensors.items():
        spoilt = spoil(value) if spoil is not np.empty_like else _nan_like(value)
        with pytest.raises((InputError, LookupError)):
            make(name).load_state({**tensors, key: spoilt}, meta)
        with pytest.raises((InputError, LookupError)):
            make(name).load_state({k: v for k, v in tensors.items() if k != key}, meta)


def _nan_like(value: np.ndarray) -> np.ndarray:
    return np.full(value.shape, np.nan if value.dtype.kind == "f" else -1, value.dtype)


def test_a_saved_surrogate_scores_as_before(name, make, space, labels_of, tmp_path):
    config = make(name).config_dict()
    cells = space.sample(30, np.random.default_rng(5))
    surrogate = Surrogate("nb201", predictor=name, config=config, seed=5, device="cpu").fit(cells, labels_of(cells))
    loaded = Surrogate.load(surrogate.save(tmp_path / "model"), device="cpu")
    assert (surrogate.score(range(200)) == loaded.score(range(200))).all()
    assert loaded.predictor.config == surrogate.predictor.config
    for kept in ("n_labels", "label_stats", "labels_sha256", "seed", "metric"):
        assert getattr(loaded, kept) == getattr(surrogate, kept)


def test_any_form_of_the_same_labels(name, make, space, labels_of):
    indices = list(range(0, 40, 2))
    cells = space.parse_many(indices)
    mixed = [
        [cell, cell.string, index, np.int64(index)][i % 4]
        for i, (cell, index) in enumerate(zip(cells, indices, strict=True))
    ]
    targets = labels_of(cells).astype(np.float32).astype(np.float64)
    config = make(name).config_dict()
    scores = [
        Surrogate(predictor=name, config=config, device="cpu").fit(archs, values).score(range(50))
        for archs, values in ((indices, targets), (mixed, targets.tolist()), (np.array(indices), np.float32(targets)))
    ]
    assert (scores[0] == scores[1]).all()
    assert (scores[0] == scores[2]).all()


@pytest.mark.parametrize("value", ["3", None, [3], float("nan"), float("inf"), -5, 0, 10**9, True])
def test_hyper_parameters_are_checked(name, make, value):
    """Whatever stands in the place of a number is refused in one line, or is usable."""
    for key, default in make(name).config_dict().items():
        told = _refusal(make, name, {key: value})
        if told is None:
            assert type(value) is type(default) or (type(value), type(default)) == (int, float)
        else:
            assert "\n" not in told
            assert key in told


def _refusal(make, name, changes):
    try:
        make(name, **changes)
    except InputError as error:
        return str(error)
    return None
