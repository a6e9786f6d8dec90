"""Searches that start from a saved surrogate."""

from __future__ import annotations

import numpy as np
import pytest

from nassurrogate import Surrogate
from nassurrogate.benchmarks import LABEL, load_benchmark
from nassurrogate.errors import InputError
from nassurrogate.search import SearchSettings, run
from nassurrogate.search.candidates.feasibility import find_feasible
from nassurrogate.search.surrogates import BlendedSurrogate, LearningSurrogate, Posterior
from nassurrogate.search.surrogates.blended import Blend
from tests.search.conftest import SPACE
from tests.spaces.declared import CONDITIONAL, HUGE, PLAIN

FAST = {"members": 2, "rounds": 20}


@pytest.fixture(scope="module")
def saved(bench, tmp_path_factory):
    """A surrogate of 200 labels, on disk."""
    cells = np.random.default_rng(0).permutation(15_625)[:200]
    surrogate = Surrogate("nb201", predictor="gradient-boosting", config=FAST)
    surrogate.fit(cells.tolist(), bench.column(LABEL).mean[cells])
    return surrogate.save(tmp_path_factory.mktemp("model") / "model.safetensors")


def search(bench, **options):
    return run(**{"budget": 20, "seed": 0, "write": False, **options}, benchmark=bench)


def test_it_guides_from_the_first_query_and_its_labels_are_reported_apart(bench, saved):
    result = search(bench, surrogate=saved)
    assert result["phases"]["init"] == 0
    assert result["queries"] == 20
    assert result["surrogate_labels"] == 200
    assert result["predictor"] == "gradient-boosting:default"


@pytest.mark.parametrize(
    ("name", "dataset"),
    [("gradient-boosting", "cifar100"), ("proxy-process", "cifar100"), ("ridge", "cifar10")],
)
def test_what_it_learned_finds_more_than_chance_from_the_first_query(bench, name, dataset):
    """Of another data set, only the order of the labels helps."""
    cells = np.random.default_rng(1).permutation(15_625)[:200]
    learned = load_benchmark("nb201", dataset).column(LABEL).mean[cells]
    surrogate = Surrogate("nb201", predictor=name, config=FAST if name == "gradient-boosting" else None)
    surrogate.fit(cells.tolist(), learned)
    guided, blind, first = [], [], []
    for seed in range(3):
        result = search(bench, surrogate=surrogate, seed=seed, listener=lambda event: first.append(event.query))
        guided.append(result["regret_points"])
        blind.append(search(bench, predictor="none", searcher="random", seed=seed)["regret_points"])
    assert np.mean(guided) < np.mean(blind)
    labels = [query.label for query in first if query is not None and query.number == 1]
    assert np.mean(labels) > np.quantile(bench.column(LABEL).mean, 0.8)


@pytest.mark.parametrize("name", ["gradient-boosting", "proxy-process"])
def test_every_query_is_predicted_in_percent(bench, name):
    surrogate = Surrogate("nb201", predictor=name, config=FAST if name == "gradient-boosting" else None)
    surrogate.fit(range(0, 15_000, 100), bench.column(LABEL).mean[:15_000:100])
    queries = []
    options = {"predictor": "proxy-process", "budget": 8, "settings": SearchSettings(batch_size=3)}
    search(bench, surrogate=surrogate, listener=lambda event: queries.append(event.query), **options)
    made = [query for query in queries if query is not None]
    assert [query.phase for query in made] == ["search"] * 7 + ["confirm"]
    assert all(0 < query.predicted_mean < 110 for query in made)


def test_the_saved_one_weighs_by_its_number_of_labels(bench):
    """Of very many labels, it decides; of very few, the one that learns beside it does."""
    members = find_feasible(bench, bench.objective, [], np.random.default_rng(0)).members()
    cells = np.random.default_rng(1).permutation(15_625)
    labels = bench.column(LABEL).mean

    def posterior(n_saved, n_learned):
        saved = Surrogate("nb201", predictor="ridge").fit(cells[:n_saved], -labels[cells[:n_saved]])
        learning = LearningSurrogate(Surrogate("nb201", predictor="proxy-process"), np.random.default_rng(0))
        blended = BlendedSurrogate(saved, learning, members)
        blended.add(members[:1000])
        blended.fit(SPACE.take(cells[:n_learned]), labels[cells[:n_learned]].tolist())
        others = members[1000:1100]
        found, single = blended.posterior(), blended.posterior_of(members[:1000])
        np.testing.assert_allclose(found.mean, single.mean, atol=1e-6)
        np.testing.assert_allclose(found.std, single.std, atol=1e-6)
        assert blended.posterior_of(others).is_finite
        return np.corrcoef(found.mean, labels[SPACE.indices(members[:1000])])[0, 1]

    assert posterior(300, 1) < -0.5
    assert posterior(300, 5) < -0.5
    assert posterior(5, 300) > 0.5


