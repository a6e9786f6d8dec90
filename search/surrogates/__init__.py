"""The surrogates that guide a search: one that learns from its queries, saved ones beside it, and the oracle."""

from __future__ import annotations

from nassurrogate.renamed import moved_names
from nassurrogate.search.surrogates.base import CannotLearn, Posterior, SearchSurrogate
from nassurrogate.search.surrogates.blended import BlendedSurrogate
from nassurrogate.search.surrogates.continued import ContinuedSurrogate
from nassurrogate.search.surrogates.learning import LearningSurrogate
from nassurrogate.search.surrogates.oracle import OracleSurrogate

__all__ = [
    "BlendedSurrogate",
    "CannotLearn",
    "ContinuedSurrogate",
    "LearningSurrogate",
    "OracleSurrogate",
    "Posterior",
    "SearchSurrogate",
]
__getattr__ = moved_names(
    __name__,
    ["base", "blended"],
    {"scale_doubt": "base.unit_doubt", "survived": "base.raises_cannot_learn"},
)
