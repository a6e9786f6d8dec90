"""Saved models of Probe-Former: what is refused, what earlier releases wrote, and what loading computes."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from nassurrogate.errors import InputError
from nassurrogate.predictors.inputs.cells import CHUNK
from nassurrogate.predictors.probe_former import ProbeFormer
from nassurrogate.predictors.probe_former.cell_process import CellPosterior
from nassurrogate.spaces import get_space
from nassurrogate.surrogate import Surrogate
from tests.predictors.probe_former.oracle import labels

CROSS_FIT = {"cross_fit_labels": 256, "closing_epochs": 1}


# --- model files -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [40, 260, 600], ids=["few", "some left out", "some for the deviation"])
@pytest.mark.parametrize("name", ["nb201", "nb101"])
def test_a_saved_model_predicts_the_same(make, tmp_path, name, n):
    """To the last bit, of labelled cells and others."""
    space = get_space(name)
    cells, targets = labels(space, n) if name == "nb201" else numbered(space, n)
    surrogate = Surrogate(space, config=vars(make("probe-former", **CROSS_FIT).config), device="cpu")
    path = surrogate.fit(cells, targets).save(tmp_path / "model")
    loaded = Surrogate.load(path, device="cpu")
    others = space.sample(300, np.random.default_rng(1))
    for question in ("predict", "posterior"):
        for archs in (cells, others):
            before, after = (getattr(each, question)(archs) for each in (surrogate, loaded))
            assert all((one == other).all() for one, other in zip(before, after, strict=True))


def numbered(space, n):
    """Cells with their index as target."""
    cells = space.sample(n, np.random.default_rng(n))
    return cells, np.array([cell.index / 1e5 for cell in cells])


# --- hostile states --------------------------------------------------------------------------------------------------


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
def test_an_invalid_calibration_is_refused(make, state, calibration):
    with pytest.raises(InputError, match="calibration"):
        make("probe-former").load_state(state[0], {**state[1], "calibration": calibration})


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
def test_an_invalid_average_is_refused(make, state, average):
    with pytest.raises(InputError, match="average"):
        make("probe-former").load_state(state[0], {**state[1], "average": average})


# --- earlier releases ------------------------------------------------------------------------------------------------


def first_generation(tensors, meta):
    """Such a state as networks that read proxies left: they have other weights, and nothing says which they are."""
    spoilt = {name: part * 2 if name.startswith("weights.") else part for name, part in tensors.items()}
    spoilt["weights.probe.0.weight"] = np.zeros((2, 16, 25), np.float32)
    return spoilt, {name: value for name, value in meta.items() if name != "generation"}


@pytest.mark.parametrize("name", ["nb201", "nb101"])
def test_a_file_of_an_earlier_release_is_learned_again(name):
    """It predicts as a fit of today, whatever networks, sizes, process and calibration it holds."""
    space = get_space(name)
    switches, sizes = {"pairwise": False}, {"members": 6, "epochs": 45, "width": 16, "closing_rate": 2e-3}
    predictor = ProbeFormer(space, config=switches, device="cpu")
    restored = ProbeFormer(space, config=switches | sizes, device="cpu")
    predictor.fit(*numbered(space, 30))
    early = first_generation(*predictor.state())
    assert restored.learns_again(early[1])
    assert not restored.learns_again(predictor.state()[1])
    restored.load_state(*early)
    others = space.sample(60, np.random.default_rng(1))
    for before, after in zip(predictor.predict(others), restored.predict(others), strict=True):
        assert (before == after).all()
    assert restored.state()[1] == predictor.state()[1]
    assert restored.config == predictor.config


def test_the_labels_alone_are_enough_of_an_earlier_release(space, make):
    predictor, restored = ProbeFormer(space, device="cpu"), make("probe-former")
    predictor.fit(*labels(space, 30))
    tensors, _ = predictor.state()
    restored.load_state({name: part for name, part in tensors.items() if name.startswith("labels.")}, {})
    assert (restored.predict(space.all())[0] == predictor.predict(space.all())[0]).all()


@pytest.mark.parametrize("generation", [1, 3, "2", None, [2], {}], ids=str)
def test_any_other_generation_is_learned_again(make, state, generation):
    restored = make("probe-former")
    assert restored.learns_again({**state[1], "generation": generation})
    restored.load_state(state[0], {**state[1], "generation": generation})
    assert restored.state()[1]["generation"] == 2
    assert (restored.config.members, restored.config.epochs) == (0, 0)  # of today, not of the file


# --- what loading computes -------------------------------------------------------------------------------------------


def test_a_loaded_model_scores_only_what_is_asked(space, make, fit, monkeypatch):
    tensors, meta = fit(40).state()
    seen = []
    predict = CellPosterior.predict

    def noted(self, inputs):
        seen.append(len(inputs))
        return predict(self, inputs)

    monkeypatch.setattr(CellPosterior, "predict", noted)
    restored = make("probe-former")
    restored.load_state(tensors, meta)
    assert seen == []
    restored.predict([space.parse(5)])
    assert seen == [CHUNK]
    # One by one, the whole space is no more work than at once, but for a last chunk per size of cells.
    for arch in space.all()[::25]:
        restored.predict([arch])
    restored.predict(space.all())
    assert sum(seen) <= space.n_classes + CHUNK * len(set(space.class_graphs.n_nodes.tolist()))
    known = len(seen)
    restored.predict(space.all()[:3000])
    assert len(seen) == known


def test_one_score_of_a_saved_model_imports_no_compiler_and_no_scipy(space, make, tmp_path):
    """Importing any of them takes about as long as everything else."""
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
        # Its own weights are checked by name; other arrays are looked up.
        error = InputError if name.startswith("weights.") else KeyError
        with pytest.raises(error, match=name.removeprefix("weights.").replace("norm.scale", "norm.weight")):
            make("probe-former").load_state(rest, meta)
    for name in ("calibration", "average"):
        with pytest.raises(KeyError, match=name):
            make("probe-former").load_state(tensors, {key: value for key, value in meta.items() if key != name})


@pytest.mark.parametrize("changes", [{"width": 20}, {"blocks": 2}, {"members": 3}, {"probes": False}], ids=json.dumps)
def test_the_weights_of_another_network_are_refused(make, state, changes):
    with pytest.raises(InputError, match=r"weights .* (are|is) "):
        make("probe-former", **changes).load_state(*state)


def test_a_refused_state_leaves_the_fit_unchanged(space, fit, state):
    predictor = fit(30)
    cells = space.sample(50, np.random.default_rng(0))
    before = predictor.predict(cells)
    for tensors, meta in (
        (state[0], {**state[1], "calibration": {"scale": -1.0, "floor": 0.0}}),
        (state[0], {**state[1], "average": {"standards": []}}),
        ({**state[0], "process.weights": np.full(12, np.nan)}, state[1]),
        ({**state[0], "weights.node.bias": np.full((2, 16), np.nan, np.float32)}, state[1]),
        ({**state[0], "labels.target": np.full(12, np.nan)}, state[1]),
        ({**state[0], "labels.target": np.full(12, np.nan)}, {}),  # of an earlier release
        ({**state[0], "labels.target": np.empty(0)}, {}),
    ):
        with pytest.raises(InputError):
            predictor.load_state(tensors, meta)
        for one, other in zip(before, predictor.predict(cells), strict=True):
            assert (one == other).all()
