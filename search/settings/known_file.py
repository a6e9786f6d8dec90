"""Results of earlier trainings, from a table: the search learns them, at no budget, and does not repeat them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from nassurrogate.benchmarks import Benchmark, has_tables, tables_of
from nassurrogate.errors import InputError
from nassurrogate.files.given_path import as_path
from nassurrogate.metric import Metric
from nassurrogate.predictors import PredictorLike, default_predictor
from nassurrogate.surrogate import Surrogate
from nassurrogate.tables import TableOptions, read_table
from nassurrogate.tables.chosen_column import chosen_column


def surrogate_of_file(
    file: str | Path,
    benchmark: Benchmark,
    objective: Metric,
    predictor: PredictorLike | None,
    changes: Mapping[str, Any] | None,
    device: str,
    options: TableOptions | None = None,
) -> Surrogate:
    """A surrogate that has learned the objective's column of a table: what a search starts from.

    Args:
        file: a table, such as the CSV of an earlier run.
        benchmark: the ground truth of the run.
        objective: the metric to read.
        predictor: what learns; None: the default of a search.
        changes: hyper-parameters that replace the preset's.
        device: of the predictor.
        options: how the table is read.

    Raises `InputError` for a table that cannot be read, and for too few labels.
    """
    space, path = benchmark.space, as_path(file, "known")
    names = tables_of(space.name).known_names() if has_tables(space.name) else None
    dataset = None if names is None else benchmark.dataset
    table = read_table(space, path, replace(options or TableOptions(), dataset=dataset), known=names)
    targets = chosen_column(table, objective.name, dataset).mean
    there = np.flatnonzero(np.isfinite(targets)).tolist()
    if len(set(targets[there].tolist())) < 2:
        results = "1 result" if len(there) == 1 else f"{len(there)} results"
        raise InputError(f"{path} has {results} of {objective.name}; at least two different ones are needed")
    saved = Surrogate(
        space,
        predictor=default_predictor(space, objective, search=True) if predictor is None else predictor,
        metric=objective,
        config=changes,
        device=device,
    )
    saved.fit([table.archs[row] for row in there], targets[there])
    saved.dataset = benchmark.dataset
    return saved
