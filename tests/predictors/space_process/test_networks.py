"""Space-Process on spaces that build networks: it reads them, repeatably, and does without where it has to."""

from __future__ import annotations

import copy
import logging
import pickle
from pathlib import Path

import numpy as np
import pytest
from torch import nn

from nassurrogate import Architecture, Surrogate
from nassurrogate.errors import InputError
from nassurrogate.prediction_quality import kendall_tau
from nassurrogate.predictors.space_process import SpaceProcess, network_sample, reading
from nassurrogate.predictors.space_process.network_features import NETWORK_BLOCKS, NetworkFeatures
from nassurrogate.predictors.space_process.network_sample import FEWEST, measure_networks
from nassurrogate.spaces import CategoricalSpace
from tests.predictors.space_process.networks import (
    SLOTS,
    build_nothing,
    build_untraceable,
    made_up_accuracies,
    space_of,
)

SPACE = space_of()
ARCHS = SPACE.sample(128, np.random.default_rng(0))
TRAIN, TEST = ARCHS[:20], ARCHS[20:]
LABELS = made_up_accuracies(TRAIN)


def fitted(space: CategoricalSpace = SPACE, **config) -> SpaceProcess:
    predictor = SpaceProcess(space, config=config)
    predictor.fit([space.parse(arch.string) for arch in TRAIN], LABELS)
    return predictor


@pytest.fixture(scope="module")
def looked() -> SpaceProcess:
    return fitted()


def ranked(predictor: SpaceProcess) -> float:
    return kendall_tau(
        predictor.predict([predictor.space.parse(arch.string) for arch in TEST])[0], made_up_accuracies(TEST)
    )


def test_networks_tell_more_than_choices(looked: SpaceProcess) -> None:
    assert ranked(looked) > ranked(fitted(networks=0)) + 0.05


def test_what_is_read_is_said(looked: SpaceProcess) -> None:
    of_networks = set(NETWORK_BLOCKS.values())
    assert of_networks <= set(looked.uses())
    assert of_networks <= set(SpaceProcess(SPACE).uses())
    assert not of_networks & set(SpaceProcess(SPACE, config={"networks": 0}).uses())


def test_without_networks_predictions_are_those_of_the_choices() -> None:
    plain = CategoricalSpace("cells", SLOTS)
    expected = fitted(plain).predict([plain.parse(arch.string) for arch in TEST])
    without = fitted(networks=0)
    found = without.predict(TEST)
    assert np.array_equal(found, expected)
    assert without.state()[0].keys() == fitted(plain).state()[0].keys()


def test_costs_are_predicted_from_the_choices() -> None:
    surrogate = Surrogate(SPACE, metric="latency_ms").fit(TRAIN, LABELS)
    assert not set(NETWORK_BLOCKS.values()) & set(surrogate.predictor.uses())


def test_a_prediction_depends_on_nothing_but_architecture_labels_and_seed(looked: SpaceProcess) -> None:
    mean, std = looked.predict(TEST)
    reading._made.clear()
    again = fitted(space_of())
    assert np.array_equal(again.predict(TEST), (mean, std))
    assert np.array_equal(looked.predict(TEST[::-1])[0], mean[::-1])
    assert np.array_equal(looked.predict(TEST[3:4])[0], mean[3:4])
    for duplicate in (copy.deepcopy(looked), pickle.loads(pickle.dumps(looked))):
        assert np.array_equal(duplicate.predict(TEST), (mean, std))


def test_networks_are_built_once_for_all_fits_of_a_space(monkeypatch: pytest.MonkeyPatch) -> None:
    fitted()
    monkeypatch.setattr(reading, "measure_networks", lambda *_: pytest.fail("measured again"))
    fitted()
    fitted(space_of())
    Surrogate(SPACE, seed=3).fit(TRAIN, LABELS).fresh(seed=4).fit(TRAIN, LABELS)


