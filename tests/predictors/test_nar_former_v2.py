"""NAR-Former V2 against the released code's numbers, and what the network and its training promise."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

from nassurrogate.architecture import CellGraph
from nassurrogate.errors import InputError
from nassurrogate.predictors.ensemble_training import Ensemble, Labelled, Schedule
from nassurrogate.predictors.graph_batch import encode, relabelled
from nassurrogate.predictors.label_scale import RankScale
from nassurrogate.predictors.losses import pairwise_logistic, rank_loss, relative_loss
from nassurrogate.predictors.nar_former_v2 import PAPER, NarFormerV2, NarFormerV2Net, V2Config, identity_code

GOLDEN = Path(__file__).with_name("nar_former_v2_golden.npz")
TINY = V2Config(width=16, head_width=8, members=2, epochs=3)
TINY_PAPER = {"width": 16, "head_width": 8, "blocks": 2, "epochs": 3}
OPS = ("input", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3", "skip_connect", "none", "output")


@pytest.fixture(scope="module")
def golden():
    """Weights, tokens and predictions of the released code in a tiny configuration."""
    with np.load(GOLDEN) as file:
        return {name: torch.from_numpy(file[name]) for name in file}


@pytest.fixture(scope="module")
def golden_net(golden):
    config = V2Config(**{**vars(PAPER), "width": 16, "blocks": 2, "head_width": 16})
    net = NarFormerV2Net(config).eval()
    data = ("token", "adjacency_undirected", "prediction", "index")
    net.load_state_dict({name: value for name, value in golden.items() if name not in data}, strict=True)
    return net


def own_inputs(space, index, preset="paper"):
    predictor = NarFormerV2(space, preset=preset, device="cpu")
    graphs = [predictor._graph(cell) for cell in space.parse_many(index)]
    return [part.squeeze(1) for part in predictor.inputs(graphs, None)]


# --- the network --------------------------------------------------------------------------------------------------


def test_the_released_predictions_are_reproduced(golden, golden_net):
    mask = torch.ones(golden["token"].shape[:2], dtype=torch.bool)
    with torch.no_grad():
        given = golden_net(golden["token"], golden["adjacency_undirected"].expand(8, 8, 8), mask)
    np.testing.assert_allclose(given, golden["prediction"], rtol=0, atol=1e-6)
    assert len(set(golden["prediction"].tolist())) == 8


def test_our_reading_of_the_cells_is_the_released_one(golden, golden_net, space):
    token, adjacency, mask = own_inputs(space, golden["index"].tolist())
    np.testing.assert_allclose(token, golden["token"], rtol=0, atol=1e-6)
    assert (adjacency == golden["adjacency_undirected"]).all()
    assert mask.all()
    with torch.no_grad():
        given = golden_net(token, adjacency, mask)
    np.testing.assert_allclose(given, golden["prediction"], rtol=0, atol=1e-6)


def test_the_paper_has_its_number_of_parameters():
    with torch.device("meta"):
        net = NarFormerV2Net(PAPER)
    assert sum(weight.numel() for weight in net.parameters()) == 8_582_535


def test_the_code_of_a_number_is_the_literal_formula():
    numbers = np.arange(64)
    phase = np.pi * numbers[:, None] * np.linspace(1, 2**31, 32)
    literal = np.stack([np.sin(phase), np.cos(phase)], axis=-1).reshape(64, 64)
    own = identity_code(torch.from_numpy(numbers), 64)
    # A phase of π·63·2³¹ is rounded to a part in 2⁵³ more than once: float64 itself is no better than this.
    tolerance = 4 * np.pi * 63 * 2**31 * 2**-53
    assert tolerance < 2e-4
    np.testing.assert_allclose(own, literal, rtol=0, atol=tolerance)
    np.testing.assert_allclose(own[:8], literal[:8], rtol=0, atol=2e-5)


def test_codes_of_different_numbers_differ_alike():
    code = identity_code(torch.arange(12), 16)
    similarity = (code @ code.T / 8).fill_diagonal_(0)
    assert similarity.abs().max() < 0.9
    assert code.dtype == torch.float32


@pytest.mark.parametrize("preset", ["fast", "paper"])
def test_padding_does_not_show(space, preset):
    predictor = NarFormerV2(space, preset=preset, config=TINY_PAPER, device="cpu")
    graphs = [predictor._graph(cell) for cell in space.parse_many(range(20))]
    torch.manual_seed(0)
    net = NarFormerV2Net(predictor.config).eval().double()
    token, adjacency, mask = (part.squeeze(1).double() for part in predictor.inputs(graphs, None))
    more = (
        torch.nn.functional.pad(token, (0, 0, 0, 5)),
        torch.nn.functional.pad(adjacency, (0, 5, 0, 5)),
        torch.nn.functional.pad(mask, (0, 5)),
    )
    with torch.no_grad():
        np.testing.assert_allclose(net(token, adjacency, mask), net(*more), rtol=0, atol=1e-12)
        # What stands at padding is not read either.
        junk = more[0] + (1 - more[2]).unsqueeze(-1) * 7
        np.testing.assert_allclose(net(*more), net(junk, *more[1:]), rtol=0, atol=1e-12)


@pytest.mark.parametrize("preset", ["fast", "paper"])
def test_the_order_of_nodes_shows_only_in_their_numbers(space, preset):
    """Permuting the rows of an encoded cell changes nothing: the network reads a set of nodes."""
    token, adjacency, mask = (part.double() for part in own_inputs(space, [1, 2, 3, 4], preset))
    config = NarFormerV2(space, preset=preset, config=TINY_PAPER, device="cpu").config
    torch.manual_seed(0)
    net = NarFormerV2Net(config).eval().double()
    order = torch.tensor([3, 0, 7, 5, 1, 2, 6, 4])
    with torch.no_grad():
        np.testing.assert_allclose(
            net(token, adjacency, mask),
            net(token[:, order], adjacency[:, order][:, :, order], mask[:, order]),
            rtol=0,
            atol=1e-12,
        )


@pytest.mark.parametrize("preset", ["fast", "paper"])
def test_gradients_reach_every_parameter(space, preset):
    predictor = NarFormerV2(space, preset=preset, device="cpu")
    token, adjacency, mask = own_inputs(space, range(64), preset)
    torch.manual_seed(0)
    net = NarFormerV2Net(predictor.config).train()
    loss = rank_loss if preset == "fast" else relative_loss
    output = net(token, adjacency, mask)
    loss(output.reshape(1, 32, 2), torch.rand(1, 32) + 0.1).sum().backward()
    for name, weight in net.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.isfinite().all(), name
        assert weight.grad.abs().max() > 0, name


def test_dropout_is_off_when_scoring(space):
    predictor = NarFormerV2(space, config={**vars(TINY), "dropout": 0.5}, device="cpu")
    cells = space.parse_many(range(10))
    predictor.fit(cells, np.linspace(60, 90, 10))
    assert (predictor.predict(cells)[0] == predictor.predict(cells)[0]).all()


# --- the ensemble -------------------------------------------------------------------------------------------------


def untrained(members=3, seed=0, config=TINY):
    return Ensemble.untrained(lambda: NarFormerV2Net(config), members, seed, torch.device("cpu"))


def labelled(space, n=12, predictor=None):
    predictor = predictor or NarFormerV2(space, config=vars(TINY), device="cpu")
    graphs = [predictor._graph(cell) for cell in space.parse_many(range(n))]
    return Labelled(predictor.inputs(graphs, None), torch.linspace(-1, 1, n)[torch.randperm(n, generator=_rng())])


def _rng():
    return torch.Generator().manual_seed(0)


SCHEDULE = Schedule(epochs=4, batch=4, learning_rate=1e-3, weight_decay=0.01, warmup=0.1, patience=2)


@pytest.mark.parametrize("members", [1, 3])
def test_a_member_computes_what_the_network_alone_does(space, members):
    ensemble = untrained(members)
    inputs = tuple(part.squeeze(1).double() for part in labelled(space).inputs)
    together = ensemble.predict(inputs)
    assert together.shape == (members, 12)
    for member, row in enumerate(together):
        net = NarFormerV2Net(TINY).eval().double()
        net.load_state_dict({name: value[member].double() for name, value in ensemble.weights.items()}, strict=True)
        with torch.no_grad():
            np.testing.assert_allclose(net(*inputs), row, rtol=0, atol=1e-9)


def test_members_start_apart_and_train_apart(space):
    """What one member's weights are has no influence on another's training."""
    plain, disturbed = untrained(), untrained()
    first = plain.weights["head.0.weight"]
    assert (first[0] != first[1]).any()
    disturbed.weights = {name: torch.cat([value[:1], value[1:] * 1.5]) for name, value in disturbed.weights.items()}
    for ensemble in (plain, disturbed):
        ensemble.fit(labelled(space), SCHEDULE, rank_loss)
    for name, value in plain.weights.items():
        np.testing.assert_allclose(value[0], disturbed.weights[name][0], rtol=0, atol=1e-6)
    assert any((value[1] != disturbed.weights[name][1]).any() for name, value in plain.weights.items())


def test_a_batched_step_is_the_step_each_member_takes_alone(space):
    """One full batch an epoch, so that the order of the batches cannot matter; AdamW as torch has it is the oracle."""
    data, ensemble = labelled(space), untrained()
    starts = {name: value.clone() for name, value in ensemble.weights.items()}
    full = Schedule(epochs=3, batch=12, learning_rate=1e-3, weight_decay=0.01, warmup=0.1, patience=2)
    ensemble.fit(data, full, rank_loss)
    for member in range(3):
        net = NarFormerV2Net(TINY)
        net.load_state_dict({name: value[member] for name, value in starts.items()})
        optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=0.01)
        for step in range(3):
            optimizer.param_groups[0]["lr"] = 1e-3 * full.rate(step, 3)
            optimizer.zero_grad()
            output = net(*(part.squeeze(1) for part in data.inputs))
            rank_loss(output[None, :, None], data.targets[None]).sum().backward()
            optimizer.step()
        for name, value in net.state_dict().items():
            # Adam's first steps have the size of the rate whatever the gradient: where that is noise, so is the step.
            close = np.isclose(value, ensemble.weights[name][member], rtol=0, atol=1e-5)
            assert close.mean() > 0.99, name


def test_the_rate_warms_up_and_falls_to_nothing():
    rates = [SCHEDULE.rate(step, 100) for step in range(100)]
    assert rates[9] == max(rates) == 1
    assert rates[:10] == pytest.approx(np.linspace(0.1, 1, 10))
    assert rates[10:] == pytest.approx(np.linspace(1, 1 / 90, 90))
    assert [SCHEDULE.rate(0, 1), Schedule(1, 1, 1, 0, 0.99, 1).rate(1, 2)] == [1, 1]


class _Recorded:
    """A loss that gives a member's held-out rows what a test prescribes, and remembers the targets it was shown."""

    def __init__(self, held_out: list[list[float]], n_held: int) -> None:
        self.script, self.n_held = iter(held_out), n_held
        self.seen: list[torch.Tensor] = []

    def __call__(self, prediction, target):
        if torch.is_grad_enabled():
            self.seen.append(target)
            return rank_loss(prediction, target)
        assert target.shape[-1] == self.n_held
        return torch.tensor(next(self.script))


