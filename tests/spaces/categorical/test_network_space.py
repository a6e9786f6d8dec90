"""What follows from `build` and `input_shape`: graphs, exact costs and equal networks."""

from __future__ import annotations

import copy
import logging
import pickle
import random
from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from nassurrogate import Architecture, InputError, Surrogate, get_space
from nassurrogate.graphs.operator_graph import OperatorGraph
from nassurrogate.graphs.readers.torch_reader import read_torch
from nassurrogate.graphs.simplification import simplified
from nassurrogate.search import run
from nassurrogate.spaces import CategoricalSpace
from nassurrogate.spaces.categorical import (
    CategoricalNetworkSpace,
    EnumerableCategoricalNetworkSpace,
    EnumerableCategoricalSpace,
    Slot,
)
from nassurrogate.spaces.nb201.space import EDGES, OPS
from nassurrogate.spaces.network_space import NetworkSpace
from tests.spaces import declared
from tests.spaces.categorical.networks import CNN_SLOTS, DependsOnNumbers, build_cnn

IMAGE = (1, 12, 12)
CNN: Any = CategoricalSpace("cnn", CNN_SLOTS, build=build_cnn, input_shape=IMAGE)
NB201: Any = get_space("nb201")


def cnn(**choices: Any) -> Architecture:
    return CNN.from_choices({**{name: values[0] for name, values in CNN_SLOTS.items()}, **choices})


def nb201_cell(arch: Architecture) -> Architecture:
    cell: Architecture = NB201.from_ops([arch.choices[f"edge{place}"] for place in range(len(EDGES))])
    return cell


def build_nb201(arch: Architecture) -> nn.Module:
    return NB201.build(nb201_cell(arch))


def build_short_nb201(arch: Architecture) -> nn.Module:
    return NB201.build(nb201_cell(arch), cells_per_stage=1)


DECLARED_NB201: Any = CategoricalSpace(
    "declared nb201", {f"edge{place}": OPS for place in range(len(EDGES))}, build=build_nb201, input_shape=(3, 32, 32)
)


class Counting:
    """Builds the small networks, and counts how often."""

    def __init__(self) -> None:
        self.built: Counter[str] = Counter()

    def __call__(self, arch: Architecture) -> nn.Module:
        self.built[str(arch)] += 1
        return build_cnn(arch)


def counting(**functions: Any) -> tuple[CategoricalSpace, Counting]:
    build = Counting()
    return CategoricalSpace("counting", CNN_SLOTS, build=build, input_shape=IMAGE, **functions), build


# --- the class ------------------------------------------------------------------------------------------------------


def test_a_space_with_build_and_a_shape_is_one_of_networks() -> None:
    slots = {"width": [4, 8]}
    for space in (
        CategoricalSpace("mine", slots, build=declared.build, input_shape=(3, 8, 8)),
        CategoricalSpace("mine", slots, None, None, declared.build, (3, 8, 8)),
        pickle.loads(pickle.dumps(declared.BUILT)),
        declared.LISTED_BUILT,
    ):
        assert isinstance(space, NetworkSpace)
        assert isinstance(space, CategoricalNetworkSpace)
    assert isinstance(declared.LISTED_BUILT, EnumerableCategoricalNetworkSpace)
    assert declared.LISTED_BUILT.take([1])[0].choices == {"width": 8}
    assert declared.LISTED_BUILT.free_metrics("cifar10")["params_m"].tolist() == [1.6e-05, 3.2e-05, 6.4e-05]
    for options in ({}, {"build": declared.build}, {"input_shape": (3, 8, 8)}):
        assert not isinstance(CategoricalSpace("mine", slots, **options), NetworkSpace)


def test_it_is_equal_to_a_space_of_the_same_slots() -> None:
    slots = {"width": [4, 8, 16]}
    assert CategoricalSpace("built", slots) == declared.BUILT == copy.deepcopy(declared.BUILT)
    assert declared.BUILT.parse("width=4") == CategoricalSpace("built", slots).parse("width=4")
    assert EnumerableCategoricalSpace("listed and built", slots) == declared.LISTED_BUILT
    assert EnumerableCategoricalSpace("built", slots) != declared.BUILT


