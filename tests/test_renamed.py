"""Old names: they still work, mean the same thing, and say the new name."""

from __future__ import annotations

import importlib
import subprocess
import sys
import warnings

import pytest

from nassurrogate.renamed import MOVED_MODULES


@pytest.mark.parametrize("old", sorted(MOVED_MODULES))
def test_a_moved_module_is_found_by_its_old_name(old: str) -> None:
    sys.modules.pop(old, None)
    with pytest.warns(DeprecationWarning, match=rf"module {old} is now {MOVED_MODULES[old]}") as caught:
        module = importlib.import_module(old)
    assert module is importlib.import_module(MOVED_MODULES[old])
    assert module.__name__ == module.__spec__.name == MOVED_MODULES[old]
    assert len([entry for entry in caught if old in str(entry.message)]) == 1


def test_the_warning_points_at_the_line_that_imports() -> None:
    script = (
        "from nassurrogate.search.loop import run; import nassurrogate.search; assert run is nassurrogate.search.run"
    )
    done = subprocess.run([sys.executable, "-W", "always", "-c", script], capture_output=True, text=True, check=True)
    assert "<string>:1: DeprecationWarning: the module nassurrogate.search.loop is now" in done.stderr


def test_new_names_do_not_warn() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        for new in set(MOVED_MODULES.values()):
            importlib.import_module(new)


def test_a_name_that_never_was_is_not_found() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"nassurrogate\.search\.nonsense"):
        importlib.import_module("nassurrogate.search.nonsense")
