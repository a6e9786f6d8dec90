"""Compares finished runs of one space, data set and objective."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nassurrogate.display.duration import about
from nassurrogate.display.metric_words import name_in_words, unit_sign, with_unit
from nassurrogate.errors import InputError
from nassurrogate.metric import Metric
from nassurrogate.search.record.comparison.curves import Truths, mean_curve, reached, regrets
from nassurrogate.search.record.comparison.groups import Group, grouped
from nassurrogate.search.record.comparison.intervals import Interval, t_interval
from nassurrogate.search.record.recorded_run import RecordedRun, read_run


@dataclass(frozen=True)
class GroupResult:
    """What a group of runs came to.

    Args:
        group: its runs.
        best: value of the reported best, mean over seeds.
        regret: its distance from the optimum; None if that is unknown for any run.
        curve: after each query, the regret if `Comparison.shows_regret`, else the best so far.
        difference: by how much it is better than the first group on the same seeds; None for the first group, and with
            less than two seeds in common.
    """

    group: Group
    best: Interval
    regret: Interval | None
    curve: Sequence[Interval | None]
    difference: Interval | None = None

    @property
    def label_cost_s(self) -> float | None:
        """Mean training time of a run; None if it is unknown for any run."""
        costs = [run.result["label_cost_s"] for run in self.group.runs if run.result is not None]
        return None if None in costs else math.fsum(costs) / len(costs)


@dataclass(frozen=True)
class Comparison:
    """What `compare_runs` found.

    Args:
        name: space and data set.
        objective: of all runs.
        shows_regret: whether the optimum is known for all runs; curves and differences are then of the regret.
        groups: in the order of their first runs.
        notes: what was left out, and what else the reader must know.
    """

    name: str
    objective: Metric
    shows_regret: bool
    groups: Sequence[GroupResult]
    notes: Sequence[str] = field(default=())

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Header and one row of texts for each group; all columns but the last one are numbers."""
        objective, form = self.objective, ".3f" if self.objective.is_percent else ".5g"
        regret_unit = "points" if objective.is_percent else unit_sign(objective)
        header = ["", "seeds", "queries", with_unit(f"best {name_in_words(objective)}", objective)]
        header += [f"regret ({regret_unit})" if regret_unit else "regret"] if self.shows_regret else []
        several = len(self.groups) > 1
        header += ["better than 1 by"] if several else []
        header += ["training", "group"]
        rows = []
        for number, each in enumerate(self.groups, start=1):
            queries = {len(run.queries) for run in each.group.runs}
            low, high = min(queries), max(queries)
            row = [str(number), str(each.best.n), str(low) if low == high else f"{low}-{high}"]
            row.append(interval_text(each.best, form))
            row += [interval_text(each.regret, form)] if self.shows_regret else []
            row += [interval_text(each.difference, form, signed=True)] if several else []
            row += ["-" if each.label_cost_s is None else about(each.label_cost_s), each.group.name]
            rows.append(row)
        return header, rows

    def as_dict(self) -> dict[str, Any]:
        """Everything, JSON-able; curves are lists over the queries 1, 2, …, null before the first label."""
        return {
            "space": self.name.partition("/")[0],
            "dataset": self.name.partition("/")[2],
            "objective": self.objective.as_dict(),
            "compared": "regret" if self.shows_regret else "best",
            "groups": [_group_as_dict(each) for each in self.groups],
            "notes": list(self.notes),
        }


def compare_runs(run_dirs: Sequence[str | Path]) -> Comparison:
    """Compare runs; those that differ in nothing but the seed are averaged, with 95 % t-intervals over the seeds.

    Several runs of one seed count once, with their mean. Runs that did not finish are left out, with a note. The curves
    follow the architecture with the best mean label so far; its true mean is shown where a table knows it. The best of
    the table is the one that the run reported.

    Args:
        run_dirs: run folders, in any order.

    Raises `InputError` for a folder that holds no run, one given twice, runs of different spaces, data sets, objectives
    or fidelities, and if none is finished.
    """
    if not run_dirs:
        raise InputError("give at least one run folder to compare")
    runs = [read_run(run_dir) for run_dir in run_dirs]
    _require_different(runs)
    for run in runs[1:]:
        _require_comparable(runs[0], run)
    finished = [run for run in runs if run.is_finished and run.result is not None]
    notes = [_why_left_out(run) for run in runs if run not in finished]
    if not finished:
        raise InputError(f"no run to compare: {'; '.join(notes)}")
    if len({str(run.header.get("table_sha256")) for run in finished}) > 1:
        notes.append("the runs are on different versions of the table")
    truths = Truths()
    regret_curves = [regrets(run, truths.of(run)) for run in finished]
    final_regrets = [_final_regret(run) for run in finished]
    shows_regret = None not in regret_curves and None not in final_regrets
    curve_of = {
        id(run): curve if shows_regret and curve is not None else reached(run, truths.of(run))
        for run, curve in zip(finished, regret_curves, strict=True)
    }
    regret_of = {id(run): regret for run, regret in zip(finished, final_regrets, strict=True)}
    objective = runs[0].objective
    worse = -1 if shows_regret else objective.sign

    def compared(run: RecordedRun) -> float:
        return float(regret_of[id(run)] or 0.0) if shows_regret else _final_value(run)

    results: list[GroupResult] = []
    for group in grouped(finished):
        several = [seed for seed, same in group.by_seed.items() if len(same) > 1]
        if several:
            notes.append(
                f"{group.name}: several runs of seed {', '.join(map(str, several))} count as one, by their mean"
            )
        curve = mean_curve([_mean_of_runs([curve_of[id(run)] for run in same]) for same in group.by_seed.values()])
        results.append(
            GroupResult(
                group,
                t_interval(list(_per_seed(group, _final_value).values())),
                t_interval(list(_per_seed(group, compared).values())) if shows_regret else None,
                curve,
                _difference(results[0].group, group, compared, worse) if results else None,
            )
        )
    if len({str(run.config["constraints"]) for run in finished}) > 1:
        notes.append("the groups have different constraints: each can only find what its own allow")
    if not shows_regret and any(all(q.label_kind == "single" for q in run.labelled) for run in finished):
        notes.append("the values are labels of single trainings, so the best of them is likely a lucky one")
    return Comparison(runs[0].name, objective, shows_regret, results, notes)