def test_a_class_of_the_users_own_inherits_from_it() -> None:
    class Mine(CategoricalNetworkSpace):
        def __init__(self, widths: list[int]) -> None:
            super().__init__("mine", {"width": widths}, build=declared.build, input_shape=(3, 8, 8))

    space = Mine([4, 8])
    assert space.costs([space.parse("width=4")])["params_m"].tolist() == [1.6e-05]
    assert Mine([4, 8]) == space != CategoricalSpace("mine", {"width": [4, 8]})
    with pytest.raises(InputError, match="needs build and input_shape"):
        CategoricalNetworkSpace("mine", {"width": [4]}, build=declared.build)


def test_spaces_that_cannot_be_sent_say_so() -> None:
    space = CategoricalSpace("mine", {"width": [4]}, build=lambda arch: nn.ReLU(), input_shape=(3,))
    with pytest.raises(InputError, match="its build is a lambda"):
        pickle.dumps(space)


# --- graphs and costs -----------------------------------------------------------------------------------------------


@settings(max_examples=30)
@given(st.sampled_from(list(CNN.members())))
def test_costs_are_those_that_pytorch_counts(arch: Architecture) -> None:
    module = build_cnn(arch).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(torch.zeros(1, *IMAGE))
    costs = {metric: values.tolist() for metric, values in CNN.costs([arch]).items()}
    graph = CNN.operator_graph(arch)
    assert costs == {
        "params_m": [sum(p.numel() for p in module.parameters()) / 1e6],
        "flops_m": [counter.get_total_flops() / 2e6],
        "activation_mb": [graph.activation_bytes / 1e6],
    }
    assert graph == read_torch(module, (1, *IMAGE))
    assert graph.name == str(arch)


def test_nb201_declared_by_its_choices_costs_what_the_built_in_space_says() -> None:
    slots = DECLARED_NB201.slots
    archs = DECLARED_NB201.sample(4, np.random.default_rng(0))
    archs += [DECLARED_NB201.from_choices(dict.fromkeys(slots, op)) for op in ("none", "nor_conv_3x3")]
    own = [nb201_cell(arch) for arch in archs]
    found, known = DECLARED_NB201.costs(archs), NB201.costs(own)
    assert found["params_m"].tolist() == known["params_m"].tolist()
    graphs = [NB201.operator_graph(arch) for arch in own]
    assert found["flops_m"].tolist() == [graph.flops / 2e6 for graph in graphs]
    assert found["flops_m"][-1] == known["flops_m"][-1]  # the formula also counts what no output depends on
    for graph, arch in zip(graphs[-2:], archs[-2:], strict=True):
        normal = OperatorGraph(simplified(graph.operators))
        assert normal == DECLARED_NB201.operator_graph(arch)


def test_what_the_user_says_takes_precedence() -> None:
    space, build = counting(costs=lambda arch: {"flops_m": 7.0, "latency_ms": 1.5})
    arch = space.parse(str(cnn()))
    costs = space.costs([arch])
    assert list(costs) == ["flops_m", "latency_ms", "params_m", "activation_mb"]
    assert (costs["flops_m"].tolist(), costs["latency_ms"].tolist()) == ([7.0], [1.5])
    assert list(space.formula_costs([arch])) == ["flops_m", "latency_ms"]
    assert not build.built


def test_networks_are_built_only_for_what_is_read() -> None:
    space, build = counting()
    archs = space.sample(5, np.random.default_rng(0))
    costs = space.costs(archs)
    assert list(costs) == ["params_m", "flops_m", "activation_mb"]
    assert not space.formula_costs(archs)
    assert not build.built
    for _ in range(2):
        assert np.isfinite(space.costs(archs)["params_m"]).all()
    assert set(build.built.values()) == {1}
    for _ in range(2):
        assert np.isfinite(space.costs(archs)["flops_m"]).all()
        assert np.isfinite(space.costs(archs)["activation_mb"]).all()
        assert all(space.operator_graph(arch) for arch in archs)
    assert set(build.built.values()) == {2}
    assert len(build.built) == 5


def test_a_search_without_constraints_builds_no_pool() -> None:
    space, build = counting()
    value, options = lambda arch: float(arch.choices["width"]), {"predictor": "ridge", "write": False}
    run(space=space, evaluate=value, budget=6, seed=0, **options)  # space-process would look at a sample of networks
    assert len(build.built) < 60 < CNN.size


