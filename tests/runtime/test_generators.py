"""Other people's code leaves no trace in the global random generators."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from nassurrogate.runtime.generators import global_generators_kept, states_of_python_generators


def _draws() -> tuple[float, float, float]:
    return random.random(), float(np.random.rand()), float(torch.rand(()))  # noqa: NPY002


def test_generators_are_seeded_inside_and_as_before_outside() -> None:
    with global_generators_kept():
        first = _draws()
    before = states_of_python_generators(), torch.get_rng_state()
    with global_generators_kept():
        assert _draws() == first
        torch.manual_seed(5)
    with global_generators_kept(1):
        assert _draws() != first
    assert states_of_python_generators() == before[0]
    assert torch.equal(torch.get_rng_state(), before[1])


@global_generators_kept()
def _fails() -> None:
    torch.rand(3)
    raise ValueError("no way")


def test_they_are_restored_after_an_error() -> None:
    before = torch.get_rng_state()
    with pytest.raises(ValueError, match="no way"):
        _fails()
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("draw", [random.random, np.random.rand])
def test_the_states_tell_of_every_draw(draw: object) -> None:
    assert callable(draw)
    with global_generators_kept():
        before = states_of_python_generators()
        assert states_of_python_generators() == before
        draw()
        assert states_of_python_generators() != before
