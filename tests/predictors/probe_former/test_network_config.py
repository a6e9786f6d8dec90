"""The sizes of Probe-Former's networks, which follow from the number of labels."""

from __future__ import annotations

from dataclasses import fields

import pytest

from nassurrogate.errors import InputError
from nassurrogate.predictors.probe_former import ProbeFormer, ProbeFormerConfig
from nassurrogate.predictors.probe_former.network_config import FEW_LABELS, MANY_LABELS, RelationConfig

UNSET = [field.name for field in fields(RelationConfig) if field.default == 0 and type(field.default) is not bool]


def test_more_labels_make_larger_ensembles_of_larger_networks():
    few, some, many = (RelationConfig().for_labels(n) for n in (FEW_LABELS - 1, MANY_LABELS - 1, MANY_LABELS))
    for smaller, larger in ((few, some), (some, many)):
        assert smaller != larger
        for name in ("members", "epochs", "width", "blocks"):
            assert getattr(smaller, name) <= getattr(larger, name), name
    assert RelationConfig().for_labels(FEW_LABELS) == some
    assert RelationConfig().for_labels(1) == few


def test_unlabelled_cells_are_learned_from_128_labels_on():
    assert [RelationConfig().for_labels(n).unlabelled > 0 for n in (1, 127, 128, 10_000)] == [False, False, True, True]
    assert RelationConfig(unlabelled=0).for_labels(500).unlabelled == 0


@pytest.mark.parametrize("n", [1, 500, 5000])
def test_what_is_set_is_kept(n):
    given = ProbeFormerConfig(members=5, epochs=7, batch=9, learning_rate=0.5, width=12, blocks=1, even_labels=3)
    sized = given.for_labels(n)
    assert type(sized) is ProbeFormerConfig
    changed = {name for name, value in vars(sized).items() if value != getattr(given, name)}
    assert changed == ({"unlabelled"} if n < 128 else set())


@pytest.mark.parametrize("n", [1, 500, 5000])
def test_for_labels_sets_everything(n):
    assert set(UNSET) == {"members", "epochs", "batch", "learning_rate", "width", "blocks"}
    sized = RelationConfig().for_labels(n)
    assert all(getattr(sized, name) > 0 for name in UNSET)
    assert sized.for_labels(n) == sized


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"width": 18}, "width must be a multiple of 4"),
        ({"members": 100, "width": 1024}, r"members \* width"),
        ({"members": 100, "ffn_ratio": 16}, r"members \* width"),  # too much from some number of labels on
        ({"width": 1024, "ffn_ratio": 16, "members": 5}, r"members \* width"),
        ({"learning_rate": -1.0}, "learning_rate"),
    ],
)
def test_impossible_sizes_are_refused_before_any_label(space, changes, named):
    with pytest.raises(InputError, match=named):
        ProbeFormer(space, config=changes)
