"""Look at everything: for spaces small enough to score whole."""

from __future__ import annotations

from typing import ClassVar

from nassurrogate.search.searcher import Searcher


class Exhaustive(Searcher):
    """Asks for every feasible class in one batch, in random order; on a free objective that ranks the whole space.

    On the truth itself, where a batch is paid for one by one, it is random search.
    """

    name: ClassVar[str] = "exhaustive"
    description: ClassVar[str] = "scores every feasible class and takes the best"

    def ask(self) -> list[int]:
        fresh = self.fresh()
        self.n_proposals += len(fresh)
        return [int(index) for index in fresh[self.rng.permutation(len(fresh))]]

    def _propose(self) -> int:
        return int(self.rng.choice(self.fresh()))
