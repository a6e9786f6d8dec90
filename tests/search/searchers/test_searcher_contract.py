"""The built-in searchers pass the suite that third parties run."""

from __future__ import annotations

import pytest

from nassurrogate.errors import InputError
from nassurrogate.search import searcher_names
from nassurrogate.testing import SearcherContract
from nassurrogate.testing.searcher_subject import OWN, Bits

for name in searcher_names():
    # `pytest -k NAME` selects the tests of one searcher.
    globals()[f"Test-{name}"] = type(f"Test-{name}", (SearcherContract,), {"searcher": name})


def test_a_space_that_cannot_be_searched_is_no_success() -> None:
    class Case(SearcherContract):
        searcher = "optuna-tpe"
        space = Bits()

    with pytest.raises(InputError, match="needs a space with genes"):
        Case().test_the_generator_decides(OWN)
