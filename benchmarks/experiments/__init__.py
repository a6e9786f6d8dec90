"""What measurements share: processes of one thread each, results as JSON lines, resuming, tables in Markdown.

`nassurrogate.benchmarks.evaluation` and the scripts in `examples/` are built on it.
"""

from __future__ import annotations

from nassurrogate.benchmarks.experiments.json_lines import append_lines, numbered_lines, read_lines
from nassurrogate.benchmarks.experiments.markdown import markdown_table, mean_and_std
from nassurrogate.benchmarks.experiments.missing import measure_missing, missing_tasks
from nassurrogate.benchmarks.experiments.processes import NO_GPU, TaskError, environment, in_processes

__all__ = [
    "NO_GPU",
    "TaskError",
    "append_lines",
    "environment",
    "in_processes",
    "markdown_table",
    "mean_and_std",
    "measure_missing",
    "missing_tasks",
    "numbered_lines",
    "read_lines",
]
