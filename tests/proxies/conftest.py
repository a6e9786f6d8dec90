"""Fixtures of the tests of zero-cost proxies."""

from __future__ import annotations

import pytest

from nassurrogate.spaces import Space, get_space


@pytest.fixture(scope="session")
def space() -> Space:
    return get_space("nb201")
