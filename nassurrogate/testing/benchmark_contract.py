"""The tests that every benchmark passes, as a class for pytest.

A third party puts this into a test module of its own package and runs pytest:

    from my_package import my_benchmark
    from nassurrogate.testing import BenchmarkContract

    class TestMyBenchmark(BenchmarkContract):
        benchmark = my_benchmark

If evaluations are trainings: the whole class makes about a hundred of them, fewer with a smaller `n_sampled`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pytest

from nassurrogate.architecture import Architecture
from nassurrogate.benchmarks import Benchmark, Evaluation
from nassurrogate.errors import InputError
from nassurrogate.metric import Metric
from nassurrogate.search import run
from nassurrogate.spaces import Space, get_space
from nassurrogate.testing.space_subject import one_line, refused


class BenchmarkContract:
    """Subclass it as `Test…` and set these class attributes:

    Attributes:
        benchmark: the benchmark under test; or override `make`, which returns it.
        n_sampled: how many random architectures the tests evaluate, at most.
        reproducible: False if two trainings of one architecture and seed may differ.

    Override a single test to replace it, or set `test_… = None` to leave it out.

    >>> from nassurrogate.benchmarks import CallableBenchmark
    >>> from nassurrogate.spaces import CategoricalSpace
    >>> space = CategoricalSpace("mine", {"kernel": [3, 5], "width": [16, 32, 64]})
    >>> class TestMine(BenchmarkContract):
    ...     benchmark = CallableBenchmark(space, lambda arch: 90.0 + arch.choices["kernel"])
    >>> TestMine().test_every_architecture_gets_its_evaluation()
    """

    benchmark: ClassVar[Benchmark]
    n_sampled: ClassVar[int] = 12
    reproducible: ClassVar[bool] = True

    def make(self) -> Benchmark:
        """The benchmark under test."""
        return self.benchmark

    def some(self, seed: int = 0) -> list[Architecture]:
        """Random architectures to evaluate."""
        space = self.make().space
        n = self.n_sampled if space.size is None else min(self.n_sampled, space.size)
        return space.sample(n, np.random.default_rng(seed))

    # --- what it says of itself ----------------------------------------------------------------------------------

    def test_it_is_described(self) -> None:
        benchmark = self.make()
        assert isinstance(benchmark, Benchmark)
        assert isinstance(benchmark.space, Space)
        assert get_space(benchmark.space) is benchmark.space
        assert benchmark.dataset.strip()
        assert benchmark.dataset.isprintable(), "the name of the data set must be one printable line"
        assert all(isinstance(source, str) and source.isprintable() for source in benchmark.sources)
        assert benchmark.sha256 == self.make().sha256
        if benchmark.sha256 is not None:
            assert len(benchmark.sha256) == 64
            assert set(benchmark.sha256) <= set("0123456789abcdef")

    def test_metrics_are_named(self) -> None:
        metrics = self.make().metrics
        assert isinstance(metrics, Mapping)
        assert metrics
        for name, metric in metrics.items():
            assert isinstance(metric, Metric)
            assert metric.name == name, "a metric must be listed under its own name"

    def test_the_objective_is_one_of_them(self) -> None:
        benchmark = self.make()
        assert benchmark.metrics[benchmark.objective.name] == benchmark.objective
        assert benchmark.objective.sign in (-1, 1), "it must be known whether a larger value is better"

    # --- evaluations ---------------------------------------------------------------------------------------------

    def test_every_architecture_gets_its_evaluation(self) -> None:
        benchmark, archs = self.make(), self.some()
        given = list(archs)
        found = benchmark.evaluate(archs)
        assert archs == given
        assert [each.arch for each in found] == archs, "expected one evaluation for every architecture, in order"
        for each in found:
            self._check(each, [benchmark.objective.name])
        assert benchmark.evaluate([]) == []

    def test_every_metric_may_be_asked_for(self) -> None:
        benchmark, archs = self.make(), self.some()[:3]
        for name in benchmark.metrics:
            for each in benchmark.evaluate(archs, [name]):
                self._check(each, [name])
        for each in benchmark.evaluate(archs, [benchmark.objective.name] * 2):
            self._check(each, [benchmark.objective.name])

    def test_a_value_does_not_depend_on_the_batch(self) -> None:
        benchmark, archs = self.make(), self.some()
        together = _values(benchmark, archs)
        if not self.reproducible:
            pytest.skip("not reproducible: its values may differ between trainings")
        assert _values(benchmark, archs[::-1]) == together[::-1], "a value depends on the order of the batch"
        assert [_values(benchmark, [arch])[0] for arch in archs] == together
        assert _values(benchmark, [archs[0], archs[0]]) == [together[0], together[0]]

    def test_seeds_are_trainings_of_their_own(self) -> None:
        benchmark, name = self.make(), self.make().objective.name
        for arch in self.some()[:3]:
            named = benchmark.seeds(arch, name)
            assert named is None or len(set(named)) == len(named)
            assert named is None or all(isinstance(seed, int | np.integer) and seed >= 0 for seed in named)
            for seed in [0, 1] if named is None else list(named)[:3]:
                first, again = (benchmark.evaluate([arch], seed=int(seed))[0] for _ in range(2))
                self._check(first, [name])
                if first.status == "ok":
                    assert first.seed == seed, "an evaluation must name the seed it was asked for"
                    assert first.n_seeds.get(name, 1) == 1, "n_seeds must be 1 where a seed is given"
                if self.reproducible:
                    assert (first.status, first.values) == (again.status, again.values), (
                        "one seed gives two results; set reproducible = False if that is intended"
                    )

    def test_what_it_does_not_know_is_refused_in_one_line(self) -> None:
        benchmark, archs = self.make(), self.some()[:2]
        for name in benchmark.metrics:
            for ask in (
                lambda wrong: benchmark.evaluate(archs, [wrong]),
                lambda wrong: benchmark.evaluate([], [benchmark.objective.name, wrong]),
                lambda wrong: benchmark.lookup(archs, wrong),
            ):
                assert repr(name) in refused(ask, f"{name}x"), "the message must name the nearest metric"

    @pytest.mark.parametrize("fidelity", [1, 987_654_321])
    def test_a_fidelity_is_known_or_refused(self, fidelity: int) -> None:
        benchmark, archs = self.make(), self.some()[:2]
        try:
            found = benchmark.evaluate(archs, fidelity=fidelity)
        except InputError as error:
            one_line(error)
            return
        assert [each.arch for each in found] == archs
        for each in found:
            self._check(each, [benchmark.objective.name])
            assert each.status != "ok" or each.fidelity == fidelity, (
                "an evaluation must name the fidelity it was asked for"
            )

    def _check(self, found: Evaluation, wanted: Sequence[str]) -> None:
        """Check that an evaluation is complete."""
        metrics = self.make().metrics
        assert isinstance(found, Evaluation)
        assert found.status in ("ok", "failed", "missing")
        assert isinstance(found.reason, str)
        assert found.reason == "" or found.reason.isprintable()
        assert math.isnan(found.cost_s) or 0 <= found.cost_s < math.inf
        if found.status != "ok":
            assert found.reason, "an evaluation that is not ok must give its reason"
            assert not found.values
            return
        assert set(wanted) <= set(found.values)
        for name, value in found.values.items():
            assert isinstance(name, str)
            assert isinstance(value, float)
            assert math.isfinite(value), "values must be finite; otherwise the evaluation has failed"
        for name in wanted:
            n_seeds = found.n_seeds.get(name, 0)
            least = 1 if metrics[name].needs_training else 0
            assert n_seeds >= least, f"n_seeds of {name} must be at least {least}"

    # --- metrics without training --------------------------------------------------------------------------

    def test_what_is_free_is_looked_up(self) -> None:
        benchmark, archs = self.make(), self.some()
        free = benchmark.free_metrics()
        assert free == [name for name, metric in benchmark.metrics.items() if not metric.needs_training]
        for name in free:
            values = benchmark.lookup(archs, name)
            assert values.shape == (len(archs),)
            assert values.dtype == np.float64, "looked-up values must be float64"
            assert not np.isinf(values).any()
            alone = np.array([benchmark.lookup([arch], name)[0] for arch in archs])
            assert np.array_equal(values, alone, equal_nan=True), "its value depends on the batch"
            assert benchmark.lookup([], name).shape == (0,)
            for each, value in zip(benchmark.evaluate(archs[:2], [name]), values, strict=False):
                assert each.status != "ok" or each.values[name] == value

    def test_what_needs_training_is_not_looked_up(self) -> None:
        benchmark = self.make()
        for name in set(benchmark.metrics) - set(benchmark.free_metrics()):
            assert repr(name) in refused(benchmark.lookup, self.some(), name)

    # --- a run ---------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("kind", ["mean", "single"])
    def test_a_search_runs_on_it(self, kind: str) -> None:
        benchmark = self.make()
        asked: dict[str, Any] = {"searcher": "random", "predictor": "none", "labels": kind, "write": False}
        try:
            result = run(benchmark=benchmark, budget=4, seed=0, **asked)
        except InputError as error:
            if "failed" not in one_line(error):
                raise
            return  # all evaluations failed
        assert 1 <= result["queries"] <= 4
        assert result["objective"] == benchmark.objective.as_dict()
        assert benchmark.space.parse(result["best"]["arch"]).space == benchmark.space


def _values(benchmark: Benchmark, archs: Sequence[Architecture]) -> list[tuple[str, dict[str, float]]]:
    return [(each.status, dict(each.values)) for each in benchmark.evaluate(archs)]
