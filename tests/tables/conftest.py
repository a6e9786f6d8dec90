"""Tests of tables run in an empty folder, but with NAS-Bench-101 already enumerated."""

from __future__ import annotations

from pathlib import Path

import pytest

from nassurrogate.spaces import get_space


@pytest.fixture(scope="session")
def enumerated_nb101() -> None:
    """Loads NAS-Bench-101, which takes half a minute to enumerate, from the cache that all tests share."""
    get_space("nb101").take([0])  # type: ignore[attr-defined]


@pytest.fixture
def folder(enumerated_nb101: None, folder: Path) -> Path:
    return folder
