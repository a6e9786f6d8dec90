"""A run as its folder records it: the ledger, checked field by field, and the summary, if there is a usable one."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from nassurrogate.benchmarks import LABEL
from nassurrogate.constraints import Constraint
from nassurrogate.errors import InputError, one_line
from nassurrogate.files.given_path import as_path
from nassurrogate.metric import Metric, known_metric
from nassurrogate.search.record.ledger import PHASES, ChangedRecord, Ledger, Query, labelled, read_ledger
from nassurrogate.search.record.recorded_fields import CONFIG, HEADER, OPTIMUM, ROW, SUMMARY_FIELDS, require
from nassurrogate.search.record.report import result_rows, top_table
from nassurrogate.search.record.run_folder import LEDGER, SUMMARY

UNFINISHED: Final = "not finished"
"""The `stop_reason` of a run whose end is not recorded."""
_DONE: Final = ("budget", "exhausted")
_LATER_FIELDS: Final = (
    "n_space",
    "n_feasible",
    "feasible_share_is_estimate",
    "surrogate_labels",
    "is_table",
    "fidelity",
)
"""Of the configuration, which a ledger of an earlier release may lack."""
_CELL_SPACES: Final = ("nb201", "nb101")


@dataclass(frozen=True)
class RecordedRun:
    """What `read_run` found.

    Args:
        folder: of the run.
        header: of the ledger; if the run was continued after a change, the header from then on.
        objective: the metric of the labels.
        constraints: all that were asked for.
        queries: all that were written completely, failures included.
        summary: the result that the run wrote at its end; None if there is none, or none of these queries.
        notes: what was wrong with the folder.
        given_result: replaces what follows from the ledger; see `with_result`.
    """

    folder: Path
    header: Mapping[str, Any]
    objective: Metric
    constraints: Sequence[Constraint]
    queries: Sequence[Query]
    summary: Mapping[str, Any] | None
    notes: Sequence[str]
    given_result: Mapping[str, Any] | None = None

    @property
    def config(self) -> Mapping[str, Any]:
        """What was asked, and what the run started with."""
        config: Mapping[str, Any] = self.header["config"]
        return config

    @property
    def labelled(self) -> list[Query]:
        """The queries that gave a label."""
        return labelled(self.queries)

    @property
    def stop_reason(self) -> str:
        """Why the run ended; `UNFINISHED` if that is not known."""
        if self.summary is not None:
            return str(self.summary["stop_reason"])
        return "budget" if len(self.queries) >= self.config["budget"] else UNFINISHED

    @property
    def is_finished(self) -> bool:
        """Whether it spent its budget, or found nothing more to evaluate."""
        return self.stop_reason in _DONE

    @property
    def name(self) -> str:
        """Its space and data set."""
        return f"{self.config['space']}/{self.config['dataset']}"

    @cached_property
    def result(self) -> Mapping[str, Any] | None:
        """The summary; or, without one, what follows from the ledger in the same form. None without any label.

        In the second case the best is the one with the best mean label, and unknown fields are None.
        """
        if self.summary is not None:
            return self.summary
        if self.given_result is not None:
            return self.given_result
        order = ranked(self.labelled, self.objective.sign)
        if not order:
            return None
        costs = [query.cost_train_time_s for query in self.queries]
        top = [self._described(queries) for queries in order[:10]]
        return {
            **dict.fromkeys(_LATER_FIELDS),
            **self.config,
            "kind": "cell" if self.config["space"] in _CELL_SPACES else "architecture",
            "objective": self.objective.as_dict(),
            "best": {**top[0], "test_accuracy_pct": None, "mean_value": None},
            "top": top,
            "regret_points": None,
            "optimum": None,
            "selected_by": "measured",
            "predictor_calls": None,
            "queries": len(self.queries),
            "phases": {phase: sum(query.phase == phase for query in self.queries) for phase in PHASES},
            "n_failed": len(self.queries) - len(self.labelled),
            "label_cost_s": None if None in costs else math.fsum(cost or 0.0 for cost in costs),
            "stop_reason": self.stop_reason,
            "notes": [],
            "wall_s": None,
            "run_dir": str(self.folder),
        }

    def with_result(self, result: Mapping[str, Any]) -> RecordedRun:
        """The same run with a result to which something was added; only for a run without a summary."""
        return replace(self, given_result=result)

    def _described(self, queries: Sequence[Query]) -> dict[str, Any]:
        first = queries[0]
        return {
            "arch": first.arch,
            "index": first.index,
            "key": first.key,
            "queries": len(queries),
            "value": math.fsum(query.value for query in queries) / len(queries),
            "predicted_value": first.predicted_mean,
            "feasible": first.feasible,
            "values": dict(first.values or {}),
            "choices": None,
        }


def ranked(queries: Sequence[Query], sign: int) -> list[list[Query]]:
    """The queries of every architecture, best mean label first; those trained more than once come before the others.

    Args:
        queries: those that gave a label.
        sign: +1 if a larger label is better, −1 if a smaller one is.
    """
    of: dict[str, list[Query]] = {}
    for query in queries:
        of.setdefault(query.arch, []).append(query)
    return sorted(of.values(), key=lambda each: (len(each) < 2, -sign * math.fsum(q.value for q in each) / len(each)))


def read_run(run_dir: str | Path) -> RecordedRun:
    """Read the folder of a run, finished or not.

    A torn last line of the ledger, and a summary that is missing, damaged or of other queries, become notes.

    Raises `InputError` for a folder that holds no run, and a ledger that is damaged anywhere but at its end.
    """
    folder = as_path(run_dir, "the run folder")
    if not folder.is_dir():
        hint = "; expected the folder that holds it" if folder.name in (LEDGER, SUMMARY) else ""
        raise InputError(f"{folder} is not a folder{hint}" if folder.exists() else f"there is no run folder {folder}")
    if not (folder / LEDGER).is_file():
        raise InputError(f"{folder} holds no run: it has no {LEDGER}")
    ledger = read_ledger(folder)
    header = _effective_header(ledger)
    place = f"line 1 of {folder / LEDGER}"
    require(header, HEADER, place)
    config = header["config"]
    require(config, CONFIG, f"{place}, config")
    try:
        objective = known_metric(LABEL) if config.get("objective") is None else Metric.from_dict(config["objective"])
        _ = objective.larger_is_better  # an unknown direction raises
        constraints = [Constraint.parse(text) for text in config["constraints"]]
    except InputError as error:
        raise InputError(f"{place} is damaged: {error}") from error
    notes = ["the last line of the ledger was cut off while it was written; it is left out"] if ledger.torn else []
    n_changes = sum(isinstance(record, ChangedRecord) for record in ledger.records)
    if n_changes:
        times = "once" if n_changes == 1 else f"{n_changes} times"
        notes.append(f"the run was continued from its labels alone {times}, after a change of what it started with")
    run = RecordedRun(folder, header, objective, constraints, ledger.queries, None, notes)
    summary, problem = _usable_summary(run)
    return RecordedRun(folder, header, objective, constraints, ledger.queries, summary, [*notes, *problem])


def _effective_header(ledger: Ledger) -> Mapping[str, Any]:
    changed = [record.header for record in ledger.records if isinstance(record, ChangedRecord)]
    return changed[-1] if changed else ledger.header


def _usable_summary(run: RecordedRun) -> tuple[dict[str, Any] | None, list[str]]:
    """The summary if it is of these queries, and what is wrong with it."""
    path = run.folder / SUMMARY
    try:
        summary = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None, []
    except (OSError, ValueError, RecursionError) as error:
        return None, [f"{SUMMARY} cannot be read ({one_line(error, 80)}); everything here is from the ledger alone"]
    try:
        require(summary, SUMMARY_FIELDS, SUMMARY)
        for place in ("best", "top"):
            for row in [summary[place]] if place == "best" else summary[place]:
                require(row, ROW, f"{place} of {SUMMARY}")
        if summary["optimum"] is not None:
            require(summary["optimum"], OPTIMUM, f"optimum of {SUMMARY}")
        same = all(summary.get(name) == run.config.get(name) for name in ("space", "dataset", "seed", "budget"))
        n_queries, known = len(run.queries), {query.arch for query in run.labelled}
        if not same or summary["queries"] != n_queries or not {row["arch"] for row in summary["top"]} <= known:
            return None, [f"{SUMMARY} is not of these {n_queries} queries; everything here is from the ledger alone"]
        result_rows(summary)
        top_table(summary)
    except InputError as error:
        return None, [f"{error}; everything here is from the ledger alone"]
    except Exception as error:  # a forged summary may hold anything
        return None, [f"{SUMMARY} is damaged ({one_line(error, 80)}); everything here is from the ledger alone"]
    return summary, []