def test_another_build_function_makes_other_networks(caplog: pytest.LogCaptureFixture) -> None:
    fitted()
    with caplog.at_level(logging.WARNING):
        other = fitted(space_of(build_nothing))
    assert not set(NETWORK_BLOCKS.values()) & set(other.uses())
    assert any("no network today" in record.message for record in caplog.records)
    assert np.array_equal(other.predict(TEST), fitted(networks=0).predict(TEST))


def test_networks_that_cannot_be_traced_still_have_proxies() -> None:
    predictor = fitted(space_of(build_untraceable))
    found = [name for name in NETWORK_BLOCKS.values() if name in predictor.uses()]
    assert found == [NETWORK_BLOCKS["network proxies"]]
    assert ranked(predictor) > 0.3


def test_the_first_fit_reports_its_progress() -> None:
    reading._made.clear()
    steps: list[tuple[int, int]] = []
    SpaceProcess(SPACE).fit(TRAIN, LABELS, progress=lambda done, total: steps.append((done, total)))
    *measuring, last = steps
    assert last == (1, 1)
    assert [done for done, _ in measuring] == list(range(1, len(measuring) + 1))
    assert {total for _, total in measuring} == {len(measuring)} == {128 + FEWEST}


@pytest.mark.parametrize(("most", "proxies", "graphs"), [(1, 1, 3), (20, 20, 60), (500, FEWEST, 128)])
def test_how_many_networks_are_measured_follows_from_the_space(most: int, proxies: int, graphs: int) -> None:
    sample = measure_networks(SPACE, most)
    assert len(sample.codes) == len(np.unique(sample.codes, axis=0)) == graphs
    assert np.isfinite(sample.proxies).all(axis=1).sum() == proxies
    assert np.isfinite(sample.structure).all()
    again = measure_networks(space_of(), most)
    assert np.array_equal(again.codes, sample.codes)
    assert np.array_equal(again.proxies, sample.proxies, equal_nan=True)


def test_of_large_networks_fewer_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_sample, "FEWEST", 10)
    monkeypatch.setattr(network_sample, "_MOST_MACS", 1.0)
    monkeypatch.setattr(network_sample, "_MOST_OPERATORS", 200)
    sample = measure_networks(SPACE, 40)
    assert np.isfinite(sample.proxies).all(axis=1).sum() == 10
    assert 10 < len(sample.codes) < 120


def without_dead_ends(arch: Architecture) -> dict[str, object]:
    choices = dict(arch.choices)
    return (
        {**choices, "first": "none", "second": "none"} if "none" in (choices["first"], choices["second"]) else choices
    )


def test_equivalent_architectures_get_equal_predictions() -> None:
    space = space_of(name="reduced", canonical=without_dead_ends)
    predictor = fitted(space)
    a, b = (space.parse(f"first={first} second=none around=conv width=4") for first in ("conv", "pool"))
    assert predictor.reads_canonical_cells
    assert predictor.predict([a])[0] == predictor.predict([b])[0]


def test_a_saved_surrogate_needs_no_networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    surrogate = Surrogate(SPACE).fit(TRAIN, LABELS)
    path = surrogate.save(tmp_path / "model")
    monkeypatch.setattr(reading, "measure_networks", lambda *_: pytest.fail("measured again"))
    for space in (SPACE, CategoricalSpace("cells", SLOTS)):
        loaded = Surrogate.load(path, space=space)
        assert np.array_equal(loaded.score([a.string for a in TEST]), surrogate.score(TEST))


def test_a_file_without_networks_is_loaded_as_it_was_saved(tmp_path: Path) -> None:
    """As all files of earlier releases."""
    plain = CategoricalSpace("cells", SLOTS)
    surrogate = Surrogate(plain).fit([plain.parse(arch.string) for arch in TRAIN], LABELS)
    loaded = Surrogate.load(surrogate.save(tmp_path / "model"), space=SPACE)
    assert np.array_equal(loaded.score(TEST), surrogate.score([arch.string for arch in TEST]))
    assert ranked(loaded.fit(TRAIN, LABELS).predictor) == ranked(fitted())


