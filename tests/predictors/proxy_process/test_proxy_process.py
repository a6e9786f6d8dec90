"""The default predictor of searches: its prior, its growing candidates, and its imports."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau, rankdata

from nassurrogate.benchmarks import LABEL, load_benchmark
from nassurrogate.errors import InputError
from nassurrogate.predictors.cell_kernel import KERNEL, kernel_inputs
from nassurrogate.predictors.inputs.cells import read
from nassurrogate.predictors.inputs.path_features import class_numbers
from nassurrogate.predictors.labels.scale import RankScale
from nassurrogate.predictors.proxy_process import prior as module
from nassurrogate.predictors.proxy_process.growing_process import GrowingProcess
from nassurrogate.predictors.proxy_process.prior import PROXIES, proxy_scores
from nassurrogate.proxies.names import PROBE_NAMES
from nassurrogate.proxies.normal_scores import mean_ranks
from nassurrogate.proxies.table import probe_features

indices = st.integers(0, 15_624)


@pytest.fixture(scope="module")
def truth():
    return load_benchmark("nb201", "cifar10").column(LABEL).mean


# --- ranks and the prior ---------------------------------------------------------------------------------------------


@given(st.lists(st.one_of(st.integers(-3, 3).map(float), st.floats(allow_nan=False)), min_size=1, max_size=60))
def test_mean_ranks_are_those_of_scipy(values):
    assert mean_ranks(np.array(values)).tolist() == rankdata(values).tolist()


@pytest.fixture
def scores_of(space, monkeypatch):
    """`scores_of(table)`: the prior's scores with another table of probes."""

    def scored(table: np.ndarray) -> np.ndarray:
        monkeypatch.setattr(module, "probe_features", lambda _: table)
        return proxy_scores.__wrapped__(space)

    return scored


@pytest.mark.parametrize("name", PROXIES)
def test_the_prior_rises_with_each_proxy(space, scores_of, name):
    table = probe_features(space).astype(float)
    before, column = scores_of(table), PROBE_NAMES.index(name)
    for row in np.argsort(table[:, column])[: space.n_classes // 2 : 300]:
        better = table.copy()
        better[row, column] = table[:, column].max() + 1
        assert scores_of(better)[row] > before[row]


@given(rows=st.lists(st.integers(0, 5424), min_size=2, max_size=60, unique=True))
def test_the_prior_is_monotonic_in_the_proxies(space, rows):
    proxies = probe_features(space)[rows][:, [PROBE_NAMES.index(name) for name in PROXIES]]
    no_worse = (proxies[:, None] >= proxies).all(axis=2)
    scores = proxy_scores(space)[rows]
    assert (scores[:, None] >= scores)[no_worse].all()


def test_without_a_table_of_probes_the_prior_is_flat(space, monkeypatch):
    monkeypatch.setattr(module, "has_probes", lambda _: False)
    assert proxy_scores.__wrapped__(space).tolist() == [0.0] * space.n_classes


def test_the_prior_depends_on_ranks_of_the_proxies_alone(space, scores_of):
    table = probe_features(space).astype(float)
    columns = [PROBE_NAMES.index(name) for name in PROXIES]
    others = np.setdiff1d(np.arange(table.shape[1]), columns)
    stretched = table.copy()
    stretched[:, columns] = np.exp(table[:, columns] / 2) * 7 - 3
    stretched[:, others] = np.random.default_rng(0).standard_normal((len(table), len(others)))
    assert (scores_of(stretched) == scores_of(table)).all()


def test_the_prior_ranks_cells_far_better_than_chance(space, truth):
    scores = proxy_scores(space)
    assert scores.shape == (space.n_classes,)
    assert abs(scores.mean()) < 1e-3
    assert not scores.flags.writeable
    assert kendalltau(scores[space.class_ids()], truth).statistic > 0.5


def test_without_a_slope_the_prior_does_not_matter(space, make, truth):
    cells = space.sample(40, np.random.default_rng(0))
    labels = truth[[cell.index for cell in cells]]
    predictor = make("proxy-process", slope=0.0, slope_std=0.0)
    predictor.fit(cells[:30], labels[:30])

    def inputs_of(classes):
        cells = read(space, classes)
        return kernel_inputs(space, cells.paths, cells.probes)

    inputs = inputs_of(class_numbers(space, cells))
    process = GrowingProcess(
        KERNEL.covariances,
        lambda x: np.full(len(x), KERNEL.variance),
        noise=predictor.config.noise,
        n_features=inputs.shape[1],
    )
    process.label(class_numbers(space, cells[:30]), inputs_of)
    mean, variance = process.posterior(inputs, RankScale.of(labels[:30]).encode(labels[:30]))
    found = predictor.posterior(cells)
    assert found[0] == pytest.approx(mean, abs=1e-6)
    assert found[1] == pytest.approx(np.sqrt(variance), abs=1e-6)


def test_far_from_labels_a_slope_follows_the_proxies(space, make):
    cells, scores = space.parse_many(range(0, 15_625, 40)), proxy_scores(space)
    predictor = make("proxy-process", slope=2.0, slope_std=0.0)
    predictor.fit(cells[:1], np.array([90.0]))
    mean = predictor.posterior(cells)[0]
    assert np.corrcoef(mean, scores[class_numbers(space, cells)])[0, 1] > 0.9


# --- the posterior that grows ----------------------------------------------------------------------------------------

steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.lists(indices, min_size=1, max_size=8)),
        st.tuples(st.just("learn"), st.lists(indices, min_size=1, max_size=5)),
        st.tuples(st.just("learn others"), st.lists(indices, min_size=1, max_size=12)),
    ),
    max_size=8,
)


