"""Protocols C3 and C4: predictors of the latency of whole networks, in domain and on unseen families."""

from nassurrogate.benchmarks.evaluation.networks.data import NetworkData, read_data
from nassurrogate.benchmarks.evaluation.networks.measures import FamilyResult, PredictorResult, Summary
from nassurrogate.benchmarks.evaluation.networks.result import NetworkResult
from nassurrogate.benchmarks.evaluation.networks.runner import check_request, evaluate_networks

__all__ = [
    "FamilyResult",
    "NetworkData",
    "NetworkResult",
    "PredictorResult",
    "Summary",
    "check_request",
    "evaluate_networks",
    "read_data",
]
