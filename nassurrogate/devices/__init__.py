"""Latencies measured on this machine."""

from __future__ import annotations

from nassurrogate.devices.measuring import LatencyRun, Measurement, measure_latency

__all__ = ["LatencyRun", "Measurement", "measure_latency"]
