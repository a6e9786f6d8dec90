"""Probe-Former, the default predictor of accuracies: relation transformers and a Gaussian process on probes."""

from nassurrogate.predictors.probe_former.predictor import ProbeFormer

__all__ = ["ProbeFormer"]
