"""The best architecture after every query, and the noise of a single training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nassurrogate.search import run
from nassurrogate.search.record.ledger import Query
from nassurrogate.search.record.progress import incumbents, label_noise
from nassurrogate.search.record.recorded_run import ranked, read_run

QUERY = Query(1, "search", "random", "a", None, "a", 1.0, "single", 0, None, None, None, True, 0.0)

labels = st.one_of(st.none(), st.integers(-5, 5).map(float))


@given(st.lists(st.tuples(st.sampled_from("abcd"), labels), max_size=12), st.sampled_from([1, -1]))
def test_the_incumbent_has_the_best_mean_so_far(told, sign):
    queries = [replace(QUERY, number=i, arch=arch, label=label) for i, (arch, label) in enumerate(told, start=1)]
    found = incumbents(queries, sign)
    assert len(found) == len(queries)
    for n, incumbent in enumerate(found, start=1):
        means = {
            arch: np.mean(own)
            for arch in "abcd"
            if (own := [query.label for query in queries[:n] if query.arch == arch and query.label is not None])
        }
        if not means:
            assert incumbent is None
            continue
        assert incumbent is not None
        assert incumbent.mean == pytest.approx(means[incumbent.arch])
        assert sign * incumbent.mean == pytest.approx(max(sign * mean for mean in means.values()))


def test_architectures_trained_more_than_once_are_ranked_first():
    told = [("lucky", 9.0), ("b", 7.0), ("c", 8.0), ("b", 8.0), ("c", 8.0)]
    queries = [replace(QUERY, number=i, arch=arch, label=label) for i, (arch, label) in enumerate(told, start=1)]
    assert [each[0].arch for each in ranked(queries, 1)] == ["c", "b", "lucky"]
    assert [each[0].arch for each in ranked(queries, -1)] == ["b", "c", "lucky"]


def test_the_noise_is_estimated_from_repeated_trainings(bench, tmp_path):
    run(budget=8, seed=0, labels="single", predictor="none", benchmark=bench, run_dir=tmp_path / "run", plots=False)
    recorded = read_run(tmp_path / "run")
    noise = label_noise(recorded)
    assert noise is not None
    assert (noise.std, noise.origin) == (0.2, "assumed (the setting label_noise_pct)")
    rng = np.random.default_rng(0)
    pairs = rng.normal(90, 0.5, (400, 2))
    queries = [
        replace(QUERY, number=2 * i + j + 1, arch=str(i), label=float(pairs[i, j])) for i in range(400) for j in (0, 1)
    ]
    noise = label_noise(replace(recorded, queries=queries))
    assert noise is not None
    assert noise.std == pytest.approx(np.sqrt(np.mean(np.var(pairs, axis=1, ddof=1))))
    means = [replace(query, label_kind="mean") for query in queries]
    assert label_noise(replace(recorded, queries=means)) is None
