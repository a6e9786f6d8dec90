"""Probe-Former: its two parts against oracles, how they are averaged, what members leave out, and what is saved."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from nassurrogate.errors import InputError
from nassurrogate.graphs.codes import op_vocabulary
from nassurrogate.predictors.calibration import Calibration
from nassurrogate.predictors.cell_kernel import kernel_inputs
from nassurrogate.predictors.inputs.cells import CHUNK, read
from nassurrogate.predictors.inputs.path_features import class_numbers, path_features
from nassurrogate.predictors.probe_former import predictor as module
from nassurrogate.predictors.probe_former.cell_process import CellPosterior, CellProcess
from nassurrogate.predictors.probe_former.relation_transformer import RelationTransformer, node_features, relation_bias
from nassurrogate.predictors.training.ensemble import Ensemble
from nassurrogate.proxies.table import probe_features
from nassurrogate.spaces import get_space
from nassurrogate.surrogate import Surrogate

SWITCHES = [
    {"network_share": 0.0},
    {"network_share": 0.5},
    {"probes": False},
    {"relations": False},
    {"pairwise": False},
    {"max_steps": 0},
    {"network_share": 0.0, "probes": False},
]
CROSS_FIT = {"cross_fit_labels": 24, "even_labels": 0, "closing_epochs": 0}
"""From few labels on members leave some out, and never learn them; of the average only they are left."""
SCORES = "labels.scores"


@pytest.fixture(scope="module")
def fit(space, make):
    """`fit(n, …)`: n labels whose values are their own normal scores, so that scores are in the labels' unit."""

    def made(n=40, targets=None, progress=None, **changes):
        predictor = make("probe-former", **changes)
        cells, values = labels(space, n)
        predictor.fit(cells, values if targets is None else targets, progress=progress)
        return predictor

    return made


@pytest.fixture(scope="module")
def everywhere(space, fit):
    """`everywhere(n, …)`: means of a fit for all architectures."""

    @cache
    def made(n=40, **changes):
        return fit(n, **changes).predict(space.all())[0]

    return made


def labels(space, n):
    cells = space.sample(n, np.random.default_rng(n))
    rough = [cell.string.count("3x3") - cell.string.count("none") + cell.index / 1e6 for cell in cells]
    targets = np.empty(n)
    targets[np.argsort(rough)] = norm.ppf((np.arange(n) + 0.5) / n)
    return cells, targets


@pytest.fixture
def watched(monkeypatch):
    """What the parts are given: rows that members learn, how many labels the process does, what calibrates.

    `pools` are those of every time that the networks learn, one after the other.
    """
    seen = {"pools": []}
    fit, of, init = Ensemble.fit, Calibration.of, CellProcess.__init__

    def watch_fit(self, data, *args, pools=None, **kwargs):
        seen["pools"].append(pools)
        seen["n_learned"] = len(data)
        return fit(self, data, *args, pools=pools, **kwargs)

    def watch_of(held, targets):
        seen["held"] = held
        return of(held, targets)

    def watch_init(self, inputs, scores):
        seen["process_labels"] = len(scores)
        init(self, inputs, scores)

    monkeypatch.setattr(Ensemble, "fit", watch_fit)
    monkeypatch.setattr(Calibration, "of", watch_of)
    monkeypatch.setattr(CellProcess, "__init__", watch_init)
    return seen


# --- switches --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("changes", SWITCHES, ids=json.dumps)
def test_every_switch_fits_predicts_and_is_saved(space, make, fit, everywhere, changes):
    predictor = fit(**changes)
    mean, std = predictor.predict(space.all())
    assert np.isfinite(mean).all()
    assert (std > 0).all()
    assert len(set(mean)) > 1000
    # Each changes the predictions, but for a number of steps that is not reached.
    assert (mean == everywhere()).all() == (changes == {"max_steps": 0})
    tensors, meta = predictor.state()
    assert any(name.startswith("weights.") for name in tensors) is (predictor.config.network_share > 0)
    restored = make("probe-former", **changes)
    restored.load_state(tensors, json.loads(json.dumps(meta)))
    for before, after in zip((mean, std), restored.predict(space.all()), strict=True):
        assert (before == after).all()
    assert restored.state()[1] == meta


@pytest.mark.parametrize(("changes", "told"), [({"width": 18}, "width"), ({"members": 100, "width": 1024}, "members")])
def test_shapes_that_are_refused(make, changes, told):
    with pytest.raises(InputError, match=told):
        make("probe-former", **changes)


# --- the two parts and their average ---------------------------------------------------------------------------------


