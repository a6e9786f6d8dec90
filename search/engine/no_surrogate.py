"""The search without a surrogate: every proposal of a searcher is evaluated."""

from __future__ import annotations

import numpy as np

from nassurrogate.search.engine.evaluator import Evaluator
from nassurrogate.search.searchers.base import Searcher
from nassurrogate.search.surrogates.base import CannotLearn, raises_cannot_learn


def evaluate_proposals(evaluator: Evaluator, searcher: Searcher, rng: np.random.Generator) -> None:
    """Spend the budget on the proposals of a searcher: the baseline of all searches with a surrogate.

    Args:
        evaluator: evaluates.
        searcher: proposes; if it raises, random architectures take its place, and a note says so.
        rng: draws them.
    """
    what = f"proposal of searcher {searcher.name!r}"
    try:
        while evaluator.left:
            with raises_cannot_learn(what):
                asked = searcher.ask()
            if not asked:
                return
            for arch in asked[: evaluator.left]:
                evaluation = evaluator.evaluate(arch, "search", searcher.name)
                with raises_cannot_learn(what):
                    searcher.tell([evaluation])
    except CannotLearn as reason:
        evaluator.note(f"random proposals from query {len(evaluator.queries) + 1} on: {reason}")
        for arch in searcher.feasible.draw(evaluator.left, rng, evaluator.taken):
            evaluator.evaluate(arch, "search", "random")
