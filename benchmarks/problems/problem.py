"""A problem: a space and its training, declared by the user in one Python file."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.benchmarks.base import Benchmark, Evaluation
from nassurrogate.benchmarks.command import CommandBenchmark
from nassurrogate.benchmarks.contained.limits import Limits
from nassurrogate.benchmarks.problems.in_children import FunctionInChildren
from nassurrogate.benchmarks.problems.problem_file import ProblemFile, read_problem_file
from nassurrogate.errors import InputError
from nassurrogate.metric import Metric
from nassurrogate.spaces import Space

_NO_LIMITS = Limits()


def load_problem(path: str | Path) -> Problem:
    """The problem that a file declares. The file is the user's own code: it is run here, and again where it trains.

    The file defines `space`, and one of

    - `evaluate(arch, seed, fidelity)`, which trains an architecture and returns the objective, or a dict of values by
      metric that holds it; `seed` and `fidelity` may be left out;
    - `command = ["python", "train.py"]`, a program in the file's folder (see `CommandBenchmark`).

    It may also define `objective`, a metric (default: `val_accuracy_pct`); `metrics`, what else is returned;
    `dataset`, the name of the training data; `constraints`, such as `["params_m<=0.5"]`. It can import its neighbours:
    its folder comes first in `sys.path`.

    Raises `InputError`, with the line if there is one, for everything that is wrong with the file.
    """
    return Problem(read_problem_file(path))


class Problem(Benchmark):
    """The ground truth of a problem file. Every evaluation runs in a process of its own.

    A training that exits, crashes, hangs or takes all memory is a failed evaluation, and costs nothing else. Each
    process is a new interpreter that runs the file, keeps what it has imported and loaded for later evaluations, and is
    replaced if it dies. There are as many as there are evaluations at once, in any threads. Ctrl-C does not reach them;
    they end with `close`, with this process, and when this process is killed.

    A pickled problem is its path, its checksum and its options: the process that reads it runs the file again.

    `load_problem` makes one.

    Args:
        file: the checked file.
        limits: of every evaluation.

    Attributes:
        path: absolute path of the file.
        constraints: of every search; those that it is given hold as well.
    """

    def __init__(self, file: ProblemFile, limits: Limits = _NO_LIMITS) -> None:
        self._file, self._limits = file, limits
        self._truth: FunctionInChildren | CommandBenchmark
        if isinstance(file.truth, CommandBenchmark):
            self._truth = file.truth.with_limits(limits)
        else:
            self._truth = FunctionInChildren(file, limits)
        self.path, self.constraints = file.path, list(file.constraints)
        self.dataset, self.sources = file.truth.dataset, file.truth.sources

    def __reduce__(self) -> tuple[Callable[..., Problem], tuple[str, str, Limits]]:
        return _reopened, (str(self.path), self.sha256, self._limits)

    def with_options(
        self, *, time_limit_s: float | None = None, retries: int = 2, log_dir: str | Path | None = None
    ) -> Problem:
        """The same problem under other limits.

        Args:
            time_limit_s: seconds that an evaluation may take, without the imports of a new process; None: any time.
            retries: how often an evaluation is repeated if its process dies. One that raises or is too slow is not.
            log_dir: a folder that keeps, in a file per query, what evaluations print; None: nowhere.

        Raises `InputError` for an invalid argument.
        """
        return Problem(self._file, Limits(time_limit_s, retries, log_dir))  # type: ignore[arg-type]

    def close(self) -> None:
        """End the processes of this problem. Evaluations that run raise `EvaluationStoppedError`.

        An evaluation after that starts new ones.
        """
        self._truth.close()

    @property
    def sha256(self) -> str:
        """The checksum of the file's bytes; what it imports is not in it."""
        return self._file.sha256

    @property
    def space(self) -> Space:  # type: ignore[override]
        return self._truth.space

    @property
    def metrics(self) -> Mapping[str, Metric]:  # type: ignore[override]
        """What `evaluate` returns, and the exact costs of the space."""
        return self._truth.metrics

    @property
    def objective(self) -> Metric:
        return self._truth.objective

    def evaluate(
        self,
        archs: Sequence[Architecture],
        metrics: Sequence[str] | None = None,
        *,
        seed: int | None = None,
        fidelity: int | None = None,
    ) -> list[Evaluation]:
        return self._truth.evaluate(archs, metrics, seed=seed, fidelity=fidelity)

    def lookup(self, archs: Sequence[Architecture], metric: str) -> np.ndarray:
        return self._truth.lookup(archs, metric)

    def free_metrics(self) -> list[str]:
        return self._truth.free_metrics()

    def at_fidelity(self, metric: str, fidelity: int | None) -> str:
        return self._truth.at_fidelity(metric, fidelity)

    def seeds(self, arch: Architecture, metric: str) -> Sequence[int] | None:
        return self._truth.seeds(arch, metric)


@lru_cache(maxsize=8)
def _reopened(path: str, sha256: str, limits: Limits) -> Problem:
    """A problem in another process, or on another machine. Raises `InputError` if it is not the same file there.

    Kept, as an executor sends it with every evaluation, and the file would run each time.
    """
    if not Path(path).exists():
        raise InputError(f"no problem file at {path} on {platform.node()}: every machine that evaluates needs it there")
    return Problem(read_problem_file(path, sha256=sha256), limits)