def test_a_search_holds_constraints_on_the_costs() -> None:
    evaluated: list[Architecture] = []

    def evaluate(arch: Architecture) -> float:
        evaluated.append(arch)
        return float(arch.choices["width"] * arch.choices["depth"])

    bounds = ["params_m <= 0.0003", "flops_m <= 0.02"]
    run(space=CNN, evaluate=evaluate, constraints=bounds, budget=8, seed=0, write=False)
    costs = CNN.costs(evaluated)
    assert len(evaluated) == 8
    assert (costs["params_m"] <= 0.0003).all()
    assert (costs["flops_m"] <= 0.02).all()


def test_predictors_of_whole_networks_read_it() -> None:
    archs = CNN.sample(60, np.random.default_rng(1))
    latency_ms = [CNN.operator_graph(arch).memory_bytes / 1e6 for arch in archs]
    surrogate = Surrogate(space=CNN, metric="latency_ms", predictor="roofline")
    surrogate.fit(archs[:40], latency_ms[:40])
    mean, _ = surrogate.predict(archs[40:])
    assert np.corrcoef(mean, latency_ms[40:])[0, 1] > 0.95


# --- the user's code ------------------------------------------------------------------------------------------------


def _draw(arch: Architecture) -> nn.Module:
    """Draws from all generators: a random width, and random weights."""
    width = 1 + random.randrange(1000) + int(np.random.randint(1000))  # noqa: NPY002
    return nn.Conv2d(1, width, 1)


def test_the_global_generators_stay_as_they_are() -> None:
    found = []
    for seed in (0, 1):
        space = CategoricalSpace("random", {"width": [4, 8]}, build=_draw, input_shape=IMAGE)
        arch = space.parse("width=4")
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        torch.manual_seed(seed)
        before = random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist()  # noqa: NPY002
        costs = {metric: values.tolist() for metric, values in space.costs([arch]).items()}
        found.append((costs, space.network_key(arch), space.network_notes(np.random.default_rng(0))))
        assert before == (random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist())  # noqa: NPY002
    assert found[0] == found[1], "a global seed changes what is read"


def test_a_module_that_is_built_once_stays_as_it_is() -> None:
    module = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.AdaptiveAvgPool2d(1)).train()
    state = copy.deepcopy(module.state_dict())
    space = CategoricalSpace("shared", {"width": [4, 8]}, build=lambda arch: module, input_shape=IMAGE)
    arch = space.parse("width=4")
    (note,) = space.network_notes(np.random.default_rng(0))
    assert note.startswith("width does not change the network")
    assert np.isfinite(list({**space.costs([arch])}.values())).all()
    digest, setting = str(space.network_key(arch)).split()
    assert (space.network_key(space.parse("width=8")), setting) == (f"{digest} width=8", "width=4")
    assert space.build(arch) is module
    assert all(part.training for part in module.modules())
    assert all(torch.equal(module.state_dict()[name], value) for name, value in state.items())
    assert all(not parameter.is_meta and parameter.requires_grad for parameter in module.parameters())


# --- equal networks -------------------------------------------------------------------------------------------------


def test_equal_networks_have_equal_keys() -> None:
    """The first block has no residual connection, so the choice is irrelevant at depth 1."""
    assert CNN.network_key(cnn(depth=1, skip=True)) == CNN.network_key(cnn(depth=1, skip=False))
    assert CNN.network_key(cnn(depth=2, skip=True)) != CNN.network_key(cnn(depth=2, skip=False))
    assert len({CNN.network_key(arch) for arch in CNN.members()}) == CNN.size * 5 // 6


def test_canonical_does_not_change_the_keys_of_networks() -> None:
    space = CategoricalSpace(
        "cnn", CNN_SLOTS, canonical=lambda arch: {**arch.choices, "act": "relu"}, build=build_cnn, input_shape=IMAGE
    )
    one, other = space.parse(str(cnn(act="leaky"))), space.parse(str(cnn(act="relu")))
    assert one.key == other.key
    assert space.network_key(one) != space.network_key(other)


