"""Libraries that only some predictors need and that may not be installed."""

from __future__ import annotations

import importlib.util

from nassurrogate.errors import InputError

_EXTRAS = {"sklearn": ("scikit-learn", "nassurrogate[peers]")}
"""Module → name of its distribution, and the requirement that installs it."""
_MODULES = {"gradient-boosting": ("lightgbm",), "ensemble": ("sklearn", "lightgbm")}
"""Imports of built-in predictors that have no `library` attribute."""


def missing_library(predictor: type) -> str | None:
    """The module that a predictor class needs but that is not installed; None if nothing is missing.

    A class names its library in the attribute `library`.

    >>> from nassurrogate.predictors import predictor_class
    >>> missing_library(predictor_class("gradient-boosting"))
    """
    library = getattr(predictor, "library", None)
    wanted = (library,) if isinstance(library, str) else _MODULES.get(getattr(predictor, "name", ""), ())
    return next((module for module in wanted if not _is_installed(module)), None)


def require_library(predictor: type) -> None:
    """Raise `InputError`, with the command that installs it, if a predictor's library is missing."""
    missing = missing_library(predictor)
    if missing is not None:
        name = getattr(predictor, "name", predictor.__name__)
        raise InputError(f"predictor {name!r} needs {distribution(missing)}; run: {how_to_install(missing)}")


def how_to_install(module: str) -> str:
    """The command that installs a library.

    >>> how_to_install("sklearn")
    'pip install "nassurrogate[peers]"'
    """
    return f'pip install "{_EXTRAS[module][1]}"' if module in _EXTRAS else f"pip install {module}"


def distribution(module: str) -> str:
    """The name under which a library is installed.

    >>> distribution("sklearn"), distribution("lightgbm")
    ('scikit-learn', 'lightgbm')
    """
    return _EXTRAS[module][0] if module in _EXTRAS else module


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):  # a parent package is missing, or a half-loaded module has no spec
        return False
