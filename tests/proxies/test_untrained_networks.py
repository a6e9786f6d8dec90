"""Probes of many untrained networks at once are those of a network that is written out."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from nassurrogate.errors import InputError
from nassurrogate.graphs.canonical import canonical_graph
from nassurrogate.graphs.cell_graph import CellGraph
from nassurrogate.proxies import untrained_networks as module
from nassurrogate.proxies.names import PROBE_NAMES
from nassurrogate.proxies.untrained_cells import CELLS_OF, SplitCells, SummedCells
from nassurrogate.proxies.untrained_networks import probe
from nassurrogate.spaces import get_space

SMALL = {"channels": 4, "image_px": 8, "images": 5, "device": "cpu"}
COLUMN = {name: column for column, name in enumerate(PROBE_NAMES)}
STAGES = ("stage 1", "stage 2", "stage 3")
NOTHING = math.log(1e-12)


def measured(*graphs, seed=0, cells_per_stage=1, **changes):
    return probe(graphs, seed=seed, cells_per_stage=cells_per_stage, **SMALL | changes)


def passing_on(times):
    """The cell that outputs a multiple of its input."""
    return CellGraph(("input", "output"), [[0, times], [0, 0]])


@pytest.fixture(scope="module")
def cells(space):
    """Random cells, one with no path from input to output, one that only passes its input on."""
    some = space.sample(10, np.random.default_rng(0))
    return [cell.graph() for cell in (*some, space.from_ops(["none"] * 6), space.from_ops(["skip_connect"] * 6))]


# --- one network, written out ----------------------------------------------------------------------------------------


class Written:
    """One network in float64, written out except for the random weights."""

    cells = SummedCells

    def __init__(self, graph, *, seed, cells_per_stage):
        sizes = (SMALL["channels"], SMALL["image_px"], SMALL["images"])
        self.network = module._Network(self.cells, seed, cells_per_stage, *sizes, torch.device("cpu"))
        self.graph, self.cells_per_stage = graph, cells_per_stage
        self.weights: dict[str, list[torch.Tensor]] = {"stem": [], "reductions": [], **{s: [] for s in STAGES}}
        self.stages: list[torch.Tensor] = []

    def conv(self, x, kept, ci, kernel, *key, co=None):
        weight = self.network.filter(ci, kernel, *key).double().requires_grad_()
        self.weights[kept].append(weight)
        x = F.conv2d(x, weight[:co, : x.shape[1]], padding=kernel // 2)
        mean, variance = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), keepdim=True, unbiased=False)
        return (x - mean) / (variance + 1e-5).sqrt()

    def cell(self, x, stage, number):
        values = [x]
        for node, op in enumerate(self.graph.ops[1:], start=1):
            z = sum((int(self.graph.adjacency[s, node]) * values[s] for s in range(node)), torch.zeros_like(x))
            if op == "avg_pool_3x3":
                z = F.avg_pool2d(z, 3, stride=1, padding=1, count_include_pad=False)
            elif op != "output":
                kernel = {"nor_conv_1x1": 1, "nor_conv_3x3": 3}[op]
                z = self.conv(F.relu(z), STAGES[stage], 4, kernel, module._CELL, stage, number, node)
            values.append(z)
        return values[-1]

    def reduction(self, x, stage):
        key = (module._REDUCTION, stage)
        z = F.avg_pool2d(F.relu(self.conv(F.relu(x), "reductions", 4, 3, *key, 0)), 2)
        return self.conv(z, "reductions", 4, 3, *key, 1) + self.conv(F.avg_pool2d(x, 2), "reductions", 4, 1, *key, 2)

    def probes(self):
        image = self.network.images.double().requires_grad_()
        x = self.conv(image, "stem", 3, 3, module._STEM)
        for stage in range(3):
            for number in range(self.cells_per_stage):
                x = self.cell(x, stage, number)
            self.stages.append(x.detach())
            x = self.reduction(x, stage) if stage < 2 else x
        mean, variance = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), keepdim=True, unbiased=False)
        last = F.relu((x - mean) / (variance + 1e-5).sqrt())
        loss = F.cross_entropy(last.mean((2, 3)) @ self.network.head.double(), self.network.labels)
        every = [image, *(w for group in self.weights.values() for w in group)]
        gradients = iter(torch.autograd.grad(loss, every, allow_unused=True, materialize_grads=True))
        jacobian = next(gradients).flatten(1).numpy()
        gradient = {name: [next(gradients) for _ in group] for name, group in self.weights.items()}
        squares = {name: sum(float(g.square().sum()) for g in group) for name, group in gradient.items()}
        saliency = sum(
            float((g * w.detach()).abs().sum())
            for s in STAGES
            for g, w in zip(gradient[s], self.weights[s], strict=True)
        )
        eigenvalues = np.linalg.eigvalsh(np.corrcoef(jacobian) + 1e-5 * np.eye(len(jacobian)))
        values = {
            "log-determinant of the activation patterns": self.patterns(last.detach().numpy()),
            "log gradient at the input": np.log(np.linalg.norm(jacobian, axis=1).mean()),
            "log gradient of the cells": np.log(sum(squares[s] for s in STAGES)),
            **{f"log gradient of the cells of {s}": np.log(squares[s]) for s in STAGES},
            "log saliency of the cells": np.log(saliency),
            "log gradient of the stem": np.log(squares["stem"]),
            "log gradient of the reductions": np.log(squares["reductions"]),
            "jacobian covariance": -(np.log(eigenvalues) + 1 / eigenvalues).sum(),
        }
        for name, x in zip(STAGES, self.stages, strict=True):
            values |= {f"{name} {key}": value for key, value in self.activations(x.numpy()).items()}
        return np.array([values[name] for name in PROBE_NAMES])

    @staticmethod
    def activations(x):
        x = x - x.mean((0, 2, 3), keepdims=True)
        n = len(x)
        cosines = [
            np.dot(x[i].ravel(), x[j].ravel()) / np.linalg.norm(x[i]) / np.linalg.norm(x[j])
            for i in range(n)
            for j in range(n)
            if i != j
        ]
        return {
            "log variance": np.log(x.var()),
            "correlation of neighbours": (x[..., 1:] * x[..., :-1]).mean() / x.var(),
            "variance that survives pooling": np.square(x.mean((2, 3))).mean() / x.var(),
            "cosine between images": np.mean(cosines),
            "absolute cosine between images": np.mean(np.abs(cosines)),
        }

    @staticmethod
    def patterns(x):
        on = (x > 0).reshape(len(x), -1)
        same = np.array([[np.mean(a == b) for b in on] for a in on])
        return np.linalg.slogdet(same + 1e-4 * np.eye(len(on)))[1]


class WrittenSplit(Written):
    """The channels of NAS-Bench-101's `model_builder`: divided, truncated and concatenated."""

    cells = SplitCells

    def cell(self, x, stage, number):
        adjacency, last = self.graph.adjacency, self.graph.n_nodes - 1
        width = {last: 4}
        feeding = [node for node in range(1, last) if adjacency[node, last]]
        for place, node in enumerate(feeding):
            width[node] = 4 // len(feeding) + (place < 4 % len(feeding))
        for node in reversed([node for node in range(1, last) if node not in feeding]):
            width[node] = max(width[other] for other in range(node + 1, last) if adjacency[node, other])

        def conv(z, node, kernel, key):
            return F.relu(self.conv(z, STAGES[stage], 4, kernel, module._CELL, stage, number, key, co=width[node]))

        values = {}
        for node in range(1, last + 1):
            read = [values[other][:, : width[node]] for other in range(1, node) if adjacency[other, node]]
            if node == last and read:
                read = [torch.cat([values[other] for other in feeding], dim=1)]
            if adjacency[0, node]:
                read.append(conv(x, node, 1, self.graph.n_nodes + node))
            z = sum(read[1:], start=read[0])
            if self.graph.ops[node] == "maxpool3x3":
                z = F.max_pool2d(z, 3, stride=1, padding=1)
            elif node != last:
                z = conv(z, node, {"conv1x1-bn-relu": 1, "conv3x3-bn-relu": 3}[self.graph.ops[node]], node)
            values[node] = z
        return values[last]


