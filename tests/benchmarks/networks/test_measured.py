"""Measured networks as a value: checks, subsets, the published split."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from nassurrogate import InputError
from nassurrogate.benchmarks.networks import MeasuredNetworks
from nassurrogate.graphs.operator_graph import Operator, OperatorGraph


def networks(**changes: Any) -> MeasuredNetworks:
    """Four networks of two families."""
    graphs = [OperatorGraph([Operator("Input", (), ((1, n, 8, 8),))]) for n in range(1, 5)]
    fields = {
        "device": "phone",
        "graphs": graphs,
        "names": ["a", "b", "c", "d"],
        "families": ["vgg", "resnet", "vgg", "resnet"],
        "latency_ms": [1.0, 2.0, 3.0, 4.0],
        "stages": ["train", "test", "train", "train"],
    }
    return MeasuredNetworks(**{**fields, **changes})


def test_subsets_keep_everything_together() -> None:
    data = networks(std_ms=[0.1, 0.2, 0.3, 0.4], unread=["e.onnx is empty"])
    assert len(data) == 4
    assert data.family_names == ["vgg", "resnet"]
    part = data.of_families(["resnet"])
    assert (part.names, part.families, part.stages) == (("b", "d"), ("resnet",) * 2, ("test", "train"))
    assert part.latency_ms.tolist() == [2, 4]
    assert part.std_ms is not None
    assert part.std_ms.tolist() == [0.2, 0.4]
    assert part.graphs == (data.graphs[1], data.graphs[3])
    assert part.unread == data.unread
    assert data.of_stage("train").names == ("a", "c", "d")
    assert data.take(np.array([3, 0])).names == ("d", "a")
    assert len(data.take([])) == 0
    again = pickle.loads(pickle.dumps(data))
    assert (again.graphs, again.names, again.latency_ms.tolist()) == (data.graphs, data.names, [1, 2, 3, 4])


def test_it_cannot_be_changed() -> None:
    given = np.array([1.0, 2.0, 3.0, 4.0])
    data = networks(latency_ms=given)
    given[0] = 9
    assert data.latency_ms[0] == 1
    with pytest.raises(ValueError, match="read-only"):
        data.latency_ms[0] = 5
    with pytest.raises(AttributeError):
        data.device = "other"  # type: ignore[misc]
    assert networks().std_ms is not None
    assert np.isnan(networks().std_ms).all()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes",
    [
        {"latency_ms": [1.0, 2.0, 3.0]}, {"latency_ms": [1.0, 2.0, 3.0, 0.0]}, {"latency_ms": [1.0, -2.0, 3.0, 4.0]},
        {"latency_ms": [1.0, np.nan, 3.0, 4.0]}, {"latency_ms": [1.0, np.inf, 3.0, 4.0]}, {"names": ["a"]},
        {"families": []}, {"stages": ["train"]}, {"stages": ["train", "test", "train", "valid"]}, {"std_ms": [1.0]},
        {"latency_ms": [[1.0, 2.0, 3.0, 4.0]]},
    ],
    ids=repr,
)  # fmt: skip
def test_what_does_not_fit_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InputError) as caught:
        networks(**changes)
    assert "\n" not in str(caught.value)


def test_unknown_subsets_are_refused() -> None:
    with pytest.raises(InputError, match="did you mean 'resnet'"):
        networks().of_families(["resent"])
    with pytest.raises(InputError, match="list"):
        networks().of_families("vgg")
    with pytest.raises(InputError, match="stage"):
        networks().of_stage("valid")
    with pytest.raises(InputError, match="without a split"):
        networks(stages=None).of_stage("train")
