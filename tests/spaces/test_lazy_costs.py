"""Costs that are computed when they are first read."""

from __future__ import annotations

import numpy as np
import pytest

from nassurrogate.spaces.lazy_costs import LazyCosts


def test_columns_are_computed_once_and_only_if_they_are_read() -> None:
    computed: list[str] = []

    def column(name: str, values: list[float]) -> np.ndarray:
        computed.append(name)
        return np.array(values)

    costs = LazyCosts({"a": np.array([1.0])}, {"b": lambda: column("b", [2.0]), "c": lambda: column("c", [3.0])})
    assert (list(costs), len(costs), "b" in costs, "d" in costs) == (["a", "b", "c"], 3, True, False)
    assert (bool(costs), repr(costs), computed) == (True, "LazyCosts(a, b, c)", [])
    assert costs["b"].tolist() == costs["b"].tolist() == [2.0]
    assert computed == ["b"]
    assert {name: values.tolist() for name, values in {**costs}.items()} == {"a": [1.0], "b": [2.0], "c": [3.0]}
    assert (list(costs), len(costs), computed) == (["a", "b", "c"], 3, ["b", "c"])
    with pytest.raises(KeyError):
        costs["d"]
