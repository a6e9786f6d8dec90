"""Tiny ONNX models, and a cache folder of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.devices.tiny_models import write_model


@pytest.fixture(autouse=True)
def in_folder(folder: Path) -> Path:
    """Every test runs in an empty folder; measurements lock each other out by a file in its cache."""
    return folder


@pytest.fixture
def tiny(folder: Path) -> Callable[..., Path]:
    """`tiny("a.onnx", …)` writes a model into the current folder (see `write_model`)."""
    return lambda name, *args, **options: write_model(folder / name, *args, **options)
