"""Test suites for plug-ins, for pytest: every requirement of a predictor, a space, a searcher or a benchmark.

They need `pip install nassurrogate[kit]`. A third party subclasses `PredictorContract`, `SpaceContract`,
`SearcherContract` or `BenchmarkContract` in a test module of its own, and pytest collects the tests. The built-in
predictors, spaces, searchers and benchmarks pass the same tests. See the modules of those names.
"""

from __future__ import annotations

try:
    import hypothesis  # noqa: F401 (only to say so at once if it is missing)
    import pytest
except ImportError as error:
    raise ImportError(f"{error}; nassurrogate.testing needs pytest and hypothesis: nassurrogate[kit]") from error

# Before they are imported: a failed assertion then shows its values, as it does in test modules.
pytest.register_assert_rewrite(
    "nassurrogate.testing.benchmark_contract",
    "nassurrogate.testing.fit_contract",
    "nassurrogate.testing.predict_contract",
    "nassurrogate.testing.searcher_contract",
    "nassurrogate.testing.searcher_subject",
    "nassurrogate.testing.space_contract",
    "nassurrogate.testing.space_subject",
    "nassurrogate.testing.state_contract",
    "nassurrogate.testing.structure_contract",
)

from nassurrogate.testing.benchmark_contract import BenchmarkContract  # noqa: E402
from nassurrogate.testing.predictor_contract import PredictorContract  # noqa: E402
from nassurrogate.testing.searcher_contract import SearcherContract  # noqa: E402
from nassurrogate.testing.space_contract import SpaceContract  # noqa: E402

__all__ = ["BenchmarkContract", "PredictorContract", "SearcherContract", "SpaceContract"]
