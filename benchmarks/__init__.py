"""Ground truth: tables, the user's own training, importers of the official files, and the protocols of evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nassurrogate.benchmarks.base import LABEL, TEST, Benchmark, Evaluation
from nassurrogate.benchmarks.callable import CallableBenchmark, Evaluate
from nassurrogate.benchmarks.command import CommandBenchmark
from nassurrogate.benchmarks.problems import Problem, load_problem
from nassurrogate.benchmarks.registry import broken_plug_ins, dataset_names, has_tables, load_benchmark, tables_of
from nassurrogate.benchmarks.tabular.table import Column, Measurement, TabularBenchmark
from nassurrogate.benchmarks.training import EvaluationStoppedError

if TYPE_CHECKING:
    from nassurrogate.benchmarks.evaluation import evaluate

__all__ = [
    "LABEL",
    "TEST",
    "Benchmark",
    "CallableBenchmark",
    "Column",
    "CommandBenchmark",
    "Evaluate",
    "Evaluation",
    "EvaluationStoppedError",
    "Measurement",
    "Problem",
    "TabularBenchmark",
    "broken_plug_ins",
    "dataset_names",
    "evaluate",
    "has_tables",
    "load_benchmark",
    "load_problem",
    "tables_of",
]


def __getattr__(name: str) -> Any:
    # Imported on first use: a table needs no predictors.
    if name == "evaluate":
        from nassurrogate.benchmarks.evaluation import evaluate

        return evaluate
    raise AttributeError(f"module 'nassurrogate.benchmarks' has no attribute {name!r}")
