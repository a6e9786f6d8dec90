"""Fixtures of the tests of the spaces."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

NB101_ROWS = 423_624


@pytest.fixture(scope="session")
def nb101_table(shared_data: Path) -> Mapping[str, np.ndarray]:
    """Every cell of NAS-Bench-101 as others have published it; see the README beside the file."""
    with np.load(shared_data / "nb101" / "nb101.npz", allow_pickle=False) as arrays:
        table = {name: arrays[name] for name in arrays.files}
    assert len(table["hash"]) == NB101_ROWS
    return table
