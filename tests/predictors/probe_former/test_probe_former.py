"""Probe-Former: its switches, its two parts against oracles, their average, and large spaces."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nassurrogate.predictors.cell_kernel import kernel_inputs
from nassurrogate.predictors.inputs.path_features import class_numbers, path_features
from nassurrogate.predictors.probe_former import ProbeFormer
from nassurrogate.predictors.probe_former.cell_process import CellProcess
from nassurrogate.predictors.probe_former.prior import PRIOR, class_prior
from nassurrogate.proxies.table import probe_features
from nassurrogate.spaces import get_space
from tests.predictors.probe_former.oracle import columns, labels

SWITCHES = [
    {"network_share": 0.0},
    {"network_share": 0.5},
    {"probes": False},
    {"relations": False},
    {"pairwise": False},
    {"max_steps": 0},
    {"unlabelled": 0},
    {"pretrained": False},
    {"network_share": 0.0, "probes": False},
]


WITHOUT_EFFECT = [{"max_steps": 0}, {"unlabelled": 0}, {"pretrained": False}]
"""At 40 labels, of networks of a size that no file has."""


# --- switches --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("changes", SWITCHES, ids=json.dumps)
def test_every_switch_fits_predicts_and_is_saved(space, make, fit, everywhere, changes):
    predictor = fit(**changes)
    mean, std = predictor.predict(space.all())
    assert np.isfinite(mean).all()
    assert (std > 0).all()
    assert len(set(mean)) > 1000
    assert (mean == everywhere()).all() == (changes in WITHOUT_EFFECT)
    tensors, meta = predictor.state()
    assert any(name.startswith("weights.") for name in tensors) is (predictor.config.network_share > 0)
    restored = make("probe-former", **changes)
    restored.load_state(tensors, json.loads(json.dumps(meta)))
    for before, after in zip((mean, std), restored.predict(space.all()), strict=True):
        assert (before == after).all()
    assert restored.state()[1] == meta


# --- the two parts and their average ---------------------------------------------------------------------------------


def test_with_the_whole_weight_the_networks_alone_predict(space, fit):
    predictor = fit(even_labels=0)
    cells = space.sample(40, np.random.default_rng(1))
    members = columns(space, predictor.config, predictor.state()[0], class_numbers(space, cells))[..., 0]
    np.testing.assert_allclose(predictor.predict(cells)[0], members.mean(axis=0), rtol=0, atol=2e-5)


@pytest.mark.parametrize("probes", [True, False])
def test_without_networks_the_process_alone_predicts(space, fit, probes):
    predictor = fit(network_share=0.0, probes=probes)
    known, targets = labels(space, 40)
    cells = space.sample(40, np.random.default_rng(1))
    rows = []
    for archs in (known, cells):
        classes = class_numbers(space, archs)
        features = kernel_inputs(space, path_features(space, archs), probe_features(space)[classes] if probes else None)
        rows.append(np.column_stack([features, probes * class_prior(space)[classes]]))
    wanted = CellProcess(rows[0], targets, PRIOR.slope).predict(rows[1])[0]
    np.testing.assert_allclose(predictor.predict(cells)[0], wanted, rtol=0, atol=1e-8)


@pytest.mark.parametrize(("n", "share"), [(20, 1 / 4), (60, 1 / 2), (180, 3 / 4)])
def test_the_weight_of_the_networks_grows_with_the_labels(everywhere, n, share):
    """The prediction is the average of both, each in units of its deviation, which is about that of a sample."""
    process, network, both = (
        everywhere(n, **changes) for changes in ({"network_share": 0.0}, {"even_labels": 0}, {"even_labels": 60})
    )
    parts = np.column_stack([process, network, np.ones_like(both)])
    factors, *_ = np.linalg.lstsq(parts, both)
    np.testing.assert_allclose(parts @ factors, both, rtol=0, atol=1e-7)
    of_process, of_network = factors[0] * process.std(), factors[1] * network.std()
    assert of_network / (of_process + of_network) == pytest.approx(share, abs=0.03)
    scale = (1 - share) * process.std() + share * network.std()
    assert of_process + of_network == pytest.approx(scale, rel=0.1)


def test_far_below_even_labels_the_networks_have_no_weight(everywhere):
    few, none = (everywhere(**changes) for changes in ({"even_labels": 10**9}, {"network_share": 0.0}))
    np.testing.assert_allclose(few, none, rtol=0, atol=1e-5)


# --- a large space ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def large(make):
    space = get_space("nb101")
    cells = space.sample(40, np.random.default_rng(0))
    predictor = ProbeFormer(space, config=vars(make("probe-former").config), device="cpu")
    predictor.fit(cells, np.array([cell.index / 1e5 for cell in cells]))
    return space, predictor


@settings(max_examples=5)
@given(data=st.data())
def test_in_a_large_space_predictions_are_independent(large, data):
    space, predictor = large
    batch = data.draw(st.lists(st.integers(0, space.size - 1), min_size=1, max_size=20), "batch")
    order = data.draw(st.permutations(range(len(batch))), "order")
    together = predictor.predict(space.parse_many(batch))
    again = predictor.predict(space.parse_many([batch[row] for row in order]))
    single = predictor.predict([space.parse(batch[0])])
    for one, other, lone in zip(together, again, single, strict=True):
        assert np.isfinite(one).all()
        assert (one[order] == other).all()
        assert lone[0] == one[0]


def test_a_large_space_is_scored_in_chunks(large):
    space, predictor = large
    cells = space.sample(1100, np.random.default_rng(3))
    mean, std = predictor.predict(cells)
    for rows in ([0], [511, 512], [1099, 3, 700], range(700, 1100)):
        few = predictor.predict([cells[row] for row in rows])
        assert (few[0] == mean[list(rows)]).all()
        assert (few[1] == std[list(rows)]).all()
    restored = ProbeFormer(space, config=vars(predictor.config), device="cpu")
    restored.load_state(*predictor.state())
    assert (restored.predict(cells)[0] == mean).all()
