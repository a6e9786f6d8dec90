"""The predictors of whole networks: what they learn, fine-tuning, states, seeds."""

from __future__ import annotations

import json

import numpy as np
import pytest

from nassurrogate.errors import InputError
from nassurrogate.graphs.operator_graph import OperatorGraph
from nassurrogate.metric import known_metric
from nassurrogate.predictors.calibration import WIDTH
from nassurrogate.predictors.whole_networks.gcn import NetworkGCN
from nassurrogate.predictors.whole_networks.nar_former import NarFormerV2Networks
from nassurrogate.predictors.whole_networks.predictor import WholeNetworkPredictor
from nassurrogate.spaces import CategoricalSpace
from tests.predictors.whole_networks.chains import CHAINS, additive_latency_ms, chain

CLASSES = [NarFormerV2Networks, NetworkGCN]
TINY = {"width": 16, "head_width": 16, "epochs": 3, "folds": 0}


def make(cls: type[WholeNetworkPredictor], *, seed: int = 0, **changes) -> WholeNetworkPredictor:
    return cls(CHAINS, config=changes, seed=seed, device="cpu", metric=known_metric("latency_ms"))


def random_chains(n: int, seed: int) -> tuple[list[OperatorGraph], np.ndarray]:
    """Graphs of 2 to 12 convolutions, and their additive latency."""
    rng = np.random.default_rng(seed)
    graphs = []
    for _ in range(n):
        width = int(rng.choice([64, 128, 192, 256]))
        widths = [int(x) for x in np.where(rng.random(int(rng.integers(2, 13))) < 0.7, width, width * 2)]
        graphs.append(chain(widths, rng.choice([1, 3, 5], len(widths)).tolist()))
    return graphs, np.array([additive_latency_ms(graph) for graph in graphs])


def sampled(n: int, seed: int = 0):
    archs = CHAINS.sample(n, np.random.default_rng(seed))
    return archs, np.array([additive_latency_ms(CHAINS.operator_graph(arch)) for arch in archs])


def error_pct(predicted: np.ndarray, true: np.ndarray) -> float:
    return float(np.abs(predicted / true - 1).mean() * 100)


@pytest.mark.parametrize(("cls", "epochs", "better"), [(NarFormerV2Networks, 25, 5), (NetworkGCN, 40, 2)])
def test_the_preset_fast_learns_a_sum_over_operators(cls, epochs, better):
    graphs, latency_ms = random_chains(240, 0)
    predictor = make(cls, epochs=epochs, folds=0)
    encoded = predictor.encoded_graphs(graphs)
    predictor.fit_encoded(encoded, np.arange(200), latency_ms[:200])
    found = predictor.predict_encoded(encoded, np.arange(200, 240))
    constant = error_pct(np.median(latency_ms[:200]), latency_ms[200:])
    assert error_pct(found, latency_ms[200:]) < constant / better


@pytest.mark.parametrize("cls", CLASSES)
def test_fine_tuning_adapts_to_another_device(cls):
    archs, latency_ms = sampled(90)
    predictor = make(cls, **TINY | {"epochs": 40})
    predictor.fit(archs[:60], latency_ms[:60])
    slower = 1.8 * latency_ms
    before = error_pct(predictor.predict(archs[80:])[0], slower[80:])
    predictor.adapt(archs[60:80], slower[60:80])
    assert error_pct(predictor.predict(archs[80:])[0], slower[80:]) < before / 2


def test_fine_tuning_needs_a_fit():
    archs, latency_ms = sampled(3)
    predictor = make(NetworkGCN, **TINY)
    with pytest.raises(InputError, match="fine_tune starts from a fitted predictor"):
        predictor.fine_tune(archs, latency_ms)
    predictor.fit(archs, np.full(3, 5.0))
    predictor.fine_tune(archs, latency_ms)  # equal labels are no weights to start from
    assert len(set(predictor.predict(archs)[0])) == 3


def test_deviations_grow_with_the_prediction_and_cover_unseen_labels():
    archs, latency_ms = sampled(160)
    noisy = latency_ms * np.exp(0.2 * np.random.default_rng(0).normal(size=160))
    predictor = make(NetworkGCN, width=32, head_width=32, epochs=20, folds=3)
    predictor.fit(archs[:100], noisy[:100])
    mean, std = predictor.predict(archs[100:])
    assert 0.7 <= np.mean(np.abs(mean - noisy[100:]) <= WIDTH * std) <= 1.0
    assert (np.diff(std[np.argsort(mean)]) >= 0).all()
    assert (std < mean).all()
    predictor = make(NetworkGCN, **TINY)
    predictor.fit(archs[:20], noisy[:20])
    assert (predictor.predict(archs)[1] == 0).all()  # folds=0: no further fits, no deviation