def test_keys_find_the_equivalent_cells_of_nb201() -> None:
    """The space of choices knows nothing of the classes: numbers of nodes, order of sums, what reaches the output."""
    space = CategoricalSpace("short nb201", DECLARED_NB201.slots, build=build_short_nb201, input_shape=(3, 32, 32))
    ids = NB201.class_ids()
    several = np.flatnonzero((np.bincount(ids) >= 2) & (np.bincount(ids) <= 4))
    drawn = np.random.default_rng(0).permutation(several)[:6]
    cells = NB201.take(np.flatnonzero(np.isin(ids, drawn)))
    keys: dict[str, set[str | None]] = {}
    for cell in cells:
        ops = [gene.choices[code] for gene, code in zip(NB201.genes, NB201.gene_codes([cell])[0], strict=True)]
        arch = space.from_choices(dict(zip(space.slots, ops, strict=True)))
        keys.setdefault(cell.key, set()).add(space.network_key(arch))
    assert len(cells) > len(keys) == len(drawn)
    assert all(len(found) == 1 for found in keys.values()), "equivalent cells have different keys"
    assert len(set().union(*keys.values())) == len(keys), "cells that are not equivalent have the same key"


def test_inactive_slots_change_nothing() -> None:
    slots = {"depth": [1, 2], "width": [4, 8], "skip": Slot([True, False], when={"depth": 2})}

    def build(arch: Architecture) -> nn.Module:
        return build_cnn(cnn(**arch.choices))

    space = CategoricalSpace("conditional cnn", slots, build=build, input_shape=IMAGE)
    short = space.from_choices({"depth": 1, "width": 4})
    assert space.network_key(short) == CNN.network_key(cnn(depth=1, width=4))


# --- what cannot be read --------------------------------------------------------------------------------------------


def test_a_network_that_cannot_be_read_has_parameters_only(caplog: pytest.LogCaptureFixture) -> None:
    space = CategoricalSpace(
        "numbers", {"width": [4, 8]}, build=lambda arch: DependsOnNumbers(arch.choices["width"]), input_shape=(3, 8, 8)
    )
    archs = list(space.members())
    with caplog.at_level(logging.WARNING):
        costs = {metric: values.tolist() for metric, values in space.costs(archs).items()}
        assert [space.network_key(arch) for arch in archs] == [None, None]
    assert costs["params_m"] == [1.6e-05, 3.2e-05]
    assert np.isnan([costs["flops_m"], costs["activation_mb"]]).all()
    (logged,) = caplog.messages
    assert logged.startswith("flops_m and activation_mb are unknown where a network cannot be read: the network of")
    why = space.why_untraced(archs[1])
    assert why is not None
    assert "the network of 'width=8' in space 'numbers' cannot be read" in why
    assert "its control flow depends on the numbers in a tensor" in why
    with pytest.raises(InputError) as caught:
        space.operator_graph(archs[1])
    assert str(caught.value) == why


def test_faulty_architectures_cost_an_unknown_amount(caplog: pytest.LogCaptureFixture) -> None:
    space = CategoricalSpace("faulty", declared.FAULTY.slots, build=declared.build_narrow, input_shape=(3, 8, 8))
    archs = list(space.members())
    with caplog.at_level(logging.WARNING):
        costs = space.costs(archs)
        for metric in costs:
            assert np.isfinite(costs[metric]).tolist() == [True, True, False]
    assert len(caplog.messages) == 1
    why = space.why_untraced(archs[2])
    assert why == "build of space 'faulty' raised ValueError: too wide for 'width=16'"
    assert space.network_key(archs[2]) is None
    assert space.why_untraced(archs[0]) is None


def test_tokens_are_read_as_indices() -> None:
    def build(arch: Architecture) -> nn.Module:
        width = arch.choices["width"]
        return nn.Sequential(nn.Embedding(50, width), nn.Flatten(), nn.Linear(16 * width, 2))

    space = CategoricalSpace("tokens", {"width": [4, 8]}, build=build, input_shape=(16,))
    archs = list(space.members())
    assert space.costs(archs)["flops_m"].tolist() == [16 * 4 * 2 / 1e6, 16 * 8 * 2 / 1e6]
    assert space.network_notes(np.random.default_rng(0)) == []
    assert None not in [space.network_key(arch) for arch in archs]
