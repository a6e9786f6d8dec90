"""Fixtures every room of the tests shares."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Tests run in as many processes as there are cores, and start more: a second thread in one of them waits for a core.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# The first example of a test builds whole spaces: how long it takes says nothing.
settings.register_profile("nassurrogate", deadline=None)
settings.load_profile("nassurrogate")

DATA_VARIABLE = "NASSURROGATE_TEST_DATA"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real benchmark data that the project does not redistribute; tests that need it skip elsewhere."""
    folder = os.environ.get(DATA_VARIABLE)
    if not folder:
        pytest.skip(f"needs real benchmark data: set {DATA_VARIABLE} to its folder")
    path = Path(folder)
    if not path.is_dir():
        pytest.skip(f"needs real benchmark data: {DATA_VARIABLE}={folder} is not a folder")
    return path
