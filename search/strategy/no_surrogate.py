"""The search without a surrogate: every proposal of a searcher is evaluated."""

from __future__ import annotations

import numpy as np

from nassurrogate.search.queries.evaluator import Evaluator
from nassurrogate.search.queries.proposals import Proposal, Proposals, Wait
from nassurrogate.search.searchers.base import Searcher
from nassurrogate.search.surrogates.base import CannotLearn, raises_cannot_learn


def every_proposal(evaluator: Evaluator, searcher: Searcher, rng: np.random.Generator) -> Proposals:
    """Spend the budget on the proposals of a searcher: the baseline of all searches with a surrogate.

    Args:
        evaluator: keeps what was evaluated.
        searcher: proposes; if it raises, random architectures take its place, and a note says so.
        rng: draws them.
    """
    what = f"proposal of searcher {searcher.name!r}"
    n_told = 0
    try:
        while evaluator.left:
            with raises_cannot_learn(what):
                evaluations = evaluator.evaluations
                searcher.tell(evaluations[n_told:])
                n_told = len(evaluations)
                asked = searcher.ask()
            if not asked and not evaluator.pending:
                return
            if not asked:
                yield Wait(n_labels=len(evaluator.labelled) + 1)
            for arch in asked[: evaluator.left]:
                twin = evaluator.twin(arch)
                if twin is None:
                    yield Proposal(arch, "search", searcher.name)
                else:
                    with raises_cannot_learn(what):
                        searcher.tell([twin])
    except CannotLearn as reason:
        evaluator.note(f"random proposals from query {evaluator.n_asked + 1} on: {reason}")
        for arch in searcher.feasible.draw(evaluator.left, rng, evaluator.taken):
            yield Proposal(arch, "search", "random")
