"""Measures predictors by protocols: random splits, held-out architectures, and no fit made twice."""

from __future__ import annotations

from nassurrogate.benchmarks.evaluation.fit import ChoosesModel
from nassurrogate.benchmarks.evaluation.measures import SplitResult
from nassurrogate.benchmarks.evaluation.published import PublishedRow, published_rows
from nassurrogate.benchmarks.evaluation.report import ProtocolResult, Row
from nassurrogate.benchmarks.evaluation.runner import DEFAULT_FOLDER, evaluate

__all__ = [
    "DEFAULT_FOLDER",
    "ChoosesModel",
    "ProtocolResult",
    "PublishedRow",
    "Row",
    "SplitResult",
    "evaluate",
    "published_rows",
]
