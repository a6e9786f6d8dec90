"""The canonical key against real arithmetic: cells are run as small networks and their outputs compared.

A network here is one cell on images of 5x5 pixels with 4 channels, a batch of 2, in float64. A convolution is ReLU,
convolution, normalisation without bias; pooling is 3x3 averaging that does not count padding; nodes sum. Which weights
go to which convolution must not matter, so weights come from a small pool and *all* assignments are tried.

Equal keys gave equal outputs for every cell. Unequal keys gave unequal outputs, except by two laws that the key ignores
on purpose (`_normal_form` uses them, and predicts every coincidence):

- pooling is linear and has no parameters: pool(a + b) = pool(a) + pool(b), and two poolings of a tensor are the same;
- ReLU, convolution and a normalisation *that only scales* are homogeneous: conv(2a) = 2 conv(a). Batch statistics
  break this law, so it does not hold for the network during training.

The key also treats a convolution of a zero tensor as zero; with the bias of a batch norm it is not, as the last test
shows.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest
from nas_201_api import NASBench201API
from scipy.spatial import cKDTree

from nassurrogate.architecture import Architecture
from nassurrogate.graphs.canonical import parse_key
from nassurrogate.graphs.cell_graph import CellGraph
from nassurrogate.spaces.nb201.space import NB201

CONVS = {"nor_conv_1x1": 1, "nor_conv_3x3": 3}
POOL = "avg_pool_3x3"
BATCH, CHANNELS, SIDE = 2, 4, 5
WIDTH = CHANNELS * SIDE * SIDE
_RNG = np.random.default_rng(20_240_201)

Norm = Callable[[np.ndarray], np.ndarray]


def _window_matrix(kernel: np.ndarray) -> np.ndarray:
    """(WIDTH, WIDTH) matrix of a 3x3 operation with zero padding; kernel is (out, in, 3, 3)."""
    matrix = np.zeros((CHANNELS, SIDE, SIDE, CHANNELS, SIDE, SIDE))
    for row, column, i, j in itertools.product(range(SIDE), range(SIDE), range(3), range(3)):
        y, x = row + i - 1, column + j - 1
        if 0 <= y < SIDE and 0 <= x < SIDE:
            matrix[:, y, x, :, row, column] += kernel[:, :, i, j].T
    return matrix.reshape(WIDTH, WIDTH)


def _random_conv(kernel_px: int) -> np.ndarray:
    kernel = np.zeros((CHANNELS, CHANNELS, 3, 3))
    inner = slice(1, 2) if kernel_px == 1 else slice(0, 3)
    shape = (CHANNELS, CHANNELS, kernel_px, kernel_px)
    kernel[:, :, inner, inner] = _RNG.normal(scale=(CHANNELS * kernel_px**2 / 2) ** -0.5, size=shape)
    return _window_matrix(kernel)


def _pool_matrix() -> np.ndarray:
    sums = _window_matrix(np.eye(CHANNELS)[:, :, None, None] * np.ones((3, 3)))
    return sums / sums.sum(axis=0)  # each output divides by the number of pixels inside the image, not by nine


WEIGHTS = {op: np.stack([_random_conv(px) for _ in range(6)]) for op, px in CONVS.items()}
POOLING = _pool_matrix()
IMAGES = _RNG.normal(size=(1, BATCH, WIDTH))
READOUT = _RNG.normal(size=(BATCH * WIDTH, 6)) / (BATCH * WIDTH) ** 0.5
_SCALE = np.repeat(_RNG.uniform(0.5, 1.5, CHANNELS), SIDE * SIDE)


def scale_only(tensor: np.ndarray) -> np.ndarray:
    """Batch norm at inference without its shifts: a fixed factor per channel."""
    return tensor * _SCALE


def batch_statistics(tensor: np.ndarray) -> np.ndarray:
    """Batch norm in training without its bias; with a large epsilon, so that it depends on the scale of its input."""
    maps = tensor.reshape(-1, BATCH, CHANNELS, SIDE * SIDE)
    centred = maps - maps.mean(axis=(1, 3), keepdims=True)
    return np.asarray((centred / np.sqrt(maps.var(axis=(1, 3), keepdims=True) + 1.0)).reshape(tensor.shape))


NORMS: list[Norm] = [scale_only, batch_statistics]

# --- running cells -----------------------------------------------------------------------------------------------


def _assignments(ops: Sequence[str]) -> dict[int, np.ndarray]:
    """For every convolution, by its position in `ops`, which weight it gets in each of the A assignments: (A,)."""
    of_kind = [[i for i, op in enumerate(ops) if op == kind] for kind in CONVS]
    ways = list(itertools.product(*(itertools.permutations(range(len(found))) for found in of_kind)))
    table = np.array([[*itertools.chain(*way)] for way in ways]).reshape(len(ways), -1)
    return {node: table[:, column] for column, node in enumerate(itertools.chain(*of_kind))}


def _apply(op: str, tensor: np.ndarray, weight: np.ndarray | None, norm: Norm) -> np.ndarray:
    if op == "none":
        return np.zeros_like(tensor)
    if op == "skip_connect":
        return tensor
    if op == POOL:
        return np.asarray(tensor @ POOLING)
    assert weight is not None
    return norm(np.maximum(tensor, 0.0) @ WEIGHTS[op][weight])


def run_graph(graph: CellGraph, norm: Norm) -> np.ndarray:
    """(A, BATCH * WIDTH): outputs of a canonical graph under all A assignments; the first is the canonical order."""
    weights = _assignments(graph.ops)
    values = [IMAGES]
    for node, op in enumerate(graph.ops[1:], start=1):
        read = sum((int(t) * values[x] for x, t in enumerate(graph.adjacency[:node, node]) if t), np.zeros_like(IMAGES))
        values.append(read if node == graph.n_nodes - 1 else _apply(op, read, weights.get(node), norm))
    n = max(len(weight) for weight in weights.values()) if weights else 1
    return np.broadcast_to(values[-1], (n, BATCH, WIDTH)).reshape(n, -1)


def run_string(arch: Architecture, norm: Norm) -> np.ndarray:
    """The same for the cell as it is written, including dead convolutions, read by the official package's parser."""
    nodes = NASBench201API.str2lists(arch.string)
    weights = _assignments([op for node in nodes for op, _ in node])
    values, edge = [IMAGES], 0
    for node in nodes:
        total = np.zeros_like(IMAGES)
        for op, source in node:
            total = total + _apply(op, values[source], weights.get(edge), norm)
            edge += 1
        values.append(total)
    n = max(len(weight) for weight in weights.values()) if weights else 1
    return np.broadcast_to(values[-1], (n, BATCH, WIDTH)).reshape(n, -1)


