"""The result of an evaluation: its splits, one row per predictor and number of labels, as JSON and as CSV."""

from __future__ import annotations

import csv
import io
import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nassurrogate.benchmarks.evaluation.measures import SplitResult
from nassurrogate.benchmarks.evaluation.protocols import Protocol
from nassurrogate.benchmarks.evaluation.published import published_rows
from nassurrogate.errors import InputError
from nassurrogate.files.atomic_file import write_atomically
from nassurrogate.metric import Metric
from nassurrogate.nan_equality import NanEqual

SCHEMA_VERSION = 1
LEAKY_NOTE = (
    "LEAKY, for comparison with the literature only: the first N cells train, the model may be chosen by the test "
    "accuracy of 200 more, and all of them are in the test set"
)

OVERLAP_NOTE = (
    "splits of neighbouring seeds overlap: seed 0's split 1 is seed 1's split 0; choose seeds as far apart as there "
    "are splits"
)


@dataclass(frozen=True, eq=False)
class Row(NanEqual):
    """One predictor at one number of labels: means over the splits, None if a split has no value.

    `mape_left_out` is the sum over the splits. Standard deviations are those of a sample, None for a single split; the
    fields are explained at `SplitResult`.
    """

    predictor: str
    preset: str
    labels: int
    splits: int
    evaluated_cells_mean: float
    kendall_tau_mean: float | None
    kendall_tau_std: float | None
    kendall_tau_new_classes_mean: float | None
    kendall_tau_new_classes_std: float | None
    kendall_tau_outside_development_mean: float | None
    spearman_mean: float | None
    top10_regret_points_mean: float | None
    top10_rank_percentile_mean: float | None
    coverage90_mean: float | None
    interval90_width_points_mean: float | None
    reference_tau_mean: float | None
    fit_s_median: float
    score_s_median: float
    mape_pct_mean: float | None = None
    mape_left_out: int | None = None


@dataclass(frozen=True, eq=False)
class ProtocolResult(NanEqual):
    """Predictors measured by one protocol on one data set.

    Attributes:
        reference_tau: how well the labels of all cells rank their targets; None if they are the same column.
        reference_tau_classes: the same for the labels' means over cells that compute the same function.
        rows: predictors in the order given, each by number of labels.
        splits: single results, which the rows are means of.
        run_dir: folder of the predictions; None if they were not kept.
        table_sha256: of the benchmark's numbers; None if it is not a table.
        metric: the target; regret and width of intervals have its unit.
        other_notes: further notes.
        queries, queries_read: evaluations made now, and those of an earlier run, by protocol G if it queries a
            benchmark that is not a table.
        failed: architectures left out because their evaluation gave no value.
    """

    protocol: Protocol
    dataset: str
    seed: int
    reference_tau: float | None
    reference_tau_classes: float | None
    rows: tuple[Row, ...]
    splits: tuple[SplitResult, ...]
    run_dir: str | None
    table_sha256: str | None
    metric: Metric
    other_notes: tuple[str, ...] = ()
    queries: int = 0
    queries_read: int = 0
    failed: int = 0

    @property
    def notes(self) -> list[str]:
        """Notes that belong to the figures."""
        notes = [LEAKY_NOTE] if self.protocol.leaky else []
        notes += [OVERLAP_NOTE] if self.protocol.splits_overlap else []
        if self.failed:
            notes.append(f"{self.failed} architectures are left out: their evaluation failed")
        return [*notes, *self.other_notes]

    def to_json(self) -> dict[str, Any]:
        """Everything but the single splits, JSON-able."""
        return {
            "schema_version": SCHEMA_VERSION,
            "protocol": self.protocol.id,
            "space": self.protocol.space,
            "dataset": self.dataset,
            "label": self.protocol.label,
            "target": self.protocol.target,
            "unit": self.metric.unit,
            "direction": self.metric.direction,
            "leaky": self.protocol.leaky,
            "notes": self.notes,
            "seed": self.seed,
            "reference_tau": self.reference_tau,
            "reference_tau_classes": self.reference_tau_classes,
            "rows": [asdict(row) for row in self.rows],
            "published": [row.fields() for row in published_rows(self.protocol.id)],
            "table_sha256": self.table_sha256,
            "run_dir": self.run_dir,
            "queries": self.queries,
            "queries_read": self.queries_read,
            "failed": self.failed,
        }

    def write_csv(self, path: str | Path) -> Path:
        """Write the rows, completely or not at all. Raises `InputError` if that fails."""
        text = io.StringIO(newline="")
        about = {"protocol": self.protocol.id, "dataset": self.dataset, "seed": self.seed}
        lines = [about | asdict(row) | {"reference_tau": self.reference_tau} for row in self.rows]
        writer = csv.DictWriter(text, list(lines[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)
        try:
            write_atomically(Path(path), lambda file: file.write(text.getvalue().encode()))
        except OSError as error:
            raise InputError(f"cannot write {path}: {error.strerror or error}") from error
        return Path(path)

    def plot(self, path: str | Path) -> Path:
        """Draw τ against labels, with the label reference and published figures; PNG, SVG or PDF by the ending."""
        from nassurrogate.benchmarks.evaluation.plot import draw_tau

        return draw_tau(self, Path(path))


def make_row(predictor: str, preset: str, results: Sequence[SplitResult]) -> Row:
    """The row of all splits of one predictor at one number of labels."""

    def mean(name: str) -> float | None:
        return optional(statistics.fmean(getattr(result, name) for result in results))

    def deviation(name: str) -> float | None:
        values = [getattr(result, name) for result in results]
        return statistics.stdev(values) if len(values) > 1 and all(map(math.isfinite, values)) else None

    return Row(
        predictor=predictor,
        preset=preset,
        labels=results[0].labels,
        splits=len(results),
        evaluated_cells_mean=statistics.fmean(result.evaluated_cells for result in results),
        kendall_tau_mean=mean("kendall_tau"),
        kendall_tau_std=deviation("kendall_tau"),
        kendall_tau_new_classes_mean=mean("kendall_tau_new_classes"),
        kendall_tau_new_classes_std=deviation("kendall_tau_new_classes"),
        kendall_tau_outside_development_mean=mean("kendall_tau_outside_development"),
        spearman_mean=mean("spearman"),
        top10_regret_points_mean=mean("top10_regret_points"),
        top10_rank_percentile_mean=mean("top10_rank_percentile"),
        coverage90_mean=mean("coverage90"),
        interval90_width_points_mean=mean("interval90_width_points"),
        reference_tau_mean=mean("reference_tau"),
        fit_s_median=statistics.median(result.fit_s for result in results),
        score_s_median=statistics.median(result.score_s for result in results),
        mape_pct_mean=mean("mape_pct"),
        mape_left_out=sum(result.mape_left_out for result in results) if math.isfinite(results[0].mape_pct) else None,
    )


def optional(value: float) -> float | None:
    """None for NaN and infinities, which JSON lacks.

    >>> optional(float("nan")), optional(0.5)
    (None, 0.5)
    """
    return value if math.isfinite(value) else None
