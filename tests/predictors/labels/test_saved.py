"""Labels in the file of a predictor: restored, and refused if invalid."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nassurrogate.errors import InputError
from nassurrogate.predictors.labels.saved import label_arrays, read_labels
from nassurrogate.spaces import CategoricalSpace

TARGET = st.floats(-1e30, 1e30)


@settings(max_examples=30)
@given(labels=st.lists(st.tuples(st.integers(0, 15_624), TARGET), min_size=1, max_size=40))
def test_labels_are_restored(space, labels):
    """In order, including repeated cells."""
    index, target = zip(*labels, strict=True)
    archs = space.parse_many(list(index))
    arrays = label_arrays(space, archs, np.array(target))
    again, targets = read_labels(space, arrays)
    assert again == archs
    assert targets.tolist() == list(target)
    targets[:] = 0
    assert arrays["labels.target"].tolist() == list(target)


OPEN = CategoricalSpace("mine", {"kernel": [3, 5], "name": ["a", "é", "\\n"]})


@given(labels=st.lists(st.tuples(st.integers(0, 5), TARGET), min_size=1, max_size=20))
def test_labels_of_a_space_without_order_are_restored(labels):
    every = list(OPEN.members())
    archs, target = [every[place] for place, _ in labels], [value for _, value in labels]
    arrays = label_arrays(OPEN, archs, np.array(target))
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.uint8), np.dtype(np.float64)}
    again, targets = read_labels(OPEN, arrays)
    assert (again, targets.tolist()) == (archs, target)


def _text(value):
    return np.frombuffer(value if isinstance(value, bytes) else json.dumps(value).encode(), dtype=np.uint8)


GOOD = ["kernel=3 name=a", "kernel=5 name=a"]


@pytest.mark.parametrize(
    ("strings", "target", "message"),
    [
        (_text(GOOD)[:-1], np.zeros(2), "are not JSON"),
        (_text(b"\xff\xfe\x00"), np.zeros(2), "are not JSON"),
        (_text(b"[" * 100_000), np.zeros(2), "are not JSON"),
        (_text(b""), np.zeros(2), "are not JSON"),
        (_text(GOOD).astype(np.int64), np.zeros(2), "expected uint8"),
        (_text(GOOD)[None], np.zeros(2), "expected uint8"),
        (_text(GOOD), np.zeros(2, np.float32), "expected uint8"),
        (_text(GOOD), np.zeros((1, 2)), "expected uint8"),
        (_text(GOOD), np.zeros(3), "2 architectures need as many targets, got 3"),
        (_text(GOOD), np.array([1.0, np.nan]), "all finite"),
        (_text([]), np.empty(0), "expected 1 to"),
        (_text({"a": 1}), np.zeros(1), "must be a list of strings"),
        (_text([1, 2]), np.zeros(2), "must be a list of strings"),
        (_text(["kernel=4 name=a"]), np.zeros(1), "unknown choice '4'"),
        (_text(["x" * 5000]), np.zeros(1), "malformed"),
    ],
)
def test_invalid_strings_are_refused(strings, target, message):
    with pytest.raises(InputError, match=message) as raised:
        read_labels(OPEN, {"labels.arch": strings, "labels.target": target})
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 400


@pytest.mark.parametrize(
    ("index", "target", "message"),
    [
        (np.array([1, 2], np.int32), np.zeros(2), "expected int64"),
        (np.array([1.0, 2.0]), np.zeros(2), "expected int64"),
        (np.array([1, 2]), np.zeros(2, np.float32), "float64"),
        (np.array([1, 2]), np.zeros(3), "expected int64"),
        (np.array([[1, 2]]), np.zeros((1, 2)), "expected int64"),
        (np.array(1), np.array(0.0), "expected int64"),
        (np.empty(0, np.int64), np.empty(0), "expected 1 to"),
        (np.array([1, 2]), np.array([1.0, np.nan]), "all finite"),
        (np.array([1, 2]), np.array([1.0, -np.inf]), "all finite"),
        (np.array([1, 15_625]), np.zeros(2), "15625"),
        (np.array([-1, 2]), np.zeros(2), "-1"),
        (np.zeros(1_000_001, np.int64), np.zeros(1_000_001), "expected 1 to"),
    ],
)
def test_invalid_arrays_are_refused(space, index, target, message):
    with pytest.raises(InputError, match=message) as raised:
        read_labels(space, {"labels.index": index, "labels.target": target})
    assert "\n" not in str(raised.value)
