"""`CategoricalSpace`: moves, sizes, costs, networks, other processes, and any declaration."""

from __future__ import annotations

import importlib
import itertools
import math
import multiprocessing
import pickle
import shutil
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nassurrogate import Architecture, InputError
from nassurrogate.spaces import CategoricalSpace, Slot, Space
from tests.spaces.declared import BUILT, HUGE, LISTED, LOCAL, PLAIN, SINGLE

# --- moves ----------------------------------------------------------------------------------------------------------


def test_a_space_of_one_architecture() -> None:
    (only,) = SINGLE.members()
    assert SINGLE.size == 1
    assert SINGLE.sample(1, np.random.default_rng(0)) == [only]
    assert SINGLE.neighbours(only) == []
    with pytest.raises(InputError, match="only one architecture"):
        SINGLE.mutate(only, np.random.default_rng(0))
    with pytest.raises(InputError, match="cannot sample 2 different architectures of single; expected a number from 0"):
        SINGLE.sample(2, np.random.default_rng(0))


def test_a_space_of_five_to_the_thirty() -> None:
    assert HUGE.size == 5**30
    HUGE.sample(10, np.random.default_rng(0))
    started = time.process_time()
    archs = HUGE.sample(16_384, np.random.default_rng(0))
    took = time.process_time() - started
    assert took < 1.0  # 0.05 s on an idle core
    assert len(set(archs)) == 16_384
    codes = HUGE.gene_codes(archs)
    assert codes.shape == (16_384, 30)
    counts = np.stack([np.bincount(codes[:, slot], minlength=5) for slot in range(30)])
    assert (abs(counts / 16_384 - 0.2) < 0.02).all()
    assert next(iter(HUGE.members())).choices == dict.fromkeys(HUGE.slots, 1)
    assert len(HUGE.neighbours(archs[0])) == 30 * 4


def test_every_neighbour_is_as_likely() -> None:
    arch = PLAIN.from_choices({"kernel": 3, "width": 16, "op": "conv"})
    rng = np.random.default_rng(0)
    mutants = [PLAIN.mutate(arch, rng) for _ in range(2000)]
    neighbours = PLAIN.neighbours(arch)
    assert len(neighbours) == 1 + 2 + 1
    assert [mutants.count(other) / 2000 for other in neighbours] == pytest.approx([0.25] * 4, abs=0.04)


# --- costs, networks, order -----------------------------------------------------------------------------------------


def test_costs_are_checked() -> None:
    assert HUGE.costs([HUGE.from_choices(dict.fromkeys(HUGE.slots, 2))])["params_m"].tolist() == [60.5]
    assert PLAIN.costs(list(PLAIN.members())) == {}

    def space(returned: Any) -> CategoricalSpace:
        return CategoricalSpace("mine", {"kernel": [3, 5]}, costs=lambda arch: returned)

    for wrong in (None, 3.0, {"params_m": "many"}, {"params_m": float("nan")}, {"params_m": None}, {3: 3.0}, {}, [1.0]):
        mistaken = space(wrong)
        with pytest.raises(InputError, match="must return finite numbers by metric"):
            mistaken.costs(list(mistaken.members()))
    numbers = space({"n": np.float32(2), "m": True})
    assert numbers.costs(list(numbers.members()))["n"].tolist() == [2.0, 2.0]
    uneven = CategoricalSpace("mine", {"kernel": [3, 5]}, costs=lambda arch: {f"k{arch.choices['kernel']}_ms": 1.0})
    with pytest.raises(InputError, match="the same metrics for all"):
        uneven.costs(list(uneven.members()))


def test_networks_are_built() -> None:
    assert BUILT.build(BUILT.from_choices({"width": 8})).out_channels == 8
    assert BUILT.input_shape == (3, 8, 8)
    with pytest.raises(InputError, match="builds no networks; declare it with build="):
        PLAIN.build(next(PLAIN.members()))


def test_listed_spaces_have_the_order_of_the_product() -> None:
    combinations = itertools.product([3, 5, 7], [16, 32], [True, False])
    for place, values in enumerate(combinations):
        arch = LISTED.from_choices(dict(zip(LISTED.slots, values, strict=True)))
        assert arch.index == place
        assert LISTED.all()[place] == arch
    assert LISTED.n_classes == LISTED.size == 12
    assert LISTED.free_metrics("cifar10")["params_m"].shape == (12,)
    with pytest.raises(InputError, match="conditional slots"):
        type(LISTED)("mine", {"a": [1, 2], "b": Slot([1, 2], when={"a": 1})})
    with pytest.raises(InputError, match=r"at most 1,048,576 are listed"):
        type(LISTED)("mine", {f"slot{place}": [0, 1] for place in range(21)})
    with pytest.raises(InputError, match="no official order"):
        _ = next(PLAIN.members()).index


# --- other processes ------------------------------------------------------------------------------------------------


def test_spaces_with_lambdas_say_why_they_stay() -> None:
    with pytest.raises(InputError, match=r"its costs is a lambda.* at module level, or use one process"):
        pickle.dumps(next(LOCAL.members()))

    def local(arch: Architecture) -> dict[str, float]:
        return {"params_m": 1.0}

    with pytest.raises(InputError, match="a local function"):
        pickle.dumps(CategoricalSpace("mine", {"kernel": [3]}, costs=local))
    partly = CategoricalSpace("mine", {"kernel": [3]}, costs=partial(_weighted, 2.0))
    assert pickle.loads(pickle.dumps(partly)).costs(list(partly.members()))["params_m"].tolist() == [6.0]


