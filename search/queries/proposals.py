"""What a search yields while it runs: an architecture to evaluate, or that it must wait for answers."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TypeAlias

from nassurrogate.architecture import Architecture
from nassurrogate.search.record.ledger import Phase


@dataclass(frozen=True)
class Proposal:
    """One architecture to evaluate.

    Args:
        arch: a feasible architecture.
        phase: of the run.
        proposed_by: as in the ledger.
        predicted: mean and deviation of its label, in the objective's unit; None without a surrogate.
        equivalent: whether it computes the same as an evaluated architecture.
    """

    arch: Architecture
    phase: Phase
    proposed_by: str
    predicted: tuple[float, float] | None = None
    equivalent: bool = False


@dataclass(frozen=True)
class Wait:
    """The search proposes nothing until it knows more.

    Args:
        n_labels: number of labels that it needs; it also goes on once nothing is pending. None: nothing may be pending.
    """

    n_labels: int | None = None


Proposals: TypeAlias = Generator[Proposal | Wait, None, None]
"""A search that is resumed whenever something may be evaluated; it sees what has been answered by then."""
