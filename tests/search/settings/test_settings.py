"""The settings of a search: one table says what they are, and a run says which had no effect."""

from __future__ import annotations

import math
from dataclasses import fields

import pytest

from nassurrogate.errors import InputError
from nassurrogate.search import SearchSettings
from nassurrogate.search.searchers.acquisition import ACQUISITIONS
from nassurrogate.search.settings.definitions import ACQUISITION_NAMES, SETTINGS
from tests.search.conftest import watched


def test_the_table_has_every_setting_with_its_default():
    assert [(field.name, field.default) for field in fields(SearchSettings)] == [
        (name, setting.default) for name, setting in SETTINGS.items()
    ]
    assert sorted(ACQUISITION_NAMES) == sorted(ACQUISITIONS)
    for setting in SETTINGS.values():
        assert setting.meaning
        assert setting.default_text
        setting.check(setting.default)


@pytest.mark.parametrize("name", [name for name, setting in SETTINGS.items() if setting.kind != "choice"])
def test_a_value_out_of_range_is_refused_in_the_words_of_the_table(name):
    setting = SETTINGS[name]
    for wrong in (setting.least - 1, math.nan, "3", True, [3]):
        with pytest.raises(InputError, match=f"{name} must be {setting.range}, got "):
            SearchSettings(**{name: wrong})
    assert getattr(SearchSettings(**{name: setting.least}), name) == setting.least


def noted(bench, settings, **options):
    result, _ = watched(**{"benchmark": bench, "budget": 12, "settings": SearchSettings(**settings), **options})
    return result["notes"]


@pytest.mark.parametrize(
    ("settings", "note"),
    [
        ({"n_init": 100}, "n_init=100 has no effect beyond half the budget: 12 queries leave room for only 6"),
        (
            {"n_confirm": 50},
            "n_confirm=50 has no effect beyond what the initial sample leaves: 12 queries leave room for only 9",
        ),
        ({"batch_size": 40}, "batch_size=40 has no effect beyond 8: no phase has more queries"),
        ({"beta": 3.0}, "beta=3 has no effect: only acquisition=ucb uses it, not ei"),
        ({"inner_proposals": 7}, "inner_proposals=7 has no effect: searcher exhaustive scores the whole pool"),
        ({"pool_size": 5}, "pool_size=5 is too small for 12 queries: 96 is used"),
        ({"label_noise_pct": 0.5}, "label_noise_pct=0.5 has no effect: no label is a single training"),
        ({"top": 40}, "top=40 has no effect beyond 12: no more can be evaluated"),
    ],
)
def test_what_has_no_effect_is_said(bench, settings, note):
    assert noted(bench, settings) == [note]


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        ({"n_init": 6, "n_confirm": 6, "batch_size": 3, "top": 12}, {}),
        ({"beta": 3.0, "acquisition": "ucb"}, {}),
        ({"inner_proposals": 7}, {"searcher": "random"}),
        ({"label_noise_pct": 0.5}, {"labels": "single"}),
        ({"label_noise_pct": 0.0}, {"labels": "single"}),
        ({"pool_size": 200}, {}),
        ({"top": 3}, {"predictor": "none"}),
    ],
)
def test_what_has_an_effect_is_not(bench, settings, options):
    assert noted(bench, settings, **options) == []


def test_without_a_predictor_only_top_matters(bench):
    note = "without a predictor, n_init and beta have no effect; only top has"
    assert noted(bench, {"n_init": 3, "beta": 1.0, "top": 2}, predictor="none") == [note]


@pytest.mark.parametrize("predictor", ["none", "oracle"])
def test_a_device_that_nothing_runs_on_is_said(bench, predictor):
    (note,) = noted(bench, {}, predictor=predictor, device="cuda")
    assert note == f"device 'cuda' has no effect: predictor '{predictor}' computes nothing"