def _weighted(weight: float, arch: Architecture) -> dict[str, float]:
    return {"params_m": weight * arch.choices["kernel"]}


class Narrow(CategoricalSpace):
    """A space of one's own class, with an attribute of its own."""

    def __init__(self, most: int) -> None:
        super().__init__("narrow", {"width": list(range(1, most + 1))})
        self.most = most


def test_subclasses_go_to_other_processes() -> None:
    space = Narrow(4)
    again = pickle.loads(pickle.dumps(space))
    assert again == space != CategoricalSpace("narrow", space.slots)
    assert again.most == 4
    assert again.size == 4
    assert again.sample(4, np.random.default_rng(0)) == space.sample(4, np.random.default_rng(0))


@pytest.fixture
def declared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The declared spaces as a module that other processes find, also where a wheel is tested."""
    shutil.copy(Path(__file__).parents[1] / "declared.py", tmp_path / "declared_spaces.py")
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("declared_spaces")
    del sys.modules["declared_spaces"]


def test_what_was_asked_for_before_keeps_nothing_here(declared: ModuleType) -> None:
    """Choices and costs that were computed once are kept; what keeps them cannot be pickled."""
    spaces = (declared.HUGE, declared.CONDITIONAL, declared.LISTED)
    archs = [space.sample(3, np.random.default_rng(0))[0] for space in spaces]
    for arch in archs:
        asked = arch.choices, arch.key, arch.space.costs([arch])
        again = pickle.loads(pickle.dumps(arch))
        assert again == arch
        assert (again.choices, again.key, again.space.costs([again])) == asked
        assert (arch.choices, arch.key, arch.space.costs([arch])) == asked
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert pool.submit(declared.keys, archs).result() == ([arch.key for arch in archs], archs)


def test_architectures_come_back_from_processes_that_were_spawned(declared: ModuleType) -> None:
    spaces = (declared.HUGE, declared.CONDITIONAL, declared.CANONICAL, declared.LISTED)
    archs = [space.sample(3, np.random.default_rng(0))[0] for space in spaces]
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        keys, back = pool.submit(declared.keys, archs).result()
    assert keys == [arch.key for arch in archs]
    assert back == archs
    assert back[0].space == declared.HUGE
    assert declared.HUGE.parse(back[0]) == archs[0]
    assert declared.HUGE.costs([back[0]])["params_m"] == declared.costs(archs[0])["params_m"]


# --- any declaration ------------------------------------------------------------------------------------------------

_texts = st.text("abcxyz=_-.", min_size=1, max_size=4)
_values = st.none() | st.booleans() | st.integers(-1000, 1000) | st.floats(-1e6, 1e6) | _texts


def _key(value: Any) -> Any:
    return (isinstance(value, bool), value if not isinstance(value, str | None) else (type(value).__name__, value))


@st.composite
def spaces(draw: st.DrawFn) -> CategoricalSpace:
    """Small declarations with conditions on slots before."""
    slots: dict[str, Slot] = {}
    for place in range(draw(st.integers(1, 5))):
        choices = draw(st.lists(_values, min_size=1, max_size=4, unique_by=_key))
        texts = [value if isinstance(value, str) else repr(value) for value in choices]
        choices = [value for place, value in enumerate(choices) if texts.index(texts[place]) == place]
        when = {}
        for other in draw(st.lists(st.sampled_from(list(slots)), max_size=2, unique=True)) if slots else []:
            when[other] = draw(st.lists(st.sampled_from(slots[other].choices), min_size=1, unique_by=_key))
        slots[f"slot{place}"] = Slot(choices, draw(st.sampled_from([None, True, False])), when or None)
    return CategoricalSpace("any", slots)


@given(space=spaces(), seed=st.integers(0, 99))
def test_any_declaration_keeps_the_contract(space: CategoricalSpace, seed: int) -> None:
    members = list(space.members())
    assert space.size == len(members) == len(set(members)) <= math.prod(len(gene.choices) for gene in space.genes)
    rng = np.random.default_rng(seed)
    assert set(space.sample(len(members), rng)) == set(members)
    archs = space.sample(rng.integers(1, len(members) + 1), rng)
    assert len(set(archs)) == len(archs)
    assert set(archs) <= set(members)
    again: Space = pickle.loads(pickle.dumps(space))
    for arch, codes in zip(archs, space.gene_codes(archs), strict=True):
        assert space.parse(str(arch)) == space.parse(arch.choices) == again.parse(str(arch)) == arch
        assert arch.key == str(arch)
        assert space.from_gene_codes(codes) == arch
        neighbours = space.neighbours(arch)
        assert len(set(neighbours)) == len(neighbours)
        assert set(neighbours) <= set(members) - {arch}
        assert not neighbours or space.mutate(arch, rng) in neighbours
        # Whatever is written into inactive slots changes nothing.
        full = {gene.name: gene.choices[-1] for gene in space.genes} | arch.choices
        assert space.from_choices(full).key == arch.key
        assert list(arch.choices) == [name for name in space.slots if name in arch.choices]
    if all(slot.when is None for slot in space.slots.values()):
        assert all(len(space.neighbours(arch)) == sum(len(g.choices) - 1 for g in space.genes) for arch in archs)


@given(space=spaces())
def test_all_members_are_reached_by_single_edits(space: CategoricalSpace) -> None:
    reached = {next(space.members())}
    frontier = list(reached)
    while frontier:
        frontier = [other for arch in frontier for other in space.neighbours(arch) if other not in reached]
        frontier = list(dict.fromkeys(frontier))
        reached.update(frontier)
    assert len(reached) == space.size
