"""The surrogate: accepted and refused inputs, scores, and statistics of labels."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nassurrogate import Surrogate
from nassurrogate.errors import InputError
from nassurrogate.predictors import DEFAULT_PREDICTOR
from nassurrogate.spaces import get_space
from nassurrogate.surrogate import hash_labels
from nassurrogate.testing.subject import made_up_accuracies

SPACE = get_space("nb201")
QUICK = {"rounds": 10, "members": 2}
CELLS, TARGETS = list(range(12)), np.linspace(60, 90, 12)


def boosting(**options) -> Surrogate:
    return Surrogate("nb201", predictor="gradient-boosting", config=QUICK, **options)


@pytest.fixture(scope="module")
def fitted() -> Surrogate:
    return boosting().fit(CELLS, TARGETS)


# --- what it takes ------------------------------------------------------------------------------------------------


def test_fit_returns_the_surrogate_and_keeps_the_statistics_of_its_labels():
    surrogate = boosting()
    assert surrogate.fit(CELLS, TARGETS) is surrogate
    assert surrogate.n_labels == 12
    assert surrogate.label_stats == pytest.approx({"mean": 75, "std": TARGETS.std(), "min": 60, "max": 90})


def test_one_architecture_gives_a_float_and_a_batch_an_array(fitted):
    cell = SPACE.parse(5)
    for one in (cell, cell.string, 5, np.int64(5)):
        assert type(fitted.score(one)) is float
        assert [part.shape for part in fitted.predict(one)] == [(1,), (1,)]
    for batch in ([5], range(5, 6), np.array([5]), [cell], (cell,), [cell.string], (cell.string,), (i for i in [5])):
        assert fitted.score(batch).tolist() == [fitted.score(5)]
    assert fitted.score([]).shape == (0,)
    assert [part.shape for part in fitted.predict([])] == [(0,), (0,)]


def test_a_posterior_takes_the_inputs_of_a_prediction():
    for predictor in ("gradient-boosting", "proxy-process"):
        config = QUICK if predictor == "gradient-boosting" else None
        surrogate = Surrogate("nb201", predictor=predictor, config=config)
        with pytest.raises(InputError, match="no labels yet"):
            surrogate.posterior([5])
        surrogate.fit(CELLS, TARGETS)
        wanted = surrogate.predictor.posterior(SPACE.parse_many([5, 6]))
        for batch in ([5, 6], np.array([5, 6]), [SPACE.parse(5), SPACE.parse(6).string]):
            assert [part.tolist() for part in surrogate.posterior(batch)] == [part.tolist() for part in wanted]
        assert [part.shape for part in surrogate.posterior(5)] == [(1,), (1,)]
        assert [part.shape for part in surrogate.posterior([])] == [(0,), (0,)]


def test_an_accuracy_scores_higher_when_larger_and_a_cost_when_smaller():
    accuracy, latency = boosting().fit(CELLS, TARGETS), boosting(metric="val_loss").fit(CELLS, TARGETS)
    assert accuracy.higher_is_better
    assert not latency.higher_is_better
    assert (accuracy.predict(range(50))[0] == latency.predict(range(50))[0]).all()
    assert (accuracy.score(range(50)) == -latency.score(range(50))).all()
    assert (accuracy.score(range(50)) == accuracy.predict(range(50))[0]).all()


def test_the_configuration_replaces_the_presets():
    assert boosting().predictor.config_dict() == {
        **Surrogate(predictor="gradient-boosting").predictor.config_dict(),
        **QUICK,
    }
    assert Surrogate().predictor.name == DEFAULT_PREDICTOR
    assert Surrogate().predictor.preset == "default"
    assert Surrogate(predictor="nar-former-v2:paper").predictor.config.width == 512


@given(st.permutations(range(6)))
def test_the_hash_of_the_labels_ignores_their_order(order):
    cells, targets = SPACE.parse_many([1, 1, 2, 3, 4, 5]), np.array([3.0, 2.0, 2.0, 1.0, 5.0, 5.0])
    shuffled = hash_labels([cells[i] for i in order], targets[list(order)])
    assert shuffled == hash_labels(cells, targets)


def test_the_hash_distinguishes_labels():
    cells = SPACE.parse_many([1, 2])
    hashes = {
        hash_labels(cells, np.array([1.0, 2.0])),
        hash_labels(cells, np.array([2.0, 1.0])),
        hash_labels(cells, np.array([1.0, np.nextafter(2.0, 3)])),
        hash_labels(cells[:1], np.array([1.0])),
    }
    assert len(hashes) == 4


# --- what it refuses ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ([1.0, float("nan"), 3.0], "finite.*got nan at position 1"),
        ([1.0, 2.0, float("inf")], "finite.*got inf at position 2"),
        ([1.0, 2.0, 1e300], "finite, at most 1e\\+30"),
        ([10**400, 1, 2], "targets must be"),
        ([5.0, 5.0, 5.0], "all 3 are 5"),
        ([1.0, 2.0], "3 architectures need 3 targets, got an array of shape \\(2,\\)"),
        ([[1.0, 2.0, 3.0]], "shape \\(1, 3\\)"),
        ([[1.0], [2.0], [3.0]], "shape \\(3, 1\\)"),
        ([[1.0], [2.0, 3.0], []], "must be numbers"),
        (["1.0", "2.0", "3.0"], "must be numbers"),
        (["a", "b", "c"], "must be numbers"),
        ([1.0, None, 3.0], "must be numbers"),
        ([True, False, True], "must be numbers"),
        ([1j, 2j, 3j], "must be numbers"),
        (5.0, "shape \\(\\)"),
        (None, "must be numbers"),
        ({0: 1.0}, "must be numbers"),
        ((x for x in [1.0, 2.0, 3.0]), "must be numbers"),
        (np.array(["2020-01-01"] * 3, dtype="datetime64[D]"), "must be numbers"),
        ([Decimal(1), "x", 2.0], "must be numbers"),
    ],
)
def test_bad_targets(targets, message):
    with pytest.raises(InputError, match=message) as caught:
        boosting().fit([0, 1, 2], targets)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "targets", [[60, 70, 80], np.float16([60, 70, 80]), (60.0, 70, np.float32(80)), np.uint8([60, 70, 80])]
)
def test_any_numbers_are_targets(targets):
    assert boosting().fit([0, 1, 2], targets).label_stats["mean"] == 70


def test_a_column_of_a_data_frame_and_a_tensor_are_targets():
    import pandas as pd
    import torch

    expected = boosting().fit([0, 1, 2], [60.0, 70.0, 80.0]).labels_sha256
    frame = pd.DataFrame({"arch": [str(cell) for cell in SPACE.parse_many([0, 1, 2])], "accuracy": [60.0, 70.0, 80.0]})
    assert boosting().fit(frame["arch"], frame["accuracy"]).labels_sha256 == expected
    assert boosting().fit(frame["arch"], frame["accuracy"].astype("Float64")).labels_sha256 == expected
    assert boosting().fit([0, 1, 2], torch.tensor([60.0, 70.0, 80.0])).labels_sha256 == expected
    with pytest.raises(InputError, match="must be numbers"):
        boosting().fit([0, 1, 2], torch.tensor([60.0, 70.0, 80.0], requires_grad=True))


@pytest.mark.parametrize(
    ("archs", "message"),
    [
        ([], "at least one labelled"),
        (3, "a batch of architectures, got one: 3"),
        (str(SPACE.parse(0)), "a batch of architectures, got one"),
        ([0, 15_625], "index 15625 is outside"),
        ([0, -1], "index -1 is outside"),
        ([0, "|conv~0|"], "malformed"),
        ([0, 1.0], "string or index"),
        ([[0], [1]], "string or index"),
        (None, "expected a batch"),
        (2.5, "expected a batch"),
        (b"|none~0|", "expected a batch"),
        ({0, 1}, "expected a batch"),
        ({0: 1.0, 1: 2.0}, "a batch of architectures, got one"),
        (np.array(3), "a batch of architectures, got one"),
        (np.array([[0, 1]]), r"an array of shape \(1, 2\)"),
        (np.array([0.0, 1.0]), "indices of nb201 are whole numbers, got ndarray of type float64"),
        (np.array([True, False]), r"got a mask \(ndarray of type bool\); give its indices"),
        (
            (0, 1),
            r"a tuple of numbers is ambiguous, got \(0, 1\); for one nb201 architecture give its string, for a ba",
        ),
    ],
)
def test_bad_architectures(archs, message):
    with pytest.raises(InputError, match=message) as caught:
        boosting().fit(archs, [] if isinstance(archs, list) and not archs else [1.0, 2.0])
    assert "\n" not in str(caught.value)


def test_nothing_is_scored_before_a_fit(tmp_path):
    for call in (
        lambda s: s.score(0),
        lambda s: s.predict([0]),
        lambda s: s.score([]),
        lambda s: s.save(tmp_path / "m"),
    ):
        with pytest.raises(InputError, match="no labels yet"):
            call(boosting())
    assert list(tmp_path.iterdir()) == []


def test_refused_labels_keep_the_earlier_fit_and_a_failed_fit_keeps_none(monkeypatch):
    surrogate = boosting().fit(CELLS, TARGETS)
    before = surrogate.score(range(20))
    with pytest.raises(InputError):
        surrogate.fit([0, 1], [np.nan, 1.0])
    assert (surrogate.score(range(20)) == before).all()
    monkeypatch.setattr(type(surrogate.predictor), "fit", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        surrogate.fit([0, 1], [2.0, 1.0])
    with pytest.raises(InputError, match="no labels yet"):
        surrogate.score(0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"space": "nb2001"}, "did you mean 'nb201'"),
        ({"predictor": "nar-former"}, "unknown predictor 'nar-former'.*did you mean 'nar-former-v2'"),
        (
            {"predictor": "nar-former-v2:papre"},
            "unknown preset 'papre' of predictor 'nar-former-v2'.*did you mean 'paper'",
        ),
        ({"predictor": "nar-former-v2:"}, "unknown preset ''"),
        ({"predictor": ""}, "unknown predictor ''"),
        ({"predictor": 5}, "predictor must be a name"),
        (
            {"config": {"epoch": 5}},
            "unknown hyper-parameter 'epoch' of predictor 'probe-former'.*did you mean 'epochs'",
        ),
        ({"config": {"epochs": "5"}}, "'epochs' of 'probe-former' is a whole number, got '5'"),
        ({"config": [5]}, "maps hyper-parameters"),
        ({"seed": -1}, "seed must be a whole number"),
        ({"seed": 1.0}, "seed must be a whole number"),
        ({"seed": True}, "seed must be a whole number"),
        ({"seed": 2**63}, "seed must be a whole number"),
        ({"metric": ""}, "metric must be"),
        ({"metric": 5}, "metric must be"),
        (
            {"metric": "usefulness"},
            "not known whether a larger or a smaller 'usefulness' is better; .*direction='maximize'",
        ),
        (
            {"metric": "val_accuracy_std_pct"},
            "not known whether a larger or a smaller 'val_accuracy_std_pct' is better",
        ),
        ({"space": 5}, "space must be a name such as 'nb201', or a Space, got 5"),
    ],
)
def test_bad_construction(options, message):
    with pytest.raises(InputError, match=message) as caught:
        Surrogate(**options)
    assert "\n" not in str(caught.value)


def test_the_largest_seed_works():
    config = {"epochs": 1, "members": 1, "width": 8}
    surrogate = Surrogate(seed=2**63 - 1, config=config, device="cpu").fit([0, 1], [1.0, 2.0])
    assert np.isfinite(surrogate.score(range(3))).all()
    assert np.isfinite(boosting(seed=2**63 - 1).fit([0, 1], [1.0, 2.0]).score(0))


def test_any_form_of_the_same_labels():
    indices = list(range(0, 40, 2))
    cells = SPACE.parse_many(indices)
    mixed = [
        [cell, cell.string, index, np.int64(index)][i % 4]
        for i, (cell, index) in enumerate(zip(cells, indices, strict=True))
    ]
    targets = np.float32(made_up_accuracies(cells))
    scores = [
        boosting().fit(archs, values).score(range(50))
        for archs, values in ((indices, targets), (mixed, targets.tolist()), (np.array(indices), targets.astype(float)))
    ]
    assert (scores[0] == scores[1]).all()
    assert (scores[0] == scores[2]).all()
