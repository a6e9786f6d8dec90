"""Building networks layer by layer."""

from __future__ import annotations

from nassurrogate.graphs.network_builder import NetworkBuilder
from nassurrogate.graphs.operator_graph import OperatorGraph
from nassurrogate.graphs.simplification import simplified


def _kinds(graph: OperatorGraph) -> list[str]:
    return [operator.kind for operator in graph.operators]


def test_a_batch_norm_is_folded_into_a_convolution_and_nothing_else() -> None:
    build = NetworkBuilder(channels=3, side=8)
    folded = build.batch_norm(build.conv(build.image, 4, 3))
    graph = build.finish(build.batch_norm(build.add([folded, folded])), "network")
    assert _kinds(graph) == ["Input", "Conv", "Add", "BatchNormalization"]
    assert [operator.params for operator in graph.operators] == [0, 3 * 4 * 9 + 4, 0, 8]
    assert graph.operators[1].bias


def test_what_the_output_does_not_need_is_left_out() -> None:
    build = NetworkBuilder(channels=3, side=8)
    kept = build.conv(build.image, 4, 1)
    build.conv(build.image, 8, 3)
    graph = build.finish(build.relu(kept), "network")
    assert _kinds(graph) == ["Input", "Conv", "Relu"]
    assert graph.name == "network"


def test_equal_activations_are_computed_once() -> None:
    build = NetworkBuilder(channels=3, side=8)
    x = build.conv(build.image, 4, 1)
    assert build.relu(x) == build.relu(x)
    assert build.pool(x, "MaxPool", 3, padding=1) != x


def test_shapes_strides_and_groups() -> None:
    build = NetworkBuilder(channels=4, side=9)
    x = build.conv_bn(build.image, 8, 3, stride=2, groups=4)
    y = build.pool(x, "AveragePool", 2, stride=2)
    joined = build.concat([y, build.first_channels(y, 3), build.first_channels(y, 8)])
    graph = build.finish(build.classifier(joined, 5), "network")
    convolution = graph.operators[1]
    assert (convolution.output_shape, convolution.groups, convolution.params) == ((1, 8, 5, 5), 4, 8 * 9 + 8)
    assert convolution.flops == 2 * 8 * 25 * 9
    assert [operator.output_shape for operator in graph.operators[2:5]] == [(1, 8, 2, 2), (1, 3, 2, 2), (1, 19, 2, 2)]
    assert (graph.operators[-1].output_shape, graph.operators[-1].params) == ((1, 5), 19 * 5 + 5)


def test_networks_are_in_normal_form() -> None:
    build = NetworkBuilder(channels=3, side=8)
    x = build.conv_bn(build.image, 4, 3)
    y = build.conv_bn(build.relu(x), 4, 3)
    graph = build.finish(build.classifier(build.relu(build.add([x, y])), 2), "network")
    assert len(simplified(graph.operators)) == len(graph)
