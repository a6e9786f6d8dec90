"""How models are timed: in turns, after a warm-up, within a bound of memory, on chosen cores; with models that fail."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nassurrogate.devices import LatencyRun, Measurement, measure_latency
from nassurrogate.devices.cores import usable_cores
from nassurrogate.errors import InputError

MS = 1_000_000


class World:
    """Models that take a known time, by a clock that only they move.

    Args:
        times_ms: file → how long its first, second, … run takes; the last holds for all others.
        held_bytes: memory of each model.
    """

    def __init__(self, times_ms: dict[str, list[float]], held_bytes: int = 0) -> None:
        self.times_ms = {name: list(times) for name, times in times_ms.items()}
        self.held_bytes = held_bytes
        self.now_ns = 0
        self.events: list[tuple[str, str]] = []

    def clock(self) -> int:
        return self.now_ns

    def open(self, path: Path) -> Any:
        self.events.append(("open", path.name))
        world, name = self, path.name

        class Model:
            input_names: tuple[str, ...] = ("x",)
            notes: tuple[str, ...] = (f"about {name}",)
            held_bytes = world.held_bytes

            def run(self) -> None:
                world.events.append(("run", name))
                times = world.times_ms[name]
                world.now_ns += round(MS * (times.pop(0) if len(times) > 1 else times[0]))

        return Model()

    def measuring(self, **options: Any) -> LatencyRun:
        settings = {"repeats": 4, "warmup": 0, "min_time_s": 0, **options}
        return LatencyRun(
            list(self.times_ms), open_model=self.open, clock=self.clock, cpu_clock=lambda: self.now_ns, **settings
        )

    def measured(self, **options: Any) -> list[Measurement]:
        run = self.measuring(**options)
        run.measure()
        return run.measurements()


def test_median_and_quartiles_of_timed_runs() -> None:
    [found] = World({"a": [99, 7, 1, 2, 3, 4, 5]}).measured(repeats=5, warmup=2)
    assert found == Measurement(Path("a"), 3, 2, 4, 5, 1, "ok", notes=("about a",))
    assert found.iqr_ms == 2


def test_every_round_has_every_model_once_in_an_order_of_its_own() -> None:
    world = World({name: [1] for name in "abcdef"})
    world.measured(repeats=30)
    orders = _rounds(world, "abcdef")
    assert len(orders) == 30
    assert all(sorted(order) == list("abcdef") for order in orders)
    assert len(set(orders)) > 20
    assert len({order[0] for order in orders}) == 6, "any of them may be the first"


def _rounds(world: World, names: str) -> list[tuple[str, ...]]:
    """The order of the turns in each round; a turn that follows another model's has a run that is not timed."""
    runs = [name for kind, name in world.events if kind == "run"]
    orders, place = [], 0
    last = names[-1]  # the one loaded last
    while place < len(runs):
        order = []
        for _ in names:
            name = runs[place]
            turn = 1 if name == last else 2
            assert runs[place : place + turn] == [name] * turn
            place += turn
            order.append(name)
            last = name
        orders.append(tuple(order))
    return orders


def test_the_order_depends_on_the_seed_alone() -> None:
    def events(seed: int) -> list[tuple[str, str]]:
        world = World({name: [1] for name in "abcd"})
        world.measured(seed=seed)
        return world.events

    assert events(1) == events(1)
    assert events(1) != events(2)


def test_the_run_that_follows_another_model_is_not_timed() -> None:
    class Cold(World):
        """The first run after another model takes ten times as long."""

        def open(self, path: Path) -> Any:
            model, plain = super().open(path), super().open(path).run

            def run() -> None:
                before = self.events[-1]
                plain()
                if before != ("run", path.name):
                    self.now_ns += 9 * MS

            model.run = run
            return model

    found = Cold({"a": [1], "b": [1]}).measured(repeats=10, warmup=1)
    assert [each.p75_ms for each in found] == [1, 1]


def test_warmup_comes_before_the_first_timed_run() -> None:
    world = World({"a": [50, 50, 50, 1]})
    [found] = world.measured(warmup=3)
    assert (found.latency_ms, found.iqr_ms) == (1, 0)
    assert world.events == [("open", "a"), *[("run", "a")] * 7]


def test_fast_models_are_timed_more_often_in_a_turn() -> None:
    slow, fast = World({"slow": [30], "fast": [1]}).measured(repeats=3, min_time_s=0.01)
    assert (slow.n_repeats, fast.n_repeats) == (3, 30)


@pytest.mark.parametrize(("kept_bytes", "opened"), [(1000, 1), (100, 1), (99, 1 + 4), (0, 1 + 4)])
def test_models_beyond_the_bound_are_loaded_for_every_turn(kept_bytes: int, opened: int) -> None:
    world = World({"a": [5, 1], "b": [5, 1]}, held_bytes=50)
    found = world.measured(repeats=4, warmup=1, max_held_bytes=kept_bytes)
    n_opened = Counter(name for kind, name in world.events if kind == "open")
    assert n_opened["b"] == opened
    assert n_opened["a"] == (5 if kept_bytes < 50 else 1)
    assert [each.latency_ms for each in found] == [1, 1], "loaded again, they are warmed up again"


