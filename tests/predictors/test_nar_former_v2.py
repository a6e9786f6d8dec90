"""NAR-Former V2 against the results of the released code, and properties of the network and its training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import kendalltau

from nassurrogate.benchmarks.evaluation import ChoosesModel
from nassurrogate.errors import InputError
from nassurrogate.predictors import graph_network
from nassurrogate.predictors.nar_former_v2 import PAPER, NarFormerV2, NarFormerV2Net, V2Config
from nassurrogate.predictors.nar_former_v2.layers import LayerNorm, identity_code
from nassurrogate.predictors.training.ensemble import Ensemble
from nassurrogate.predictors.training.losses import rank_loss, relative_loss

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
    return [part.squeeze(1) for part in predictor.inputs(space.parse_many(index))]


# --- the network --------------------------------------------------------------------------------------------------


def test_the_released_predictions_are_reproduced(golden, golden_net):
    mask = torch.ones(golden["token"].shape[:2], dtype=torch.bool)
    with torch.no_grad():
        given = golden_net(golden["token"], golden["adjacency_undirected"].expand(8, 8, 8), mask)
    np.testing.assert_allclose(given, golden["prediction"], rtol=0, atol=1e-6)
    assert len(set(golden["prediction"].tolist())) == 8


def test_tokens_and_adjacency_are_those_of_the_released_code(golden, golden_net, space):
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
def test_predictions_do_not_depend_on_padding(space, preset):
    predictor = NarFormerV2(space, preset=preset, config=TINY_PAPER, device="cpu")
    torch.manual_seed(0)
    net = NarFormerV2Net(predictor.config).eval().double()
    token, adjacency, mask = (part.squeeze(1).double() for part in predictor.inputs(space.parse_many(range(20))))
    more = (
        torch.nn.functional.pad(token, (0, 0, 0, 5)),
        torch.nn.functional.pad(adjacency, (0, 5, 0, 5)),
        torch.nn.functional.pad(mask, (0, 5)),
    )
    with torch.no_grad():
        np.testing.assert_allclose(net(token, adjacency, mask), net(*more), rtol=0, atol=1e-12)
        # The values at padding are not read either.
        junk = more[0] + (1 - more[2]).unsqueeze(-1) * 7
        np.testing.assert_allclose(net(*more), net(junk, *more[1:]), rtol=0, atol=1e-12)


@pytest.mark.parametrize("preset", ["fast", "paper"])
def test_the_order_of_nodes_matters_only_through_their_numbers(space, preset):
    """Permuting the rows of an encoded cell changes nothing, as the network reads a set of nodes."""
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


# --- formulas for a GPU -------------------------------------------------------------------------------------------


@contextmanager
def gpu_formulas() -> Iterator[None]:
    """The formulas for a GPU run on this machine inside."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.Tensor, "is_cuda", True)
        yield


