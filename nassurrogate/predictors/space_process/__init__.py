"""Space-Process: a Gaussian process on whatever a search space offers, for any metric."""

from nassurrogate.predictors.space_process.predictor import SpaceProcess, SpaceProcessConfig

__all__ = ["SpaceProcess", "SpaceProcessConfig"]
