"""Times models on this machine, in turns, so that a change in the machine's speed affects all of them alike."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Literal, Protocol

import numpy as np

from nassurrogate.devices.cores import check_threads, pinned
from nassurrogate.devices.input_shapes import THE_ONLY_ONE, Shape, unknown_input
from nassurrogate.devices.load_errors import explained
from nassurrogate.devices.one_at_a_time import only_measurement
from nassurrogate.devices.onnx_session import OnnxSession
from nassurrogate.errors import InputError
from nassurrogate.files.given_path import as_path
from nassurrogate.nan_equality import NanEqual
from nassurrogate.seed import checked_seed

REPEATS: Final = 20
WARMUP: Final = 3
MIN_TIME_S: Final = 0.02
MAX_HELD_BYTES: Final = 2 << 30
_NAN: Final = float("nan")


class ReadyModel(Protocol):
    """A model that can be run at once, such as an `OnnxSession`."""

    input_names: tuple[str, ...]
    notes: tuple[str, ...]
    held_bytes: int

    def run(self) -> None:
        """Run it once."""


@dataclass(frozen=True, eq=False)
class Measurement(NanEqual):
    """The latency of one model.

    Attributes:
        model: its file, as given.
        latency_ms: median of all timed runs; NaN if there are none.
        p25_ms, p75_ms: quartiles of the same.
        n_repeats: number of timed runs.
        threads: threads per operator.
        status: `ok`, `failed`, or `missing` if the measurement ended before its first timed run.
        reason: why it failed, in one line.
        notes: what was assumed about its inputs.
    """

    model: Path
    latency_ms: float = _NAN
    p25_ms: float = _NAN
    p75_ms: float = _NAN
    n_repeats: int = 0
    threads: int = 1
    status: Literal["ok", "failed", "missing"] = "missing"
    reason: str = ""
    notes: tuple[str, ...] = ()

    @property
    def iqr_ms(self) -> float:
        """The inter-quartile range."""
        return self.p75_ms - self.p25_ms


class LatencyRun:
    """The measurement of several models, whose results can be read at any time, also after Ctrl-C.

    Every model is loaded and warmed up. Then follow rounds, in each of which every model has a turn, in random order:
    one run that brings it back into the caches, then timed runs until a minimum of time is over. Inputs are random,
    and allocated beforehand like the outputs.

    Args:
        models: ONNX files; one that is given twice is measured once.
        threads: threads per operator, each on a core of its own where the system can pin them.
        repeats: number of rounds.
        warmup: runs of a model after it was loaded, before anything is timed.
        min_time_s: a turn goes on for as long, so that fast models are timed more often; at least one run.
        input_shapes: shapes of inputs with open sizes, by name, or under `""` for the only one. A batch size that is
            still open is 1.
        seed: of the order and of the inputs.
        max_held_bytes: models are kept in memory up to this size; others are loaded again for every turn.
        open_model: loads a model; by default, into ONNX Runtime.
        clock: a clock in nanoseconds.
        cpu_clock: the time that this thread has computed, in nanoseconds.

    Raises `InputError` for arguments that cannot be used. A model that cannot be measured has a reason in its result.
    """

    def __init__(
        self,
        models: Sequence[str | os.PathLike[str]],
        *,
        threads: int = 1,
        repeats: int = REPEATS,
        warmup: int = WARMUP,
        min_time_s: float = MIN_TIME_S,
        input_shapes: Mapping[str, Shape] | None = None,
        seed: int = 0,
        max_held_bytes: int = MAX_HELD_BYTES,
        open_model: Callable[[Path], ReadyModel] | None = None,
        clock: Callable[[], int] = time.perf_counter_ns,
        cpu_clock: Callable[[], int] = time.thread_time_ns,
    ) -> None:
        if isinstance(models, str | os.PathLike):
            raise InputError(f"models must be a list of ONNX files, got {models!r}")
        paths = list(dict.fromkeys(as_path(model, "model") for model in models))
        if not paths:
            raise InputError("expected at least one ONNX file")
        check_threads(threads)
        if repeats < 1:
            raise InputError(f"repeats must be a whole number from 1, got {repeats}")
        if warmup < 0:
            raise InputError(f"warmup must be a whole number from 0, got {warmup}")
        if not 0 <= min_time_s < float("inf"):
            raise InputError(f"min_time_s must be a number of seconds from 0, got {min_time_s}")
        self.threads, self.repeats = threads, repeats
        self.rounds_done = 0
        self._warmup, self._min_time_ns = warmup, round(min_time_s * 1e9)
        self._rng = np.random.default_rng(checked_seed(seed))
        self._given_shapes = dict(input_shapes or {})
        self._open = open_model or partial(OnnxSession, threads=threads, input_shapes=self._given_shapes, seed=seed)
        self._clock, self._cpu_clock = clock, cpu_clock
        self._free_bytes = max_held_bytes
        self._turns = [_Turns(path) for path in paths]
        self._last: _Turns | None = None
        self._timed_ns = self._computed_ns = 0

    def measure(
        self, progress: Callable[[int, int], None] | None = None, after_round: Callable[[], None] | None = None
    ) -> None:
        """Measure all models; may be called once.

        Args:
            progress: called with the number of turns that are done and that there are, loading included.
            after_round: called when all models have had one more turn, for example to store `measurements()`.

        Raises `InputError` if no model has an input that `input_shapes` names.
        """
        total, done = len(self._turns) * (self.repeats + 1), 0
        with only_measurement(), pinned(self.threads):
            try:
                for part in range(self.repeats + 1):
                    for place in self._rng.permutation(len(self._turns)) if part else range(len(self._turns)):
                        self._guarded(self._turns[place], self._time if part else self._load)
                        done += 1
                        if progress is not None:
                            progress(done, total)
                    if part == 0:
                        self._check_shapes_are_used()
                    if all(turns.reason for turns in self._turns):
                        return
                    self.rounds_done = part
                    if part and after_round is not None:
                        after_round()
            finally:
                for turns in self._turns:
                    turns.ready = None

    def measurements(self) -> list[Measurement]:
        """What is known so far: one result per model, in the given order."""
        return [turns.result(self.threads) for turns in self._turns]

    @property
    def waited_pct(self) -> float:
        """Share of the time in which this process had no core, as others used it; NaN if unknown (several threads)."""
        if self.threads > 1 or not self._timed_ns:
            return _NAN
        return 100 * max(0.0, 1 - self._computed_ns / self._timed_ns)

    def _guarded(self, turns: _Turns, work: Callable[[_Turns], None]) -> None:
        """Do something with a model that may fail; a model that has failed has no more turns."""
        if turns.reason:
            return
        try:
            work(turns)
        except Exception as error:  # ONNX Runtime's errors have no common class
            turns.reason = explained(error)
            turns.ready = None

    def _load(self, turns: _Turns) -> None:
        ready = self._opened(turns)
        turns.notes, turns.input_names = ready.notes, ready.input_names
        if ready.held_bytes <= self._free_bytes:
            self._free_bytes -= ready.held_bytes
            turns.ready = ready

    def _opened(self, turns: _Turns) -> ReadyModel:
        ready = self._open(turns.path)
        for _ in range(self._warmup):
            ready.run()
        self._last = turns
        return ready

    def _time(self, turns: _Turns) -> None:
        """One turn of a model."""
        ready = turns.ready or self._opened(turns)
        if self._last is not turns:
            ready.run()
            self._last = turns
        run, clock = ready.run, self._clock
        computed, began = self._cpu_clock(), clock()
        after = began - 1
        while after < began + self._min_time_ns:
            before = clock()
            run()
            after = clock()
            turns.times_ns.append(after - before)
        self._timed_ns += after - began
        self._computed_ns += self._cpu_clock() - computed

    def _check_shapes_are_used(self) -> None:
        loaded = [turns for turns in self._turns if not turns.reason]
        names = list(dict.fromkeys(name for turns in loaded for name in turns.input_names))
        for name in self._given_shapes:
            if loaded and name != THE_ONLY_ONE and name not in names:
                raise unknown_input(name, names)


class _Turns:
    """What is known about one model."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ready: ReadyModel | None = None
        self.times_ns: list[int] = []
        self.reason = ""
        self.notes: tuple[str, ...] = ()
        self.input_names: tuple[str, ...] = ()

    def result(self, threads: int) -> Measurement:
        if self.reason:
            return Measurement(self.path, threads=threads, status="failed", reason=self.reason, notes=self.notes)
        if not self.times_ns:
            return Measurement(self.path, threads=threads, notes=self.notes)
        p25, median, p75 = (np.percentile(self.times_ns, (25, 50, 75)) / 1e6).tolist()
        return Measurement(self.path, median, p25, p75, len(self.times_ns), threads, "ok", notes=self.notes)


def measure_latency(
    models: Sequence[str | os.PathLike[str]],
    *,
    threads: int = 1,
    repeats: int = REPEATS,
    warmup: int = WARMUP,
    min_time_s: float = MIN_TIME_S,
    input_shapes: Mapping[str, Shape] | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> list[Measurement]:
    """Latencies of ONNX models on this machine's CPU with ONNX Runtime, one result per model, in the given order.

    The arguments are those of `LatencyRun`, which also keeps what was measured before Ctrl-C.

    Raises `InputError` for arguments that cannot be used; a model that cannot be measured has `status` "failed".

    >>> [missing] = measure_latency(["no-such-model.onnx"])
    >>> missing.status, missing.reason
    ('failed', 'there is no such file')
    """
    run = LatencyRun(
        models, threads=threads, repeats=repeats, warmup=warmup, min_time_s=min_time_s, input_shapes=input_shapes,
        seed=seed,
    )  # fmt: skip
    run.measure(progress)
    return run.measurements()