def test_progress_and_rounds_are_reported() -> None:
    world, seen, rounds = World({"a": [1], "b": [2]}), [], []
    run = world.measuring(repeats=3)
    run.measure(
        lambda done, total: seen.append((done, total)),
        lambda: rounds.append([each.n_repeats for each in run.measurements()]),
    )
    assert seen == [(done, 8) for done in range(1, 9)]
    assert rounds == [[1, 1], [2, 2], [3, 3]]
    assert run.rounds_done == 3


def test_ctrl_c_keeps_what_was_measured() -> None:
    class Stopped(World):
        def clock(self) -> int:
            if self.now_ns > 20 * MS:
                raise KeyboardInterrupt
            return self.now_ns

    run = Stopped({"a": [1], "b": [3]}).measuring(repeats=100)
    assert [each.status for each in run.measurements()] == ["missing", "missing"]
    before = usable_cores()
    with pytest.raises(KeyboardInterrupt):
        run.measure()
    found = run.measurements()
    assert [each.latency_ms for each in found] == [1, 3]
    assert all(each.n_repeats >= run.rounds_done > 0 for each in found)
    assert usable_cores() == before


@pytest.mark.parametrize("on_run", [1, 6])
def test_a_model_that_fails_does_not_end_the_others(on_run: int) -> None:
    class Failing(World):
        def open(self, path: Path) -> Any:
            model, plain, left = super().open(path), super().open(path).run, [on_run]

            def run() -> None:
                left[0] -= path.name == "bad"
                if left[0] == 0:
                    raise RuntimeError("out of\nluck")
                plain()

            model.run = run
            return model

    world = Failing({"a": [1], "bad": [1], "b": [2]})
    found = world.measured(repeats=5, warmup=2)
    assert [each.status for each in found] == ["ok", "failed", "ok"]
    assert found[1].reason.endswith("refuses it: out of luck")
    assert np.isnan(found[1].latency_ms)
    assert [found[0].n_repeats, found[2].n_repeats] == [5, 5]


def test_nothing_more_is_done_once_all_have_failed() -> None:
    seen: list[int] = []
    run = LatencyRun(["a", "b"], repeats=1000)
    run.measure(lambda done, total: seen.append(done))
    assert seen == [1, 2]
    assert [each.reason for each in run.measurements()] == ["there is no such file"] * 2


def test_time_without_a_core_is_known() -> None:
    world = World({"a": [4]})
    run = LatencyRun(["a"], open_model=world.open, clock=world.clock, cpu_clock=lambda: world.now_ns * 3 // 4)
    assert np.isnan(run.waited_pct)
    run.measure()
    assert run.waited_pct == pytest.approx(25)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux pins threads")
def test_pinned_while_measuring_and_not_afterwards() -> None:
    before, seen = usable_cores(), []
    world = World({"a": [1]})
    world.measuring().measure(after_round=lambda: seen.append(usable_cores()))
    assert [len(cores) for cores in seen] == [1] * 4
    assert usable_cores() == before


def test_a_model_given_twice_is_measured_once() -> None:
    world = World({"a": [1]})
    run = LatencyRun(["a", "a"], open_model=world.open, clock=world.clock, repeats=1)
    run.measure()
    assert len(run.measurements()) == 1


@pytest.mark.parametrize(
    ("models", "options", "message"),
    [
        ([], {}, "at least one ONNX file"),
        ("a.onnx", {}, "must be a list of ONNX files, got 'a.onnx'"),
        ([3], {}, "model must be a path, got 3"),
        (["a\0b"], {}, "must be a valid path"),
        (["a"], {"repeats": 0}, "repeats must be a whole number from 1, got 0"),
        (["a"], {"warmup": -1}, "warmup must be a whole number from 0, got -1"),
        (["a"], {"threads": 0}, "threads must be a whole number from 1 to"),
        (["a"], {"threads": 100_000}, r"\(the cores here\), got 100000"),
        (["a"], {"seed": -1}, "seed must be a whole number"),
        (["a"], {"min_time_s": float("nan")}, "min_time_s must be a number of seconds from 0, got nan"),
    ],
)
def test_arguments_that_cannot_be_used(models: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        LatencyRun(models, **options)


def test_real_models(tiny: Callable[..., Path]) -> None:
    models = [tiny("a.onnx"), tiny("b.onnx", (2, 5), operator="Relu")]
    found = measure_latency([os.fspath(model) for model in models], repeats=2, min_time_s=0)
    assert [each.model for each in found] == models
    for each in found:
        assert (each.status, each.n_repeats, each.threads) == ("ok", 2, 1)
        assert 0 < each.p25_ms <= each.latency_ms <= each.p75_ms
