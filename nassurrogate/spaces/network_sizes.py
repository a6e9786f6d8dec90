"""Checks the sizes that the networks of the built-in spaces are built with."""

from __future__ import annotations

from typing import Final

import numpy as np

from nassurrogate.errors import InputError, brief

_LEAST: Final = {"n_labels": 2, "width": 1, "cells_per_stage": 1}


def check_network_sizes(space: str, **sizes: object) -> None:
    """Raise `InputError` unless every size is a whole number that is large enough.

    Args:
        space: name of the space.
        sizes: any of `n_labels`, `width` and `cells_per_stage`.

    >>> check_network_sizes("nb201", n_labels=10, width=16)
    """
    for name, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < _LEAST[name]:
            raise InputError(
                f"{name} of the {space} network must be a whole number of at least {_LEAST[name]}, got {brief(size)}"
            )