def test_a_path_and_the_object_do_the_same(bench, saved):
    results = [search(bench, surrogate=given) for given in (saved, str(saved), Surrogate.load(saved))]
    assert results[0]["best"] == results[1]["best"] == results[2]["best"]


def test_it_is_used_where_labels_are_degenerate(fake_bench, saved):
    result = search(fake_bench(np.full(15_625, 99.0)), surrogate=saved)
    (note,) = result["notes"]
    assert note.startswith("the surrogate does not say which data set")
    assert result["queries"] == 20


@pytest.mark.parametrize("predictor", ["none", "oracle"])
def test_it_needs_a_predictor(bench, saved, predictor):
    with pytest.raises(InputError, match="makes no use of a saved surrogate"):
        search(bench, surrogate=saved, predictor=predictor)


def test_a_surrogate_of_a_cost_or_without_labels_is_refused(bench):
    cost = Surrogate("nb201", predictor="gradient-boosting", metric="latency_ms", config=FAST)
    with pytest.raises(InputError, match="predicts latency_ms"):
        search(bench, surrogate=cost)
    with pytest.raises(InputError, match="no labels yet"):
        search(bench, surrogate=Surrogate("nb201", predictor="gradient-boosting", config=FAST))


def test_a_blend_weighs_standardised_means():
    rng = np.random.default_rng(0)
    saved, fitted = (
        Posterior(rng.normal(60, 9, 50), np.full(50, 9.0)),
        Posterior(rng.normal(90, 2, 50), np.full(50, 2.0)),
    )
    for weight, same in ((0.0, fitted), (1.0, saved)):
        mean = Blend.of(saved, fitted, weight)(saved, fitted).mean
        assert np.corrcoef(mean, same.mean)[0, 1] == pytest.approx(1)
        assert (mean.mean(), mean.std()) == pytest.approx((fitted.mean.mean(), fitted.mean.std()))
    middle = Blend.of(saved, fitted, 0.5)(saved, fitted)
    z = [(f.mean - f.mean.mean()) / f.mean.std() for f in (saved, fitted)]
    assert middle.mean.argmax() == (z[0] + z[1]).argmax()


def test_a_blend_ignores_what_says_nothing():
    flat, telling = Posterior(np.full(3, 80.0), np.ones(3)), Posterior(np.array([1.0, 2.0, 3.0]), np.ones(3))
    assert Blend.of(flat, telling, 0.9)(flat, telling) is telling
    assert Blend.of(telling, flat, 0.1)(telling, flat) is telling


@pytest.mark.parametrize("space", [CONDITIONAL, HUGE], ids=lambda space: space.name)
def test_it_guides_a_search_of_a_space_of_ones_own(tmp_path, space):
    def train(arch):
        return 60.0 + sum(value for value in arch.choices.values() if isinstance(value, int)) / 8

    cells = space.sample(60, np.random.default_rng(0))
    saved = Surrogate(space, seed=0).fit(cells, [train(arch) for arch in cells])
    path = saved.save(tmp_path / "model")
    first = []
    chosen = SearchSettings(pool_size=200)
    options = {"budget": 6, "seed": 0, "write": False, "settings": chosen, "constraints": "params_m<=170"}
    results = [
        run(space=space, evaluate=train, surrogate=given, listener=lambda event: first.append(event.query), **options)
        for given in (path, saved)
    ]
    assert results[0]["best"] == results[1]["best"]
    assert (results[0]["surrogate_labels"], results[0]["phases"]["init"]) == (60, 0)
    labels = [query.label for query in first if query is not None and query.number == 1]
    chance = [
        train(arch) for arch in space.sample(300, np.random.default_rng(1)) if space.costs([arch])["params_m"][0] <= 170
    ]
    assert min(labels) > np.quantile(chance, 0.9)
    with pytest.raises(InputError, match="expected one for plain"):
        run(space=PLAIN, evaluate=lambda arch: 90.0, surrogate=saved, budget=2, write=False)
    with pytest.raises(InputError, match=r"predicts val_accuracy_pct, expected one that predicts val_loss"):
        run(space=space, evaluate=train, surrogate=saved, objective="val_loss", budget=2, write=False)