@pytest.mark.parametrize("preset", ["fast", "paper"])
def test_training_on_a_gpu_has_the_same_outputs_and_gradients(space, preset):
    config = NarFormerV2(space, preset=preset, config=TINY_PAPER, device="cpu").config
    torch.manual_seed(0)
    net = NarFormerV2Net(config).eval().double()  # without dropout
    token, adjacency, mask = (part.double() for part in own_inputs(space, range(0, 15_625, 500), preset))
    adjacency[:4, :, 1] = adjacency[:4, 1] = 0  # a node without neighbours

    def computed():
        net.zero_grad()
        output = net(token, adjacency, mask)
        output.square().sum().backward()
        return output.detach(), {name: weight.grad for name, weight in net.named_parameters()}

    usual, usual_gradients = computed()
    with gpu_formulas():
        output, gradients = computed()
    assert any((gradient != usual_gradients[name]).any() for name, gradient in gradients.items()), "the same formula"
    np.testing.assert_allclose(output, usual, rtol=1e-12)
    for name, gradient in gradients.items():
        np.testing.assert_allclose(gradient, usual_gradients[name], rtol=1e-9, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("preset", ["fast", "paper"])
def test_scores_of_a_gpu_are_the_same(space, preset):
    predictor = NarFormerV2(space, preset=preset, config={**TINY_PAPER, "members": 2}, device="cpu")
    cells = space.parse_many(range(0, 15_625, 100))
    predictor.fit(cells, np.linspace(60, 90, len(cells)))
    graphs = vars(predictor.different_cells(cells)).values()
    usual = predictor.scorer()(*graphs)
    with gpu_formulas():
        double = predictor.scorer()(*graphs)
        single = predictor.scorer(dtype=torch.float32)(*graphs)
    assert (double != usual).any(), "the same formula"
    np.testing.assert_allclose(double, usual, rtol=1e-10)
    np.testing.assert_allclose(single, usual, rtol=0, atol=3e-6 * np.abs(usual).max())


@pytest.mark.parametrize("length", [2, 8, 64, 200])
def test_rows_are_normalised_as_by_pytorch(length):
    rng = torch.Generator().manual_seed(0)
    norm = LayerNorm(length).double()
    for weight in norm.parameters():
        weight.data.normal_(generator=rng)
    x = torch.randn(3, 50, length, generator=rng, dtype=torch.float64) + 100 * torch.arange(3)[:, None, None]
    x[0, 0] = 5.0  # without variance
    with torch.no_grad():
        usual = norm(x)
        with gpu_formulas():
            given, single = norm(x), norm.float()(x.float())
        by_pytorch = norm(x.float())
    assert torch.equal(single, by_pytorch) == (length > 128)  # by the formula that is faster
    np.testing.assert_allclose(given, usual, rtol=0, atol=1e-10)
    assert (single - usual).abs().max() <= 4 * (by_pytorch - usual).abs().max()


# --- the predictor ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", ["fast", "paper"])
def test_holding_out_works_from_one_label(space, preset):
    for n in (1, 2, 3, 10):
        changes = {**TINY_PAPER, "holdout": 0.9, "epochs": 4, "patience": 1}
        predictor = NarFormerV2(space, preset=preset, config=changes, device="cpu")
        predictor.fit(space.parse_many(range(n)), np.linspace(60, 90, n))
        assert np.isfinite(predictor.predict(space.parse_many(range(5)))[0]).all()


@pytest.mark.parametrize("members", [1, 2])
def test_predictions_of_the_paper_do_not_depend_on_the_batch(space, members):
    predictor = NarFormerV2(space, preset="paper", config={**TINY_PAPER, "width": 64, "members": members}, device="cpu")
    predictor.fit(space.parse_many(range(10)), np.linspace(60, 90, 10))
    together, _ = predictor.predict(space.parse_many(range(90)))
    assert [predictor.predict([space.parse(i)])[0][0] for i in range(0, 90, 4)] == together[::4].tolist()


def _taus_of_epochs(predictor, cells, labels, truth):
    """Each member's tau on the selection cells after every epoch of a fit."""
    taus = []

    class Seen(Ensemble):
        def fit(self, *args, progress=None, criterion=None, **options):
            def noted(prediction, target):
                taus.append([kendalltau(row, truth).statistic for row in prediction[..., 0].numpy()])
                return criterion(prediction, target)

            super().fit(*args, progress=progress, criterion=noted, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(graph_network, "Ensemble", Seen)
        predictor.fit(cells, labels)
    return np.array(taus)


@pytest.mark.parametrize("preset", ["fast", "paper"])
def test_the_best_checkpoint_on_the_selection_is_kept(space, preset):
    changes = {**TINY_PAPER, "members": 2, "epochs": 12, "learning_rate": 0.05, "patience": 1, "holdout": 0.5}
    predictor = NarFormerV2(space, preset=preset, config=changes, device="cpu")
    cells, selection = space.parse_many(range(20)), space.parse_many(range(100, 140))
    truth = np.array([cell.string.count("conv") + cell.index / 1e4 for cell in selection])
    predictor.choose_model_on(selection, truth)
    taus = _taus_of_epochs(predictor, cells, np.linspace(60, 90, 20), truth)
    assert len(taus) == 12  # patience does not end it early
    kept = [kendalltau(scores, truth).statistic for scores in predictor.member_scores(selection)]
    np.testing.assert_allclose(kept, np.nanmax(taus, axis=0)[:2], rtol=0, atol=0.01)  # trained in single precision
    assert (taus[-1] < np.nanmax(taus, axis=0)).any()


def test_an_evaluation_can_let_it_choose(space):
    assert isinstance(NarFormerV2(space), ChoosesModel)


@pytest.mark.parametrize(("n", "targets"), [(1, [1.0]), (3, [1.0, 2.0]), (2, [1.0, np.nan]), (0, [])])
def test_an_invalid_selection_is_refused(space, n, targets):
    with pytest.raises(InputError, match="a checkpoint is chosen on at least 2 architectures"):
        NarFormerV2(space, device="cpu").choose_model_on(space.parse_many(range(n)), np.array(targets))


def test_labels_held_out_in_turn_set_the_deviation_of_fast_alone(space):
    deviations = {}
    for preset in ("fast", "paper"):
        predictor = NarFormerV2(space, preset=preset, config=TINY_PAPER, device="cpu")
        predictor.fit(space.parse_many(range(20)), np.linspace(60, 90, 20))
        deviations[preset] = predictor.predict(space.parse_many(range(20, 40)))[1]
    assert (deviations["fast"] > 0).all()
    assert not deviations["paper"].any()


def test_only_raw_graphs_distinguish_equivalent_cells(space):
    assert NarFormerV2(space, preset="fast").reads_canonical_cells
    assert not NarFormerV2(space, preset="paper").reads_canonical_cells


@pytest.mark.parametrize("preset", ["fast", "paper"])
def test_depths_move_with_relabelled_nodes_and_numbers_stay(space, preset):
    predictor = NarFormerV2(space, preset=preset, config={"labels": "fraction"}, device="cpu")
    token, adjacency, mask = predictor.inputs(space.parse_many(range(50)), np.random.default_rng(0))
    assert token.shape[1] == adjacency.shape[1] == mask.shape[1] == 2
    position = token[..., predictor.config.code_width :]
    assert (token[:, 0] != token[:, 1]).any()
    if preset == "paper":
        assert (position[:, 0] == position[:, 1]).all()
    else:  # the same tokens, in another order
        ordered = [[sorted(map(tuple, view.tolist())) for view in views] for views in token]
        assert all(one == other for one, other in ordered)


def test_the_paper_refuses_what_it_cannot_divide_by(space):
    predictor = NarFormerV2(space, preset="paper", config=TINY_PAPER, device="cpu")
    with pytest.raises(InputError, match="above 0"):
        predictor.fit(space.parse_many([0, 1]), np.array([0.0, 90.0]))


def test_the_number_of_steps_is_bounded(space):
    """Batches grow with the labels, to keep within `max_steps`."""
    calls = []
    changes = {**vars(TINY), "epochs": 10, "batch": 2, "max_steps": 40}
    predictor = NarFormerV2(space, config=changes, device="cpu")
    real = torch.optim.AdamW.step
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.AdamW, "step", lambda self: (calls.append(1), real(self))[1])
        predictor.fit(space.parse_many(range(100)), np.linspace(60, 90, 100))
    assert len(calls) == 40


@pytest.mark.parametrize(
    ("changes", "message"),
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
def test_bad_configurations(space, changes, message):
    with pytest.raises(InputError, match=message):
        NarFormerV2(space, config=changes)


@pytest.mark.parametrize("device", ["gpu", "cuda:99", "meta", "", None])
def test_unknown_devices(space, device):
    with pytest.raises(InputError, match="device"):
        NarFormerV2(space, config=vars(TINY), device=device)
