"""The space and the metric of a predictor: which spaces it refuses, and how the metric matters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from nassurrogate import Surrogate
from nassurrogate.errors import InputError
from nassurrogate.metric import Metric, known_metric
from nassurrogate.predictors import (
    DEFAULT_PREDICTOR,
    OPEN_PREDICTOR,
    SEARCH_PREDICTOR,
    default_predictor,
    make_predictor,
    predictor_class,
    predictor_names,
)
from nassurrogate.predictors.base import Predictor
from nassurrogate.predictors.gradient_boosting import GradientBoosting
from nassurrogate.predictors.proxy_process import ProxyProcess
from nassurrogate.predictors.stacked_ensemble import StackedEnsemble
from nassurrogate.spaces import CategoricalSpace, CellSpace, EnumerableSpace, get_space

NB201 = get_space("nb201")
MINE = CategoricalSpace("mine", {"kernel": [3, 5], "width": [16, 32, 64]})
LATENCY, LOSS, FPS = (known_metric(name) for name in ("latency_ms", "val_loss_nats", "fps"))
UNKNOWN = Metric("usefulness")
OPEN_PREDICTORS = [OPEN_PREDICTOR, "gradient-boosting", "gaussian-process", "random-forest", "ridge", "ensemble"]
CELL_PREDICTORS = [name for name in predictor_names() if predictor_class(name).requires is CellSpace]


# --- spaces --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CELL_PREDICTORS)
def test_predictors_of_cells_refuse_other_spaces_in_one_line(name):
    with pytest.raises(InputError) as caught:
        Surrogate(MINE, predictor=name)
    assert str(caught.value) == (
        f"predictor {name!r} reads cells (graphs with operations on nodes), but space 'mine' has none; "
        "space-process works on any space"
    )


@pytest.mark.parametrize("name", OPEN_PREDICTORS)
def test_predictors_of_features_work_on_any_space(name):
    archs = list(MINE.members())
    surrogate = Surrogate(MINE, predictor=name, seed=0).fit(archs, [90.0, 90.5, 91.0, 91.0, 91.5, 92.0])
    assert np.isfinite(surrogate.predict(archs)).all()
    assert surrogate.predictor.uses()


@pytest.mark.parametrize("name", OPEN_PREDICTORS)
def test_a_cost_is_predicted_from_the_raw_architecture(name):
    """Equivalent cells have different costs: a predictor of canonical cells cannot distinguish them."""
    largest = np.bincount(NB201.class_ids()).argmax()
    equivalent = NB201.take(np.flatnonzero(NB201.class_ids() == largest)[:20])
    rng = np.random.default_rng(0)
    archs = NB201.sample(60, rng)
    costs = NB201.costs(archs)["params_m"] + rng.normal(0, 0.01, 60)
    for metric, distinguishes in ((LATENCY, True), (LOSS, False)):
        surrogate = Surrogate(NB201, predictor=name, metric=metric, seed=0).fit(archs, costs)
        assert surrogate.predictor.reads_canonical_cells != distinguishes
        assert (len(set(surrogate.predict(equivalent)[0])) > 1) == distinguishes


@pytest.mark.parametrize("name", [OPEN_PREDICTOR, "ridge"])
def test_a_space_that_was_declared_again_is_read_again(name):
    """With the same name and slots, as in a notebook cell that is changed and run again."""
    slots = {"first": [1, 2, 3], "second": [1, 2, 3]}

    def learned(**functions):
        space = CategoricalSpace("again", slots, **functions)
        archs = list(space.members())
        surrogate = Surrogate(space, predictor=name, metric="latency_ms").fit(archs, [9.0, 8, 7, 6, 5, 4, 3, 2, 1.0])
        return surrogate.predictor.uses(), surrogate.predict(archs)[0].tolist()

    def rising(arch):
        return {"params_m": 1.0 + arch.choices["first"] ** 3}

    def falling(arch):
        return {"params_m": 30.0 - 9 * arch.choices["second"]}

    plain = learned()
    cheap, dear, plain_again = learned(costs=rising), learned(costs=falling), learned()
    assert "exact costs" in cheap[0]
    assert "exact costs" in dear[0]
    assert "exact costs" not in plain[0]
    assert len({tuple(predicted) for _, predicted in (plain, cheap, dear)}) == 3
    assert plain_again == plain
    assert learned(costs=rising) == cheap


@pytest.mark.parametrize("name", [OPEN_PREDICTOR, "ridge"])
def test_a_space_with_other_equivalences_is_read_again(name):
    slots = {"first": [1, 2, 3], "second": [1, 2, 3]}
    found = []
    for canonical in (None, lambda arch: dict(zip(slots, sorted(arch.choices.values()), strict=True)), None):
        space = CategoricalSpace("alike", slots, canonical)
        surrogate = Surrogate(space, predictor=name).fit(list(space.members()), np.arange(9.0))
        one, other = surrogate.score([{"first": 1, "second": 3}, {"first": 3, "second": 1}])
        found.append(one == other)
    assert found == [False, True, False]


def test_any_kind_of_space_can_be_required():
    class Ordered(Mean):
        requires = EnumerableSpace

    with pytest.raises(
        InputError, match="'mean' works on spaces of the kind EnumerableSpace, but space 'mine' is not one"
    ):
        Ordered(MINE)
    assert Ordered(NB201).space is NB201
    assert Mean(MINE).space is MINE


def test_a_space_is_accepted_wherever_its_name_is():
    surrogate = Surrogate(MINE, predictor=Mean)
    assert surrogate.space is surrogate.predictor.space is surrogate.fresh(seed=3).space is MINE
    surrogate.fit([{"kernel": 3, "width": 16}, "kernel=5 width=64"], [1.0, 3.0])
    assert surrogate.score({"kernel": 5, "width": 16}) == 2.0
    assert surrogate.score(list(MINE.members())).tolist() == [2.0] * 6


@pytest.mark.parametrize(
    ("space", "metric", "expected"),
    [
        (NB201, known_metric("val_accuracy_pct"), (DEFAULT_PREDICTOR, SEARCH_PREDICTOR)),
        (get_space("nb101"), LOSS, (DEFAULT_PREDICTOR, SEARCH_PREDICTOR)),
        (NB201, LATENCY, (OPEN_PREDICTOR, OPEN_PREDICTOR)),
        (NB201, known_metric("train_time_s"), (OPEN_PREDICTOR, OPEN_PREDICTOR)),
        (MINE, known_metric("val_accuracy_pct"), (OPEN_PREDICTOR, OPEN_PREDICTOR)),
        (get_space("macro"), known_metric("test_accuracy_pct"), (OPEN_PREDICTOR, OPEN_PREDICTOR)),
    ],
)
def test_the_default_follows_from_space_and_metric(space, metric, expected):
    assert tuple(default_predictor(space, metric, search=search) for search in (False, True)) == expected
    assert Surrogate(space, metric=metric).predictor.name == expected[0]


@pytest.mark.parametrize("name", CELL_PREDICTORS)
def test_a_predictor_says_what_it_reads(name):
    uses = predictor_class(name)(NB201, device="cpu").uses()
    assert uses[0] == "canonical graph"
    assert ("zero-cost proxies" in uses) == (name in (DEFAULT_PREDICTOR, SEARCH_PREDICTOR))


def test_what_it_reads_follows_the_configuration():
    v2 = predictor_class("nar-former-v2")
    assert v2(NB201, preset="paper", device="cpu").uses() == ["raw graph"]
    former = predictor_class(DEFAULT_PREDICTOR)
    assert former(NB201, config={"probes": False}, device="cpu").uses() == ["canonical graph", "path counts"]
    assert "exact costs" in former(get_space("nb101"), device="cpu").uses()
    assert Mean(MINE).uses() == []


# --- metrics -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Config:
    """No hyper-parameters."""


class Mean(Predictor):
    """The mean of the labels."""

    name = "mean"
    description = "the mean of the labels"
    presets: ClassVar = {"plain": Config()}

    def fit(self, archs, targets, *, progress=None):
        self.mean = float(np.mean(targets))

    def predict(self, archs):
        return np.full(len(archs), self.mean), np.zeros(len(archs))

    def state(self):
        return {}, {"mean": self.mean}

    def load_state(self, tensors, meta):
        self.mean = float(meta["mean"])


class OfOld(Mean):
    """Written before predictors knew their metric."""

    name = "of-old"

    def __init__(self, space, *, preset=None, config=None, seed=0, device="auto"):
        super().__init__(space, preset=preset, config=config, seed=seed, device=device)


class Passing(Mean):
    """Passes all options on."""

    name = "passing"

    def __init__(self, space, **options):
        super().__init__(space, **options)


def test_every_predictor_knows_the_metric():
    for cls in (Mean, OfOld, Passing, GradientBoosting):
        for metric in (LATENCY, LOSS, Metric("usefulness", direction="maximize")):
            surrogate = Surrogate(NB201, predictor=cls, metric=metric)
            assert (
                surrogate.predictor.metric == surrogate.about_metric == surrogate.fresh(seed=1).about_metric == metric
            )
            assert surrogate.metric == metric.name
    assert Mean(NB201).metric == known_metric("val_accuracy_pct")
    assert make_predictor(OfOld, NB201, metric=LATENCY, seed=5).seed == 5


def test_a_stack_passes_the_metric_on():
    stack = StackedEnsemble(NB201, metric=LOSS)
    assert all(member.metric is LOSS for member in stack._members)


def test_the_direction_of_a_score_is_that_of_the_metric():
    larger, smaller = (Metric("usefulness", direction=direction) for direction in ("maximize", "minimize"))
    scores = [Surrogate(NB201, predictor=Mean, metric=m).fit([0, 1], [1.0, 3.0]).score(5) for m in (larger, smaller)]
    assert scores == [2.0, -2.0]
    assert Surrogate(NB201, predictor=Mean, metric="top1_pct").higher_is_better
    assert not Surrogate(NB201, predictor=Mean, metric="top1_error_pct").higher_is_better
    with pytest.raises(InputError, match="is not known"):
        Surrogate(NB201, predictor=Mean, metric=UNKNOWN)


def test_proxies_follow_the_direction_of_the_metric():
    """Before any labels: a loss falls as accuracy rises; larger networks score higher and cost more."""
    accuracy = ProxyProcess(NB201)._prior
    assert accuracy.any()
    for metric, sign in ((LOSS, -1), (LATENCY, 1), (FPS, -1), (UNKNOWN, 0)):
        assert (ProxyProcess(NB201, metric=metric)._prior == sign * accuracy).all()


def test_a_loss_is_learned_as_well_as_the_negated_accuracy():
    cells = NB201.sample(12, np.random.default_rng(0))
    accuracy = np.random.default_rng(1).normal(size=12)
    proxies = ProxyProcess(NB201)
    proxies.fit(cells, accuracy)
    mirrored = ProxyProcess(NB201, metric=LOSS)
    mirrored.fit(cells, -accuracy)
    candidates = NB201.sample(50, np.random.default_rng(2))
    for (mean, std), sign in ((proxies.posterior(candidates), 1), (mirrored.posterior(candidates), -1)):
        assert np.allclose(sign * mean, proxies.posterior(candidates)[0], atol=1e-8)
        assert np.allclose(std, proxies.posterior(candidates)[1], atol=1e-8)
