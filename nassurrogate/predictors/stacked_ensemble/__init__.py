"""The weighted mean of several predictors."""

from nassurrogate.predictors.stacked_ensemble.predictor import StackConfig, StackedEnsemble

__all__ = ["StackConfig", "StackedEnsemble"]
