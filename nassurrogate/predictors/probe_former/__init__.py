"""Probe-Former, the default predictor of accuracies: relation transformers and a Gaussian process on probes."""

from nassurrogate.predictors.probe_former.predictor import ProbeFormer, ProbeFormerConfig
from nassurrogate.renamed import moved_names

__all__ = ["ProbeFormer", "ProbeFormerConfig"]
__getattr__ = moved_names(__name__, ["predictor"])
