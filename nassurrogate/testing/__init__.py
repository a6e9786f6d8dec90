"""Test-suites for plug-ins: what a predictor owes, asked by pytest (`pip install nassurrogate[kit]`).

A third party subclasses `PredictorContract` in a test module of its own, and pytest collects the tests with it; the
repository's own predictors pass the same ones. See `nassurrogate.testing.predictor_contract`.
"""

from __future__ import annotations

try:
    import hypothesis  # noqa: F401 (only to say so at once where it is missing)
    import pytest
except ImportError as error:
    raise ImportError(f"{error}; nassurrogate.testing needs pytest and hypothesis: nassurrogate[kit]") from error

# Before they are imported: a failed assertion then shows its values, as it does in test modules.
pytest.register_assert_rewrite(
    "nassurrogate.testing.fit_contract",
    "nassurrogate.testing.predict_contract",
    "nassurrogate.testing.state_contract",
)

from nassurrogate.testing.predictor_contract import PredictorContract  # noqa: E402

__all__ = ["PredictorContract"]
