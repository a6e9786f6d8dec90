"""Slots that the network does not depend on are settings of the training."""

from __future__ import annotations

import numpy as np
from torch import nn

from nassurrogate import Architecture
from nassurrogate.search import run
from nassurrogate.spaces import CategoricalSpace
from nassurrogate.spaces.categorical.network_space import CategoricalNetworkSpace
from nassurrogate.spaces.categorical.slots import Slot

SLOTS = {"depth": [0, 1], "kernel": [1, 3], "rate": [0.1, 0.01, 0.001]}


def _build(arch: Architecture) -> nn.Module:
    choices = arch.choices
    layers = [nn.Conv2d(1, 1, choices["kernel"], padding=choices["kernel"] // 2) for _ in range(choices["depth"])]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(16, 2))


def _space() -> CategoricalNetworkSpace:
    space = CategoricalSpace("mine", SLOTS, build=_build, input_shape=(1, 4, 4))
    assert isinstance(space, CategoricalNetworkSpace)
    return space


def test_a_slot_that_build_ignores_is_a_setting_of_the_training() -> None:
    assert _space().training_slots == ("rate",)


def test_settings_tell_architectures_apart_and_slots_without_effect_do_not() -> None:
    space = _space()
    keys = {text: space.network_key(space.parse(text)) for text in map(str, space.members())}
    assert len(set(keys.values())) == 3 * 3  # three rates; no convolution, one of kernel 1, one of kernel 3
    assert keys["depth=0 kernel=1 rate=0.1"] == keys["depth=0 kernel=3 rate=0.1"]
    assert keys["depth=0 kernel=1 rate=0.1"] != keys["depth=0 kernel=1 rate=0.01"]


def test_it_is_said_before_a_search() -> None:
    (note,) = _space().network_notes(np.random.default_rng(0))
    assert note == "rate does not change the network, so architectures that differ there only are trained separately"


def test_conditional_settings() -> None:
    slots = {"augment": [False, True], "strength": Slot([1, 2], when={"augment": True}), "width": [1, 2]}
    space = CategoricalSpace(
        "mine", slots, build=lambda arch: nn.Conv2d(1, arch.choices["width"], 1), input_shape=(1, 4, 4)
    )
    assert isinstance(space, CategoricalNetworkSpace)
    assert space.training_slots == ("augment", "strength")
    assert len({space.network_key(arch) for arch in space.members()}) == space.size == 6


def test_a_search_evaluates_each_setting_of_a_network() -> None:
    result = run(
        space=_space(), evaluate=lambda arch: 90 - arch.choices["rate"], budget=12, seed=0, predictor="none",
        searcher="random", write=False,
    )  # fmt: skip
    assert result["queries"] == 9
    assert result["stop_reason"] == "exhausted"
