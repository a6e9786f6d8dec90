"""Which surrogate guides a run: the oracle, one that learns, or a saved one with it."""

from __future__ import annotations

import numpy as np

from nassurrogate.benchmarks import TabularBenchmark
from nassurrogate.search.candidates.feasible_set import FeasibleSet
from nassurrogate.search.settings.request import SearchRequest
from nassurrogate.search.surrogates.base import SearchSurrogate
from nassurrogate.search.surrogates.blended import BlendedSurrogate
from nassurrogate.search.surrogates.continued import ContinuedSurrogate
from nassurrogate.search.surrogates.known_labels import KnownLabels, why_not_learned
from nassurrogate.search.surrogates.learning import LearningSurrogate
from nassurrogate.search.surrogates.oracle import OracleSurrogate

_REFERENCE = 512
"""Architectures over which the posteriors of two surrogates are standardised."""


def choose_surrogate(
    request: SearchRequest, feasible: FeasibleSet, saved_labels: KnownLabels, rng: np.random.Generator
) -> SearchSurrogate | None:
    """The surrogate of a run; None if every proposal is evaluated.

    Args:
        request: what was asked for.
        feasible: what may be evaluated.
        saved_labels: the saved surrogate's labels of feasible functions.
        rng: draws the seed of the one that learns.
    """
    if request.is_oracle and isinstance(request.benchmark, TabularBenchmark):
        return OracleSurrogate(request.benchmark, request.objective, fidelity=request.fidelity)
    if request.unfitted is None:
        return None
    if request.saved is None:
        return LearningSurrogate(request.unfitted, rng, is_part=request.settings.n_init == 0)
    if why_not_learned(request.saved, request.unfitted, request.benchmark.dataset, request.fidelity) is None:
        return ContinuedSurrogate(request.unfitted, rng, request.saved, saved_labels.labels)
    learning = LearningSurrogate(request.unfitted, rng, is_part=True)
    return BlendedSurrogate(request.saved, learning, feasible.draw(_REFERENCE, np.random.default_rng(0)))