@pytest.mark.parametrize("cls", CLASSES)
def test_a_saved_state_predicts_the_same_and_holds_no_labels(cls):
    archs, latency_ms = sampled(30)
    predictor = make(cls, **TINY | {"folds": 2})
    predictor.fit(archs, latency_ms)
    tensors, meta = predictor.state()
    assert all(name.startswith("weights.") for name in tensors if name != "unit")
    assert tensors["unit"].tolist() == [np.quantile(latency_ms, 0.1)]
    restored = make(cls, **TINY | {"folds": 2})
    restored.load_state(tensors, json.loads(json.dumps(meta)))
    for before, after in zip(predictor.predict(archs), restored.predict(archs), strict=True):
        assert (before == after).all()
    restored.fine_tune(archs[:5], latency_ms[:5])  # a loaded model adapts, too


@pytest.mark.parametrize("value", [[-1.0], [np.nan], [np.inf], [0.0], [1.0, 2.0], 1.0], ids=str)
def test_a_hostile_constant_is_refused(value):
    predictor = make(NetworkGCN, **TINY)
    meta = {"calibration": {"scale": 0.0, "floor": 0.0}}
    with pytest.raises(InputError, match="'constant' must be one number above 0"):
        predictor.load_state({"constant": np.array(value)}, meta)
    predictor.load_state({"constant": np.array([2.5])}, meta)
    assert predictor.predict(sampled(2)[0])[0].tolist() == [2.5, 2.5]


def test_a_failed_load_keeps_the_fit():
    archs, latency_ms = sampled(10)
    predictor = make(NetworkGCN, **TINY)
    predictor.fit(archs, latency_ms)
    before = predictor.predict(archs)[0]
    tensors, meta = predictor.state()
    name = next(name for name in tensors if name.startswith("weights."))
    with pytest.raises(InputError, match="are missing, expected float32"):
        predictor.load_state({key: value for key, value in tensors.items() if key != name}, meta)
    assert (predictor.predict(archs)[0] == before).all()


@pytest.mark.parametrize("worst", [0.0, -1.0])
def test_targets_are_above_0(worst):
    archs, latency_ms = sampled(4)
    with pytest.raises(InputError, match=f"targets must be above 0, got {worst:g}"):
        make(NetworkGCN, **TINY).fit(archs, np.array([*latency_ms[:3], worst]))


def test_a_rate_that_diverges_is_named():
    archs, latency_ms = sampled(20)
    with pytest.raises(InputError, match="the learning rate of 1000 may be too high"):
        make(NarFormerV2Networks, **TINY | {"learning_rate": 1e3, "scaled": False}).fit(archs, latency_ms * 1e-30)


def test_equal_seeds_give_equal_weights_and_many_graphs_are_scored_in_pieces():
    graphs, latency_ms = random_chains(60, 1)
    weights = []
    for seed in (5, 5, 6):
        predictor = make(NarFormerV2Networks, seed=seed, **TINY | {"dropout": 0.1})
        encoded = predictor.encoded_graphs(graphs * 20)
        predictor.fit_encoded(encoded, np.arange(60), latency_ms)
        weights.append(predictor.state()[0])
    assert all((weights[0][name] == weights[1][name]).all() for name in weights[0])
    assert any((weights[0][name] != weights[2][name]).any() for name in weights[0])
    assert sum(encoded.node_counts) > 2 * 8192
    found = predictor.predict_encoded(encoded).reshape(20, 60)
    assert (found == found[0]).all()
    assert (predictor.predict_encoded(encoded, np.array([7]))[0] == found[0, 7]).all()


@pytest.mark.parametrize("cls", CLASSES)
def test_a_missing_device_is_refused_before_the_fit(cls, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    with pytest.raises(InputError, match="device 'cuda' is missing"):
        cls(CHAINS, device="cuda")


def test_other_spaces_are_refused():
    with pytest.raises(InputError, match="'nnlp-gcn' works on spaces of the kind NetworkSpace, but space 'plain'"):
        NetworkGCN(CategoricalSpace("plain", {"kernel": [3, 5]}))
