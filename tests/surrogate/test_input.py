"""One architecture or a batch: tuples, arrays, and tensors of other libraries."""

from __future__ import annotations

import numpy as np
import pytest

from nassurrogate import Surrogate
from nassurrogate.errors import InputError
from nassurrogate.spaces import CategoricalSpace, get_space

SPACE = get_space("nb201")
CODES = (4, 0, 3, 1, 4, 3)


@pytest.fixture(scope="module")
def fitted() -> Surrogate:
    config = {"rounds": 10, "members": 2}
    return Surrogate(predictor="gradient-boosting", config=config).fit(range(12), np.linspace(60, 90, 12))


@pytest.mark.parametrize("method", ["score", "predict", "posterior"])
def test_a_tuple_of_operation_codes_is_refused_with_both_readings(fitted, method):
    for given in (CODES, [CODES], (CODES,), tuple(map(np.int64, CODES)), tuple(map(np.array, CODES))):
        with pytest.raises(InputError) as caught:
            getattr(fitted, method)(given)
        assert str(caught.value) == (
            "a tuple of numbers is ambiguous, got (4, 0, 3, 1, 4, 3); for one nb201 architecture give "
            "space.from_gene_codes((4, 0, 3, 1, 4, 3)) or its string, for a batch of indices list((4, 0, 3, 1, 4, 3))"
        )
    one, batch = SPACE.from_gene_codes(CODES), list(CODES)
    assert [len(part) for part in fitted.predict(one)] == [1, 1]
    assert fitted.score(batch).shape == (6,)


def test_a_fit_refuses_it_too():
    with pytest.raises(InputError, match="a tuple of numbers is ambiguous"):
        Surrogate(predictor="ridge").fit(CODES, np.arange(6.0))


def test_a_space_without_indices_names_what_it_reads():
    mine = CategoricalSpace("mine", {"kernel": [3, 5], "width": [16, 32, 64]})
    for given, remedy in (
        ((1, 2), r"give space.from_gene_codes\(\(1, 2\)\) or its string$"),
        (CODES, "give its string$"),
    ):
        with pytest.raises(InputError, match=remedy):
            mine.parse_many(given)
    archs = tuple(mine.members())
    assert mine.parse_many(archs) == mine.parse_many(tuple(map(str, archs))) == list(archs)
    assert mine.parse_many(()) == []


def test_an_array_or_a_tensor_without_a_dimension_is_one_architecture(fitted):
    import torch

    for one in (np.array(3), np.uint8(3), torch.tensor(3), torch.tensor(3, dtype=torch.int16)):
        assert type(fitted.score(one)) is float
        assert fitted.score(one) == fitted.score(3)
        assert fitted.score([one, one]).tolist() == [fitted.score(3)] * 2


def test_tensors_of_integers_are_batches_of_indices(fitted):
    import pandas as pd
    import torch

    wanted = fitted.score([3, 7]).tolist()
    batches = (torch.tensor([3, 7]), torch.tensor([3, 7], dtype=torch.uint8), np.array([3, 7], dtype=np.int16),
               pd.Series([3, 7]), pd.Index([3, 7]), pd.Series([3, 7], dtype="Int64"))  # fmt: skip
    for batch in batches:
        assert fitted.score(batch).tolist() == wanted
        config = {"rounds": 10, "members": 2}
        again = Surrogate(predictor="gradient-boosting", config=config).fit(batch, [60.0, 70.0])
        assert again.labels[0] == SPACE.take([3, 7])
    for empty in (torch.empty(0), torch.empty(0, dtype=torch.int64), np.empty(0)):
        assert fitted.score(empty).shape == (0,)


def test_other_tensors_are_refused_in_one_line(fitted):
    import torch

    for given, message in (
        (torch.tensor([3.0, 7.0]), "indices of nb201 are whole numbers, got Tensor of type torch.float32; convert it"),
        (torch.tensor(3.0), "indices of nb201 are whole numbers, got Tensor of type torch.float32"),
        (np.array(3.0), "indices of nb201 are whole numbers, got ndarray of type float64"),
        (torch.tensor([True, False]), r"got a mask \(Tensor of type torch.bool\); give its indices"),
        (torch.tensor(True), "got a mask"),
        (torch.tensor([[3, 7]]), r"expected a batch of shape \(B,\), got an array of shape \(1, 2\)"),
        (np.array([[3, 7]]), r"expected a batch of shape \(B,\), got an array of shape \(1, 2\)"),
        (torch.tensor([15_625]), "index 15625 is outside"),
        ([torch.tensor(3.0)], "string or index"),
    ):
        for ask in (fitted.score, fitted.predict, fitted.posterior, SPACE.parse_many):
            with pytest.raises(InputError, match=message) as caught:
                ask(given)
            assert "\n" not in str(caught.value)
