"""The space that is tested, some of its architectures, and how a refusal must look."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pytest

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError
from nassurrogate.spaces import Space

MOST_LISTED = 10_000
"""Up to this size every architecture is looked at."""


class SpaceSubject:
    """A test class fills in the attributes that `SpaceContract` describes."""

    space: ClassVar[Space]
    n_sampled: ClassVar[int] = 40

    def some(self, seed: int = 0) -> list[Architecture]:
        """Architectures to ask about."""
        return self.space.sample(self._at_most(self.n_sampled), np.random.default_rng(seed))

    def _at_most(self, n: int) -> int:
        return n if self.space.size is None else min(n, self.space.size)


def refused(ask: Callable[..., object], *given: Any) -> str:
    """The message of the `InputError` that the call raises; it has one line. The test fails if there is none."""
    with pytest.raises(InputError) as caught:
        ask(*given)
    return one_line(caught.value)


def one_line(error: InputError) -> str:
    """The message, if it is one line."""
    assert str(error).strip()
    assert "\n" not in str(error)
    return str(error)