def interval_text(interval: Interval | None, form: str, *, signed: bool = False) -> str:
    """The mean ± half the width of its interval; `-` for None."""
    if interval is None:
        return "-"
    mean = format(interval.mean, f"+{form}" if signed else form)
    return mean if interval.half is None else f"{mean} ± {interval.half:{form}}"


def _require_different(runs: Sequence[RecordedRun]) -> None:
    seen: set[Path] = set()
    for run in runs:
        if (path := run.folder.resolve()) in seen:
            raise InputError(f"the run folder {run.folder} is given twice")
        seen.add(path)


def _require_comparable(first: RecordedRun, other: RecordedRun) -> None:
    def of(run: RecordedRun) -> dict[str, str]:
        objective = run.objective
        direction = "" if objective.direction is None else f" ({objective.direction})"
        return {
            "space": run.config["space"],
            "data set": run.config["dataset"],
            "objective": f"{objective.name} in {objective.unit}{direction}",
            "fidelity": str(run.config.get("fidelity") or "full training"),
        }

    for what, expected in of(first).items():
        if (got := of(other)[what]) != expected:
            raise InputError(
                f"cannot compare {other.folder} with {first.folder}: its {what} is {got}, not {expected}; compare runs "
                "of one space, data set, objective and fidelity"
            )


def _why_left_out(run: RecordedRun) -> str:
    if run.result is None:
        return f"{run.folder} is left out: none of its {len(run.queries)} queries has a label"
    return f"{run.folder} is left out: it is not finished ({len(run.queries)} of {run.config['budget']} queries)"


def _final_value(run: RecordedRun) -> float:
    """Of the reported best: its true mean if a table knows it, else the mean of its labels."""
    assert run.result is not None
    true = run.result["best"].get("mean_value")
    return float(run.result["best"]["value"] if true is None else true)


def _final_regret(run: RecordedRun) -> float | None:
    assert run.result is not None
    regret = run.result["regret_points"]
    return None if regret is None else float(regret)


def _per_seed(group: Group, value: Callable[[RecordedRun], float]) -> dict[int, float]:
    return {seed: math.fsum(map(value, same)) / len(same) for seed, same in group.by_seed.items()}


def _mean_of_runs(curves: Sequence[Sequence[float | None]]) -> Sequence[float | None]:
    """The mean curve of the runs of one seed."""
    if len(curves) == 1:
        return curves[0]
    return [None if interval is None else interval.mean for interval in mean_curve(curves)]


def _difference(first: Group, other: Group, value: Callable[[RecordedRun], float], sign: int) -> Interval | None:
    """By how much a group is better, on the seeds that it has in common with the first one."""
    mine, theirs = _per_seed(other, value), _per_seed(first, value)
    common = [sign * (mine[seed] - theirs[seed]) for seed in mine if seed in theirs]
    return t_interval(common) if len(common) > 1 else None


def _group_as_dict(each: GroupResult) -> dict[str, Any]:
    return {
        "name": each.group.name,
        "config": dict(each.group.asked),
        "seeds": list(each.group.by_seed),
        "best": each.best.as_dict(),
        "regret": None if each.regret is None else each.regret.as_dict(),
        "better_than_first": None if each.difference is None else each.difference.as_dict(),
        "label_cost_s": each.label_cost_s,
        "curve": [None if interval is None else interval.as_dict() for interval in each.curve],
        "runs": [
            {
                "run_dir": str(run.folder),
                "seed": run.config["seed"],
                "queries": len(run.queries),
                "best": _final_value(run),
                "regret": _final_regret(run),
                "arch": run.result["best"]["arch"] if run.result is not None else None,
            }
            for run in each.group.runs
        ],
    }