def alone(space, predictor, cells):
    """(M, B) what PyTorch computes, member by member and cell by cell, from the weights in the state."""
    tensors, _ = predictor.state()
    config = predictor.config
    scores = np.empty((config.members, len(cells)))
    n_ops = len(op_vocabulary(space.computing_ops))
    net = RelationTransformer(n_ops, 25, config.width, config.blocks, config.ffn_ratio).double()
    known = read(space, class_numbers(space, cells))
    for member in range(config.members):
        net.load_state_dict(
            {
                name.removeprefix("weights."): torch.from_numpy(value[member]).double()
                for name, value in tensors.items()
                if name.startswith("weights.")
            }
        )
        for column in range(len(cells)):
            one = known.take(np.array([column]))
            op, adjacency, depth, mask = (torch.from_numpy(part) for part in vars(one.graph).values())
            feature = node_features(op, adjacency, depth, mask, n_ops).double()
            bias = relation_bias(adjacency, mask).double()
            with torch.no_grad():
                scores[member, column] = net(feature, bias, mask, torch.from_numpy(one.probes).double())[0]
    return scores


def test_with_endless_weight_the_network_alone_is_what_predicts(space, fit):
    predictor = fit(even_labels=0)
    cells = space.sample(40, np.random.default_rng(1))
    wanted = alone(space, predictor, cells).mean(axis=0)
    np.testing.assert_allclose(predictor.predict(cells)[0], wanted, rtol=0, atol=2e-5)


@pytest.mark.parametrize("probes", [True, False])
def test_without_network_the_process_alone_is_what_predicts(space, fit, probes):
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
def test_the_weight_of_the_network_grows_with_the_labels(everywhere, n, share):
    """The average of both, standardised over the space, on the average of their scales."""
    process, network, both = (
        everywhere(n, **changes) for changes in ({"network_share": 0.0}, {"even_labels": 0}, {"even_labels": 60})
    )
    weighed = [(1 - share, process), (share, network)]
    centre, scale = (sum(w * statistic(part) for w, part in weighed) for statistic in (np.mean, np.std))
    wanted = centre + scale * sum(w * (part - part.mean()) / part.std() for w, part in weighed)
    np.testing.assert_allclose(both, wanted, rtol=0, atol=1e-7)


def test_long_before_its_even_labels_the_network_says_nothing(everywhere):
    few, none = (everywhere(**changes) for changes in ({"even_labels": 10**9}, {"network_share": 0.0}))
    np.testing.assert_allclose(few, none, rtol=0, atol=1e-5)


# --- labels that are left out ----------------------------------------------------------------------------------------


def member_weights(predictor, member):
    tensors, _ = predictor.state()
    return np.concatenate([part[member].ravel() for name, part in tensors.items() if name.startswith("weights.")])


def unseen_of(watched, n):
    return [np.setdiff1d(np.arange(n), pool) for pool in watched["pools"][-1]]


@pytest.mark.parametrize(("n", "left_out"), [(23, 0), (24, 3), (40, 5)])
def test_from_some_labels_on_every_member_leaves_others_out(fit, watched, n, left_out):
    fit(n, **CROSS_FIT)
    unseen = unseen_of(watched, n)
    assert [len(part) for part in unseen] == [left_out] * 2
    assert not set(unseen[0]) & set(unseen[1])
    assert watched["n_learned"] == n


def test_a_member_is_not_touched_by_what_it_leaves_out(space, fit, watched):
    """Two labels it has not seen swap their values: every label keeps its rank but these."""
    _, targets = labels(space, 40)
    weights = [fit(targets=targets, **CROSS_FIT).state()[0]]
    first, second = unseen_of(watched, 40)[0][:2]
    swapped = targets.copy()
    swapped[[first, second]] = targets[[second, first]]
    weights.append(fit(targets=swapped, **CROSS_FIT).state()[0])
    names = [name for name in weights[0] if name.startswith("weights.")]
    for name in names:
        np.testing.assert_allclose(weights[0][name][0], weights[1][name][0], rtol=0, atol=1e-6)
    assert max(np.abs(weights[0][name][1] - weights[1][name][1]).max() for name in names) > 1e-3


def test_each_members_errors_on_what_it_left_out_set_the_deviation(space, fit, watched):
    predictor = fit(40, **CROSS_FIT)
    held, unseen = watched["held"], unseen_of(watched, 40)
    assert [sorted(part) for part in held.place.reshape(2, -1)] == [part.tolist() for part in unseen]
    cells, _ = labels(space, 40)
    scores = alone(space, predictor, [cells[label] for label in held.place])
    member = np.repeat([0, 1], len(unseen[0]))
    np.testing.assert_allclose(held.mean, scores[member, np.arange(len(member))], rtol=0, atol=2e-5)


