"""Roofline: latency as a sum over kernels, each a roofline with a bounded learned correction."""

from nassurrogate.predictors.roofline.predictor import Roofline

__all__ = ["Roofline"]
