"""Objectives, seeds and fidelities of a user's own training."""

from __future__ import annotations

import re

import numpy as np
import pytest

from nassurrogate.benchmarks import CallableBenchmark
from nassurrogate.errors import InputError
from nassurrogate.metric import Metric
from nassurrogate.search import read_ledger
from nassurrogate.search.record.report import describe_result
from tests.search.candidates.open_spaces import MINE, USEFULNESS, accuracy, searched
from tests.search.conftest import watched
from tests.spaces.declared import CONDITIONAL


@pytest.mark.parametrize("searcher", ["exhaustive", "evolution"])
@pytest.mark.parametrize("predictor", ["none", "space-process"])
def test_a_minimised_objective_finds_the_smallest(searcher, predictor):
    options = {"objective": "val_loss", "searcher": searcher, "predictor": predictor}
    result, queries = searched(CONDITIONAL, lambda arch: 100 - accuracy(arch), 40, **options)
    labels = [query.label for query in queries]
    assert result["objective"]["direction"] == "minimize"
    assert result["best"]["value"] == min(labels)
    assert [cell["value"] for cell in result["top"]] == sorted(labels)[:10]
    assert result["best"]["val_accuracy_pct"] is None
    assert result["best"]["predicted_accuracy_pct"] is None
    if predictor != "none":
        n_init = result["phases"]["init"]
        assert np.mean(labels[n_init:]) < np.mean(labels[:n_init])
    assert re.search(rf"val_loss +{min(labels):.5g}", describe_result(result))


def test_the_metric_may_be_an_object_or_stay_a_name_of_known_direction():
    result, _ = searched(MINE, lambda arch: arch.choices["width"] / 7, objective=USEFULNESS)
    assert (result["objective"], result["best"]["choices"]["width"]) == (USEFULNESS.as_dict(), 64)
    turned = Metric("usefulness", direction="minimize")
    assert searched(MINE, lambda arch: arch.choices["width"], objective=turned)[0]["best"]["choices"]["width"] == 16
    with pytest.raises(InputError, match=r"not known whether a larger or a smaller 'usefulness' is better.*Metric"):
        searched(MINE, lambda arch: 1.0, objective="usefulness")


def test_a_dict_holds_the_objective_and_whatever_else_was_measured(tmp_path):
    def train(arch):
        return {"val_accuracy_pct": accuracy(arch), "epochs_run": 3, "val_loss": float("nan")}

    result, queries = searched(MINE, train, 5, write=True, run_dir=tmp_path / "run", plots=False)
    assert all(query.values == {"val_accuracy_pct": query.label, "epochs_run": 3.0} for query in queries)
    assert read_ledger(tmp_path / "run").queries == tuple(queries)
    assert result["best"]["values"] == {"val_accuracy_pct": result["best"]["value"], "epochs_run": 3.0}


def test_the_objective_may_be_any_of_several_metrics():
    truth = CallableBenchmark(
        MINE,
        lambda arch: {"val_accuracy_pct": accuracy(arch), "val_loss": arch.choices["width"]},
        ["val_accuracy_pct", "val_loss"],
    )
    by_loss, _ = watched(benchmark=truth, budget=6, objective="val_loss")
    assert (by_loss["best"]["value"], by_loss["best"]["choices"]["width"]) == (16.0, 16)
    by_accuracy, _ = watched(benchmark=truth, budget=6)
    assert by_accuracy["objective"]["name"] == "val_accuracy_pct"
    assert by_accuracy["best"]["choices"]["width"] == 64
    with pytest.raises(InputError, match=r"unknown objective 'val_los' of mine/own.*did you mean 'val_loss'"):
        watched(benchmark=truth, budget=6, objective="val_los")


def test_a_single_label_with_seeds_is_trained_again():
    calls = []

    def train(arch, seed, fidelity):
        calls.append((arch.string, seed, fidelity))
        return accuracy(arch) + np.random.default_rng([seed, len(arch.string)]).normal(0, 0.3)

    result, queries = searched(CONDITIONAL, train, 40, labels="single", fidelity=12)
    again = [query for query in queries if query.proposed_by == "again"]
    assert again
    assert {query.phase for query in again} == {"confirm"}
    assert len({(arch, seed) for arch, seed, _ in calls}) == len(calls) == 40
    assert {fidelity for *_, fidelity in calls} == {12}
    assert {query.fidelity for query in queries} == {12}
    assert all(query.label_kind == "single" for query in queries)
    assert result["fidelity"] == 12
    assert result["labels"] == "single"
    best = [query.label for query in queries if query.key == result["best"]["key"]]
    assert result["best"]["queries"] == len(best) > 1
    assert result["best"]["value"] == pytest.approx(np.mean(best))


def test_a_function_without_seed_trains_nothing_twice():
    _, queries = searched(CONDITIONAL, accuracy, 30, labels="single")
    assert len({query.key for query in queries}) == 30
    assert "again" not in {query.proposed_by for query in queries}


@pytest.mark.parametrize(
    ("train", "expected"),
    [
        (lambda arch: 90.0, {}),
        (lambda arch, seed: 90.0 + seed, {"seed"}),
        (lambda arch, fidelity: 90.0 + (fidelity or 0), {"fidelity"}),
        (lambda arch, *, fidelity=3, seed=1: 90.0 + seed, {"seed", "fidelity"}),
        (lambda arch, **named: 90.0 + len(named), {"seed", "fidelity"}),
        (lambda arch, lr=0.1: 90.0, {}),
    ],
)
def test_every_signature_is_called_with_what_it_takes(train, expected):
    result, _ = searched(MINE, train, 4)
    assert result["queries"] == 4
    if "fidelity" in expected:
        assert searched(MINE, train, 4, fidelity=7)[0]["fidelity"] == 7
    else:
        with pytest.raises(InputError, match="fidelity is 7, but evaluate has no such argument"):
            searched(MINE, train, 4, fidelity=7)


@pytest.mark.parametrize("wrong", [lambda: 90.0, lambda arch, epochs: 90.0, 3])
def test_a_function_that_cannot_be_called_is_refused_at_once(wrong):
    with pytest.raises(InputError, match="evaluate must"):
        searched(MINE, wrong)


@pytest.mark.parametrize("number", [np.float32(91.5), np.array(91.5), np.array([91.5]), 91, np.int64(91)])
def test_a_number_is_a_number_of_any_kind(number):
    result, _ = searched(MINE, lambda arch: number, 3)
    assert result["best"]["value"] == float(np.ravel(number)[0])


def test_a_tensor_is_a_number():
    import torch

    assert searched(MINE, lambda arch: torch.tensor(91.5), 3)[0]["best"]["value"] == 91.5