@pytest.mark.parametrize("cells_per_stage", [1, 2])
@pytest.mark.parametrize(("name", "written"), [("nb201", Written), ("nb101", WrittenSplit)])
def test_they_are_those_of_one_network_written_out(name, written, cells_per_stage):
    known = CELLS_OF[name]
    every = [cell.graph() for cell in get_space(name).sample(12, np.random.default_rng(0))]
    convolved = [graph for graph in every if set(known.kernel_of) & set(graph.ops)]
    assert {op for graph in convolved for op in graph.ops[1:-1]} == {*known.kernel_of, known.pool}
    found = measured(*convolved, seed=3, cells_per_stage=cells_per_stage, space=name)
    expected = [written(graph, seed=3, cells_per_stage=cells_per_stage).probes() for graph in convolved]
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-4)


def test_all_kinds_of_split_cells():
    """An edge from input to output, cells of one vertex and of none, and four vertices that feed the output."""
    op = "conv3x3-bn-relu"
    feeding = np.zeros((6, 6), int)
    feeding[0, 1:5] = feeding[1:5, 5] = 1
    graphs = [
        CellGraph(("input", "output"), [[0, 1], [0, 0]]),
        CellGraph(("input", op, "output"), [[0, 1, 1], [0, 0, 1], [0, 0, 0]]),
        CellGraph(("input", "maxpool3x3", op, "output"), [[0, 1, 1, 1], [0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0]]),
        CellGraph(("input", op, "maxpool3x3", op, "conv1x1-bn-relu", "output"), feeding),
    ]
    canonical = [canonical_graph(graph) for graph in graphs]
    expected = [WrittenSplit(graph, seed=1, cells_per_stage=1).probes() for graph in canonical]
    np.testing.assert_allclose(measured(*graphs, seed=1, space="nb101"), expected, rtol=2e-3, atol=2e-4)