def spoilt(tensors, meta):
    """Faulty copies of a state, with what is wrong."""
    codes, kernel, block = (tensors[f"networks.{name}"] for name in ("codes", "kernel", "network proxies"))
    yield "another block", tensors, {**meta, "networks": ["probes"]}
    yield "no block", tensors, {**meta, "networks": []}
    yield "no list", tensors, {**meta, "networks": 3}
    yield "an unknown choice", {**tensors, "networks.codes": codes + 9}, meta
    yield "a slot less", {**tensors, "networks.codes": codes[:, 1:]}, meta
    yield "codes that are no integers", {**tensors, "networks.codes": codes.astype(float)}, meta
    yield "a short kernel", {**tensors, "networks.kernel": kernel[1:]}, meta
    yield "an infinite kernel", {**tensors, "networks.kernel": kernel * np.inf}, meta
    yield "a factor out of range", {**tensors, "networks.choices": np.array([-1.0])}, meta
    yield "a row less", {**tensors, "networks.network proxies": block[1:]}, meta
    yield "no known row", {**tensors, "networks.network proxies": block * np.nan}, meta
    yield "huge values", {**tensors, "networks.network proxies": block * 1e9}, meta
    for name in tensors:
        if name.startswith("networks."):
            yield f"no {name}", {key: value for key, value in tensors.items() if key != name}, meta


def test_a_spoilt_state_is_refused(looked: SpaceProcess) -> None:
    for what, tensors, meta in spoilt(*looked.state()):
        predictor = SpaceProcess(SPACE)
        try:
            predictor.load_state(tensors, meta)
        except (InputError, KeyError):
            continue
        pytest.fail(f"accepts {what}")


def test_candidates_that_were_added_before_the_first_fit_are_read_like_all_others() -> None:
    predictor = SpaceProcess(SPACE)
    pool = predictor.candidate_posterior()
    pool.add(TEST[:50])
    assert len(pool) == 50
    predictor.fit(TRAIN, LABELS)
    pool.add(TEST[50:])
    mean, std = pool.posterior()
    expected = predictor.posterior(TEST)
    assert mean == pytest.approx(expected[0], abs=1e-5)
    assert std == pytest.approx(expected[1], abs=1e-4)
    predictor.fit(ARCHS[:40], made_up_accuracies(ARCHS[:40]))
    assert pool.posterior()[0] == pytest.approx(predictor.posterior(TEST)[0], abs=1e-5)


def build_of_two(arch: Architecture) -> nn.Module:
    return nn.Conv2d(1, arch.choices["width"], arch.choices["kernel"])


def test_a_slot_of_the_training_counts_in_full() -> None:
    """The network says nothing about it."""
    slots = {"rate": [0.1, 0.03, 0.01, 0.003], "width": [1, 2, 3], "kernel": [1, 3, 5, 7]}
    space = CategoricalSpace("trained", slots, build=build_of_two, input_shape=(1, 8, 8))
    archs = space.sample(48, np.random.default_rng(0))
    accuracies = np.array([10.0 * arch.choices["rate"] ** -0.5 + arch.choices["width"] for arch in archs])
    taus = []
    for networks in (0, 500):
        predictor = SpaceProcess(space, config={"networks": networks})
        predictor.fit(archs[:12], accuracies[:12])
        taus.append(kendall_tau(predictor.predict(archs[12:])[0], accuracies[12:]))
    assert taus[1] > taus[0] - 0.05


def test_features_of_sampled_networks_are_nearly_what_was_measured() -> None:
    sample = measure_networks(SPACE, 500)
    features = NetworkFeatures.of_sample(SPACE.genes, sample, 0.2)
    assert features is not None
    rows = features(sample.codes)
    flops = sample.structure[:, 0]
    column = rows[:, 0]
    assert abs(np.corrcoef(np.argsort(np.argsort(flops)), np.argsort(np.argsort(column)))[0, 1]) > 0.95
    assert rows.shape == (128, sum(features.widths))
    assert np.square(rows[:, : features.widths[0]]).sum(axis=1).mean() == pytest.approx(1.0, abs=0.05)
