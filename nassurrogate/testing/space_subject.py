"""The space under test, some of its architectures, and the form of refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pytest

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError
from nassurrogate.spaces import CategoricalSpace, Space

FOREIGN = CategoricalSpace("another space", {"slot": [1, 2]})
"""Its architectures belong to no space under test."""
MOST_LISTED = 10_000
"""Spaces of up to this size are tested completely."""


class SpaceSubject:
    """Base of `SpaceContract`, which describes the attributes."""

    space: ClassVar[Space]
    n_sampled: ClassVar[int] = 40

    def some(self, seed: int = 0) -> list[Architecture]:
        """Architectures to test with."""
        return self.space.sample(self._at_most(self.n_sampled), np.random.default_rng(seed))

    def _at_most(self, n: int) -> int:
        return n if self.space.size is None else min(n, self.space.size)


def refused(ask: Callable[..., object], *given: Any) -> str:
    """The one-line message of the `InputError` that the call must raise."""
    with pytest.raises(InputError) as caught:
        ask(*given)
    return one_line(caught.value)


def one_line(error: InputError) -> str:
    """The message, which must be one line."""
    assert str(error).strip()
    assert "\n" not in str(error)
    return str(error)
