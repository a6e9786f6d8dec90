"""Validation of gene codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nassurrogate.errors import InputError, brief
from nassurrogate.spaces.base import Space


def checked_codes(space: Space, codes: Sequence[int] | np.ndarray, *, least: int = 0) -> list[int]:
    """(G,) codes as Python integers, each from `least` to the number of the gene's choices − 1.

    Raises `InputError` otherwise.

    >>> from nassurrogate.spaces import get_space
    >>> checked_codes(get_space("macro"), [0, 1, 2, 0, 1, 2, 0, 1])
    [0, 1, 2, 0, 1, 2, 0, 1]
    """
    given: list[Any] = codes.tolist() if isinstance(codes, np.ndarray) and codes.ndim else codes  # type: ignore[assignment]
    if not isinstance(given, list | tuple) or len(given) != len(space.genes):
        raise InputError(f"expected {len(space.genes)} codes, one per gene of {space.name}, got {brief(codes)}")
    given = [code.item() if isinstance(code, np.generic) else code for code in given]
    for gene, code in zip(space.genes, given, strict=True):
        most = len(gene.choices) - 1
        if isinstance(code, bool) or not isinstance(code, int) or not least <= code <= most:
            raise InputError(
                f"the code of {gene.name!r} of {space.name} must be a whole number from {least} to {most}, "
                f"got {brief(code)}"
            )
    return given