def _fingerprint(graph: CellGraph, norm: Norm) -> np.ndarray:
    """(6,): nonlinear readouts of the output, averaged over all assignments of the weights."""
    return np.asarray(np.tanh(run_graph(graph, norm) @ READOUT).mean(axis=0))


# --- which unequal keys must coincide ----------------------------------------------------------------------------

_Terms = Counter[tuple[int, int]]
"""A tensor as a sum: (position of the input or a convolution, times it is pooled) → how many times it is added."""


def _normal_form(graph: CellGraph, *, homogeneous: bool) -> object:
    """The graph with pooling expanded and, if `homogeneous`, common factors moved out of convolutions; no labels."""
    convs: dict[int, _Terms] = {}
    values: list[_Terms] = [Counter({(0, 0): 1})]
    for node, op in enumerate(graph.ops[1:], start=1):
        read: _Terms = Counter()
        for source, times in enumerate(graph.adjacency[:node, node].tolist()):
            for term, count in values[source].items():
                read[term] += times * count if times else 0
        read = +read
        if op in CONVS:
            factor = math.gcd(*read.values()) if homogeneous else 1
            convs[node] = Counter({term: count // factor for term, count in read.items()})
            read = Counter({(node, 0): factor})
        elif op == POOL:
            read = Counter({(source, pools + 1): count for (source, pools), count in read.items()})
        values.append(read)
    return min(_spelled(graph.ops, convs, values[-1], names) for names in _namings(graph.ops, list(convs)))


def _namings(ops: Sequence[str], convs: list[int]) -> Iterator[dict[int, int]]:
    of_kind = [[node for node in convs if ops[node] == kind] for kind in CONVS]
    for way in itertools.product(*(itertools.permutations(found) for found in of_kind)):
        yield {0: 0, **{node: name for name, node in enumerate(itertools.chain(*way), start=1)}}


def _spelled(ops: Sequence[str], convs: dict[int, _Terms], output: _Terms, names: dict[int, int]) -> tuple[object, ...]:
    def terms(tensor: _Terms) -> list[tuple[int, int, int]]:
        return sorted((names[source], pools, count) for (source, pools), count in tensor.items())

    return sorted((names[node], ops[node], terms(read)) for node, read in convs.items()), terms(output)  # type: ignore[return-value]


def _partition(labels: Sequence[object]) -> set[frozenset[int]]:
    groups: dict[object, list[int]] = {}
    for i, label in enumerate(labels):
        groups.setdefault(repr(label), []).append(i)
    return {frozenset(group) for group in groups.values() if len(group) > 1}


def _coinciding(fingerprints: np.ndarray, within: float) -> set[frozenset[int]]:
    pairs = cKDTree(fingerprints).query_pairs(within, p=np.inf)
    leader = list(range(len(fingerprints)))
    for a, b in sorted(pairs):
        leader[b] = min(leader[b], leader[a])
    return _partition(leader)


# --- the proofs --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def space() -> NB201:
    return NB201()


@pytest.fixture(scope="module")
def classes(space: NB201) -> list[CellGraph]:
    return [parse_key(key) for key in sorted({arch.key for arch in space.all()})]


def _assert_strings_match_their_class(archs: Sequence[Architecture], norm: Norm) -> None:
    for arch in archs:
        expected = run_graph(arch.graph(), norm)[0]
        outputs = run_string(arch, norm)
        # Some assignment gives the convolutions that are alive the canonical weights; dead ones get the rest.
        assert np.abs(outputs - expected).max(axis=1).min() <= 1e-12 * max(1.0, np.abs(expected).max()), arch


@pytest.mark.parametrize("norm", NORMS)
def test_cells_compute_what_their_key_says(space: NB201, norm: Norm) -> None:
    _assert_strings_match_their_class(space.all()[::25], norm)


@pytest.mark.slow
@pytest.mark.parametrize("norm", NORMS)
def test_every_cell_computes_what_its_key_says(space: NB201, norm: Norm) -> None:
    _assert_strings_match_their_class(space.all(), norm)


@pytest.mark.parametrize(("norm", "n_functions"), [(batch_statistics, 5_044), (scale_only, 5_014)])
def test_unequal_keys_differ_unless_a_law_says_otherwise(
    classes: list[CellGraph], norm: Norm, n_functions: int
) -> None:
    """5,425 keys, 5,044 functions once pooling is linear, 5,014 if convolutions are homogeneous too; no other pair."""
    predicted = _partition([_normal_form(graph, homogeneous=norm is scale_only) for graph in classes])
    fingerprints = np.array([_fingerprint(graph, norm) for graph in classes])
    # The wide gap between the two tolerances shows that no pair is close by chance.
    assert _coinciding(fingerprints, within=1e-12) == predicted
    assert _coinciding(fingerprints, within=1e-8) == predicted
    assert len(classes) - sum(len(group) - 1 for group in predicted) == n_functions


@pytest.mark.parametrize(
    ("one", "other", "equal_under"),
    [
        pytest.param(
            "avg_pool_3x3(0) nor_conv_3x3(0) avg_pool_3x3(2) output(1+3)",
            "nor_conv_3x3(0) avg_pool_3x3(0+1) output(2)",
            {scale_only, batch_statistics},
            id="pool(a+b) = pool(a)+pool(b)",
        ),
        pytest.param(
            "avg_pool_3x3(0) avg_pool_3x3(0) output(1+2)",
            "avg_pool_3x3(0) output(2*1)",
            {scale_only, batch_statistics},
            id="two poolings of one tensor",
        ),
        pytest.param(
            "nor_conv_1x1(2*0) output(1)", "nor_conv_1x1(0) output(2*1)", {scale_only}, id="conv(2a) = 2 conv(a)"
        ),
        pytest.param("nor_conv_1x1(0) nor_conv_1x1(0) output(1+2)", "nor_conv_1x1(0) output(2*1)", set(), id="none"),
    ],
)
@pytest.mark.parametrize("norm", NORMS)
def test_exceptions_by_example(
    classes: list[CellGraph], one: str, other: str, equal_under: set[Norm], norm: Norm
) -> None:
    graphs = [parse_key(key) for key in (one, other)]
    assert all(graph in classes for graph in graphs)
    fingerprints = [_fingerprint(graph, norm) for graph in graphs]
    assert np.allclose(*fingerprints, rtol=0, atol=1e-12) == (norm in equal_under)


@pytest.mark.parametrize(
    "ops", [("none", "none", "none", "skip_connect", "none", "nor_conv_3x3"), ("none",) * 4 + ("nor_conv_1x1",) * 2]
)
def test_bias_of_a_dead_convolution_is_the_exception(space: NB201, ops: tuple[str, ...]) -> None:
    """To the key, a convolution of a zero tensor is zero; with a learned bias of the batch norm, it is that bias."""

    def biased(tensor: np.ndarray) -> np.ndarray:
        return scale_only(tensor) + 0.1

    cell, other = (
        space.from_ops(ops),
        space.from_ops(["none" if op.startswith("nor_conv") else op for op in ops]),
    )
    assert cell.key == other.key
    assert np.array_equal(run_string(cell, scale_only)[0], run_string(other, scale_only)[0])
    assert np.abs(run_string(cell, biased)[0] - run_string(other, biased)[0]).min() > 0.09
