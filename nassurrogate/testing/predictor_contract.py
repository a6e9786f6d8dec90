"""The tests that every predictor passes, as a class for pytest.

A third party puts this into a test module of its own package and runs pytest:

    from my_package import MyPredictor
    from nassurrogate.testing import PredictorContract

    class TestMyPredictor(PredictorContract):
        predictor = MyPredictor
        quick_config = {"epochs": 3}

Two of the tests write files, into pytest's `tmp_path`. One, with 10,000 labels, carries the marker `slow`: declare it
among the `markers` in pytest's settings, and leave it out with `-m "not slow"` where the wait is too long.
"""

from __future__ import annotations

from nassurrogate.testing.fit_contract import FitContract
from nassurrogate.testing.predict_contract import PredictContract
from nassurrogate.testing.state_contract import StateContract


class PredictorContract(PredictContract, FitContract, StateContract):
    """Subclass it as `Test…` and set these class attributes:

    Attributes:
        predictor: the class under test, or the name it is registered under (`name:preset` too).
        quick_config: hyper-parameters that replace the preset's, with which a fit takes a fraction of a second: the
            tests ask whether a predictor keeps its promises, not how good it is.
        learning_config: hyper-parameters beside those, with which `test_it_learns` has enough.
        seed_matters: False for a predictor without any randomness, such as a linear regression.
        space: of all tests but one, which runs on every space there is: a name, or a space of one's own with 300
            architectures or more.

    A single test is replaced, or left out by `test_… = None`, as with any class.

    >>> class TestBoosting(PredictorContract):
    ...     predictor = "gradient-boosting"
    ...     quick_config = {"rounds": 10, "members": 2}
    >>> TestBoosting().test_the_seed_decides()
    """
