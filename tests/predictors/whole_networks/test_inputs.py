"""Tokens, plain features and batches, against a slow reading of the papers' definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nassurrogate.graphs.operator_graph import Operator, OperatorGraph
from nassurrogate.predictors.whole_networks.batches import GraphSet
from nassurrogate.predictors.whole_networks.number_code import number_code
from nassurrogate.predictors.whole_networks.operator_numbers import KINDS
from nassurrogate.predictors.whole_networks.plain_features import operator_features, static_features
from nassurrogate.predictors.whole_networks.tokens import operator_tokens, static_tokens
from tests.predictors.whole_networks.chains import chain, random_graph

CPU = torch.device("cpu")
CONV = Operator(
    "Conv", (0,), ((2, 64, 54, 53),), kernel=(11, 9), stride=(4, 4), padding=(2, 2, 1, 1), dilation=(1, 1), groups=3,
    bias=True,
)  # fmt: skip


def slow_code(x: float) -> list[float]:
    code: list[float] = []
    for j in range(5):
        code += [math.sin(x * 10_000 ** (-j / 5)), math.cos(x * 10_000 ** (-j / 5))]
    return code


def slow_token(kind: str, attributes: list[float], shape: list[float]) -> list[float]:
    token = [float(kind == known) for known in KINDS] + [float(kind not in KINDS)]
    for number in attributes:
        token += slow_code(number)
    token += [0.0] * (10 * (8 - len(attributes)))
    for size in [*shape, 0, 0, 0, 0][:4]:
        token += slow_code(size)
    return token


@given(st.floats(-1e6, 1e6))
def test_a_number_is_coded_by_five_frequencies(x):
    np.testing.assert_allclose(number_code(np.array(x)), slow_code(x), atol=1e-6)


@pytest.mark.parametrize(
    ("operator", "attributes"),
    [
        (CONV, [11, 4, 2, 1, 3, 1]),
        (CONV._replace(kind="MaxPool"), [11, 4, 2]),
        (CONV._replace(kind="Gemm", output_shapes=((2, 1000),)), [1]),
        (CONV._replace(kind="Relu"), []),
        (CONV._replace(kind="Swirl", output_shapes=((),)), []),
        (CONV._replace(kind="Reshape", output_shapes=((1, 2, 3, 4, 5),)), []),
        (CONV._replace(kind="MatMul"), []),
    ],
    ids=lambda value: value.kind if isinstance(value, Operator) else "",
)
def test_a_token_has_152_numbers(operator, attributes):
    wanted = slow_token(operator.kind, attributes, list(operator.output_shape))
    (token,) = operator_tokens([operator])
    assert token.dtype == np.float32
    assert len(wanted) == 152
    np.testing.assert_allclose(token, wanted, atol=1e-6)


def test_published_codes_of_kinds():
    known = {"Conv": 1, "Relu": 2, "MaxPool": 6, "Gemm": 9, "Concat": 14, "AveragePool": 16, "MatMul": 18, "Clip": 25}
    for kind, code in known.items():  # the released table counts from 1
        assert operator_tokens([Operator(kind, (), ((1,),))])[0, :32].nonzero()[0].tolist() == [code - 1]
    assert operator_tokens([Operator("Resize", (), ((1,),))])[0, 10] == 1  # Upsample by its new name


def test_static_features_are_batch_flops_params_and_memory():
    graph = OperatorGraph([Operator("Input", (), ((2, 4, 54, 53),)), CONV._replace(flops=3 * 10**9, params=2 * 10**6)])
    memory = 4 * (2 * 4 * 54 * 53 + 2 * 10**6 + 2 * 64 * 54 * 53) / 1e9
    wanted = [2, 3.0, 0.002, memory]
    np.testing.assert_allclose(static_features([graph]), [wanted], rtol=1e-6)
    np.testing.assert_allclose(
        static_tokens([graph])[0], [x for number in wanted for x in slow_code(number)], atol=1e-6
    )


def test_plain_features_are_centred_and_scaled():
    (row,) = operator_features([CONV])
    assert row[:32].tolist() == [1.0, *[0.0] * 31]
    attributes = [8.47 / 56, 2.84 / 56, 1.25 / 6, 0, -12.08 / 6144, 0.23, 0, 0]
    shape = [-10.25 / 1024, -222.96 / 2496, 21.38 / 256, 21.2 / 256]
    np.testing.assert_allclose(row[32:], [*attributes, *shape], rtol=1e-5, atol=1e-7)
    (gemm,) = operator_features([CONV._replace(kind="Gemm")])
    np.testing.assert_allclose(gemm[32:40], [0.23, *[0] * 7], rtol=1e-5)  # its first slot is the bias


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 99)), min_size=1, max_size=6), st.data())
def test_a_batch_holds_its_graphs_side_by_side(sizes, data):
    graphs = [random_graph(n, seed) for n, seed in sizes]
    order = data.draw(st.lists(st.integers(0, len(graphs) - 1), min_size=1, max_size=8))
    batch = GraphSet.of(graphs, operator_tokens, static_tokens, CPU).batch(order)
    adjacency = torch.zeros(len(batch.x), len(batch.x))
    adjacency[batch.edges.target, batch.edges.source] = 1
    wanted = torch.block_diag(*(torch.from_numpy(dense_adjacency(graphs[i])) for i in order))
    assert (adjacency == wanted).all()
    assert len(batch.edges.source) == int(wanted.sum())  # each edge once
    assert (batch.degree[:, 0] == wanted.sum(dim=1)).all()
    assert (batch.edges.first.diff() == wanted.sum(dim=1)).all()
    assert (batch.edges.target.diff() >= 0).all()
    assert (batch.edges.source[batch.edges.reverse] == batch.edges.target).all()
    assert (batch.edges.target[batch.edges.reverse] == batch.edges.source).all()
    tokens = np.concatenate([operator_tokens(graphs[i].operators) for i in order])
    assert (batch.x.numpy() == tokens).all()
    assert (batch.static.numpy() == static_tokens([graphs[i] for i in order])).all()
    assert batch.first.diff().tolist() == [len(graphs[i]) for i in order]
    assert batch.graph.bincount().tolist() == [len(graphs[i]) for i in order]


def dense_adjacency(graph: OperatorGraph) -> np.ndarray:
    matrix = np.zeros((len(graph), len(graph)), dtype=np.float32)
    for x, y in graph.edges():
        matrix[x, y] = matrix[y, x] = 1
    return matrix


def test_equal_operators_share_a_row():
    graphs = GraphSet.of([chain([8] * 10), chain([8] * 12)], operator_tokens, static_tokens, CPU)
    assert len(graphs.row) > 50
    assert len(graphs.table) == 4  # input, convolution, activation, addition: a token has no input channels


def test_joined_sets_are_those_of_all_graphs():
    graphs = [random_graph(n, n) for n in (4, 9, 1, 30)]
    whole = GraphSet.of(graphs, operator_tokens, static_tokens, CPU)
    parts = [GraphSet.of(some, operator_tokens, static_tokens, CPU) for some in (graphs[:1], graphs[1:])]
    for one, other in zip(_flat(GraphSet.joined(parts, CPU)), _flat(whole), strict=True):
        assert (one == other).all()


def _flat(graphs: GraphSet) -> list[torch.Tensor]:
    batch = graphs.batch([3, 0, 2, 1])
    return [batch.x, batch.degree, *batch.edges, batch.first, batch.graph, batch.static]
