"""The weighted mean of several predictors."""

from nassurrogate.predictors.stacked_ensemble.predictor import StackConfig, StackedEnsemble
from nassurrogate.renamed import moved_names

__all__ = ["StackConfig", "StackedEnsemble"]
__getattr__ = moved_names(__name__, ["predictor"])
