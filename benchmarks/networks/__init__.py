"""Data sets of whole networks with measured latencies."""

from nassurrogate.benchmarks.networks.folder import read_measured
from nassurrogate.benchmarks.networks.measured import MeasuredNetworks
from nassurrogate.benchmarks.networks.nnlqp import read_nnlqp

__all__ = ["MeasuredNetworks", "read_measured", "read_nnlqp"]