def test_early_stopping_keeps_each_members_best_weights(space):
    data = labelled(space)
    train, held = (
        Labelled(tuple(p[rows] for p in data.inputs), data.targets[rows]) for rows in (slice(8), slice(8, 12))
    )
    script = [[3.0, 1.0], [2.0, 2.0], [4.0, 2.0], [5.0, 3.0], [0.0, 0.0]]  # best: epoch 2 and epoch 1; then two worse
    snapshots, calls = [], []
    long = Schedule(epochs=9, batch=4, learning_rate=1e-3, weight_decay=0.01, warmup=0.1, patience=2)
    for epochs in (1, 2):  # the weights after one and two epochs of the same schedule
        ensemble = untrained(2)
        worse = [[float(-e)] * 2 for e in range(epochs)] + [[9.0, 9.0]] * 9
        ensemble.fit(train, long, _Recorded(worse, 4), held_out=held)
        snapshots.append(ensemble.weights)
    loss, ensemble = _Recorded(script, 4), untrained(2)
    ensemble.fit(train, long, loss, held_out=held, progress=lambda *step: calls.append(step))
    for name, value in ensemble.weights.items():
        assert torch.equal(value[0], snapshots[1][name][0])
        assert torch.equal(value[1], snapshots[0][name][1])
    assert calls == [(1, 9), (2, 9), (3, 9), (4, 9), (9, 9)]  # stopped after the fourth, and says so
    assert len(loss.seen) == 4 * 2
    assert set(torch.cat([t.flatten() for t in loss.seen]).tolist()) == set(train.targets.tolist())