def test_the_end_of_training_does_not_touch_the_deviation(fit, watched):
    """It is set by the errors on labels that were left out, before they are learned."""
    before, held = fit(40, **CROSS_FIT), watched["held"]
    steps = []
    after = fit(40, progress=lambda *step: steps.append(step), **CROSS_FIT | {"closing_epochs": 2})
    assert (watched["held"].mean == held.mean).all()
    assert after.state()[1]["calibration"] == before.state()[1]["calibration"]
    assert (member_weights(after, 0) != member_weights(before, 0)).any()
    assert steps == [(done, 5) for done in range(1, 6)]


def test_in_the_end_a_member_learns_what_it_left_out(space, fit, watched):
    _, targets = labels(space, 40)
    closing = CROSS_FIT | {"closing_epochs": 2}
    weights = member_weights(fit(targets=targets, **closing), 0)
    first, last = watched["pools"]
    assert (first.shape, last) == ((2, 35), None)
    one, other = np.setdiff1d(np.arange(40), first[0])[:2]
    swapped = targets.copy()
    swapped[[one, other]] = targets[[other, one]]
    assert np.abs(weights - member_weights(fit(targets=swapped, **closing), 0)).max() > 1e-4


@pytest.mark.parametrize("changes", [{}, {"network_share": 0.0, "cross_fit_labels": 2}], ids=["few", "no network"])
def test_otherwise_each_label_calibrates_that_the_process_predicts_without_itself(fit, watched, changes):
    fit(40, **changes)
    assert sorted(watched["held"].place) == list(range(40))


def test_a_fit_on_many_labels_covers_what_it_has_not_seen(space, make):
    """With a network that knows the labels it has learned by heart, which would be sure of itself otherwise."""
    cells, targets = labels(space, 700)
    targets = targets + np.random.default_rng(0).normal(0, 0.5, len(targets))
    predictor = make("probe-former", epochs=20, width=32, cross_fit_labels=100, even_labels=0)
    predictor.fit(cells[:400], targets[:400])
    mean, std = predictor.predict(cells[400:])
    covered = (np.abs(targets[400:] - mean) <= 1.645 * std).mean()
    assert 0.8 < covered < 0.99


def test_of_very_many_labels_the_process_learns_some(fit, everywhere, watched):
    predictor = fit(60, process_labels=20, cross_fit_labels=24, closing_epochs=0)
    assert watched["process_labels"] == 20
    assert watched["n_learned"] == 60
    assert len(predictor.state()[0]["labels.index"]) == 60
    assert [len(part) for part in unseen_of(watched, 60)] == [7, 7]
    only, whole = (everywhere(60, network_share=0.0, process_labels=most) for most in (20, 60))
    assert np.corrcoef(only, whole)[0, 1] > 0.3
    assert (only != whole).any()


# --- files -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def state(fit):
    return fit(12).state()


@pytest.mark.parametrize(
    "calibration",
    [
        None,
        [],
        {},
        {"scale": 1.0},
        {"scale": 1.0, "floor": 0.1, "more": 1.0},
        {"scale": float("nan"), "floor": 0.1},
        {"scale": -1.0, "floor": 0.1},
        {"scale": 1.0, "floor": float("inf")},
        {"scale": "1", "floor": 0.1},
        {"scale": 1.0, "floor": True},
    ],
    ids=str,
)
def test_a_calibration_that_is_none_is_refused(make, state, calibration):
    with pytest.raises(InputError, match="calibration"):
        make("probe-former").load_state(state[0], {"calibration": calibration})


@pytest.mark.parametrize(
    "average",
    [
        None,
        [],
        {},
        {"standards": None},
        {"standards": [[0.0, 1.0]]},
        {"standards": [[0.0, 1.0], [0.0]]},
        {"standards": [[0.0, 1.0], [0.0, 0.0]]},
        {"standards": [[0.0, 1.0], [0.0, -1.0]]},
        {"standards": [[0.0, 1.0], [float("nan"), 1.0]]},
        {"standards": [[0.0, 1.0], [0.0, float("inf")]]},
        {"standards": [[0.0, 1.0], ["0", 1.0]]},
        {"standards": [[0.0, 1.0], [0.0, True]]},
        {"standards": [[0.0, 1.0], [0.0, 1.0]], "more": 1.0},
    ],
    ids=str,
)
def test_an_average_that_is_none_is_refused(make, state, average):
    with pytest.raises(InputError, match="average"):
        make("probe-former").load_state(state[0], {**state[1], "average": average})


