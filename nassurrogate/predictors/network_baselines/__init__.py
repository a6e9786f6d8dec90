"""Baselines for the latency of whole networks: regressions on costs, summed over operators."""
