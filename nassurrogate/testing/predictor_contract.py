"""The tests that every predictor must pass, as a class for pytest.

A third party adds this to a test module of its package and runs pytest:

    from my_package import MyPredictor
    from nassurrogate.testing import PredictorContract

    class TestMyPredictor(PredictorContract):
        predictor = MyPredictor
        quick_config = {"epochs": 3}

Some tests write files to pytest's `tmp_path`. One, with 10,000 labels, has the marker `slow`: declare it among the
`markers` in pytest's settings, and deselect it with `-m "not slow"` if it takes too long.
"""

from __future__ import annotations

from nassurrogate.testing.fit_contract import FitContract
from nassurrogate.testing.predict_contract import PredictContract
from nassurrogate.testing.state_contract import StateContract


class PredictorContract(PredictContract, FitContract, StateContract):
    """Subclass it as `Test…` and set these class attributes:

    Attributes:
        predictor: the class under test, or its registered name (also `name:preset`).
        quick_config: hyper-parameters for which a fit takes a fraction of a second, replacing those of the preset: the
            tests check the contract, not the quality.
        learning_config: further hyper-parameters, sufficient for `test_it_learns`.
        seed_matters: False for a deterministic predictor, such as a linear regression.
        space: of all tests but one, which runs on every known space: a name, or a space with at least 300
            architectures.

    A test can be overridden, or left out by `test_… = None`, as in any class.

    >>> class TestBoosting(PredictorContract):
    ...     predictor = "gradient-boosting"
    ...     quick_config = {"rounds": 10, "members": 2}
    >>> TestBoosting().test_the_seed_decides()
    """
