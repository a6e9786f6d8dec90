"""Made-up spaces within a space: subsets in which some kinds of networks are common and others rare.

A space's ranks say where a network stands among its neighbours, and that depends on what else the space holds. A model
that has learned many such subsets, each with ranks of its own, depends less on it (a form of domain randomisation;
Tobin et al., arXiv 1703.06907, vary a simulator for the same purpose).
"""

from __future__ import annotations

import numpy as np

_DIRECTIONS = 6
"""Principal components of the structure along which a subset may lean."""
_LEAN = 1.5
"""How far: the logarithm of a network's odds to be in a subset changes by this much per standard deviation."""
_SHARE = 0.35
"""Of the networks that a subset has."""
_FEWEST = 8
"""Networks below which a subset is not worth ranking."""


def leaning_subsets(structure: np.ndarray, n_subsets: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Positions in subsets of n networks: all of them first, then random ones that lean to some kind.

    Args:
        structure: (n, F), comparable columns.
        n_subsets: how many besides the set of all; none of them if there are too few networks.
        rng: draws the subsets.
    """
    n = len(structure)
    every = [np.arange(n)]
    size = int(_SHARE * n)
    if size < _FEWEST:
        return every
    spread = structure.std(axis=0)
    standard = (structure - structure.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    components = np.linalg.svd(standard, full_matrices=False)[0]
    components = components[:, :_DIRECTIONS] * np.sqrt(n)
    for _ in range(n_subsets):
        direction = rng.standard_normal(components.shape[1])
        lean = _LEAN * components @ (direction / np.linalg.norm(direction))
        # The largest sums with Gumbel noise are a sample without replacement, weighted by exp(lean).
        every.append(np.sort(np.argsort(-(lean + rng.gumbel(size=n)))[:size]))
    return every