@pytest.mark.parametrize("preset", ["fast", "paper"])
def test_holding_out_works_from_one_label(space, preset):
    for n in (1, 2, 3, 10):
        changes = {**TINY_PAPER, "holdout": 0.9, "epochs": 4, "patience": 1}
        predictor = NarFormerV2(space, preset=preset, config=changes, device="cpu")
        predictor.fit(space.parse_many(range(n)), np.linspace(60, 90, n))
        assert np.isfinite(predictor.predict(space.parse_many(range(5)))[0]).all()


def test_a_fit_that_diverges_says_so(space):
    data = labelled(space)
    bad = Labelled(data.inputs, torch.full_like(data.targets, torch.inf))
    with pytest.raises(InputError, match="diverged"):
        untrained().fit(bad, SCHEDULE, rank_loss)


@pytest.mark.parametrize("members", [1, 2])
def test_the_paper_predicts_a_cell_alike_in_any_batch(space, members):
    predictor = NarFormerV2(space, preset="paper", config={**TINY_PAPER, "width": 64, "members": members}, device="cpu")
    predictor.fit(space.parse_many(range(10)), np.linspace(60, 90, 10))
    together, _ = predictor.predict(space.parse_many(range(90)))
    assert [predictor.predict([space.parse(i)])[0][0] for i in range(0, 90, 4)] == together[::4].tolist()


