"""`CategoricalSpace`: what is declared, read and printed; conditions, and what tells equivalent architectures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nassurrogate import Architecture, InputError
from nassurrogate.search import run
from nassurrogate.spaces import CategoricalSpace, Slot
from tests.spaces.declared import CANONICAL, CONDITIONAL, MIXED, PLAIN, SINGLE

# --- declared -------------------------------------------------------------------------------------------------------


def test_choices_come_back_as_they_were_declared() -> None:
    space = CategoricalSpace("mine", {"kernel": [3, 5], "width": [16, 32, 64]})
    arch = space.from_choices({"width": 32.0, "kernel": np.int64(3)})
    assert list(arch.choices.items()) == [("kernel", 3), ("width", 32)]
    assert all(type(value) is int for value in arch.choices.values())
    assert str(arch) == "kernel=3 width=32"
    assert space.parse("width=32   kernel=3") == space.parse({"kernel": 3, "width": 32}) == arch
    assert isinstance(arch.choices, dict)
    arch.choices["kernel"] = 5  # a copy
    assert arch.choices["kernel"] == 3
    assert space.size == 6


def test_true_is_not_one_and_texts_are_no_numbers() -> None:
    values: list[Any] = [None, True, 1, 0.5, "text", "a=b"]
    for value in values:
        arch = MIXED.from_choices({"any": value, "order": "m"})
        assert arch.choices["any"] == value
        assert type(arch.choices["any"]) is type(value)
        assert MIXED.parse(str(arch)).choices == arch.choices
    assert MIXED.from_choices({"any": np.True_, "order": "s"}).choices["any"] is True
    assert MIXED.from_choices({"any": np.str_("text"), "order": "s"}).choices["any"] == "text"
    for value in ("1", "None", False, 0, 1.5, "True", np.array([1]), [1], 1 + 0j):
        with pytest.raises(InputError, match="unknown choice"):
            MIXED.from_choices({"any": value, "order": "s"})


@pytest.mark.parametrize("choices", [np.array([16, 32]), range(16, 33, 16), (16, np.int64(32)), [np.float64(16), 32]])
def test_numpy_values_become_those_of_python(choices: Any) -> None:
    space = CategoricalSpace("mine", {"width": choices})
    assert space.from_choices({"width": 32}).choices == {"width": 32}
    assert all(type(value) in (int, float) for value in space.genes[0].choices)


@pytest.mark.parametrize(
    ("choices", "levels"),
    [
        ([3, 5, 7], (0.0, 0.5, 1.0)),
        ([1, 2, 3], (0.0, 0.5, 1.0)),
        ([16, 32, 64], (0.0, 0.5, 1.0)),
        ([10, 20, 39.9], (0.0, 10 / 29.9, 1.0)),
        ([0, 10, 100], (0.0, 0.1, 1.0)),  # no logarithm of 0
        ([-4, 0, 4], (0.0, 0.5, 1.0)),
        ([64, 16, 32], (1.0, 0.0, 0.5)),
        ([1e-4, 1e-2, 1e-3], (0.0, 1.0, 0.5)),
        ([7], (0.0,)),
        (["a", "b"], None),
        ([True, False], None),
        ([1, None], None),
        (Slot(["s", "m", "l"], ordered=True), (0.0, 0.5, 1.0)),
        (Slot([8, 1, 64], ordered=True), (0.5, 0.0, 1.0)),
        (Slot([3, 5], ordered=False), None),
        (Slot([None, 1, 9], ordered=True), (0.0, 0.5, 1.0)),
    ],
)
def test_levels_are_logarithms_from_a_factor_of_four(choices: Any, levels: tuple[float, ...] | None) -> None:
    found = CategoricalSpace("mine", {"slot": choices}).genes[0].levels
    assert found is None if levels is None else found == pytest.approx(levels)


@pytest.mark.parametrize(
    ("slots", "message"),
    [
        ({}, "at least one"),
        (None, "must be a dict of at least one"),
        (["kernel"], "must be a dict of at least one"),
        ({"kernel": []}, "at least one, all different"),
        ({"kernel": [3, 3]}, "different"),
        ({"kernel": [1, 1.0]}, "different"),
        ({"kernel": [1, "1"]}, "different"),
        ({"kernel": [None, "None"]}, "different"),
        ({"kernel": 3}, "must be a list, got 3"),
        ({"kernel": "35"}, "must be a list"),
        ({"kernel": {3, 5}}, "must be a list"),
        ({"kernel": np.array(3)}, "must be a list"),
        ({"kernel": np.eye(2)}, "must be a list"),
        ({"kernel": None}, "must be a list"),
        ({"kernel": [3, float("nan")]}, "finite number"),
        ({"kernel": [3, 10**400]}, "finite number"),
        ({"kernel": [3, [5]]}, "give other values a name"),
        ({"kernel": [3, 1j]}, "finite number"),
        ({"kernel": ["a b"]}, "string without spaces"),
        ({"kernel": [""]}, "string without spaces"),
        ({"kernel": ["a\n"]}, "string without spaces"),
        ({"ker nel": [3]}, "without spaces and '='"),
        ({"ker=nel": [3]}, "without spaces and '='"),
        ({"": [3]}, "needs a name"),
        ({3: [3]}, "needs a name"),
        ({"kernel": Slot([3], ordered="yes")}, "True, False or None"),  # type: ignore[arg-type]
        ({"a": [1], "b": Slot([1], when="a")}, "when of 'b' maps"),  # type: ignore[arg-type]
        ({"a": [1], "b": Slot([1], when={"c": 1})}, "unknown slot 'c' before 'b'"),
        ({"b": Slot([1], when={"a": 1}), "a": [1]}, "unknown slot 'a' before 'b'"),
        ({"a": [1, 2], "b": Slot([1], when={"a": 3})}, "unknown choice 3 of 'a', on which 'b' depends"),
        ({"a": [1, 2], "b": Slot([1], when={"a": True})}, "unknown choice True"),
        ({"a": [1, 2], "b": Slot([1], when={"a": []})}, "can never be active"),
    ],
)
def test_declarations_that_are_none(slots: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        CategoricalSpace("mine", slots)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": ""}, "needs a name"),
        ({"name": None}, "needs a name"),
        ({"name": "a\nb"}, "needs a name"),
        ({"canonical": "first"}, "canonical of space 'mine' must be a function"),
        ({"costs": {"params_m": 1.0}}, "costs of space 'mine' must be a function"),
        ({"build": 3}, "build of space 'mine' must be a function"),
        ({"input_shape": 3}, "such as (3, 32, 32)"),
        ({"input_shape": (3, 0)}, "such as (3, 32, 32)"),
        ({"input_shape": "3x3"}, "such as (3, 32, 32)"),
        ({"input_shape": ()}, "such as (3, 32, 32)"),
    ],
)
def test_parts_that_are_none(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        CategoricalSpace(**{"name": "mine", "slots": {"kernel": [3, 5]}, **changes})
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        (
            {"kernel": 4, "width": 16, "op": "conv"},
            "unknown choice 4 for 'kernel' of space 'plain'; known: 3, 5; did",
        ),
        ({"kernel": 3, "width": 70, "op": "conv"}, "did you mean 64?"),
        ({"kernel": 3, "width": 16, "op": "cnov"}, "did you mean conv?"),
        ({"kernel": "3", "width": 16, "op": "conv"}, "unknown choice '3'"),
        ({"kernel": float("nan"), "width": 16, "op": "conv"}, "unknown choice nan"),
        ({"kernel": 10**400, "width": 16, "op": "conv"}, "unknown choice 1000"),
        ({"kernel": 3, "width": 16}, "lack 'op'; expected one of conv, pool"),
        ({"kernel": 3, "width": 16, "op": "conv", "kernal": 3}, "unknown slot 'kernal' of space 'plain'"),
        ({3: 3}, "unknown slot 3"),
        ("kernel=3", "map slots to values"),
        (None, "map slots to values"),
    ],
)
def test_choices_that_are_none(choices: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        PLAIN.from_choices(choices)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kernel3", "expected 'kernel=3 width=16 op=conv'"),
        ("kernel=3 width=16", "lacks 'op'; expected 'kernel=3 width=16 op=conv'"),
        ("kernel=3 width=16 op=conv op=conv", "gives 'op' twice"),
        ("kernel=3 width=16 op=conv depth=2", "unknown slot 'depth'"),
        ("kernel=3 width=16.0 op=conv", "unknown choice '16.0' for 'width'"),
        ("kernel=3 width=16 op=pol", "did you mean 'pool'?"),
        ("", "lacks 'kernel'"),
    ],
)
def test_texts_that_are_none(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        PLAIN.parse(text)
    assert message in str(caught.value)


# --- conditions -----------------------------------------------------------------------------------------------------


def test_inactive_slots_make_no_difference() -> None:
    short = CONDITIONAL.from_choices({"depth": 1, "kernel1": 3, "head": "linear"})
    longer = CONDITIONAL.from_choices({"depth": 1, "kernel1": 3, "kernel4": 7, "head": "linear", "dropout": 0.5})
    assert short != longer
    assert short.key == longer.key == str(short)
    assert longer.choices == {"depth": 1, "kernel1": 3, "kernel4": 7, "head": "linear", "dropout": 0.5}
    assert short.graph() == longer.graph() != longer.graph(canonical=False)
    assert CONDITIONAL.neighbours(short) == CONDITIONAL.neighbours(longer)
    assert (CONDITIONAL.gene_codes([short]) == CONDITIONAL.gene_codes([longer])).all()
    assert CONDITIONAL.gene_codes([short]).tolist() == [[0, 0, -1, -1, -1, 0, -1, -1]]
    # The condition of a condition: dropout needs hidden, which needs the head.
    inactive = CONDITIONAL.parse("depth=1 kernel1=3 head=linear hidden=64 dropout=0.5")
    assert inactive.key == short.key
    with pytest.raises(InputError, match="lacks 'kernel2'"):
        CONDITIONAL.parse("depth=2 kernel1=3 head=linear")
    with pytest.raises(InputError, match="lack 'dropout'"):
        CONDITIONAL.from_choices({"depth": 1, "kernel1": 3, "head": "mlp", "hidden": 64})


def test_members_are_counted_without_inactive_slots() -> None:
    assert CONDITIONAL.size == (3 + 9 + 27 + 81) * (1 + 1 + 3)
    assert len({arch.key for arch in CONDITIONAL.members()}) == CONDITIONAL.size
    chain = {f"more{place}": Slot([0, 1], when={f"more{place - 1}": 1}) for place in range(1, 40)}
    assert CategoricalSpace("chain", {"more0": [0, 1], **chain}).size == 41
    wide = {f"flag{place}": [0, 1] for place in range(20)}
    every = dict.fromkeys(wide, 1)
    unknown = CategoricalSpace("wide", {**wide, "last": Slot([0, 1], when={**every, "flag0": [0, 1]})})
    assert unknown.size is None
    assert len(unknown.sample(100, np.random.default_rng(0))) == 100


def test_slots_that_become_active_take_their_first_choice() -> None:
    arch = CONDITIONAL.parse("depth=1 kernel1=7 head=linear")
    deeper = CONDITIONAL.parse("depth=3 kernel1=7 kernel2=3 kernel3=3 head=linear")
    assert deeper in CONDITIONAL.neighbours(arch)
    assert len(CONDITIONAL.neighbours(arch)) == 3 + 2 + 1
    assert arch in CONDITIONAL.neighbours(deeper)


def test_unlikely_members_are_sampled_too() -> None:
    rare = {f"rare{place}": Slot([0, 1], when={f"rare{place - 1}" if place else "switch": 1}) for place in range(60)}
    space = CategoricalSpace("rare", {"switch": [0, 1], **rare})
    assert space.size == 62
    archs = space.sample(31, np.random.default_rng(0))
    assert len(set(archs)) == 31
    assert archs == space.sample(31, np.random.default_rng(0))
    assert set(space.sample(62, np.random.default_rng(0))) == set(space.members())


# --- identity -------------------------------------------------------------------------------------------------------


def test_equivalent_architectures_share_a_key() -> None:
    one = CANONICAL.from_choices({"first": 3, "second": 1, "flag": True})
    other = CANONICAL.from_choices({"first": 1, "second": 3, "flag": True})
    assert one != other
    assert one.key == other.key == str(other)
    assert one.graph() == other.graph() == other.graph(canonical=False) != one.graph(canonical=False)
    assert len({arch.key for arch in CANONICAL.members()}) == 6 * 2


def _text(arch: Architecture) -> str:
    return f"sum {arch.choices['kernel'] + arch.choices['width']}"


def _number(arch: Architecture) -> int:
    return int(arch.choices["kernel"])


def _architecture(arch: Architecture) -> Architecture:
    return arch.space.parse({**arch.choices, "kernel": 3})


def _foreign(arch: Architecture) -> Architecture:
    return SINGLE.parse("only=one")


def test_canonical_returns_a_text_choices_or_an_architecture() -> None:
    slots = {"kernel": [3, 5], "width": [16, 32]}
    arch = CategoricalSpace("mine", slots, _text).from_choices({"kernel": 5, "width": 16})
    assert arch.key == "sum 21"
    assert arch.graph().ops[1:-1] == ("kernel=5", "width=16")
    assert CategoricalSpace("mine", slots, _architecture).parse(str(arch)).key == "kernel=3 width=16"
    with pytest.raises(InputError, match="must return a string, a dict of choices or an architecture, got 5"):
        _ = CategoricalSpace("mine", slots, _number).parse(str(arch)).key
    with pytest.raises(InputError, match="of space 'single'"):
        _ = CategoricalSpace("mine", slots, _foreign).parse(str(arch)).key


def _raises(arch: Architecture) -> Any:
    raise KeyError("no layer\nof that name")


def test_functions_of_a_declaration_that_raise_are_named() -> None:
    """Whoever searches the space learns which of the functions is at fault, and for which architecture."""
    slots = {"kernel": [3, 5], "width": [16, 32]}
    arch = CategoricalSpace("mine", slots).parse("kernel=5 width=16")
    for what, ask in (
        ("canonical", lambda space, arch: space.canonical_key(arch)),
        ("canonical", lambda space, arch: space.canonical_forms([arch])),
        ("canonical", lambda space, arch: arch.graph()),
        ("costs", lambda space, arch: space.costs([arch])),
    ):
        space = CategoricalSpace("mine", slots, **{what: _raises})
        with pytest.raises(InputError, match=f"{what} of space 'mine'.*KeyError") as caught:
            ask(space, space.parse(str(arch)))
        assert str(arch) in str(caught.value)
        assert "\n" not in str(caught.value)
        with pytest.raises(InputError, match=f"{what} of space 'mine'.*KeyError"):
            run(space=space, evaluate=lambda arch: 90.0, budget=3, seed=0, write=False)


def test_spaces_are_values() -> None:
    slots: dict[str, Any] = {"kernel": [3, 5], "on": [True, False]}
    space = CategoricalSpace("mine", slots)
    assert space == CategoricalSpace("mine", slots)
    assert hash(space) == hash(CategoricalSpace("mine", slots))
    assert space.parse("kernel=3 on=True") == CategoricalSpace("mine", slots).parse("kernel=3 on=True")
    for other in (
        CategoricalSpace("yours", slots),
        CategoricalSpace("mine", {**slots, "kernel": [3, 7]}),
        CategoricalSpace("mine", {**slots, "kernel": [3.0, 5.0]}),
        CategoricalSpace("mine", {**slots, "on": [1, 0]}),
        CategoricalSpace("mine", {**slots, "on": Slot([True, False], when={"kernel": 3})}),
        CategoricalSpace("mine", {"on": slots["on"], "kernel": slots["kernel"]}),
        "mine",
        None,
    ):
        assert space != other
