"""A seed repeats a search, in any process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nassurrogate import get_space
from nassurrogate.search import SearchSettings, searcher_names
from tests.search.candidates.open_spaces import WIDE, accuracy, archs_of, searched
from tests.search.conftest import watched
from tests.spaces.declared import CONDITIONAL


@pytest.mark.parametrize("searcher", searcher_names())
@pytest.mark.parametrize("predictor", ["none", "space-process"])
@pytest.mark.parametrize("space", [CONDITIONAL, WIDE], ids=["conditional", "wide"])
def test_a_seed_repeats_a_search_and_another_does_not(space, searcher, predictor):
    options = {
        "budget": 8, "searcher": searcher, "predictor": predictor, "constraints": "params_m<=200",
        "settings": SearchSettings(pool_size=60, inner_proposals=8),
    }  # fmt: skip
    first, again, other = (archs_of(searched(space, **{**options, "seed": seed})[1]) for seed in (4, 4, 5))
    assert first == again
    assert first != other


IN_ANOTHER_PROCESS = """
from nassurrogate.search import SearchSettings, run
from declared_spaces import CANONICAL, CONDITIONAL, HUGE

def train(arch):
    if arch.string.endswith("linear"):
        raise RuntimeError("diverged")
    return float(len(arch.string))

for space in (CANONICAL, CONDITIONAL, HUGE):
    for searcher in ("exhaustive", "evolution"):
        run(space=space, evaluate=train, budget=8, seed=0, searcher=searcher, predictor="space-process", write=False,
            settings=SearchSettings(pool_size=60, inner_proposals=10),
            listener=lambda event: print(event.query.arch) if event.query else None)
"""


def test_another_process_repeats_a_search(tmp_path):
    """The order of sets of texts is another one in every process."""
    # Another process finds no module of these tests where a wheel is tested.
    shutil.copy(Path(__file__).parents[2] / "spaces" / "declared.py", tmp_path / "declared_spaces.py")
    said = [
        subprocess.run(
            [sys.executable, "-c", IN_ANOTHER_PROCESS],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(tmp_path)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert said[0] == said[1]
    assert len(said[0].splitlines()) == 48


def test_a_built_in_space_is_searched_by_a_training_of_ones_own():
    """Its costs are those of the data set that is named."""
    result, queries = watched(
        space="nb201", dataset="cifar10", evaluate=lambda cell: 80.0 + cell.string.count("3x3"), budget=12,
        constraints="params_m<=0.8",
    )  # fmt: skip
    assert len({query.key for query in queries}) == 12
    assert result["best"]["params_m"] <= 0.8
    assert result["best"]["index"] == get_space("nb201").parse(result["best"]["arch"]).index
    assert (result["regret_points"], result["best"]["test_accuracy_pct"], result["best"]["choices"]) == (None,) * 3


def test_what_was_not_trained_is_not_seen():
    """Another function that agrees where the first was asked gives the same queries."""
    known = {}

    def train(arch):
        known[arch.key] = accuracy(arch)
        return known[arch.key]

    _, first = searched(CONDITIONAL, train, 25)
    _, again = searched(CONDITIONAL, lambda arch: known.get(arch.key, 99.0), 25)
    assert archs_of(first) == archs_of(again)
