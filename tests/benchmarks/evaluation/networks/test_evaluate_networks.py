"""`evaluate_networks`: what fits see, what is stored, bad requests."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from nassurrogate import Architecture, InputError
from nassurrogate.benchmarks.evaluation.networks import NetworkData, evaluate_networks
from nassurrogate.benchmarks.networks import MeasuredNetworks
from nassurrogate.predictors import Predictor
from nassurrogate.spaces.network_space import NetworkSpace
from tests.benchmarks.evaluation.networks.made_up import KINDS, measured

DATA = measured({"plain": 20, "gated": 20, "padded": 10})
FAMILY_OF = dict(zip([graph.key for graph in DATA.graphs], DATA.families, strict=True))


@dataclass(frozen=True)
class _NoOptions:
    pass


class Memory(Predictor[_NoOptions]):
    """Predicts the latency of a known network, 0 for others, and notes what it was given."""

    name = "memory"
    description = "remembers"
    presets: ClassVar[Mapping[str, _NoOptions]] = {"default": _NoOptions()}
    requires = NetworkSpace
    uses_device = False
    fits: ClassVar[list[tuple[set[str], int]]] = []

    def fit(self, archs: Sequence[Architecture], targets: np.ndarray, *, progress: Any = None) -> None:
        self._known = dict(zip([arch.identity for arch in archs], targets, strict=True))
        self.fits.append((set(self._known), self.seed))

    def predict(self, archs: Sequence[Architecture]) -> tuple[np.ndarray, np.ndarray]:
        mean = np.array([self._known.get(arch.identity, 0.0) for arch in archs])
        return mean, np.zeros(len(archs))

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        return {}, {}

    def load_state(self, tensors: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> None:
        raise InputError("not saved")


class Adapting(Memory):
    """Also remembers what it is adapted to."""

    name = "adapting"
    adapted: ClassVar[list[set[str]]] = []

    def adapt(self, archs: Sequence[Architecture], targets: np.ndarray) -> None:
        self._known |= dict(zip([arch.identity for arch in archs], targets, strict=True))
        self.adapted.append({arch.identity for arch in archs})


@pytest.fixture(autouse=True)
def forget() -> None:
    """No fits of other tests."""
    Memory.fits.clear()


def test_a_latency_that_is_a_sum_is_predicted_in_domain() -> None:
    found = evaluate_networks("C3", DATA, predictors=["operator-additive", "flops-regression"], splits=2)
    exact, rough = found.predictors
    assert exact.mean.mean["mape_pct"] == pytest.approx(0.0, abs=0.01)
    assert exact.mean.mean["within_10_pct"] == 100.0
    assert rough.mean.mean["mape_pct"] > 1.0
    assert list(exact.families) == list(KINDS)
    assert [summary.test for summary in exact.families.values()] == [2.0, 2.0, 1.0]
    assert exact.mean.train == 45
    assert exact.families["padded"].mean["spearman"] is None, "a single test network has no rank"
    json.dumps(found.to_json(), allow_nan=False)


def test_no_fit_sees_the_test_side() -> None:
    evaluate_networks("C4", DATA, predictors=Memory, splits=1, per_family=5)
    assert len(Memory.fits) == 3
    for (known, _), family in zip(Memory.fits, KINDS, strict=True):
        assert [FAMILY_OF[key] for key in known].count(family) == 0
        assert len(known) == 10
    Memory.fits.clear()
    found = evaluate_networks("C3", DATA, predictors=Memory, splits=3)
    for result in found.results:
        assert result.mape_pct == 100.0, "each unknown network is an error of 100 %, a known one would be none"
        assert result.train == 45
    assert len({seed for _, seed in Memory.fits}) == 3, "each split seeds its fit"


def test_families_to_test_on_are_chosen_and_others_still_train() -> None:
    found = evaluate_networks("C4", DATA, predictors=Memory, splits=1, families=["gated"])
    assert [result.family for result in found.results] == ["gated"]
    ((known, _),) = Memory.fits
    assert len(known) == 30
    assert {
        result.family for result in evaluate_networks("C3", DATA, predictors=Memory, families=["plain"]).results
    } == {"plain"}


def test_single_splits_are_those_of_several() -> None:
    every = evaluate_networks("C3", DATA, predictors="flops-regression", splits=3)
    second = evaluate_networks("C3", DATA, predictors="flops-regression", splits=[1])
    chosen = [result for result in every.results if result.split == 1]
    assert [result.mape_pct for result in second.results] == [result.mape_pct for result in chosen]


def test_finished_fits_are_read_and_not_made_again(tmp_path: Path) -> None:
    seen: list[tuple[int, int, str]] = []
    options: dict[str, Any] = {"predictors": Memory, "splits": 2, "run_dir": tmp_path}
    first = evaluate_networks("C4", DATA, **options, progress=lambda *step: seen.append(step))
    assert [step[:2] for step in seen] == [(done, 6) for done in range(1, 7)]
    assert "without plain" in seen[0][2]
    assert len(Memory.fits) == 6
    assert evaluate_networks("C4", DATA, **options).to_json() == first.to_json()
    assert len(Memory.fits) == 6
    evaluate_networks("C4", DATA, **options, per_family=3)
    assert len(Memory.fits) == 12
    other = MeasuredNetworks("phone", DATA.graphs, DATA.names, DATA.families, 2 * DATA.latency_ms)
    evaluate_networks("C4", other, **options)
    assert len(Memory.fits) == 18, "other latencies are other fits"


def test_several_processes_find_the_same() -> None:
    options: dict[str, Any] = {"predictors": "operator-additive", "splits": 2, "per_family": 5}
    alone, together = (evaluate_networks("C4", DATA, **options, jobs=jobs) for jobs in (1, 2))
    assert [result.mape_pct for result in alone.results] == [result.mape_pct for result in together.results]


def test_the_own_split_is_offered_and_used() -> None:
    staged = measured({"plain": 10, "gated": 10}, stages=True)
    found = evaluate_networks("C3", staged, predictors=Memory, splits=1)
    assert any("own_split" in note for note in found.notes)
    own = evaluate_networks("C3", staged, predictors=Memory, splits=1, own_split=True)
    assert [(result.family, result.train, result.test) for result in own.results] == [
        ("plain", 16, 2), ("gated", 16, 2),
    ]  # fmt: skip
    assert not any("own_split" in note for note in own.notes)
    assert "own split" in own.summary


def test_published_figures_stand_beside_nnlqp_alone() -> None:
    assert evaluate_networks("C3", NetworkData(DATA, "here"), predictors=Memory, splits=1).published == ()
    for protocol in ("C3", "C4"):
        found = evaluate_networks(protocol, NetworkData(DATA, "here", is_nnlqp=True), predictors=Memory, splits=1)
        assert found.published
        assert all(row.recalled for row in found.published)
        assert {row.method for row in found.published} >= {"NNLP", "NAR-Former V2", "NN-Former"}


def test_what_a_fit_is_adapted_to_is_not_tested() -> None:
    Adapting.adapted.clear()
    found = evaluate_networks("C4", DATA, predictors=Adapting, splits=2, adapt_to=5)
    assert [len(known) for known in Adapting.adapted] == [5] * 6
    for known, family in zip(Adapting.adapted, [*KINDS] * 2, strict=True):
        assert {FAMILY_OF[key] for key in known} == {family}
    assert Adapting.adapted[0] != Adapting.adapted[3], "every split draws other networks"
    assert [summary.test for summary in found.predictors[0].families.values()] == [15.0, 15.0, 5.0]
    assert found.predictors[0].mean.mean["within_10_pct"] == 0.0, "no test network was among them"
    assert found.to_json()["adapt_to"] == 5
    assert "then adapted to 5 networks of it" in found.summary


def test_all_means_every_predictor_that_reads_networks() -> None:
    with pytest.raises(InputError, match="named twice"):
        evaluate_networks("C3", DATA, predictors=["all", "operator-additive"])
    from nassurrogate.benchmarks.evaluation.contenders import resolve_contenders

    found, notes = resolve_contenders("networks", "latency_ms", "all", {}, "cpu")
    names = [contender.name for contender in found]
    assert {"flops-regression", "flops-memory-regression", "operator-additive", "boosting-networks"} <= set(names)
    assert "gradient-boosting" not in names
    assert any("gradient-boosting" in note for note in notes)


@pytest.mark.parametrize(
    ("protocol", "options", "message"),
    [
        ("C5", {}, "unknown protocol of whole networks 'C5'; known: C3, C4"),
        ("C4", {"own_split": True}, "own_split applies to C3 only"),
        ("C3", {"adapt_to": 5}, "adapt_to applies to C4 only, got C3"),
        ("C4", {"adapt_to": 1}, "adapt_to must be 0 or a whole number from 2, got 1"),
        ("C4", {"adapt_to": 5}, "adapt_to needs predictors that adapt, such as roofline, got 'memory'"),
        ("C4", {"adapt_to": 20, "predictors": Adapting}, "'plain' has 20 networks, too few to adapt to 20"),
        ("C3", {"own_split": True}, "without a split of their own"),
        ("C3", {"splits": 0}, "splits must be a whole number from 1, got 0"),
        ("C3", {"splits": [1, 1]}, "splits must be different whole numbers"),
        ("C3", {"splits": [-1]}, "splits must be different whole numbers"),
        ("C3", {"per_family": 0}, "per_family must be a whole number from 1, got 0"),
        ("C3", {"per_family": 2.5}, "per_family must be a whole number from 1, got 2.5"),
        ("C3", {"families": ["plian"]}, "did you mean 'plain'?"),
        ("C3", {"families": []}, "families must be different names"),
        ("C3", {"families": "plain"}, "families must be different names"),
        ("C3", {"seed": -1}, "seed must be"),
        ("C3", {"jobs": 0}, "jobs must be"),
        ("C3", {"predictors": "ridge"}, "networks"),
        ("C3", {"predictors": "operator-aditive"}, "did you mean 'operator-additive'?"),
    ],
)
def test_bad_requests_are_refused(protocol: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        evaluate_networks(protocol, DATA, **{"predictors": Memory, **options})
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not Memory.fits
