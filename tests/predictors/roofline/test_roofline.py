"""Roofline: what it learns, where it extrapolates, how it adapts, and what its intervals cover."""

from __future__ import annotations

import numpy as np
import pytest

from nassurrogate import InputError, Surrogate
from nassurrogate.graphs.operator_graph import Operator, OperatorGraph
from nassurrogate.metric import known_metric
from nassurrogate.prediction_quality import mean_absolute_percentage_error
from nassurrogate.predictors.roofline import Roofline
from nassurrogate.spaces import get_space
from tests.predictors.whole_networks.chains import chain, convolution

ADDITIVE = {"correction_labels": 10**9}


def chains(n: int, seed: int = 0, kernels: tuple[int, ...] = (1, 3)) -> list[OperatorGraph]:
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(n):
        depth = int(rng.integers(2, 9))
        widths = (2 ** rng.uniform(3, 8, depth)).astype(int).tolist()
        made.append(chain(widths, [int(rng.choice(kernels)) for _ in widths]))
    return made


def latency_ms(graph: OperatorGraph, speed: float = 1.0) -> float:
    """Arithmetic, data and a launch of each operator but the fused activations."""
    launched = sum(operator.kind in ("Conv", "Add", "Gemm", "MaxPool") for operator in graph.operators)
    data = sum(
        graph.operator_memory_bytes(place) for place, o in enumerate(graph.operators) if o.kind not in ("Relu", "Input")
    )
    return speed * (0.02 * launched + graph.flops / 1e8 + data / 1e7)


def with_noise(graphs: list[OperatorGraph], noise: float, seed: int = 1, speed: float = 1.0) -> np.ndarray:
    exact = np.array([latency_ms(graph, speed) for graph in graphs])
    return exact * np.exp(noise * np.random.default_rng(seed).standard_normal(len(exact)))


def fitted(graphs: list[OperatorGraph], values: np.ndarray, **config: object) -> Surrogate:
    return Surrogate("networks", metric="latency_ms", config=ADDITIVE | config, device="cpu").fit(graphs, values)


def error_pct(surrogate: Surrogate, graphs: list[OperatorGraph], speed: float = 1.0) -> float:
    exact = np.array([latency_ms(graph, speed) for graph in graphs])
    return 100 * float(np.abs(surrogate.predict(graphs)[0] / exact - 1).mean())


def test_it_is_the_default_for_what_networks_cost():
    assert Surrogate("networks", metric="latency_ms").predictor.name == "roofline"
    assert Surrogate("networks", metric="energy_mj").predictor.name == "roofline"
    assert Surrogate("nb201", metric="latency_ms").predictor.name == "space-process"


def test_it_learns_a_sum_of_rooflines_from_noisy_labels():
    train, test = chains(60), chains(40, seed=7)
    surrogate = fitted(train, with_noise(train, 0.03))
    assert error_pct(surrogate, test) < 3.0


def test_larger_networks_than_any_learned_are_extrapolated():
    train = chains(60)
    surrogate = fitted(train, with_noise(train, 0.02))
    assert error_pct(surrogate, [chain([700] * 12, [3] * 12)]) < 12.0


def test_a_window_that_was_never_seen_costs_about_what_its_operations_cost():
    train = chains(60)
    surrogate = fitted(train, with_noise(train, 0.02))
    unseen = chains(20, seed=3, kernels=(5,))
    exact = np.array([latency_ms(graph) for graph in unseen])
    mean, std = surrogate.predict(unseen)
    _, known_std = surrogate.predict(chains(20, seed=3))
    assert mean_absolute_percentage_error(mean, exact) < 60.0
    assert (std / mean).mean() > 3 * (known_std / surrogate.predict(chains(20, seed=3))[0]).mean()


def test_an_operator_that_was_never_seen_widens_the_interval():
    train = chains(40)
    surrogate = fitted(train, with_noise(train, 0.02))
    plain = chain([64, 80, 96])
    strange = OperatorGraph([*plain.operators, Operator("Swirl", (len(plain) - 1,), plain.operators[-1].output_shapes)])
    _, (sure, unsure) = surrogate.predictor.log_normal(get_space("networks").parse_many([plain, strange]))
    assert unsure > 2 * sure


def test_intervals_cover_nine_in_ten():
    covered = []
    for seed in range(3):
        train, test = chains(60, seed), chains(200, seed=50 + seed)
        values = with_noise(test, 0.05, seed=9 + seed)
        mean, std = fitted(train, with_noise(train, 0.05, seed)).predict(test)
        covered.append(np.mean(np.abs(values - mean) <= 1.645 * std))
    assert 0.84 < np.mean(covered) < 0.97