# --- what a row depends on -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CELLS_OF)
def test_a_cell_alone_is_a_cell_in_a_batch(name, cells, monkeypatch):
    if name != "nb201":
        cells = [cell.graph() for cell in get_space(name).sample(12, np.random.default_rng(0))]
    how = {"cells_per_stage": 2, "space": name}
    together = measured(*cells, **how)
    alone = np.concatenate([measured(graph, **how) for graph in cells])
    np.testing.assert_allclose(together, alone, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(measured(*cells[::-1], **how)[::-1], together, rtol=1e-5, atol=1e-5)
    monkeypatch.setitem(module._BYTES_AT_ONCE, "cpu", 1)
    np.testing.assert_allclose(measured(*cells, **how), alone, rtol=1e-5, atol=1e-5)


@settings(max_examples=10)
@given(st.integers(0, 15_624), st.randoms(use_true_random=False))
def test_the_numbering_of_nodes_does_not_matter(space, index, random):
    raw = space.graph(space.parse(index), canonical=False)
    order = [0]
    waiting = set(range(1, raw.n_nodes - 1))
    while waiting:
        ready = sorted(node for node in waiting if not any(raw.adjacency[other, node] for other in waiting))
        order.append(random.choice(ready))
        waiting.remove(order[-1])
    order.append(raw.n_nodes - 1)
    relabelled = CellGraph([raw.ops[node] for node in order], raw.adjacency[np.ix_(order, order)])
    assert (measured(relabelled) == measured(raw)).all()
    assert (measured(relabelled) == measured(space.graph(space.parse(index)))).all()


def test_the_seed_decides(cells):
    first, again, other = (measured(*cells, seed=seed) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any(axis=1)[:-2].all()  # no weight matters in a cell with no path from input to output


def test_the_callers_threads_and_random_numbers_do_not_change(cells):
    threads = torch.get_num_threads()
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    measured(cells[0])
    assert torch.get_num_threads() == threads
    assert (torch.rand(3) == expected).all()


# --- cells that can be worked out by hand ----------------------------------------------------------------------------


def test_a_cell_that_passes_on_its_input():
    """The stem is normalised, and so are the summands of a reduction: variances of 1 and 2."""
    row = measured(passing_on(1), images=64)[0]
    assert row[COLUMN["stage 1 log variance"]] == pytest.approx(0, abs=1e-3)
    assert (
        row[COLUMN["log gradient of the cells"]] == row[COLUMN["log saliency of the cells"]] == pytest.approx(NOTHING)
    )
    assert np.isfinite(row).all()


@pytest.mark.parametrize("times", [2, 3])
def test_an_edge_with_a_multiplicity(times):
    """Every cell multiplies its input; a normalisation follows each stage, so nothing else changes."""
    once, more = measured(passing_on(1), passing_on(times))
    change = more - once
    variances = [COLUMN[f"{stage} log variance"] for stage in STAGES]
    assert change[variances] == pytest.approx([2 * math.log(times)] * 3, abs=1e-3)
    ill_conditioned = {COLUMN["jacobian covariance"], COLUMN["log-determinant of the activation patterns"]}
    rest = sorted(set(range(len(PROBE_NAMES))) - {*variances} - ill_conditioned)
    assert change[rest] == pytest.approx(0, abs=1e-3)
    twice = measured(passing_on(times), cells_per_stage=2)[0] - once
    assert twice[variances] == pytest.approx([4 * math.log(times)] * 3, abs=1e-3)


@pytest.mark.parametrize("beside", [0, 3])
def test_no_path_from_input_to_output(cells, beside):
    dead = CellGraph(("input", "output"), np.zeros((2, 2), int))
    row = measured(dead, *cells[:beside])[0]
    assert np.isfinite(row).all()
    of_nothing = ["log gradient at the input", "log gradient of the cells", "log gradient of the stem"]
    of_nothing += [f"{stage} log variance" for stage in STAGES]
    assert row[[COLUMN[name] for name in of_nothing]] == pytest.approx(NOTHING)
    assert row[[COLUMN[f"{stage} cosine between images"] for stage in STAGES]] == pytest.approx(0)


def test_the_gradient_of_all_cells_is_that_of_the_stages():
    graph = CellGraph(("input", "nor_conv_1x1", "output"), [[0, 1, 0], [0, 0, 1], [0, 0, 0]])
    row = measured(graph)[0]
    parts = np.exp(row[[COLUMN[f"log gradient of the cells of {stage}"] for stage in STAGES]])
    assert np.exp(row[COLUMN["log gradient of the cells"]]) == pytest.approx(parts.sum())


# --- arguments -------------------------------------------------------------------------------------------------------


def test_names():
    assert len(PROBE_NAMES) == len(set(PROBE_NAMES)) == 25
    assert measured().shape == (0, 25)


def test_progress_counts_every_row_of_different_cells(cells):
    done: list[int] = []
    measured(*cells, *cells, progress=done.append)
    assert sum(done) == len(set(cells))


def test_an_unknown_operation_is_refused():
    graph = CellGraph(("input", "nor_conv_5x5", "output"), [[0, 1, 1], [0, 0, 1], [0, 0, 0]])
    with pytest.raises(InputError, match=r"'nor_conv_5x5' for a random network of nb201; known: nor_conv_1x1, .*3x3"):
        measured(graph)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": -1}, "seed must be a whole number of at least 0, got -1"),
        ({"seed": None}, "seed must be"),
        ({"cells_per_stage": 0}, "cells_per_stage must be"),
        ({"channels": 1.5}, "channels must be a whole number of at least 1, got 1.5"),
        ({"images": 1}, "images must be a whole number of at least 2"),
        ({"image_px": 4}, "image_px must be a whole number of at least 8"),
        ({"image_px": 10}, "multiple of 4, got 10"),
        ({"device": "abacus"}, "unknown device 'abacus'"),
        ({"space": "nb301"}, "unknown space 'nb301' of random networks; known: nb201, nb101"),
    ],
)
def test_numbers_out_of_range(changes, message):
    with pytest.raises(InputError, match=message):
        measured(passing_on(1), **changes)
