"""The criterion that chooses checkpoints."""

from __future__ import annotations

import numpy as np
import torch
from scipy.stats import kendalltau

from nassurrogate.predictors.training.checkpoint_choice import minus_tau


def test_it_is_the_tau_of_each_members_first_view():
    rng = np.random.default_rng(0)
    prediction, target = torch.from_numpy(rng.normal(size=(3, 20, 2))), torch.from_numpy(rng.normal(size=(3, 20)))
    expected = [-kendalltau(p[:, 0], t).statistic for p, t in zip(prediction.numpy(), target.numpy(), strict=True)]
    np.testing.assert_allclose(minus_tau(prediction, target), expected)


def test_constant_predictions_are_the_worst():
    assert minus_tau(torch.zeros(1, 5, 1), torch.arange(5.0)[None]).tolist() == [1.0]
