"""The stack: its weights for made-up members, and the predictor made of others."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nassurrogate.errors import InputError
from nassurrogate.predictors import predictor_class
from nassurrogate.predictors.inputs.path_features import path_features
from nassurrogate.predictors.stacked_ensemble.weights import StackWeights


def members(seed, m, noises):
    """(m, M) scores, which are the truth plus noise, or noise alone if it is infinite; and the (m,) truth."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=m)
    each = [truth + noise * rng.normal(size=m) if np.isfinite(noise) else rng.normal(size=m) for noise in noises]
    return np.column_stack(each), truth


# --- weights ------------------------------------------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 1000),
    m=st.integers(1, 60),
    noises=st.lists(st.sampled_from([0.0, 0.3, 2.0, np.inf]), min_size=1, max_size=5),
    scale=st.sampled_from([0.0, 1e-3, 1.0, 30.0, -1.0]),
)
def test_weights_sum_to_1(seed, m, noises, scale):
    each, truth = members(seed, m, noises)
    stack = StackWeights.of(scale * each, truth)
    assert min(stack.weight) >= 0
    assert sum(stack.weight) == pytest.approx(1)
    assert StackWeights.from_dict(stack.as_dict(), len(noises)) == stack
    mean, spread = stack.combine(scale * each, np.abs(each))
    assert np.isfinite(mean).all()
    assert (spread >= 0).all()


@pytest.mark.parametrize("seed", range(5))
def test_a_useless_member_counts_little(seed):
    each, truth = members(seed, 200, [0.3, np.inf, 0.3])
    stack = StackWeights.of(each, truth)
    assert stack.weight[1] < 0.1
    assert min(stack.weight[0], stack.weight[2]) > 0.3


def test_many_labels_give_least_squares():
    """The prior vanishes: the result is SciPy's solution without it."""
    from scipy.optimize import lsq_linear

    each, truth = members(0, 20_000, [0.3, 0.5, 1.0])
    stack = StackWeights.of(each, truth)
    oracle = lsq_linear(each - each.mean(axis=0), truth - truth.mean(), bounds=(0, np.inf)).x
    coefficients = stack.slope * np.array(stack.weight) / np.array(stack.deviation)
    np.testing.assert_allclose(coefficients, oracle, atol=0.01)
    assert stack.weight[0] > stack.weight[1] > stack.weight[2]


def test_few_labels_give_nearly_the_plain_mean():
    each, truth = members(0, 2, [0.3, 0.3, np.inf])
    assert max(StackWeights.of(each, truth).weight) < 0.6
    assert StackWeights.of(each[:0], truth[:0]) == StackWeights.equal(3)


def test_members_in_reverse_order_give_the_plain_mean():
    each, truth = members(0, 100, [0.1, 0.1])
    assert StackWeights.of(-each, truth).weight == pytest.approx((0.5, 0.5), abs=0.02)
    assert StackWeights.of(-each, truth).slope > 0


def test_the_scale_of_a_member_does_not_matter():
    """The scores of a member that shrinks them are stretched."""
    each, truth = members(0, 2000, [0.3, 0.3])
    shrunk = each * np.array([1.0, 0.25])
    plain, stretched = StackWeights.of(each, truth), StackWeights.of(shrunk, truth)
    np.testing.assert_allclose(plain.weight, stretched.weight, atol=0.05)
    np.testing.assert_allclose(plain.combine(each, each)[0], stretched.combine(shrunk, each)[0], atol=0.15)


def test_the_spread_is_that_of_the_mixture():
    """It is the deviation of samples from the normal distribution of a random member."""
    stack, rng = StackWeights((0.7, 0.3), (0.0, 0.0), (1.0, 1.0), 0.0, 2.0), np.random.default_rng(0)
    mean, spread = stack.combine(np.array([[0.5, -1.0]]), np.array([[0.2, 0.6]]))
    second = rng.random(400_000) < 0.3
    samples = 2 * np.where(second, rng.normal(-1.0, 0.6, 400_000), rng.normal(0.5, 0.2, 400_000))
    assert mean[0] == pytest.approx(samples.mean(), abs=0.01)
    assert spread[0] == pytest.approx(samples.std(), abs=0.01)


GOOD = StackWeights.equal(2).as_dict()


