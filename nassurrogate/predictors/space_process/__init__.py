"""Space-Process: a Gaussian process on the features that any search space offers, for any metric."""

from nassurrogate.predictors.space_process.predictor import SpaceProcess, SpaceProcessConfig

__all__ = ["SpaceProcess", "SpaceProcessConfig"]