def test_twenty_networks_of_another_device_are_enough_to_adapt():
    train, target = chains(80), chains(120, seed=11)
    surrogate = fitted(train, with_noise(train, 0.02))
    assert error_pct(surrogate, target[20:], speed=3.0) > 50.0
    surrogate.adapt(target[:20], with_noise(target[:20], 0.02, speed=3.0))
    assert error_pct(surrogate, target[20:], speed=3.0) < 3.0
    assert surrogate.n_labels == 100
    assert surrogate.labels is not None
    assert len(surrogate.labels[0]) == 100


def test_a_failed_adaptation_changes_nothing():
    train = chains(20)
    surrogate = fitted(train, with_noise(train, 0.02))
    before = surrogate.predict(train)[0]
    with pytest.raises(InputError, match="above 0, got -1"):
        surrogate.adapt(train[:3], [1.0, -1.0, 2.0])
    np.testing.assert_array_equal(surrogate.predict(train)[0], before)
    assert surrogate.n_labels == 20


def test_other_predictors_say_that_they_do_not_adapt():
    surrogate = Surrogate("nb201", predictor="ridge").fit([0, 1, 2], [1.0, 2.0, 3.0])
    with pytest.raises(InputError, match="'ridge' does not adapt"):
        surrogate.adapt([3, 4], [1.0, 2.0])