def test_the_paper_refuses_what_it_cannot_divide_by(space):
    predictor = NarFormerV2(space, preset="paper", config=TINY_PAPER, device="cpu")
    with pytest.raises(InputError, match="above 0"):
        predictor.fit(space.parse_many([0, 1]), np.array([0.0, 90.0]))


def test_the_number_of_steps_is_bounded(space):
    """Batches grow with the labels where `max_steps` says so."""
    calls = []
    changes = {**vars(TINY), "epochs": 10, "batch": 2, "max_steps": 40}
    predictor = NarFormerV2(space, config=changes, device="cpu")
    real = torch.optim.AdamW.step
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.AdamW, "step", lambda self: (calls.append(1), real(self))[1])
        predictor.fit(space.parse_many(range(100)), np.linspace(60, 90, 100))
    assert len(calls) == 40


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"cells": "whole"}, "cells is one of reduced, wired"),
        ({"labels": "ranks"}, "labels is one of rank, fraction"),
        ({"width": 20}, "width must be a multiple of groups"),
        ({"code_width": 15}, "code_width must be even"),
        ({"width": 10**9}, "width must lie in"),
        ({"width": 4096, "ffn_ratio": 16, "members": 5}, "must be at most 262144"),
        ({"dropout": 1.0}, "dropout must lie in"),
        ({"wdith": 8}, "did you mean 'width'"),
        ({"width": "8"}, "is a whole number, got '8'"),
        ({"epochs": 2.0}, "is a whole number, got 2.0"),
        ({"learning_rate": float("nan")}, "learning_rate must lie in"),
        ([("width", 8)], "maps hyper-parameters to values"),
        ({5: 8}, "unknown hyper-parameter 5"),
    ],
)
def test_bad_configurations(space, changes, told):
    with pytest.raises(InputError, match=told):
        NarFormerV2(space, config=changes)


@pytest.mark.parametrize("device", ["gpu", "cuda:99", "meta", "", None])
def test_unknown_devices(space, device):
    with pytest.raises(InputError, match="device"):
        NarFormerV2(space, config=vars(TINY), device=device)


