"""The Gaussian process that searches ask: cells, zero-cost proxies, and what the proxies lead one to expect."""

from nassurrogate.predictors.proxy_process.predictor import ProxyProcess, ProxyProcessConfig

__all__ = ["ProxyProcess", "ProxyProcessConfig"]
