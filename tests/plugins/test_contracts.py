"""The plug-ins pass the suites that the built-in ones pass, and so does a space that is written by hand."""

from __future__ import annotations

import sys
from pathlib import Path

from nassurrogate.testing import BenchmarkContract, PredictorContract, SearcherContract, SpaceContract
from nassurrogate.testing.searcher_subject import Bits

PACKAGE = str(Path(__file__).parent / "package")


sys.path.insert(0, PACKAGE)
try:
    from nassurrogate_plugins.my_benchmark import BENCHMARK
    from nassurrogate_plugins.my_predictor import MyPredictor
    from nassurrogate_plugins.my_searcher import MySearcher
    from nassurrogate_plugins.my_space import SPACE
finally:
    sys.path.remove(PACKAGE)


class TestMySpace(SpaceContract):
    space = SPACE


class TestBits(SpaceContract):
    space = Bits()


class TestMyBenchmark(BenchmarkContract):
    benchmark = BENCHMARK


class TestMySearcher(SearcherContract):
    searcher = MySearcher
    space = SPACE


class TestMyPredictor(PredictorContract):
    predictor = MyPredictor
    seed_matters = False
    space = SPACE


class TestMyPredictorOnCells(PredictorContract):
    predictor = MyPredictor
    seed_matters = False
