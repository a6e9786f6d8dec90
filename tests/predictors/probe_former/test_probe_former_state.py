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

SCORES = "labels.scores"


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
def test_an_invalid_average_is_refused(make, state, average):
    with pytest.raises(InputError, match="average"):
        make("probe-former").load_state(state[0], {**state[1], "average": average})


@pytest.mark.parametrize("name", ["nb201", "nb101"])
def test_a_file_of_an_earlier_release_predicts_the_same(make, name):
    """It has labels, networks and calibration; the process and the average are computed again."""
    space = get_space(name)
    cells = space.sample(30, np.random.default_rng(0))
    config = vars(make("probe-former").config)
    predictor = ProbeFormer(space, config=config, device="cpu")
    predictor.fit(cells, np.array([cell.index / 1e5 for cell in cells]))
    tensors, meta = predictor.state()
    early = {key: part for key, part in tensors.items() if key.startswith(("weights.", "labels.")) and key != SCORES}
    restored = ProbeFormer(space, config=config, device="cpu")
    restored.load_state(early, {"calibration": meta["calibration"]})
    others = space.sample(60, np.random.default_rng(1))
    for before, after in zip(predictor.predict(others), restored.predict(others), strict=True):
        np.testing.assert_allclose(after, before, rtol=0, atol=1e-9)
    assert restored.state()[1] == meta


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
    with pytest.raises(KeyError, match="calibration"):
        make("probe-former").load_state(tensors, {})


@pytest.mark.parametrize("changes", [{"width": 20}, {"blocks": 2}, {"members": 3}, {"probes": False}], ids=json.dumps)
def test_the_weights_of_another_network_are_refused(make, state, changes):
    with pytest.raises(InputError, match=r"weights .* (are|is) "):
        make("probe-former", **changes).load_state(*state)


def test_a_refused_state_leaves_the_fit_unchanged(space, fit, state):
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
