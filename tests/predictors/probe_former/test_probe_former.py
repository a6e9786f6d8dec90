"""Probe-Former: its switches, its two parts against oracles, their average, and large spaces."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nassurrogate.errors import InputError
from nassurrogate.predictors.cell_kernel import kernel_inputs
from nassurrogate.predictors.inputs.path_features import path_features
from nassurrogate.predictors.probe_former import ProbeFormer
from nassurrogate.predictors.probe_former.cell_process import CellProcess
from nassurrogate.proxies.table import probe_features
from nassurrogate.spaces import get_space
from tests.predictors.probe_former.oracle import alone, labels

SWITCHES = [
    {"network_share": 0.0},
    {"network_share": 0.5},
    {"probes": False},
    {"relations": False},
    {"pairwise": False},
    {"max_steps": 0},
    {"network_share": 0.0, "probes": False},
]


# --- switches --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("changes", SWITCHES, ids=json.dumps)
def test_every_switch_fits_predicts_and_is_saved(space, make, fit, everywhere, changes):
    predictor = fit(**changes)
    mean, std = predictor.predict(space.all())
    assert np.isfinite(mean).all()
    assert (std > 0).all()
    assert len(set(mean)) > 1000
    # Each switch changes the predictions, except for a number of steps that is not reached.
    assert (mean == everywhere()).all() == (changes == {"max_steps": 0})
    tensors, meta = predictor.state()
    assert any(name.startswith("weights.") for name in tensors) is (predictor.config.network_share > 0)
    restored = make("probe-former", **changes)
    restored.load_state(tensors, json.loads(json.dumps(meta)))
    for before, after in zip((mean, std), restored.predict(space.all()), strict=True):
        assert (before == after).all()
    assert restored.state()[1] == meta


@pytest.mark.parametrize(("changes", "named"), [({"width": 18}, "width"), ({"members": 100, "width": 1024}, "members")])
def test_impossible_shapes_are_refused(make, changes, named):
    with pytest.raises(InputError, match=named):
        make("probe-former", **changes)


# --- the two parts and their average ---------------------------------------------------------------------------------


def test_with_the_whole_weight_the_networks_alone_predict(space, fit):
    predictor = fit(even_labels=0)
    cells = space.sample(40, np.random.default_rng(1))
    wanted = alone(space, predictor, cells).mean(axis=0)
    np.testing.assert_allclose(predictor.predict(cells)[0], wanted, rtol=0, atol=2e-5)


@pytest.mark.parametrize("probes", [True, False])
def test_without_networks_the_process_alone_predicts(space, fit, probes):
    predictor = fit(network_share=0.0, probes=probes)
    known, targets = labels(space, 40)
    cells = space.sample(40, np.random.default_rng(1))
    classes = space.class_ids()
    rows = [
        kernel_inputs(
            space,
            path_features(space, archs),
            probe_features(space)[classes[[space.index(arch) for arch in archs]]] if probes else None,
        )
        for archs in (known, cells)
    ]
    wanted = CellProcess(rows[0], targets).predict(rows[1])[0]
    np.testing.assert_allclose(predictor.predict(cells)[0], wanted, rtol=0, atol=1e-8)


@pytest.mark.parametrize(("n", "share"), [(20, 1 / 4), (60, 1 / 2), (180, 3 / 4)])
def test_the_weight_of_the_networks_grows_with_the_labels(everywhere, n, share):
    """The prediction is the average of both, standardised over the space, on the average of their scales."""
    process, network, both = (
        everywhere(n, **changes) for changes in ({"network_share": 0.0}, {"even_labels": 0}, {"even_labels": 60})
    )
    weighted = [(1 - share, process), (share, network)]
    centre, scale = (sum(w * statistic(part) for w, part in weighted) for statistic in (np.mean, np.std))
    wanted = centre + scale * sum(w * (part - part.mean()) / part.std() for w, part in weighted)
    np.testing.assert_allclose(both, wanted, rtol=0, atol=1e-7)


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
