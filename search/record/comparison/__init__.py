"""Compares runs: a table and curves of groups that differ in nothing but their seeds."""

from __future__ import annotations

from nassurrogate.search.record.comparison.comparing import Comparison, compare_runs
from nassurrogate.search.record.comparison.plot import draw_comparison, plot_format

__all__ = ["Comparison", "compare_runs", "draw_comparison", "plot_format"]
