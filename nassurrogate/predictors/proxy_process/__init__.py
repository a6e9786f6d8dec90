"""The default predictor of a search: a Gaussian process on cells and zero-cost proxies."""

from nassurrogate.predictors.proxy_process.predictor import ProxyProcess, ProxyProcessConfig

__all__ = ["ProxyProcess", "ProxyProcessConfig"]