@pytest.mark.parametrize(
    "spoilt",
    [
        None,
        [],
        {},
        {**GOOD, "more": 1.0},
        {**GOOD, "weight": [0.5]},
        {**GOOD, "weight": "ab"},
        {**GOOD, "weight": [0.5, 0.6]},
        {**GOOD, "weight": [1.5, -0.5]},
        {**GOOD, "weight": [0.5, None]},
        {**GOOD, "centre": [float("nan"), 0.0]},
        {**GOOD, "deviation": [0.0, 1.0]},
        {**GOOD, "slope": -1.0},
        {**GOOD, "offset": float("inf")},
        {**GOOD, "offset": 10**400},
    ],
)
def test_a_spoilt_stack_is_refused(spoilt):
    with pytest.raises(InputError) as caught:
        StackWeights.from_dict(spoilt, 2)
    assert "\n" not in str(caught.value)


# --- the predictor ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fitted(make, space):
    cells = space.sample(60, np.random.default_rng(0))
    labels = path_features(space, cells)[:, 1:40] @ np.random.default_rng(1).normal(size=39)
    predictor = make("ensemble", members="gaussian-process,random-forest:default,ridge")
    predictor.fit(cells, labels)
    return predictor


def test_every_member_has_a_weight(fitted):
    assert list(fitted.weights) == ["gaussian-process", "random-forest:default", "ridge"]
    assert min(fitted.weights.values()) >= 0
    assert sum(fitted.weights.values()) == pytest.approx(1)


def test_statistics_are_fixed_by_the_fit(fitted, space):
    """The score of a cell does not depend on the batch."""
    cells = space.parse_many(range(0, 6000, 20))
    together, _ = fitted.predict(cells)
    best, worst = np.argsort(together)[-5:], np.argsort(together)[:5]
    for some in (best, worst, [0]):
        assert (fitted.predict([cells[i] for i in some])[0] == together[some]).all()


def test_loading_keeps_the_weights(fitted, make, space, monkeypatch):
    """They are read, not fitted again."""
    tensors, meta = fitted.state()
    monkeypatch.setattr(StackWeights, "of", None)
    restored = make("ensemble", members="gaussian-process,random-forest:default,ridge")
    restored.load_state(tensors, meta)
    assert restored.weights == fitted.weights
    cells = space.parse_many(range(100))
    for before, after in zip(fitted.predict(cells), restored.predict(cells), strict=True):
        assert (before == after).all()


@pytest.mark.parametrize("labels", [[90.0], [90.0, 90.0], [90.0] * 6])
def test_equal_labels_are_certain(labels, make, space):
    predictor = make("ensemble")
    predictor.fit(space.parse_many(range(len(labels))), np.array(labels))
    mean, std = predictor.predict(space.parse_many(range(20)))
    assert set(mean) == {90.0}
    assert set(std) == {0.0}
    assert set(predictor.weights.values()) == {0.5}


@pytest.mark.parametrize("labels", [[80.0, 90.0], [1.0] * 11 + [2.0]])
def test_two_values(labels, make, space):
    predictor = make("ensemble")
    predictor.fit(space.parse_many(range(len(labels))), np.array(labels))
    assert np.isfinite(predictor.predict(space.parse_many(range(20)))).all()


def test_a_member_alone_ranks_as_it_does_itself(make, space, labels_of):
    cells = space.sample(40, np.random.default_rng(0))
    stack, alone = make("ensemble", members="ridge"), make("ridge")
    for predictor in (stack, alone):
        predictor.fit(cells, labels_of(cells))
    asked = space.parse_many(range(0, 15_000, 100))
    one, other = stack.predict(asked)[0], alone.predict(asked)[0]
    assert (np.argsort(one, kind="stable") == np.argsort(other, kind="stable")).all()


def test_nets_may_be_members(make, space, labels_of):
    cells = space.sample(12, np.random.default_rng(0))
    predictor = make("ensemble", members="mlp-ensemble,ridge", folds=2)
    predictor._members[0] = make("mlp-ensemble")
    predictor.fit(cells, labels_of(cells))
    assert np.isfinite(predictor.predict(cells)).all()


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ("", "''"),
        ("ridge,ridge", "different"),
        ("ridge,ensemble", "ensemble"),
        ("ensemble:default", "ensemble"),
        ("ridge,gaussian-proces", "did you mean 'gaussian-process'"),
        ("ridge,gcn", "'gcn' does not"),
        ("ridge:best", "best"),
        (",".join(f"m{i}" for i in range(17)), "1 to 16"),
    ],
)
def test_bad_members_are_refused(members, message, space):
    with pytest.raises(InputError, match="members") as caught:
        predictor_class("ensemble")(space, config={"members": members})
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