# --- cells as arrays ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by_depth", [True, False])
def test_a_relabelled_cell_is_the_same_cell(space, by_depth):
    cells = space.sample(40, np.random.default_rng(0))
    graphs = [space.graph(cell, reduced=by_depth) for cell in cells]
    batch = encode(graphs, OPS, 10, depth_as_position=by_depth)
    other = relabelled(batch, np.random.default_rng(1), depth_as_position=by_depth)
    assert (other.mask == batch.mask).all()
    moved = 0
    for row, graph in enumerate(graphs):
        n = graph.n_nodes
        assert not other.adjacency[row, n:].any()
        assert not other.adjacency[row, :, n:].any()
        names = [OPS[code] for code in other.op[row, :n]]
        again = CellGraph(names, other.adjacency[row, :n, :n].astype(np.uint8))  # so it is upper triangular
        assert _key(again) == _key(graph)
        moved += again != graph
        expected = encode([again], OPS, 10, depth_as_position=by_depth)
        assert (other.position[row] == expected.position[0]).all()
    assert moved > 10


def _key(graph):
    from nassurrogate.spaces.canonical import graph_key, reduce_graph

    return graph_key(reduce_graph(graph)), sorted(graph.ops)


# --- scales and losses --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("labels", [[3.0], [5.0, 5.0], [2.0, 1.0], [1.0, 1.0, 2.0, 9.0], list(np.arange(40.0) ** 2)])
def test_ranks_there_and_back(labels):
    labels = np.array(labels)
    scale = RankScale.of(labels)
    np.testing.assert_allclose(scale.decode(scale.encode(labels)), labels)
    wide = np.linspace(-6, 6, 200)
    if len(set(labels)) > 1:
        assert (np.diff(scale.decode(wide)) > 0).all()
    else:
        assert set(scale.decode(wide)) == {labels[0]}


def test_scores_are_those_of_a_normal_sample():
    from scipy.stats import norm

    labels = np.random.default_rng(0).normal(size=30)
    expected = norm.ppf((np.argsort(np.argsort(labels)) + 0.5) / 30)
    np.testing.assert_allclose(RankScale.of(labels).encode(labels), expected)


def test_losses_are_their_formulas():
    rng = np.random.default_rng(0)
    y, target = rng.uniform(0.5, 1, (2, 6, 2)), rng.uniform(0.5, 1, (2, 6))
    given = rank_loss(torch.from_numpy(y), torch.from_numpy(target)).numpy()
    for member in range(2):
        each = []
        for view in range(2):
            p, t = y[member, :, view], target[member]
            pairs = [np.log1p(np.exp(-(p[i] - p[j]))) for i, j in itertools.permutations(range(6), 2) if t[i] > t[j]]
            each.append(((p - t) ** 2).mean() + np.mean(pairs))
        assert given[member] == pytest.approx(np.mean(each))
    relative = relative_loss(torch.from_numpy(y), torch.from_numpy(target), ranking=0).numpy()
    expected = ((y / target[..., None] - 1) ** 2).mean((1, 2)) + 0.5 * np.abs(y[..., 1] - y[..., 0]).mean(1)
    np.testing.assert_allclose(relative, expected)


def test_the_sequence_ranking_term_permutes_the_batch():
    y, target = torch.rand(1, 6, 1, dtype=torch.float64), torch.rand(1, 6, dtype=torch.float64) + 0.5
    torch.manual_seed(3)
    order = torch.randperm(6)
    torch.manual_seed(3)
    with_term = relative_loss(y, target) - relative_loss(y, target, ranking=0)
    gap = (y[0, :, 0] - y[0, order, 0]) - (target[0] - target[0, order])
    assert with_term.item() == pytest.approx(0.1 * gap.abs().mean().item())


def test_nothing_to_rank_costs_nothing():
    assert pairwise_logistic(torch.rand(4, 1), torch.rand(4, 1)).tolist() == [0] * 4
    assert pairwise_logistic(torch.rand(2, 5), torch.ones(2, 5)).tolist() == [0, 0]
