"""A surrogate of some spaces that ranks the networks of another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr

from nassurrogate import InputError, Surrogate, get_space
from nassurrogate.files.model_file import read_model, write_model
from nassurrogate.predictors.across_spaces import AcrossSpaces
from nassurrogate.search import run

MACRO, NB101, NB201 = (get_space(name) for name in ("macro", "nb101", "nb201"))
QUICK = {"reference": 60}


def _flops(archs: Any) -> np.ndarray:
    """Made-up accuracies: larger networks are better."""
    costs: np.ndarray = archs[0].space.costs(archs)["flops_m"]
    return 50 + 10 * np.log(costs)


def _fitted(target: Any, *sources: Any, n: int = 60, **config: Any) -> Surrogate:
    archs = [arch for source in sources for arch in source.sample(n, np.random.default_rng(0))]
    values = np.concatenate([_flops(archs[start : start + n]) for start in range(0, len(archs), n)])
    surrogate = Surrogate(target, predictor="across-spaces", config=QUICK | config, device="cpu")
    return surrogate.fit(archs, values)


def _agreement(surrogate: Surrogate) -> float:
    archs = surrogate.space.sample(80, np.random.default_rng(1))
    return float(spearmanr(surrogate.score(archs), _flops(archs)).statistic)


@pytest.mark.parametrize("proxies", [True, False])
def test_what_holds_in_every_space_is_carried_over(proxies: bool) -> None:
    assert _agreement(_fitted(NB201, NB101, proxies=proxies)) > 0.8


def test_labels_may_be_of_several_spaces() -> None:
    surrogate = _fitted(MACRO, NB101, NB201)
    assert _agreement(surrogate) > 0.9
    assert (surrogate.n_labels, surrogate.labels, surrogate.is_of_other_space) == (120, None, True)
    assert surrogate.predictor.worth(120) == 20


def test_labels_of_the_space_itself_are_labels_like_any_other(tmp_path: Path) -> None:
    surrogate = _fitted(MACRO, MACRO)
    assert _agreement(surrogate) > 0.9
    assert not surrogate.is_of_other_space
    assert surrogate.predictor.worth(60) == 60
    loaded = Surrogate.load(surrogate.save(tmp_path / "own.safetensors"))
    assert loaded.labels is not None
    assert [str(arch) for arch in loaded.labels[0]] == [str(arch) for arch in surrogate.labels[0]]  # type: ignore[index]


def test_other_predictors_refuse_other_spaces() -> None:
    archs = NB201.sample(5, np.random.default_rng(0))
    with pytest.raises(InputError, match="of space 'nb201'"):
        Surrogate(MACRO).fit(archs, range(5))


def test_labels_of_spaces_without_networks_are_refused() -> None:
    from nassurrogate.spaces import CategoricalSpace

    other = CategoricalSpace("mine", {"a": [1, 2], "b": [1, 2, 3]})
    with pytest.raises(InputError, match="works on spaces of the kind NetworkSpace, but space 'mine' is not one"):
        Surrogate(MACRO, predictor="across-spaces").fit(other.sample(4, np.random.default_rng(0)), range(4))


def test_latencies_are_refused() -> None:
    with pytest.raises(InputError, match="such as its accuracy, not latency_ms; roofline predicts"):
        Surrogate(MACRO, predictor="across-spaces", metric="latency_ms")


def test_a_file_keeps_labels_of_all_spaces(tmp_path: Path) -> None:
    surrogate = _fitted(MACRO, NB101, NB201, n=30)
    path = surrogate.save(tmp_path / "model.safetensors")
    loaded = Surrogate.load(path)
    archs = MACRO.sample(20, np.random.default_rng(3))
    for ours, theirs in zip(surrogate.predict(archs), loaded.predict(archs), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert loaded.is_of_other_space


def test_a_file_is_loaded_for_a_space_that_it_has_not_seen(tmp_path: Path) -> None:
    path = _fitted(NB101, NB101).save(tmp_path / "nb101.safetensors")
    moved = Surrogate.load(path, space=NB201)
    assert (moved.space, moved.n_labels, moved.labels) == (NB201, 60, None)
    assert _agreement(moved) > 0.8
    ridge = Surrogate("nb101", predictor="ridge").fit([0, 1, 2], [1.0, 2.0, 3.0]).save(tmp_path / "ridge.safetensors")
    with pytest.raises(InputError, match="saved for space 'nb101', not for the given 'nb201'"):
        Surrogate.load(ridge, space=NB201)


@pytest.mark.parametrize(
    ("spaces", "message"),
    [
        ("nb101", "spaces of the labels are a list of 1 to 100 names"),
        ([], "a list of 1 to 100 names"),
        (["nb101"] * 101, "a list of 1 to 100 names"),
        (["unheard"], "labels of the space 'unheard', which is not registered"),
        ([["nb101"]], "not registered"),
        (["nb101", "nb201"], "not a complete surrogate"),
    ],
)
def test_forged_files_are_refused(spaces: Any, message: str, tmp_path: Path) -> None:
    path = _fitted(MACRO, NB101, n=10).save(tmp_path / "model.safetensors")
    tensors, header = read_model(path)
    header["state"]["spaces"] = spaces
    write_model(path, tensors, header)
    with pytest.raises(InputError, match=message):
        Surrogate.load(path)


def test_a_network_space_that_draws_nothing_ranks_among_the_labelled() -> None:
    networks = get_space("networks")
    archs = MACRO.sample(40, np.random.default_rng(0))
    predictor = AcrossSpaces(networks)
    predictor.fit(archs, _flops(archs))
    asked = MACRO.sample(40, np.random.default_rng(5))
    scores, _ = predictor.posterior(networks.parse_many([MACRO.operator_graph(arch) for arch in asked]))  # type: ignore[attr-defined]
    assert spearmanr(scores, _flops(asked)).statistic > 0.9


def test_intervals_cover_the_space_of_the_labels() -> None:
    surrogate = _fitted(MACRO, MACRO, n=100)
    archs = MACRO.sample(300, np.random.default_rng(9))
    mean, std = surrogate.predict(archs)
    assert 0.8 < np.mean(np.abs(_flops(archs) - mean) <= 1.645 * std) <= 1.0


def test_a_search_starts_from_it_in_a_space_that_it_has_not_seen(tmp_path: Path) -> None:
    path = _fitted(NB101, NB101).save(tmp_path / "nb101.safetensors")
    result = run(space="nb201", budget=3, seed=0, surrogate=path, write=False, device="cpu")
    assert (result["predictor"], result["phases"]["init"]) == ("proxy-process:default", 0)
    assert result["notes"] == [
        "the surrogate learned labels of another space; they guide the search, but are not learned again"
    ]
    # Larger networks score higher, so the first query is one of the largest.
    flops = NB201.costs(NB201.parse_many([result["best"]["arch"]]))["flops_m"]
    assert flops[0] > np.quantile(NB201.free_metrics("cifar10")["flops_m"], 0.8)  # type: ignore[attr-defined]