def test_the_correction_learns_what_no_roofline_can():
    """Channels in vectors of 32: a half-empty vector costs as much as a full one."""

    def stepped(graph: OperatorGraph) -> float:
        whole = [-(-o.output_shape[1] // 32) * 32 / o.output_shape[1] * o.flops for o in graph.operators if o.flops]
        return sum(whole) / 1e8 + 0.1

    train, test = chains(400, kernels=(3,)), chains(100, seed=2, kernels=(3,))
    values, exact = (np.array([stepped(graph) for graph in graphs]) for graphs in (train, test))
    plain = fitted(train, values)
    corrected = fitted(train, values, correction_labels=200, epochs=60, members=2, width=32)
    errors = [mean_absolute_percentage_error(s.predict(test)[0], exact) for s in (plain, corrected)]
    assert errors[1] < 0.75 * errors[0]


def test_the_correction_is_bounded():
    train = chains(220)
    values = with_noise(train, 0.02)
    config = {"correction_labels": 200, "epochs": 5, "members": 1, "width": 8, "bound": 0.2}
    surrogate = fitted(train, values, **config)
    plain = fitted(train, values)
    ratio = surrogate.predict(chains(50, seed=4))[0] / plain.predict(chains(50, seed=4))[0]
    assert np.abs(np.log(ratio)).max() <= 0.2 + 1e-6


def test_parts_add_up_to_the_prediction():
    train = chains(60)
    surrogate = fitted(train, with_noise(train, 0.02))
    arch = surrogate.space.parse(train[3])
    table, costs = surrogate.predictor.kernel_costs(arch)
    assert costs.sum() == pytest.approx(surrogate.predict([train[3]])[0][0], rel=1e-8)
    assert len(table.position) == len(costs)
    assert (costs > 0).all()


def test_what_is_unlike_the_training_networks_is_known():
    train = chains(40)
    surrogate = fitted(train, with_noise(train, 0.02))
    huge = chain([4096, 4000])
    operators = [*huge.operators, Operator("Swirl", (len(huge) - 1,), huge.operators[-1].output_shapes)]
    table, _ = surrogate.predictor.kernel_costs(surrogate.space.parse(OperatorGraph(operators)))
    familiar = surrogate.predictor.familiarity
    names = [table.kinds[kind].operator for kind in table.kind]
    assert [name for name, new in zip(names, familiar.unknown(table), strict=True) if new] == ["Swirl"]
    assert familiar.beyond(table).any()
    known, _ = surrogate.predictor.kernel_costs(surrogate.space.parse(train[0]))
    assert not familiar.beyond(known).any()
    assert not familiar.unknown(known).any()


def test_adapting_makes_new_operators_known():
    train = chains(40)
    surrogate = fitted(train, with_noise(train, 0.02))
    swirled = [
        OperatorGraph([*graph.operators, Operator("Swirl", (len(graph) - 1,), graph.operators[-1].output_shapes)])
        for graph in chains(20, seed=8)
    ]
    surrogate.adapt(swirled, [latency_ms(graph) + 0.5 for graph in swirled])
    table, _ = surrogate.predictor.kernel_costs(surrogate.space.parse(swirled[0]))
    assert not surrogate.predictor.familiarity.unknown(table).any()


@pytest.mark.parametrize("values", [[1.0, 0.0, 2.0], [1.0, -3.0, 2.0]])
def test_latencies_are_positive(values):
    with pytest.raises(InputError, match="above 0"):
        fitted(chains(3), np.array(values))


def test_a_network_without_operators_teaches_nothing():
    empty = OperatorGraph([Operator("Input", (), ((1, 3, 8, 8),))])
    with pytest.raises(InputError, match="network 1 has no operators"):
        fitted([chain([8]), empty], np.array([1.0, 2.0]))


def test_a_network_without_operators_takes_no_time():
    train = chains(20)
    surrogate = fitted(train, with_noise(train, 0.02))
    mean, std = surrogate.predict([OperatorGraph([Operator("Input", (), ((1, 3, 8, 8),))])])
    assert mean[0] == 0.0
    assert np.isfinite(std).all()


def test_equal_networks_in_another_order_get_equal_predictions():
    train = chains(30)
    surrogate = fitted(train, with_noise(train, 0.02))
    source = Operator("Input", (), ((1, 3, 16, 16),))
    one, other = convolution(0, (3, 8)), convolution(0, (3, 8), kernel=1)
    joined = ((1, 8, 16, 16),)
    first = OperatorGraph([source, one, other, Operator("Add", (1, 2), joined)])
    second = OperatorGraph([source, other, one, Operator("Add", (2, 1), joined)])
    assert first == second
    np.testing.assert_allclose(surrogate.predict([first])[0], surrogate.predict([second])[0], rtol=1e-9)


def test_a_large_file_leaves_its_labels_out(tmp_path):
    train = chains(230)
    config = {"correction_labels": 200, "epochs": 2, "members": 2, "width": 8}
    surrogate = fitted(train, with_noise(train, 0.02), **config)
    path = surrogate.save(tmp_path / "model.safetensors", keep_labels=False)
    loaded = Surrogate.load(path)
    assert loaded.labels is None
    for before, after in zip(surrogate.predict(train), loaded.predict(train), strict=True):
        np.testing.assert_array_equal(before, after)
    loaded.adapt(train[:10], with_noise(train[:10], 0.02, speed=2.0))
    again = Surrogate.load(loaded.save(tmp_path / "adapted.safetensors", keep_labels=False))
    np.testing.assert_array_equal(again.predict(train)[0], loaded.predict(train)[0])


def test_damaged_states_are_refused():
    train = chains(30)
    surrogate = fitted(train, with_noise(train, 0.02))
    tensors, meta = surrogate.predictor.state()
    damages = [
        (tensors | {"layer.0.log": tensors["layer.0.log"][:-1]}, meta),
        (tensors | {"layer.0.covariance": np.full_like(tensors["layer.0.covariance"], np.nan)}, meta),
        (tensors, meta | {"layers": []}),
        (tensors, meta | {"noise": float("inf")}),
        (tensors, meta | {"largest": {"Conv": [1.0]}}),
        (tensors, meta | {"operators": ["Conv"]}),
        (tensors, meta | {"layers": [meta["layers"][0] | {"factors": [["kind", "data"]] * 3}]}),
        (tensors, meta | {"layers": [meta["layers"][0] | {"factors": [["nothing", "data"]]}]}),
        (tensors, meta | {"layers": [meta["layers"][0] | {"factors": [["quantity", "heat"]]}]}),
        (tensors, meta | {"layers": [meta["layers"][0] | {"spread": [1, 1]}]}),
    ]
    for damaged_tensors, damaged_meta in damages:
        fresh = Roofline(get_space("networks"), metric=known_metric("latency_ms"))
        with pytest.raises((InputError, KeyError)):
            fresh.load_state(damaged_tensors, damaged_meta)


def test_an_operator_learned_by_adapting_no_longer_widens_the_interval():
    train = chains(40)
    surrogate = fitted(train, with_noise(train, 0.02))
    swirled = [
        OperatorGraph([*graph.operators, Operator("Swirl", (len(graph) - 1,), graph.operators[-1].output_shapes)])
        for graph in chains(40, seed=8)
    ]
    values = np.array([latency_ms(graph) + 0.5 for graph in swirled])
    before = surrogate.predictor.log_normal(surrogate.space.parse_many(swirled[20:]))[1]
    surrogate.adapt(swirled[:20], values[:20])
    mean, after = surrogate.predictor.log_normal(surrogate.space.parse_many(swirled[20:]))
    assert np.median(after) < 0.5 * np.median(before)
    assert np.mean(np.abs(np.log(values[20:] / mean)) <= 1.645 * after) > 0.7
