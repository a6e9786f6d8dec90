"""Scales of labels, and losses, against their formulas."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from nassurrogate.predictors.labels.scale import RankScale
from nassurrogate.predictors.training.losses import pairwise_logistic, rank_loss, relative_loss


@pytest.mark.parametrize("labels", [[3.0], [5.0, 5.0], [2.0, 1.0], [1.0, 1.0, 2.0, 9.0], list(np.arange(40.0) ** 2)])
def test_decoding_inverts_encoding(labels):
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


def test_without_pairs_the_ranking_loss_is_0():
    assert pairwise_logistic(torch.rand(4, 1), torch.rand(4, 1)).tolist() == [0] * 4
    assert pairwise_logistic(torch.rand(2, 5), torch.ones(2, 5)).tolist() == [0, 0]
