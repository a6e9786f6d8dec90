"""Writes the summary and the plots of a finished run; what cannot be written becomes a note, the result is kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nassurrogate.benchmarks import Benchmark
from nassurrogate.errors import InputError, one_line
from nassurrogate.search.queries.evaluator import Evaluator
from nassurrogate.search.record.run_folder import write_summary


def keep_summary(folder: Path, result: Mapping[str, Any], evaluator: Evaluator) -> None:
    """Write the summary into the run folder.

    Args:
        folder: of the run.
        result: what the run returns.
        evaluator: takes the note if that fails.
    """
    try:
        write_summary(folder, result)
    except InputError as error:
        evaluator.note(str(error))


def keep_plots(folder: Path, benchmark: Benchmark, evaluator: Evaluator) -> None:
    """Draw the plots into the run folder.

    Args:
        folder: of the run.
        benchmark: its ground truth.
        evaluator: takes the note if that fails.
    """
    try:
        from nassurrogate.search.record.plots import draw_plots

        draw_plots(folder, benchmark)
    except InputError as error:  # it names what could not be drawn; the other plots are written
        evaluator.note(str(error))
    except Exception as error:  # whatever matplotlib raises
        evaluator.note(f"no plots: {one_line(error)}")
