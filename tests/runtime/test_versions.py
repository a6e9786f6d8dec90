"""Which versions of the software are said to give other numbers."""

from __future__ import annotations

import configparser
from pathlib import Path

import nassurrogate
from nassurrogate.runtime.versions import FITTING_PACKAGES, SAME_NUMBERS, package_versions, version_changes


def test_the_version_is_the_same_everywhere() -> None:
    config = configparser.ConfigParser()
    config.read(Path(__file__).parents[2] / "setup.cfg", encoding="utf-8")
    assert config["metadata"]["version"] == nassurrogate.__version__


def test_a_release_says_whose_numbers_it_gives() -> None:
    """Whoever raises the version decides: add it to the list, or start a new one."""
    assert SAME_NUMBERS[-1] == nassurrogate.__version__


def test_a_release_with_the_same_numbers_is_no_change() -> None:
    here = package_versions(FITTING_PACKAGES)
    assert version_changes(here | {"nassurrogate": SAME_NUMBERS[0]}) == []
    [change] = version_changes(here | {"nassurrogate": "0.0.1"})
    assert change.startswith("nassurrogate 0.0.1 (here ")
