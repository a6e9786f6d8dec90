"""Numbers of networks and of their paths."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nassurrogate import get_space
from nassurrogate.graphs.network_builder import NetworkBuilder
from nassurrogate.graphs.operator_graph import Operator, OperatorGraph
from nassurrogate.graphs.operator_kinds import group_of
from nassurrogate.predictors.across_spaces.structure import STRUCTURE_NAMES, structure_of
from tests.predictors.whole_networks.chains import chain

NB201: Any = get_space("nb201")


def _named(graph: OperatorGraph) -> dict[str, float]:
    return dict(zip(STRUCTURE_NAMES, structure_of([graph])[0].tolist(), strict=True))


def test_a_network_with_two_paths() -> None:
    build = NetworkBuilder(channels=3, side=8)
    x = build.conv_bn(build.image, 4, 3)
    y = build.pool(build.conv_bn(build.conv_bn(x, 4, 1), 4, 3), "MaxPool", 3, padding=1)
    graph = build.finish(build.classifier(build.add([x, y]), 2), "network")
    found = _named(graph)
    assert found["log number of paths"] == pytest.approx(math.log(2))
    assert found["log number of paths without smoothing"] == pytest.approx(0.0)
    assert [found[f"{which} layers on a path"] for which in ("least", "mean", "most")] == pytest.approx([2, 3.5, 5])
    assert found["most layers with weights on a path"] == 4
    assert found["mean spatial convolutions on a path"] == pytest.approx(1.5)
    assert [found[f"{which} smoothing pools on a path"] for which in ("least", "most")] == [0, 1]
    counts = [found[name] for name in ("spatial convolutions", "other layers with weights", "smoothing pools")]
    assert counts == [2, 2, 1]
    assert found["log FLOPs"] == pytest.approx(math.log1p(graph.flops))


def test_pools_that_halve_the_image_do_not_count() -> None:
    build = NetworkBuilder(channels=3, side=8)
    x = build.pool(build.conv_bn(build.image, 4, 3), "MaxPool", 2, stride=2)
    found = _named(build.finish(build.classifier(x, 2), "network"))
    assert (found["smoothing pools"], found["most layers on a path"]) == (0, 2)


def test_a_network_without_a_path_is_told_apart() -> None:
    found = _named(NB201.operator_graph(NB201.from_ops(["none"] * 6)))
    assert found["log number of paths"] == found["most layers on a path"] == -1
    assert found["log FLOPs"] == 0
    only_input = _named(OperatorGraph([Operator("Input", (), ((1, 3, 8, 8),))]))
    assert only_input["log number of paths"] == -1


@given(st.lists(st.integers(0, 15_624), min_size=2, max_size=2))
def test_equivalent_cells_have_the_same_structure(indices: list[int]) -> None:
    arch = NB201.parse(indices[0])
    equivalent = [NB201.parse(int(i)) for i in np.flatnonzero(NB201.class_ids() == NB201.class_ids()[arch.index])[:3]]
    rows = structure_of([NB201.operator_graph(each) for each in equivalent])
    assert np.allclose(rows, rows[0])


@given(st.integers(0, 15_624))
def test_paths_agree_with_a_listing_of_them(index: int) -> None:
    """Of one cell, all of whose paths can be listed."""
    graph = _one_cell(NB201.parse(index))
    lengths = _listed_paths(graph)
    found = _named(graph)
    if not lengths:
        assert found["log number of paths"] == -1
        return
    assert found["log number of paths"] == pytest.approx(math.log(len(lengths)))
    numbers = [found[f"{which} layers on a path"] for which in ("most", "least", "mean")]
    assert numbers == pytest.approx([max(lengths), min(lengths), sum(lengths) / len(lengths)])


def _one_cell(arch: Any) -> OperatorGraph:
    """The operators of a network up to the end of its first cell, where the first residual block begins."""
    operators = NB201.operator_graph(arch).operators
    ends = [place for place, operator in enumerate(operators) if operator.stride == (2, 2)]
    if not ends:
        return OperatorGraph(operators)
    return OperatorGraph(operators[: min(len(operators), 12)])


def _listed_paths(graph: OperatorGraph) -> list[int]:
    """Layers on every path to the last operator."""
    paths: list[list[int]] = []
    for operator in graph.operators:
        if operator.kind == "Input":
            paths.append([0])
            continue
        group = group_of(operator.kind)
        smooths = group == "pool" and operator.stride == (1, 1)
        step = int(group in ("convolution", "matrix product") or smooths)
        paths.append([length + step for source in operator.inputs for length in paths[source]])
    return paths[-1]


def test_deep_networks_have_more_paths_than_a_float_counts() -> None:
    operators = [Operator("Input", (), ((1, 3, 8, 8),))]
    for _ in range(1500):
        last = len(operators) - 1
        operators.append(Operator("Add", (last, last), ((1, 3, 8, 8),)))
    assert _named(OperatorGraph(operators))["log number of paths"] == pytest.approx(1500 * math.log(2))


def test_wider_chains_cost_more_and_are_as_deep() -> None:
    narrow, wide = (_named(chain([width] * 4)) for width in (8, 16))
    assert narrow["log FLOPs"] < wide["log FLOPs"]
    assert narrow["most layers on a path"] == wide["most layers on a path"] == 4
