"""The Gaussian process of fixed kernel and linear prior mean, against the textbook's equations and refits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.gaussian_process.kernels import Matern

from nassurrogate.errors import InputError
from nassurrogate.predictors.cell_kernel import KERNEL, kernel_inputs
from nassurrogate.predictors.inputs.path_features import feature_names, path_features
from nassurrogate.predictors.probe_former.cell_process import CellPosterior, CellProcess
from nassurrogate.predictors.probe_former.prior import PRIOR, Prior
from tests.predictors.probe_former.oracle import posterior


def noise_of(n):
    return KERNEL.noise + PRIOR.rank_noise / n


def made_up(n, n_features, seed, *, repeated=False):
    """(n, 1 + F) inputs, the last of which is the prior score, and (n,) labels."""
    rng = np.random.default_rng(seed)
    inputs = rng.standard_normal((n, n_features)) / np.sqrt(n_features)
    inputs = np.column_stack([inputs, rng.standard_normal(n)])
    if repeated:
        inputs[n // 2 :] = inputs[: n - n // 2]  # a cell that was evaluated twice
    return inputs, rng.standard_normal(n)


problems = {
    "n": st.integers(1, 30),
    "n_features": st.integers(1, 8),
    "seed": st.integers(0, 999),
    "repeated": st.booleans(),
    "slope": st.sampled_from([PRIOR.slope, 0.0, -PRIOR.slope]),
}


@settings(max_examples=30)
@given(**problems)
def test_the_posterior_is_that_of_the_model(n, n_features, seed, repeated, slope):
    inputs, scores = made_up(n, n_features, seed, repeated=repeated)
    elsewhere, _ = made_up(7, n_features, seed + 1)
    process = CellProcess(inputs, scores, slope)
    for place in (inputs, elsewhere):
        wanted = posterior(inputs, scores, slope, place, noise_of(n))
        np.testing.assert_allclose(process.predict(place), wanted, rtol=0, atol=1e-6)


def test_other_variances_can_be_tried():
    kernel, prior = replace(KERNEL, variance=0.7, noise=0.2), Prior(slope_std=0.1, rank_noise=30.0)
    inputs, scores = made_up(20, 5, 0)
    elsewhere, _ = made_up(7, 5, 1)
    found = CellProcess(inputs, scores, 0.3, kernel, prior).predict(elsewhere)
    wanted = posterior(inputs, scores, 0.3, elsewhere, 0.2 + 30 / 20, kernel, prior)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-6)


@settings(max_examples=15)
@given(**problems)
def test_held_out_is_a_refit_without_the_label(n, n_features, seed, repeated, slope):
    """With the noise of all n labels: a rank among n does not become less certain when it is left out."""
    inputs, scores = made_up(n, n_features, seed, repeated=repeated)
    held = CellProcess(inputs, scores, slope).held_out()
    assert held.place.tolist() == list(range(n))
    for label in range(n):
        others = np.arange(n) != label
        mean, deviation = posterior(inputs[others], scores[others], slope, inputs[[label]], noise_of(n))
        assert (held.mean[label], held.spread[label]) == pytest.approx((mean[0], deviation[0]), abs=1e-6)


def test_one_label_left_out_leaves_the_prior():
    inputs, scores = made_up(1, 3, 0)
    held = CellProcess(inputs, scores, PRIOR.slope).held_out()
    assert held.mean == pytest.approx(PRIOR.slope * inputs[:, -1])
    assert np.square(held.spread) == pytest.approx(
        KERNEL.variance + (PRIOR.slope_std * inputs[:, -1]) ** 2 + noise_of(1)
    )


@pytest.mark.parametrize(("n", "n_wide"), [(511, 511), (512, 256), (700, 256)])
def test_the_first_of_many_labels_determine_the_variance(n, n_wide):
    """All labels determine the mean, and the noise."""
    inputs, scores = made_up(n, 5, 0)
    elsewhere, _ = made_up(50, 5, 1)
    process = CellProcess(inputs, scores, PRIOR.slope)
    mean, spread = process.predict(elsewhere)

    def wanted(rows, places):
        return posterior(inputs[rows], scores[rows], PRIOR.slope, places, noise_of(n))

    np.testing.assert_allclose(mean, wanted(np.arange(n), elsewhere)[0], rtol=0, atol=1e-6)
    np.testing.assert_allclose(spread, wanted(np.arange(n_wide), elsewhere)[1], rtol=0, atol=1e-6)

    held = process.held_out()
    assert held.place.tolist() == (list(range(n)) if n_wide == n else list(range(n_wide, n)))
    for row in (0, len(held.place) // 2, len(held.place) - 1):
        label = held.place[row]
        without = np.delete(np.arange(n), label)
        mean, deviation = wanted(without, inputs[[label]])
        assert held.mean[row] == pytest.approx(mean[0], abs=1e-6)
        if n_wide < n:  # this label is not among the first
            deviation = wanted(np.arange(n_wide), inputs[[label]])[1]
        assert held.spread[row] == pytest.approx(deviation[0], abs=1e-6)


@pytest.mark.parametrize("n", [1, 30, 600])
def test_restored_it_predicts_the_same(n):
    inputs, scores = made_up(n, 5, 0)
    elsewhere, _ = made_up(50, 5, 1)
    process = CellProcess(inputs, scores, PRIOR.slope)
    restored = CellPosterior.restored(inputs, process.state(), PRIOR.slope)
    assert restored.noise == process.noise == pytest.approx(noise_of(n))
    for found, wanted in zip(restored.predict(elsewhere), process.predict(elsewhere), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["process.weights", "process.some"])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda value: value[:-1],
        lambda value: value[None],
        lambda value: value.astype(np.float32),
        lambda value: value * np.nan,
        lambda value: value * 1e300,
    ],
)
def test_arrays_of_another_number_of_labels_are_refused(name, spoil):
    inputs, scores = made_up(20, 5, 0)
    state = CellProcess(inputs, scores, PRIOR.slope).state()
    with pytest.raises(InputError, match=name):
        CellPosterior.restored(inputs, {**state, name: spoil(state[name])}, PRIOR.slope)


def test_the_covariance_is_the_textbooks():
    inputs, _ = made_up(20, 4, 0)
    others, _ = made_up(9, 4, 1)
    np.testing.assert_allclose(
        KERNEL.covariances(inputs, others), KERNEL.variance * Matern(nu=1.5)(inputs, others), rtol=1e-9
    )
    assert np.diag(KERNEL.covariances(inputs, inputs)) == pytest.approx(KERNEL.variance, abs=1e-6)


# --- the distance ----------------------------------------------------------------------------------------------------


def by_hand(names, first, second, probes=None):
    """r² of two rows of path features, term by term."""
    blocks = {}
    for name, one, other in zip(names, first, second, strict=True):
        kind, _, path = name.partition(" ")
        if name == "longest path":
            one, other, block = one + 1, other + 1, "counts"
        elif kind == "paths":
            block = 0 if path == "direct" else min(path.count(">") + 1, 3)
        else:
            block = "counts"
        blocks.setdefault(block, []).append((np.log(1 + one) - np.log(1 + other)) ** 2)
    length = dict(enumerate(KERNEL.lengths_of_paths)) | {"counts": KERNEL.length_of_counts}
    total = sum(np.mean(terms) / length[block] ** 2 for block, terms in blocks.items())
    if probes is not None:
        total += np.mean((probes[0] - probes[1]) ** 2) / KERNEL.length_of_probes**2
    return total


@pytest.mark.parametrize("message", [True, False])
@settings(max_examples=25)
@given(index=st.tuples(st.integers(0, 15_624), st.integers(0, 15_624)), seed=st.integers(0, 99))
def test_the_squared_distance_of_two_cells(space, message, index, seed):
    features = path_features(space, space.parse_many(list(index)))
    before = features.copy()
    probes = np.random.default_rng(seed).standard_normal((2, 25)) if message else None
    rows = kernel_inputs(space, features, probes)
    assert (features == before).all()
    wanted = by_hand(feature_names(space), *features, probes)
    assert np.square(rows[0] - rows[1]).sum() == pytest.approx(wanted, rel=1e-9, abs=1e-12)
