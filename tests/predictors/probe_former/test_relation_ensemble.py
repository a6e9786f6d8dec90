"""What the relation transformers learn beside labels: the zero-cost proxies of labelled and unlabelled cells."""

from __future__ import annotations

import numpy as np
import pytest

from nassurrogate.predictors.inputs.cells import class_scores
from nassurrogate.predictors.probe_former import ProbeFormer
from nassurrogate.predictors.probe_former.network_config import RelationConfig
from nassurrogate.predictors.probe_former.relation_ensemble import MOST_UNLABELLED, RelationEnsemble
from nassurrogate.predictors.training.ensemble import Ensemble
from nassurrogate.spaces import get_space
from tests.predictors.probe_former.oracle import labels, proxy_error

SMALL = RelationConfig(members=2, width=16, blocks=1, learning_rate=1e-2, pretrained=False)


@pytest.fixture
def unlabelled(monkeypatch):
    """The unlabelled cells of every fit of the networks, or None."""
    seen = []
    fit = Ensemble.fit

    def noted(self, data, *args, unlabelled=None, **kwargs):
        seen.append(unlabelled)
        return fit(self, data, *args, unlabelled=unlabelled, **kwargs)

    monkeypatch.setattr(Ensemble, "fit", noted)
    return seen


def split(space):
    """Two times 500 classes."""
    return np.random.default_rng(0).permutation(space.n_classes)[:1000].reshape(2, 500)


def test_learning_the_proxies_of_some_cells_predicts_those_of_others(space):
    learned, others = split(space)
    config = SMALL.for_labels(1)
    networks = RelationEnsemble.untrained(space, config, 0, "cpu")
    before = networks.state()
    networks.learn_proxies(learned, epochs=5, batch=50)
    after = networks.state()
    assert proxy_error(space, config, after, others) < 0.6 * proxy_error(space, config, before, others)


@pytest.mark.parametrize(("n", "learns"), [(127, False), (128, True)])
def test_unlabelled_cells_are_learned_from_128_labels_on(space, fit, unlabelled, n, learns):
    fit(n)
    [found] = unlabelled
    assert (found is not None) == learns
    if learns:
        assert found.batch == 64
        assert len(found.known) == space.n_classes
        np.testing.assert_array_equal(np.sort(found.known.targets[:, 1:], axis=0), np.sort(class_scores(space), axis=0))


def test_they_teach_the_proxies_of_cells_without_labels(space, fit):
    _, others = split(space)
    errors = {}
    for count in (0, 64):
        predictor = fit(128, unlabelled=count, epochs=20, learning_rate=1e-2)
        errors[count] = proxy_error(space, predictor.config, predictor.state()[0], others)
    assert errors[64] < 0.8 * errors[0]


def test_of_a_large_space_a_random_choice_is_learned(make, unlabelled):
    space = get_space("nb101")
    predictor = ProbeFormer(space, config=vars(make("probe-former").config) | {"epochs": 1}, device="cpu")
    predictor.fit(*labels_of(space, 128))
    assert len(unlabelled[0].known) == MOST_UNLABELLED < space.n_classes


def labels_of(space, n):
    cells = space.sample(n, np.random.default_rng(n))
    return cells, np.array([cell.index / 1e5 for cell in cells])


@pytest.mark.parametrize("changes", [{"probes": False}, {"unlabelled": 0}])
def test_without_proxies_or_unlabelled_cells_none_are_learned(fit, unlabelled, changes):
    predictor = fit(130, **changes)
    assert unlabelled == [None]
    has_head = any(name.startswith("weights.proxies.") for name in predictor.state()[0])
    assert has_head is predictor.config.probes


def test_with_few_labels_the_proxies_of_labelled_cells_are_learned(space, fit):
    cells, _ = labels(space, 60)
    known = np.unique(space.class_ids()[[cell.index for cell in cells]])
    errors = [
        proxy_error(space, predictor.config, predictor.state()[0], known)
        for predictor in (fit(60, epochs=1, learning_rate=1e-9), fit(60, epochs=30))
    ]
    assert errors[1] < 0.8 * errors[0]


def test_closing_epochs_learn_unlabelled_cells_too(fit, unlabelled):
    fit(130, cross_fit_labels=24)
    assert len(unlabelled) == 2
    assert None not in unlabelled
