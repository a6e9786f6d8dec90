"""Non-negative regressions on costs of whole networks."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import lsq_linear

from nassurrogate import InputError, Surrogate
from nassurrogate.graphs.operator_graph import Operator, OperatorGraph
from nassurrogate.predictors.calibration import WIDTH
from nassurrogate.predictors.network_baselines.additive import AdditiveModel
from nassurrogate.predictors.network_baselines.operator_sums import Columns, kinds_of, operator_sums
from tests.predictors.whole_networks.chains import SIZE, additive_latency_ms, chain, convolution

WIDTHS = [list(widths) for widths in product([8, 32, 128, 512], repeat=3)]
GRAPHS = [chain(widths) for widths in WIDTHS]
NAMES = ("flops-regression", "flops-memory-regression", "operator-additive")


def targets(graphs: list[OperatorGraph]) -> np.ndarray:
    """A latency that is a sum over operators."""
    return np.array([additive_latency_ms(graph) for graph in graphs])


# --- features ------------------------------------------------------------------------------------------------------


def test_sums_are_those_of_the_graph() -> None:
    for graph in GRAPHS[:10]:
        flops, memory, params, count = np.array(list(operator_sums(graph).values())).sum(axis=0)
        assert (flops, memory, params) == (graph.flops, graph.memory_bytes, graph.params)
        assert count == len(graph) - 1, "the input counts nothing"


def test_depthwise_convolutions_are_a_kind_of_their_own() -> None:
    image = Operator("Input", (), ((1, 8, SIZE, SIZE),))
    dense = convolution(0, (8, 8))
    depthwise, grouped = (dense._replace(groups=groups) for groups in (8, 2))
    assert set(operator_sums(OperatorGraph([image, dense]))) == {"Conv"}
    assert set(operator_sums(OperatorGraph([image, depthwise]))) == {"DepthwiseConv"}
    assert set(operator_sums(OperatorGraph([image, grouped]))) == {"Conv"}


def test_reshaping_is_free() -> None:
    graph = GRAPHS[0]
    reshaped = Operator("Reshape", (len(graph) - 1,), ((1, 8 * SIZE * SIZE),))
    assert operator_sums(OperatorGraph([*graph.operators, reshaped])) == operator_sums(graph)


def test_columns_are_totals_and_then_kinds() -> None:
    kinds = kinds_of(GRAPHS)
    assert kinds == ("Add", "Conv", "Relu")
    rows = Columns(("params", "flops"), ("Conv", "Tanh")).rows(GRAPHS[:5])
    assert rows.shape == (5, 10)
    assert rows[:, 0].tolist() == [graph.params for graph in GRAPHS[:5]]
    assert rows[:, 1].tolist() == [graph.flops for graph in GRAPHS[:5]]
    assert rows[:, 2].tolist() == [graph.flops for graph in GRAPHS[:5]], "all operations are the convolutions'"
    assert not rows[:, 6:].any(), "no network has a Tanh"


# --- prices --------------------------------------------------------------------------------------------------------


@given(seed=st.integers(0, 1000), n=st.integers(1, 30), features=st.integers(1, 6))
def test_prices_minimise_relative_errors(seed: int, n: int, features: int) -> None:
    """The same loss as another solver of bounded least squares finds."""
    rng = np.random.default_rng(seed)
    rows = rng.exponential(size=(n, features)) * 10.0 ** rng.integers(-3, 9, features)
    labels = rng.exponential(size=n) + 0.1
    model = AdditiveModel.fitted(rows, labels)
    assert (model.prices >= 0).all()
    relative = np.column_stack([np.ones(n), rows]) / labels[:, None]
    scale = np.linalg.norm(relative, axis=0)
    best = lsq_linear(relative / scale, np.ones(n), (0, np.inf), method="bvls", tol=1e-14)
    loss = ((model(rows) / labels - 1) ** 2).sum()
    assert loss == pytest.approx(2 * best.cost, rel=1e-6, abs=1e-9)


def test_proportional_features_share_a_price() -> None:
    flops = np.array([1.0, 2.0, 5.0, 9.0])
    model = AdditiveModel.fitted(np.column_stack([flops, flops]), 3 * flops)
    assert model.prices == pytest.approx([0.0, 1.5, 1.5], abs=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_a_sum_is_extrapolated(name: str) -> None:
    """`operator-additive` is exact far outside its training networks; fewer features leave an error."""
    surrogate = Surrogate("networks", predictor=name, metric="latency_ms").fit(GRAPHS, targets(GRAPHS))
    larger = [chain([1024, 1024, 2048, 1024]), chain([2048] * 6)]
    error = np.abs(surrogate.predict(larger)[0] / targets(larger) - 1).max()
    if name == "operator-additive":
        assert error < 1e-3
    assert error < 0.5


def test_unseen_kinds_count_nothing() -> None:
    surrogate = Surrogate("networks", predictor="operator-additive", metric="latency_ms").fit(GRAPHS, targets(GRAPHS))
    graph = GRAPHS[3]
    longer = OperatorGraph([*graph.operators, Operator("Swirl", (len(graph) - 1,), graph.operators[-1].output_shapes)])
    assert surrogate.predict([longer])[0] == surrogate.predict([graph])[0]


# --- all baselines ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*NAMES, "boosting-networks"])
def test_deviations_grow_with_the_latency_and_cover_it(name: str) -> None:
    rng = np.random.default_rng(0)
    noisy = targets(GRAPHS) * rng.lognormal(0.0, 0.1, len(GRAPHS))
    surrogate = Surrogate("networks", predictor=name, metric="latency_ms", config={"folds": 5}).fit(GRAPHS, noisy)
    mean, std = surrogate.predict(GRAPHS)
    assert np.corrcoef(mean, std)[0, 1] > 0.9
    assert np.mean(np.abs(mean - noisy) <= WIDTH * std) >= 0.85


@pytest.mark.parametrize("name", [*NAMES, "boosting-networks"])
@pytest.mark.parametrize("bad", [0.0, -1.0])
def test_targets_are_positive(name: str, bad: float) -> None:
    labels = targets(GRAPHS)
    labels[3] = bad
    with pytest.raises(InputError, match=f"targets must be above 0, got {bad:g}"):
        Surrogate("networks", predictor=name, metric="latency_ms").fit(GRAPHS, labels)


@pytest.mark.parametrize("name", [*NAMES, "boosting-networks"])
def test_files_need_no_labels(name: str, tmp_path: Path) -> None:
    surrogate = Surrogate("networks", predictor=name, metric="latency_ms", config={"folds": 0})
    surrogate.fit(GRAPHS, targets(GRAPHS))
    loaded = Surrogate.load(surrogate.save(tmp_path / "model.safetensors", keep_labels=False))
    for found, expected in zip(loaded.predict(GRAPHS), surrogate.predict(GRAPHS), strict=True):
        assert found.tolist() == expected.tolist()


def test_kinds_of_a_file_are_checked() -> None:
    predictor = Surrogate("networks", predictor="operator-additive", metric="latency_ms").fit(GRAPHS, targets(GRAPHS))
    tensors, meta = predictor.predictor.state()
    for kinds in (["Conv", "Conv"], ["Conv", 3], "Conv", {"Conv": 1}, ["Conv"]):
        with pytest.raises(InputError):
            predictor.predictor.load_state(tensors, {**meta, "kinds": kinds})
    whole = Surrogate("networks", predictor="flops-regression", metric="latency_ms").fit(GRAPHS, targets(GRAPHS))
    tensors, meta = whole.predictor.state()
    with pytest.raises(InputError, match="no features of single kinds"):
        whole.predictor.load_state(tensors, {**meta, "kinds": ["Conv"]})


def test_one_fold_is_refused() -> None:
    with pytest.raises(InputError, match="folds must be 0 or at least 2"):
        Surrogate("networks", predictor="flops-regression", metric="latency_ms", config={"folds": 1})
