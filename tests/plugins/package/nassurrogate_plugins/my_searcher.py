"""A searcher: climbs from the best architecture so far, one edit at a time."""

from __future__ import annotations

from typing import Any, ClassVar

from nassurrogate import Architecture
from nassurrogate.search import Searcher


class MySearcher(Searcher):
    """Every second proposal is a mutant of the best so far, or of a mutant that was no use; the others are random."""

    name: ClassVar[str] = "my-searcher"
    description: ClassVar[str] = "climbs from the best so far"

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._best: tuple[float, Architecture] | None = None
        self._start: Architecture | None = None

    def _propose(self) -> Architecture | None:
        if self._best is None or self.rng.random() < 0.5:
            return self.random_fresh()
        return self.space.mutate(self._best[1] if self._start is None else self._start, self.rng)

    def _learn(self, arch: Architecture, values: tuple[float, ...]) -> None:
        self._start = None
        if self._best is None or values[0] > self._best[0]:
            self._best = (values[0], arch)

    def _refused(self, arch: Architecture | None) -> None:
        self._start = arch

    def _repeated(self, arch: Architecture, values: tuple[float, ...] | None) -> None:
        self._start = arch
