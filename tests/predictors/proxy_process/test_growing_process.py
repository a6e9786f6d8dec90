"""A process with growing labels and candidates; a fresh fit of scikit-learn's is the oracle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern

from nassurrogate.predictors.proxy_process.growing_process import GrowingProcess

VARIANCE, NOISE, FEATURES = 1.5, 0.2, 4
KERNEL = ConstantKernel(VARIANCE) * Matern(length_scale=1.0, nu=1.5)
INPUTS = np.random.default_rng(0).standard_normal((60, FEATURES)) / 2
VALUES = np.random.default_rng(1).standard_normal(60)
keys_of = st.lists(st.integers(0, 59), max_size=25)
"""Rows of `INPUTS`; a row may occur twice, like a cell that was evaluated twice."""


def oracle(keys, values):
    """Without labels scikit-learn predicts from the prior."""
    process = GaussianProcessRegressor(KERNEL, alpha=NOISE, optimizer=None)
    return process.fit(INPUTS[keys], values) if len(keys) else process


def expected(process, inputs):
    mean, deviation = process.predict(inputs, return_std=True)
    return np.atleast_1d(mean), np.atleast_1d(deviation) ** 2


def new_process():
    return GrowingProcess(lambda x, y: KERNEL(x, y), KERNEL.diag, noise=NOISE, n_features=FEATURES)


def labelled(keys):
    process = new_process()
    process.label(np.array(keys, dtype=np.int64), lambda wanted: INPUTS[wanted])
    return process


def assert_close(found, wanted):
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-7, atol=1e-9)


@settings(max_examples=30)
@given(keys=keys_of, elsewhere=st.lists(st.integers(0, 59), min_size=1, max_size=10))
def test_the_posterior_is_that_of_scikit_learn(keys, elsewhere):
    process, values = labelled(keys), VALUES[: len(keys)]
    wanted = expected(oracle(keys, values), INPUTS[elsewhere])
    assert process.n_labels == len(keys)
    assert_close(process.posterior(INPUTS[elsewhere], values), wanted)
    process.add_candidates(INPUTS[elsewhere])
    assert process.n_candidates == len(elsewhere)
    assert_close(process.candidates_posterior(values), wanted)


@settings(max_examples=20)
@given(keys=st.lists(st.integers(0, 59), min_size=1, max_size=15))
def test_a_label_left_out_is_a_refit_without_it(keys):
    """Its variance includes the noise of a label."""
    keys, values = np.array(keys), VALUES[: len(keys)]
    mean, variance = labelled(keys).leave_one_out(values)
    for place in range(len(keys)):
        others = np.arange(len(keys)) != place
        wanted = expected(oracle(keys[others], values[others]), INPUTS[keys[[place]]])
        assert (mean[place], variance[place]) == pytest.approx((wanted[0][0], wanted[1][0] + NOISE), rel=1e-7, abs=1e-9)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("grow"), st.lists(st.integers(0, 59), min_size=1, max_size=6)),
        st.tuples(st.just("replace"), keys_of),
        st.tuples(st.just("candidates"), st.lists(st.integers(0, 59), max_size=12)),
        st.tuples(st.just("look"), st.just([])),
    ),
    max_size=12,
)


@settings(max_examples=80)
@given(steps=steps)
def test_the_order_of_labels_and_candidates_does_not_matter(steps):
    process, labels, candidates = new_process(), [], []
    for step, rows in [*steps, ("look", [])]:
        if step == "candidates":
            process.add_candidates(INPUTS[rows])
            candidates += rows
        elif step != "look":
            labels = labels + rows if step == "grow" else rows
            process.label(np.array(labels, dtype=np.int64), lambda wanted: INPUTS[wanted])
        else:
            fresh, values = labelled(labels), np.resize(VALUES, len(labels))
            fresh.add_candidates(INPUTS[candidates])
            assert (process.n_labels, process.n_candidates) == (len(labels), len(candidates))
            assert_close(process.candidates_posterior(values), fresh.candidates_posterior(values))
            assert_close(process.posterior(INPUTS[:3], values), fresh.posterior(INPUTS[:3], values))


@settings(max_examples=20)
@given(keys=st.lists(st.integers(0, 59), min_size=1, max_size=20), kept=st.integers(0, 20))
def test_only_new_labels_are_read(keys, kept):
    process, asked = labelled(keys[:kept]), []
    process.label(np.array(keys), lambda wanted: asked.extend(wanted.tolist()) or INPUTS[wanted])
    assert asked == keys[kept:]


def test_the_callers_keys_and_inputs_may_change_afterwards():
    keys, inputs = np.arange(5), INPUTS.copy()
    process = new_process()
    process.label(keys, lambda wanted: inputs[wanted])
    process.add_candidates(inputs)
    keys[:], inputs[:] = 9, 0.0
    assert_close(process.candidates_posterior(VALUES[:5]), expected(oracle(range(5), VALUES[:5]), INPUTS))
    process.label(np.arange(6), lambda wanted: INPUTS[wanted])
    assert_close(process.candidates_posterior(VALUES[:6]), expected(oracle(range(6), VALUES[:6]), INPUTS))