@pytest.mark.parametrize("name", ["nb201", "nb101"])
def test_a_file_of_an_earlier_release_predicts_the_same(make, name):
    """It has the labels, the networks and the calibration; what they make of the space is computed again."""
    space = get_space(name)
    cells = space.sample(30, np.random.default_rng(0))
    config = vars(make("probe-former").config)
    predictor = module.ProbeFormer(space, config=config, device="cpu")
    predictor.fit(cells, np.array([cell.index / 1e5 for cell in cells]))
    tensors, meta = predictor.state()
    early = {key: part for key, part in tensors.items() if key.startswith(("weights.", "labels.")) and key != SCORES}
    restored = module.ProbeFormer(space, config=config, device="cpu")
    restored.load_state(early, {"calibration": meta["calibration"]})
    others = space.sample(60, np.random.default_rng(1))
    for before, after in zip(predictor.predict(others), restored.predict(others), strict=True):
        np.testing.assert_allclose(after, before, rtol=0, atol=1e-9)
    assert restored.state()[1] == meta


def test_a_loaded_model_scores_what_is_asked_and_nothing_more(space, make, fit, monkeypatch):
    tensors, meta = fit(40).state()
    seen = []
    predict = CellPosterior.predict

    def watch(self, inputs):
        seen.append(len(inputs))
        return predict(self, inputs)

    monkeypatch.setattr(CellPosterior, "predict", watch)
    restored = make("probe-former")
    restored.load_state(tensors, meta)
    assert seen == []
    restored.predict([space.parse(5)])
    assert seen == [CHUNK]
    # One by one the whole space is no more work than at once: sizes of cells have a last chunk each.
    for arch in space.all()[::25]:
        restored.predict([arch])
    restored.predict(space.all())
    assert sum(seen) <= space.n_classes + CHUNK * len(set(space.class_graphs.n_nodes.tolist()))
    known = len(seen)
    restored.predict(space.all()[:3000])
    assert len(seen) == known


def test_one_score_of_a_saved_model_imports_no_compiler_and_no_scipy(space, make, tmp_path):
    """Each takes about as long to import as all the rest takes."""
    cells, targets = labels(space, 20)
    config = vars(make("probe-former").config)
    path = Surrogate(space, config=config, device="cpu").fit(cells, targets).save(tmp_path / "model")
    script = """if True:
        import sys
        from nassurrogate import Surrogate
        Surrogate.load(sys.argv[1], device="cpu").score([0, 1])
        print(*sorted({"torch._dynamo", "scipy", "lightgbm", "pandas", "sklearn", "networkx"} & set(sys.modules)))
    """
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_a_missing_part_is_named(make, state):
    tensors, meta = state
    for name in tensors:
        rest = {key: value for key, value in tensors.items() if key != name}
        with pytest.raises((InputError, KeyError), match=name.removeprefix("weights.")):
            make("probe-former").load_state(rest, meta)
    with pytest.raises(KeyError, match="calibration"):
        make("probe-former").load_state(tensors, {})


@pytest.mark.parametrize("changes", [{"width": 20}, {"blocks": 2}, {"members": 3}, {"probes": False}], ids=json.dumps)
def test_the_weights_of_another_network_are_refused(make, state, changes):
    with pytest.raises(InputError, match=r"weights .* (are|is) "):
        make("probe-former", **changes).load_state(*state)


def test_a_state_that_is_refused_leaves_the_fit_as_it_was(space, fit, state):
    predictor = fit(30)
    cells = space.sample(50, np.random.default_rng(0))
    before = predictor.predict(cells)
    for tensors, meta in (
        (state[0], {"calibration": {"scale": -1.0, "floor": 0.0}}),
        (state[0], {**state[1], "average": {"standards": []}}),
        ({**state[0], "process.weights": np.full(12, np.nan)}, state[1]),
        ({**state[0], "weights.node.bias": np.full((2, 16), np.nan, np.float32)}, state[1]),
        ({**state[0], "labels.target": np.full(12, np.nan)}, state[1]),
    ):
        with pytest.raises(InputError):
            predictor.load_state(tensors, meta)
        for one, other in zip(before, predictor.predict(cells), strict=True):
            assert (one == other).all()


# --- a large space ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def large(make):
    space = get_space("nb101")
    cells = space.sample(40, np.random.default_rng(0))
    predictor = module.ProbeFormer(space, config=vars(make("probe-former").config), device="cpu")
    predictor.fit(cells, np.array([cell.index / 1e5 for cell in cells]))
    return space, predictor


@settings(max_examples=5)
@given(data=st.data())
def test_in_a_large_space_no_cell_depends_on_the_others(large, data):
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


def test_in_a_large_space_more_cells_than_are_scored_at_once(large):
    space, predictor = large
    cells = space.sample(1100, np.random.default_rng(3))
    mean, std = predictor.predict(cells)
    for rows in ([0], [511, 512], [1099, 3, 700], range(700, 1100)):
        few = predictor.predict([cells[row] for row in rows])
        assert (few[0] == mean[list(rows)]).all()
        assert (few[1] == std[list(rows)]).all()
    restored = module.ProbeFormer(space, config=vars(predictor.config), device="cpu")
    restored.load_state(*predictor.state())
    assert (restored.predict(cells)[0] == mean).all()
