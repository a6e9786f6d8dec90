"""The weighted mean of several predictors."""