@settings(max_examples=60)
@given(first=st.lists(indices, min_size=1, max_size=5), candidate=indices, steps=steps)
def test_the_order_of_fits_and_candidates_does_not_matter(space, make, truth, first, candidate, steps):
    predictor = make("proxy-process")
    growing = predictor.candidate_posterior()
    assert len(growing) == 0
    candidates, learned = [], []
    for step, cells in [("add", [candidate]), ("learn", first), *steps]:
        if step == "add":
            growing.add(space.parse_many(cells))
            candidates += cells
        else:
            learned = cells if step == "learn others" else learned + cells
            predictor.fit(space.parse_many(learned), truth[learned])
        if learned:
            assert len(growing) == len(candidates)
            for found, wanted in zip(
                growing.posterior(), predictor.posterior(space.parse_many(candidates)), strict=True
            ):
                # A deviation near 0 is the root of a difference of numbers near 1.
                np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-8)


def test_a_pool_without_candidates_has_an_empty_posterior(space, make, truth):
    predictor = make("proxy-process")
    growing = predictor.candidate_posterior()
    predictor.fit(space.parse_many(range(5)), truth[:5])
    assert [part.shape for part in growing.posterior()] == [(0,), (0,)]
    assert [part.shape for part in predictor.posterior([])] == [(0,), (0,)]


def test_labels_are_encoded_as_they_are_learned(space, make, truth):
    predictor = make("proxy-process")
    predictor.fit(space.parse_many(range(20)), truth[:20])
    assert rankdata(predictor.encoded(truth[:20])).tolist() == rankdata(truth[:20]).tolist()
    # The mean of the posterior at the labels lies between the prior's and the labels'.
    assert np.corrcoef(predictor.posterior(space.parse_many(range(20)))[0], predictor.encoded(truth[:20]))[0, 1] > 0.8


# --- many labels, and how sure it is ---------------------------------------------------------------------------------


def test_the_seed_chooses_among_many_labels(space, make, truth):
    cells = np.random.default_rng(0).permutation(15_625)[:120]

    def predicted(labels=truth[cells], **options):
        predictor = make("proxy-process", **options)
        predictor.fit(space.parse_many(cells), labels)
        return predictor.predict(space.parse_many(range(200)))[0]

    few = predicted(most_labels=50)
    assert np.isfinite(few).all()
    assert (predicted(most_labels=50) == few).all()
    assert (predicted(most_labels=50, seed=1) != few).any()
    assert (predicted(most_labels=120) == predicted()).all()
    assert (predicted(most_labels=120) != few).any()
    assert kendalltau(few, truth[:200]).statistic > 0.5


@pytest.mark.parametrize("n_labels", [30, 100])
def test_intervals_cover_90_percent(space, make, truth, n_labels):
    shares = []
    for seed in range(10):
        order = np.random.default_rng(seed).permutation(space.size)
        known, others = order[:n_labels], order[n_labels : n_labels + 1000]
        predictor = make("proxy-process")
        predictor.fit(space.parse_many(known), truth[known])
        mean, std = predictor.predict(space.parse_many(others))
        shares.append((np.abs(truth[others] - mean) <= 1.645 * std).mean())
    assert 0.8 <= np.mean(shares) <= 0.97


@pytest.mark.parametrize(
    "wrong", [{"noise": 0.0}, {"noise": float("nan")}, {"slope": 11.0}, {"slope_std": -0.1}, {"most_labels": 0}]
)
def test_an_invalid_configuration_is_refused(make, wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        make("proxy-process", **wrong)


# --- what it costs ---------------------------------------------------------------------------------------------------

SEARCH = """
import sys
from nassurrogate.search import run

result = run(budget=5, seed=0, write=False)
assert result["predictor"] == "proxy-process:default", result["predictor"]
print(*(name for name in ("torch", "scipy.stats", "pandas", "sklearn", "lightgbm") if name in sys.modules))
"""


def test_a_whole_search_imports_neither_torch_nor_scipy_stats(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", SEARCH],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
