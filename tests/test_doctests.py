"""The examples in the docstrings, of the packages as they are installed."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

import nassurrogate


def _module_names(package: types.ModuleType) -> Iterator[str]:
    """All modules of a package; search and benchmarks are named, as an editable install keeps them elsewhere."""
    names = {package.__name__, f"{package.__name__}.search", f"{package.__name__}.benchmarks"}
    for name in sorted(names):
        module = importlib.import_module(name)
        names |= {info.name for info in pkgutil.walk_packages(module.__path__, prefix=f"{name}.")}
    yield from sorted(names)


@pytest.mark.parametrize("name", list(_module_names(nassurrogate)))
def test_examples(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # an example may write files
    module = importlib.import_module(name)
    failed, _ = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert failed == 0, "see the captured output"
