"""One surrogate across spaces: learns the labels of some spaces and ranks the networks of another."""

from nassurrogate.predictors.across_spaces.predictor import AcrossSpaces, AcrossSpacesConfig

__all__ = ["AcrossSpaces", "AcrossSpacesConfig"]
