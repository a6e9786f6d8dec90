"""What can be known again of a recorded run: its space, and the table or the problem file that it was run on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.benchmarks import Benchmark, TabularBenchmark, load_benchmark, load_problem
from nassurrogate.errors import InputError, one_line
from nassurrogate.search.record.optimum import optimum_of
from nassurrogate.search.record.recorded_run import RecordedRun
from nassurrogate.spaces import Space, get_space, space_names


@dataclass(frozen=True)
class KnownTruth:
    """What `known_truth` found.

    Args:
        run: of which it is.
        space: of the run; None if it cannot be had.
        benchmark: the run's ground truth, unchanged since; None if it cannot be had.
        lacking: why not, in words; empty if everything is there.
    """

    run: RecordedRun
    space: Space | None
    benchmark: Benchmark | None
    lacking: str = ""

    @cached_property
    def optimum(self) -> float | None:
        """The mean label of the best feasible architecture; None if it is unknown."""
        if self.benchmark is not None:
            return optimum_of(self.run.objective, self.run.constraints, self.benchmark)
        recorded = self.run.summary["optimum"] if self.run.summary is not None else None
        return None if recorded is None else float(recorded["value"])

    def true_values(self, archs: Sequence[str]) -> np.ndarray | None:
        """(n,) mean label over all training seeds of every architecture; None if no table knows them."""
        table = self.benchmark
        if not isinstance(table, TabularBenchmark) or self.run.objective.name not in table.columns:
            return None
        truth = table.column(self.run.objective.name).mean
        return truth[[table.space.index(table.space.parse(arch)) for arch in archs]]

    def costs(self, archs: Sequence[str], metric: str) -> np.ndarray:
        """(n,) values of a metric that costs no query; NaN where unknown.

        Without the ground truth, those that the run wrote down: of the best architectures.
        """
        if self.benchmark is not None and metric in self.benchmark.free_metrics():
            parsed = [self.benchmark.space.parse(arch) for arch in archs]
            return np.asarray(self.benchmark.lookup(parsed, metric), dtype=np.float64)
        rows = self.run.summary["top"] if self.run.summary is not None else []
        known = {row["arch"]: row[metric] for row in rows if isinstance(row.get(metric), float)}
        return np.array([known.get(arch, np.nan) for arch in archs])

    def architecture(self, text: str) -> Architecture | None:
        """The architecture of a text of the ledger; None without the space, or if it has none of that text."""
        try:
            return None if self.space is None else self.space.parse(text)
        except InputError:
            return None


def known_truth(run: RecordedRun) -> KnownTruth:
    """Load what a run was on, if it has not changed since.

    A problem file is the user's own code: it is run, but only if its checksum is that of the run.
    """
    problem = run.config.get("problem")
    try:
        if problem is not None:
            found = _from_problem(run)
        elif run.config.get("is_table", True):
            found = _from_table(run)
        else:
            found = KnownTruth(run, _named_space(run), None)
        if found.benchmark is not None:
            for query in run.queries:
                found.benchmark.space.parse(query.arch)
    except InputError as error:
        return KnownTruth(run, None, None, str(error))
    except Exception as error:  # plug-ins and problem files may raise anything
        return KnownTruth(run, None, None, one_line(error))
    return found


def _from_problem(run: RecordedRun) -> KnownTruth:
    problem = run.config["problem"]
    path, sha256 = problem.get("path"), problem.get("sha256")
    if not isinstance(path, str) or not isinstance(sha256, str):
        raise InputError("the ledger does not say which problem file the run was on")
    try:
        found = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"the problem file {path} cannot be read ({reason})") from error
    if found != sha256:
        raise InputError(f"the problem file {path} has changed since the run")
    loaded = load_problem(path)
    if loaded.sha256 != sha256:
        raise InputError(f"the problem file {path} has changed since the run")
    return KnownTruth(run, loaded.space, loaded)


def _from_table(run: RecordedRun) -> KnownTruth:
    space = _named_space(run)
    config = run.config
    table = load_benchmark(config["space"], config["dataset"], table=config.get("table"))
    if table.sha256 is None or table.sha256 != run.header.get("table_sha256"):
        return KnownTruth(run, space, None, f"the table of {run.name} is not the one of the run any more")
    return KnownTruth(run, space, table)


def _named_space(run: RecordedRun) -> Space:
    name = run.config["space"]
    if name not in space_names():
        raise InputError(f"the space {name!r} was declared in Python and is not in the run folder")
    return get_space(name)
